//! Accumulates the moments of convolution outputs over batches.

/// The sums of a convolution's outputs and of their squares, for each channel and in float64.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Moments {
    /// Values of each channel: images times pixels.
    pub values: usize,
    /// (channels)
    pub sums: Vec<f64>,
    /// (channels)
    pub squares: Vec<f64>,
}

impl Moments {
    /// From the mean and the (biased) variance of each channel over `values` values.
    pub fn of(values: usize, mean: &[f32], variance: &[f32]) -> Self {
        let pairs = || mean.iter().zip(variance);
        let both = pairs().map(|(&mean, &variance)| (f64::from(mean), f64::from(variance)));
        let (sums, squares) = both
            .map(|(mean, variance)| (mean, variance + mean * mean))
            .map(|(first, second)| (values as f64 * first, values as f64 * second))
            .unzip();
        Self {
            values,
            sums,
            squares,
        }
    }

    /// Adds the sums of another batch.
    pub fn add(&mut self, other: &Self) {
        self.values += other.values;
        self.sums.resize(other.sums.len(), 0.0);
        self.squares.resize(other.squares.len(), 0.0);
        let sums = self.sums.iter_mut().zip(&other.sums);
        let squares = self.squares.iter_mut().zip(&other.squares);
        sums.chain(squares).for_each(|(to, from)| *to += from);
    }

    /// Mean and (biased) variance of each channel.
    pub fn mean_and_variance(&self) -> impl Iterator<Item = (f64, f64)> {
        let values = self.values.max(1) as f64;
        self.sums
            .iter()
            .zip(&self.squares)
            .map(move |(sum, square)| {
                let mean = sum / values;
                (mean, (square / values - mean * mean).max(0.0))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_of_unequal_batches_add_up() {
        // 1, 2, 3 and 10
        let mut moments = Moments::of(3, &[2.0], &[2.0 / 3.0]);
        moments.add(&Moments::of(1, &[10.0], &[0.0]));
        let found: Vec<(f64, f64)> = moments.mean_and_variance().collect();
        let [(mean, variance)] = found[..] else {
            panic!("one channel");
        };
        assert!((mean - 4.0).abs() < 1e-9 && (variance - 12.5).abs() < 1e-6);
    }
}
