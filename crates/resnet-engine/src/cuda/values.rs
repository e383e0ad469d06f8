//! What kernels take: values on the device, sizes, and groups of them.

use std::marker::PhantomData;

use cudarc::driver::sys::CUdeviceptr;
use cudarc::driver::{CudaSlice, DevicePtr, DeviceRepr, DeviceSlice};

use crate::model::ConvBn;

/// Blocks that share the rows of a sum. The same on every GPU, because sums depend on it.
pub const PARTS: u32 = 256;

/// Values on the device. They are written through this too: what a kernel does to them the compiler
/// does not see, and the stream keeps the order.
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
    /// Those of `slice`.
    pub fn of(slice: &'a CudaSlice<T>) -> Self {
        Self {
            pointer: *slice.device_ptr(),
            len: slice.len(),
            owner: PhantomData,
        }
    }

    /// The same values for longer than the borrow that they came from.
    ///
    /// # Safety
    /// Their memory must stay allocated as long as the result is used.
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

/// Which image of a set, and which window of the padded image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Pick {
    /// The image's place in the set.
    pub index: u32,
    /// Where the window begins in the padded image.
    pub top: u32,
    pub left: u32,
    /// 1 where left and right are exchanged, otherwise 0.
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

/// What the sums over a layer's values pass through on their way.
#[derive(Clone, Copy)]
pub struct Partial<'a>(pub Values<'a, f64>);

impl Partial<'_> {
    /// Numbers that it has to hold for `channels` channels.
    pub fn len(channels: usize) -> usize {
        2 * PARTS as usize * channels
    }
}

/// The images of a set and how they are normalised.
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
    /// Sees that there is a number for each of `channels` channels.
    pub(super) fn check(&self, channels: usize) {
        for one in [self.mean, self.variance, self.gamma, self.beta] {
            assert!(one.len >= channels);
        }
    }
}
