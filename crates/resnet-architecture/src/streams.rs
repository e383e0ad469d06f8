//! Independent random streams for each use, from one seed.
//!
//! ChaCha's stream number separates them, so drawing more numbers for one use (another
//! augmentation, a deeper net) never changes those of another.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// The uses of random numbers. The values are part of every run's result: append only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Initial weights.
    Init = 0,
    /// The order of the training images.
    Order = 1,
    /// Crops and mirrors.
    Augmentation = 2,
    /// Which training images are held out; seeded by a constant, not by the run.
    Validation = 3,
    /// The synthetic images; seeded by an image's number, not by the run.
    Synthetic = 4,
}

/// A generator at the start of the `stream` of `seed`: the same numbers on every machine.
pub fn rng(seed: u64, stream: Stream) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream as u64);
    rng
}

#[cfg(test)]
mod tests {
    use rand_chacha::rand_core::Rng;

    use super::*;

    fn first(seed: u64, stream: Stream) -> u64 {
        rng(seed, stream).next_u64()
    }

    #[test]
    fn streams_and_seeds_differ_and_repeat() {
        assert_eq!(first(1, Stream::Init), first(1, Stream::Init));
        assert_ne!(first(1, Stream::Init), first(1, Stream::Order));
        assert_ne!(first(1, Stream::Order), first(2, Stream::Order));
    }
}
