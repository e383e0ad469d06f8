//! Kernel arguments: values on the device, sizes, and structs of them.

use std::marker::PhantomData;

use cudarc::driver::sys::CUdeviceptr;
use cudarc::driver::{CudaSlice, DevicePtr, DeviceRepr, DeviceSlice};

use crate::model::ConvBn;

/// Blocks that share the rows of a sum. The same on every GPU, because the sum's rounding depends
/// on it.
pub const PARTS: u32 = 256;

/// Values on the device. Kernels also write through this type: the compiler cannot see those
/// writes, and the stream orders them.
#[derive(Debug)]
pub struct Values<'a, T> {
    pub(super) pointer: CUdeviceptr,
    pub(super) len: usize,
    owner: PhantomData<&'a T>,
}

impl<T> Clone for Values<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Values<'_, T> {}

impl<'a, T> Values<'a, T> {
    /// The values of `slice`.
    pub fn of(slice: &'a CudaSlice<T>) -> Self {
        Self {
            pointer: *slice.device_ptr(),
            len: slice.len(),
            owner: PhantomData,
        }
    }

    /// Extends the lifetime beyond the borrow.
    ///
    /// # Safety
    /// The memory must stay allocated while the result is used.
    pub unsafe fn detached<'b>(self) -> Values<'b, T> {
        Values {
            pointer: self.pointer,
            len: self.len,
            owner: PhantomData,
        }
    }
}

/// Floats on the device.
pub type Floats<'a> = Values<'a, f32>;

/// Selects an image of a data set and a crop of the padded image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Pick {
    /// The image's index in the set.
    pub index: u32,
    /// The top left corner of the crop in the padded image.
    pub top: u32,
    pub left: u32,
    /// 1 to mirror the image horizontally, otherwise 0.
    pub mirrored: u32,
}

// SAFETY: plain numbers, laid out as in `kernels.cu`.
unsafe impl DeviceRepr for Pick {}

/// The geometry of a convolution's input and output.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct Window {
    size: u32,
    out_size: u32,
    kernel: u32,
    stride: u32,
    channels: u32,
}

// SAFETY: plain numbers, laid out as in `kernels.cu`.
unsafe impl DeviceRepr for Window {}

impl From<&ConvBn> for Window {
    fn from(layer: &ConvBn) -> Self {
        Self {
            size: layer.in_size as u32,
            out_size: layer.out_size() as u32,
            kernel: layer.kernel as u32,
            stride: layer.stride as u32,
            channels: layer.in_channels as u32,
        }
    }
}

/// BN's statistics and parameters of one layer, (channels) each.
#[derive(Clone, Copy)]
pub struct Norm<'a> {
    pub mean: Floats<'a>,
    pub variance: Floats<'a>,
    pub gamma: Floats<'a>,
    pub beta: Floats<'a>,
}

/// Scratch memory for the partial sums of a layer.
#[derive(Clone, Copy)]
pub struct Partial<'a>(pub Values<'a, f64>);

impl Partial<'_> {
    /// Numbers needed for `channels` channels.
    pub fn len(channels: usize) -> usize {
        2 * PARTS as usize * channels
    }
}

/// The images of a data set and the constants that normalise them.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// Images x size x size x 3.
    pub images: Values<'a, u8>,
    pub size: usize,
    pub padding: usize,
    /// (3)
    pub scale: Floats<'a>,
    /// (size * size * 3)
    pub offset: Floats<'a>,
}

impl Norm<'_> {
    /// Checks that every array has `channels` elements.
    pub(super) fn check(&self, channels: usize) {
        for one in [self.mean, self.variance, self.gamma, self.beta] {
            assert!(one.len >= channels);
        }
    }
}
