//! Training batches made on a thread of their own, one ahead of the training.

use std::thread::{self, JoinHandle};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::batches::{Batch, Batches};

/// Batches that are filled while the one before is trained on.
///
/// Two batches go back and forth between the threads, so that nothing is allocated once both have
/// been filled. The stream is the one that [`Batches::fill`] gives.
#[derive(Debug)]
pub struct PrefetchedBatches {
    filled: Receiver<Batch>,
    used: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
}

impl PrefetchedBatches {
    /// Starts filling. The thread bears the name of the one that it works for.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub fn new(mut batches: Batches) -> std::io::Result<Self> {
        let (to_fill, used) = bounded(2);
        let (send, filled) = bounded(2);
        to_fill
            .send(Batch::default())
            .expect("there is room for two");
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
    /// When the thread that fills them has.
    pub fn next(&mut self, batch: &mut Batch) {
        let next = self
            .filled
            .recv()
            .expect("the thread fills batches until it is told to stop");
        let used = std::mem::replace(batch, next);
        if let Some(to_fill) = &self.used {
            // A thread that is gone shows at the next call.
            let _ = to_fill.send(used);
        }
    }
}

impl Drop for PrefetchedBatches {
    fn drop(&mut self) {
        self.used = None;
        if let Some(thread) = self.thread.take() {
            // A panic has been seen by `next`.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::load;
    use resweep_core::domain::{Augmentation, Configuration, Dataset, Shortcut};

    fn batches() -> Batches {
        let mut configuration = Configuration::paper(8, Shortcut::None);
        configuration.data.dataset = Dataset::Synthetic;
        configuration.model.image_size = 8;
        let data = load(&configuration.data, 8, Path::new("unused")).expect("synthetic images");
        Batches::new(Arc::new(data), Augmentation::PadCropFlip, 7, 3)
    }

    #[test]
    fn the_stream_is_that_of_the_batches() {
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
    fn the_stream_goes_on_from_the_place_that_a_batch_names() {
        let mut whole = batches();
        let (mut expected, mut batch) = (Batch::default(), Batch::default());
        // Across several epochs, of which the last does not end with a batch.
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
