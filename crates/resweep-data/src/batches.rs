//! Endless training batches, and evaluation batches.
//!
//! The training stream concatenates random permutations of the training images. A batch may span
//! two of them, so every batch is full and every image appears exactly once per epoch: 64k
//! iterations of 128 images are 163.84 epochs of 50k, as the paper counts. An evaluation includes
//! its last, partial batch.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::augment::{self, View};
use super::dataset::{Data, Part};
use super::draw;
use resweep_core::domain::Augmentation;
use resweep_core::domain::streams::{self, Stream};

/// One image and its view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Its index in the set.
    pub index: usize,
    pub view: View,
}

/// Normalised images with their classes. Reused from one iteration to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// The set of the images.
    pub part: Part,
    /// The images and their views.
    pub picks: Vec<Pick>,
    /// Images x height x width x channels, normalised; empty if the device does this.
    pub images: Vec<f32>,
    /// One class index for each image.
    pub labels: Vec<usize>,
    /// The position in the stream after a training batch.
    pub sampler: SamplerState,
}

/// A position in a run's stream of training batches, from which it can be resumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SamplerState {
    /// The images of the current epoch in their order.
    pub permutation: Arc<Vec<u32>>,
    /// How many of them have been used.
    pub position: usize,
    /// Words drawn from the random stream of the order.
    pub order_words: u128,
    /// Words drawn from the random stream of the augmentation.
    pub augmentation_words: u128,
}

impl Batch {
    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Replaces the content by other images of a set; computes their pixels if `renders` is set.
    fn take(&mut self, data: &Data, part: Part, picks: impl Iterator<Item = Pick>, renders: bool) {
        let set = data.part(part);
        self.part = part;
        self.picks.clear();
        self.picks.extend(picks);
        let labels = self.picks.iter().map(|pick| set.labels[pick.index]);
        self.labels.clear();
        self.labels.extend(labels.map(usize::from));
        if renders {
            self.images.resize(self.picks.len() * set.stride(), 0.0);
            let images = self.images.chunks_exact_mut(set.stride());
            for (out, pick) in images.zip(&self.picks) {
                let image = set.image(pick.index);
                augment::render(image, set.size, pick.view, &data.normaliser, out);
            }
        }
    }
}

/// A run's endless stream of training batches.
#[derive(Debug)]
pub struct Batches {
    data: Arc<Data>,
    augmentation: Augmentation,
    batch_size: usize,
    order: Order,
    views: ChaCha8Rng,
    renders: bool,
}

impl Batches {
    /// The batches determined by `seed`. Order and augmentation have separate random streams, so
    /// switching augmentation off does not change the order.
    pub fn new(data: Arc<Data>, augmentation: Augmentation, batch_size: usize, seed: u64) -> Self {
        Self {
            order: Order::new(data.train.len(), seed),
            views: streams::rng(seed, Stream::Augmentation),
            data,
            augmentation,
            batch_size,
            renders: true,
        }
    }

    /// Sets whether [`Batch::images`] is filled.
    #[must_use]
    pub fn rendered(mut self, renders: bool) -> Self {
        self.renders = renders;
        self
    }

    /// Moves to another position of the stream.
    #[must_use]
    pub fn at(mut self, state: &SamplerState) -> Self {
        self.order.permutation = Arc::clone(&state.permutation);
        self.order.position = state.position;
        self.order.rng.set_word_pos(state.order_words);
        self.views.set_word_pos(state.augmentation_words);
        self
    }

    fn state(&self) -> SamplerState {
        SamplerState {
            permutation: Arc::clone(&self.order.permutation),
            position: self.order.position,
            order_words: self.order.rng.get_word_pos(),
            augmentation_words: self.views.get_word_pos(),
        }
    }

