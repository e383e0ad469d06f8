//! The number of training and evaluation images of a run.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::EvalSet;

/// The sizes of a run's two sets of images, and their distribution over the classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageCounts {
    pub classes: u64,
    /// The images trained on, without those held out.
    pub train: Spread,
    pub eval: Spread,
    /// Which images `eval` counts.
    pub eval_set: EvalSet,
}

/// The size of a set of images, and the sizes of its smallest and largest class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Spread {
    pub images: u64,
    pub smallest_class: u64,
    pub largest_class: u64,
}

impl Spread {
    /// Counts labels, which must be below `classes`.
    pub fn of(labels: impl IntoIterator<Item = u16>, classes: usize) -> Self {
        let mut counts = vec![0; classes];
        for label in labels {
            counts[usize::from(label)] += 1;
        }
        Self {
            images: counts.iter().sum(),
            smallest_class: counts.iter().copied().min().unwrap_or(0),
            largest_class: counts.iter().copied().max().unwrap_or(0),
        }
    }

    /// The error in percent of always answering the largest class.
    pub fn guess_error_percent(&self) -> f64 {
        let others = self.images - self.largest_class;
        100.0 * others as f64 / self.images.max(1) as f64
    }
}

impl ImageCounts {
    /// The evaluation error in percent of always answering the largest class: an upper bound for
    /// any run that has learned something.
    pub fn guess_error_percent(&self) -> f64 {
        self.eval.guess_error_percent()
    }
}

/// `3 classes, 72 training and 18 test images (24 to 24 in a class)`; the range is that of the
/// training images.
impl fmt::Display for ImageCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = match self.eval_set {
            EvalSet::Test => "test",
            EvalSet::Validation => "validation",
        };
        write!(
            f,
            "{} classes, {} training and {} {set} images ({} to {} in a class)",
            self.classes,
            self.train.images,
            self.eval.images,
            self.train.smallest_class,
            self.train.largest_class
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_answer_is_right_for_the_largest_class() {
        let labels = std::iter::repeat_n(0, 400).chain([1, 1]);
        let spread = Spread::of(labels, 2);
        assert_eq!((spread.smallest_class, spread.largest_class), (2, 400));
        assert_eq!(spread.guess_error_percent(), 100.0 * 2.0 / 402.0);
        assert_eq!(Spread::of([], 2).guess_error_percent(), 0.0);
    }

    #[test]
    fn the_counts_read_as_a_sentence() {
        let counts = ImageCounts {
            classes: 3,
            train: Spread::of((0..72).map(|n| n % 3), 3),
            eval: Spread::of((0..18).map(|n| n % 3), 3),
            eval_set: EvalSet::Test,
        };
        assert_eq!(
            counts.to_string(),
            "3 classes, 72 training and 18 test images (24 to 24 in a class)"
        );
    }
}
