//! Reproducible random streams: one for each purpose, so that a change in how much one of them
//! draws never moves another.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What a stream is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Initial parameters.
    Init = 0,
    /// The order of the training images.
    Order = 1,
    /// Crops and mirror images.
    Augmentation = 2,
    /// Which training images are held out for validation.
    Validation = 3,
    /// The synthetic images.
    Synthetic = 4,
}

/// The generator of `stream` for `seed`. ChaCha8's output is fixed by its specification, hence
/// the same on every machine.
pub fn rng(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}
