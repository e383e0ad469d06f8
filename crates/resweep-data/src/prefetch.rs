//! Fills training batches on a separate thread, one ahead of the training.

use std::thread::{self, JoinHandle};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::batches::{Batch, Batches};

/// Fills the next batch while the current one is trained on.
///
/// Two batches alternate between the threads, so nothing is allocated after both have been filled.
/// The stream equals that of [`Batches::fill`].
#[derive(Debug)]
pub struct PrefetchedBatches {
    filled: Receiver<Batch>,
    used: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl PrefetchedBatches {
    /// Starts the thread, which has the name of the calling thread.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn new(mut batches: Batches) -> std::io::Result<Self> {
        let (to_fill, used) = bounded(2);
        let (send, filled) = bounded(2);
        to_fill
            .send(Batch::default())
            .expect("the channel has a capacity of two");
        let name = thread::current().name().unwrap_or_default().to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || {
            for mut batch in used {
                batches.fill(&mut batch);
                if send.send(batch).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self {
            filled,
            used: Some(to_fill),
            thread: Some(thread),
        })
    }

    /// Exchanges `batch`, which has been used, for the next one.
    ///
    /// # Panics
    /// When the filling thread has panicked.
    pub fn next(&mut self, batch: &mut Batch) {
        let next = self
            .filled
            .recv()
            .expect("the thread fills batches until the channel is closed");
        let used = std::mem::replace(batch, next);
        if let Some(to_fill) = &self.used {
            // The next call detects a thread that has ended.
            let _ = to_fill.send(used);
        }
    }
}

impl Drop for PrefetchedBatches {
    fn drop(&mut self) {
        self.used = None;
        if let Some(thread) = self.thread.take() {
            // `next` has reported a panic.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::{load, sampler_after};
    use resweep_core::domain::{Augmentation, Configuration, Dataset, Shortcut};

    fn batches() -> Batches {
        let mut configuration = Configuration::paper(8, Shortcut::None);
        configuration.data.dataset = Dataset::Synthetic;
        configuration.model.image_size = 8;
        let data = load(&configuration.data, 8, Path::new("unused")).expect("synthetic images");
        Batches::new(Arc::new(data), Augmentation::PadCropFlip, 7, 3)
    }

    #[test]
    fn prefetched_stream_equals_the_plain_one() {
        let mut plain = batches();
        let mut ahead = PrefetchedBatches::new(batches()).expect("a thread");
        let (mut expected, mut batch) = (Batch::default(), Batch::default());
        for _ in 0..50 {
            plain.fill(&mut expected);
            ahead.next(&mut batch);
            assert_eq!(batch, expected);
        }
    }

    #[test]
    fn the_place_in_the_stream_follows_from_the_number_of_batches() {
        let mut stream = batches();
        let mut batch = Batch::default();
        for number in 1..2_500 {
            stream.fill(&mut batch);
            if number % 97 == 1 {
                let images = batch.sampler.permutation.len();
                let expected = sampler_after(images, Augmentation::PadCropFlip, 7, 3, number);
                assert!(batch.sampler == expected, "batch {number}");
            }
        }
    }

    #[test]
    fn stream_resumes_from_the_state_of_a_batch() {
        let mut whole = batches();
        let (mut expected, mut batch) = (Batch::default(), Batch::default());
        // Several epochs, the last of which does not end with a batch.
        for _ in 0..2_000 {
            whole.fill(&mut expected);
        }
        let mut rest = PrefetchedBatches::new(batches().at(&expected.sampler)).expect("a thread");
        for _ in 0..500 {
            whole.fill(&mut expected);
            rest.next(&mut batch);
            assert_eq!(batch, expected);
        }
    }
}