    /// Fills `batch` with the next images. After the first call this allocates only the order of a
    /// new epoch.
    pub fn fill(&mut self, batch: &mut Batch) {
        let size = self.data.train.size;
        let picks = (0..self.batch_size).map(|_| Pick {
            view: match self.augmentation {
                Augmentation::None => View::centred(size),
                Augmentation::PadCropFlip => View::random(size, &mut self.views),
            },
            index: self.order.next(),
        });
        batch.take(&self.data, Part::Train, picks, self.renders);
        batch.sampler = self.state();
    }
}

/// Where the stream of a run stands after so many batches, computed from the seed alone.
///
/// # Panics
/// When there are no images.
pub fn sampler_after(
    images: usize,
    augmentation: Augmentation,
    batch_size: usize,
    seed: u64,
    batches: u64,
) -> SamplerState {
    let drawn = u128::from(batches) * batch_size as u128;
    let mut order = Order::new(images, seed);
    let mut left = drawn;
    while left > 0 {
        order.position = images;
        order.next();
        order.position = left.min(images as u128) as usize;
        left -= order.position as u128;
    }
    SamplerState {
        permutation: order.permutation,
        position: order.position,
        order_words: order.rng.get_word_pos(),
        augmentation_words: match augmentation {
            Augmentation::None => 0,
            Augmentation::PadCropFlip => drawn * View::WORDS,
        },
    }
}

/// An endless stream of image indices: one permutation after another.
#[derive(Debug)]
struct Order {
    permutation: Arc<Vec<u32>>,
    position: usize,
    rng: ChaCha8Rng,
}

impl Order {
    fn new(len: usize, seed: u64) -> Self {
        Self {
            permutation: Arc::new((0..len as u32).collect()),
            position: len,
            rng: streams::rng(seed, Stream::Order),
        }
    }

    fn next(&mut self) -> usize {
        if self.position == self.permutation.len() {
            let permutation = Arc::make_mut(&mut self.permutation);
            draw::shuffle(&mut self.rng, permutation);
            self.position = 0;
        }
        self.position += 1;
        self.permutation[self.position - 1] as usize
    }
}

/// Images in their stored order, normalised but not augmented.
#[derive(Debug)]
pub struct EvalBatches<'a> {
    part: Part,
    data: &'a Data,
    batch_size: usize,
    position: usize,
    renders: bool,
}

impl<'a> EvalBatches<'a> {
    /// The images of a set.
    pub fn new(data: &'a Data, part: Part, batch_size: usize) -> Self {
        Self {
            part,
            data,
            batch_size: batch_size.max(1),
            position: 0,
            renders: true,
        }
    }

    /// Sets whether [`Batch::images`] is filled.
    #[must_use]
    pub fn rendered(mut self, renders: bool) -> Self {
        self.renders = renders;
        self
    }

    /// Fills `batch` with the next images, which are fewer for the last batch; returns `false` when
    /// none are left.
    pub fn fill(&mut self, batch: &mut Batch) -> bool {
        let set = self.data.part(self.part);
        let end = set.len().min(self.position + self.batch_size);
        let picks = (self.position..end).map(|index| Pick {
            index,
            view: View::centred(set.size),
        });
        batch.take(self.data, self.part, picks, self.renders);
        self.position = end;
        !batch.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_appears_once_per_epoch() {
        let mut order = Order::new(50, 4);
        for _ in 0..5 {
            let mut epoch: Vec<usize> = (0..50).map(|_| order.next()).collect();
            assert_ne!(epoch, (0..50).collect::<Vec<_>>());
            epoch.sort_unstable();
            assert_eq!(epoch, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn epochs_and_seeds_have_different_orders() {
        let mut order = Order::new(50, 4);
        let epoch = |order: &mut Order| (0..50).map(|_| order.next()).collect::<Vec<_>>();
        let (first, second) = (epoch(&mut order), epoch(&mut order));
        assert_ne!(first, second);
        assert_eq!(first, epoch(&mut Order::new(50, 4)));
        assert_ne!(first, epoch(&mut Order::new(50, 5)));
    }
}
