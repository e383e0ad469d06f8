//! Index tensors that map each entry of a patch, or of a subsampled image, to an input pixel.

use std::collections::HashMap;

use dfdx::prelude::{Device, Tensor};

/// The geometry of a window that slides over a square image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// Height and width of the image in pixels.
    pub size: usize,
    /// Height and width of the window: 3 (the image padded by 1) or 1 (not padded).
    pub kernel: usize,
    pub stride: usize,
}

impl Window {
    /// For each output pixel and each position in its window the input pixel in row-major order,
    /// or `None` in the padding: (out size * out size * kernel * kernel).
    fn pixels(self) -> impl Iterator<Item = Option<usize>> {
        let Window {
            size,
            kernel,
            stride,
        } = self;
        let inside = move |output: usize, offset: usize| {
            (output * stride + offset)
                .checked_sub(kernel / 2)
                .filter(|&pixel| pixel < size)
        };
        let out_size = size / stride;
        (0..out_size * out_size).flat_map(move |output| {
            (0..kernel * kernel).map(move |offset| {
                let row = inside(output / out_size, offset / kernel)?;
                let column = inside(output % out_size, offset % kernel)?;
                Some(row * size + column)
            })
        })
    }
}

/// Index tensors, created once for each geometry.
pub struct IndexCache<D: Device<f32>> {
    device: D,
    tensors: HashMap<Window, Tensor<(usize,), usize, D>>,
}

impl<D: Device<f32>> IndexCache<D> {
    /// An empty cache for `device`.
    pub fn new(device: D) -> Self {
        Self {
            device,
            tensors: HashMap::new(),
        }
    }

    /// [`Window::pixels`] on the device; padding has the index one past the last pixel.
    pub fn get(&mut self, window: Window) -> Result<Tensor<(usize,), usize, D>, D::Err> {
        if let Some(tensor) = self.tensors.get(&window) {
            return Ok(tensor.clone());
        }
        let padding = window.size * window.size;
        let pixels: Vec<usize> = window
            .pixels()
            .map(|pixel| pixel.unwrap_or(padding))
            .collect();
        let len = pixels.len();
        let tensor = self.device.try_tensor_from_vec(pixels, (len,))?;
        self.tensors.insert(window, tensor.clone());
        Ok(tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stride_two_window_starts_at_the_padded_corner() {
        let window = Window {
            size: 4,
            kernel: 3,
            stride: 2,
        };
        let pixels: Vec<_> = window.pixels().collect();
        assert_eq!(pixels.len(), 4 * 9);
        // first output pixel: the window's centre is pixel 0
        assert_eq!(pixels[..3], [None, None, None]);
        assert_eq!(pixels[3..6], [None, Some(0), Some(1)]);
        assert_eq!(pixels[6..9], [None, Some(4), Some(5)]);
        // last output pixel: the window's centre is row 2, column 2
        assert_eq!(pixels[27..30], [Some(5), Some(6), Some(7)]);
    }
}
