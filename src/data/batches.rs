//! Training batches without end, and evaluation batches from first to last.
//!
//! The training stream is one random permutation of the training images after another. A batch
//! that reaches the end of one goes on into the next, so every batch is full and every image is
//! seen exactly once in an epoch: 64k iterations of 128 images are 163.84 epochs of 50k, as the
//! paper counts. An evaluation keeps its last, partial batch.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use super::augment::{self, View};
use super::draw;
use super::image_set::ImageSet;
use super::load::Data;
use super::normalise::Normaliser;
use crate::domain::Augmentation;
use crate::domain::streams::{self, Stream};

/// Images ready for a network, and their classes. Reused from one iteration to the next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Images x height x width x channels, normalised.
    pub images: Vec<f32>,
    /// One class index for each image.
    pub labels: Vec<usize>,
    /// Where the stream stands after a training batch.
    pub sampler: SamplerState,
}

/// A place in a run's stream of training batches, from which it can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SamplerState {
    /// The images of the current epoch in the order in which they come.
    pub permutation: Arc<Vec<u32>>,
    /// How many of them have come.
    pub position: usize,
    /// Words drawn from the order's random stream.
    pub order_words: u128,
    /// Words drawn from the augmentation's random stream.
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

    fn resize(&mut self, len: usize, stride: usize) {
        self.images.resize(len * stride, 0.0);
        self.labels.resize(len, 0);
    }

    fn put(&mut self, place: usize, set: &ImageSet, index: usize, view: View, map: &Normaliser) {
        let out = &mut self.images[place * set.stride()..(place + 1) * set.stride()];
        augment::render(set.image(index), set.size, view, map, out);
        self.labels[place] = usize::from(set.labels[index]);
    }
}

/// The endless stream of a run's training batches.
#[derive(Debug)]
pub struct Batches {
    data: Arc<Data>,
    augmentation: Augmentation,
    batch_size: usize,
    order: Order,
    views: ChaCha8Rng,
}

impl Batches {
    /// The batches that `seed` determines; order and augmentation have streams of their own, so
    /// switching augmentation off leaves the order alone.
    pub fn new(data: Arc<Data>, augmentation: Augmentation, batch_size: usize, seed: u64) -> Self {
        Self {
            order: Order::new(data.train.len(), seed),
            views: streams::rng(seed, Stream::Augmentation),
            data,
            augmentation,
            batch_size,
        }
    }

    /// The same stream from another place on.
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

    /// Fills `batch` with the next images. Once it has been filled before, this allocates only
    /// the order of a new epoch.
    pub fn fill(&mut self, batch: &mut Batch) {
        let train = &self.data.train;
        batch.resize(self.batch_size, train.stride());
        for place in 0..self.batch_size {
            let view = match self.augmentation {
                Augmentation::None => View::centred(train.size),
                Augmentation::PadCropFlip => View::random(train.size, &mut self.views),
            };
            batch.put(place, train, self.order.next(), view, &self.data.normaliser);
        }
        batch.sampler = self.state();
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

/// Images in their own order, normalised and otherwise as they are.
#[derive(Debug)]
pub struct EvalBatches<'a> {
    set: &'a ImageSet,
    normaliser: &'a Normaliser,
    batch_size: usize,
    position: usize,
}

impl<'a> EvalBatches<'a> {
    /// The evaluation images.
    pub fn new(data: &'a Data, batch_size: usize) -> Self {
        Self::of(&data.eval, data, batch_size)
    }

    /// The training images.
    pub fn of_training(data: &'a Data, batch_size: usize) -> Self {
        Self::of(&data.train, data, batch_size)
    }

    fn of(set: &'a ImageSet, data: &'a Data, batch_size: usize) -> Self {
        Self {
            set,
            normaliser: &data.normaliser,
            batch_size: batch_size.max(1),
            position: 0,
        }
    }

    /// Fills `batch` with the next images, the last time with what is left; `false` when none
    /// are left.
    pub fn fill(&mut self, batch: &mut Batch) -> bool {
        let set = self.set;
        let len = self.batch_size.min(set.len() - self.position);
        batch.resize(len, set.stride());
        for place in 0..len {
            let index = self.position + place;
            batch.put(place, set, index, View::centred(set.size), self.normaliser);
        }
        self.position += len;
        len > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_comes_once_an_epoch() {
        let mut order = Order::new(50, 4);
        for _ in 0..5 {
            let mut epoch: Vec<usize> = (0..50).map(|_| order.next()).collect();
            assert_ne!(epoch, (0..50).collect::<Vec<_>>());
            epoch.sort_unstable();
            assert_eq!(epoch, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn epochs_and_seeds_have_orders_of_their_own() {
        let mut order = Order::new(50, 4);
        let epoch = |order: &mut Order| (0..50).map(|_| order.next()).collect::<Vec<_>>();
        let (first, second) = (epoch(&mut order), epoch(&mut order));
        assert_ne!(first, second);
        assert_eq!(first, epoch(&mut Order::new(50, 4)));
        assert_ne!(first, epoch(&mut Order::new(50, 5)));
    }
}
