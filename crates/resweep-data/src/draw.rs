//! Draws from a random stream; implemented here so that no library update changes the numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// A number in `0..bound`, for bounds up to 2^32. The bias, below bound / 2^32, is negligible.
pub fn below(rng: &mut ChaCha8Rng, bound: usize) -> usize {
    ((u64::from(rng.next_u32()) * bound as u64) >> 32) as usize
}

/// Shuffles the items (Fisher-Yates).
pub fn shuffle<T>(rng: &mut ChaCha8Rng, items: &mut [T]) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resweep_core::domain::streams::{self, Stream};

    #[test]
    fn draws_cover_the_range_evenly() {
        let mut rng = streams::rng(7, Stream::Order);
        let mut counts = [0_u32; 9];
        for _ in 0..9_000 {
            counts[below(&mut rng, 9)] += 1;
        }
        assert!(
            counts.iter().all(|&count| (870..1_130).contains(&count)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        shuffle(&mut streams::rng(7, Stream::Order), &mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
