//! Matrix products of the convolutions and the fully connected layer, by cuBLAS.
//!
//! They run on the same stream as the kernels.

use std::ffi::c_void;
use std::sync::Arc;

use cudarc::cublas::CudaBlas;
use cudarc::cublas::result::sgemm;
use cudarc::cublas::sys::cublasOperation_t::{self, CUBLAS_OP_N, CUBLAS_OP_T};
use cudarc::cublas::sys::cublasSetWorkspace_v2;
use cudarc::driver::{CudaDevice, CudaSlice, DevicePtr};
use dfdx::prelude::CudaError;

use super::values::Floats;

/// Scratch memory of cuBLAS, which chooses its kernels by it: what NVIDIA recommends for the newest GPUs.
const WORKSPACE_BYTES: usize = 32 << 20;

/// A cuBLAS handle for one device.
pub struct Products {
    handle: CudaBlas,
    /// Freed after the handle that uses it.
    _workspace: CudaSlice<u8>,
}

impl Products {
    /// Creates the handle, with scratch memory of a fixed size so that the bits do not depend on what the
    /// libraries' version takes.
    pub fn new(device: Arc<CudaDevice>) -> Result<Self, CudaError> {
        // SAFETY: cuBLAS writes before it reads.
        let workspace = unsafe { device.alloc::<u8>(WORKSPACE_BYTES) }?;
        let handle = CudaBlas::new(device)?;
        let memory = *workspace.device_ptr() as *mut c_void;
        // SAFETY: the memory is as large, and lives as long as the handle.
        unsafe { cublasSetWorkspace_v2(*handle.handle(), memory, WORKSPACE_BYTES) }.result()?;
        Ok(Self {
            handle,
            _workspace: workspace,
        })
    }

    /// `z` (rows, outs) of `x` (rows, ins) and `weights` (outs, ins).
    pub fn multiply(
        &self,
        (rows, ins, outs): (usize, usize, usize),
        x: Floats,
        weights: Floats,
        z: Floats,
    ) -> Result<(), CudaError> {
        assert!(x.len >= rows * ins && weights.len >= outs * ins && z.len >= rows * outs);
        let (weights, x) = ((weights, CUBLAS_OP_T, ins), (x, CUBLAS_OP_N, ins));
        // SAFETY: the sizes are those of the three matrices.
        unsafe { self.product((outs, rows, ins), weights, x, 0.0, (z, outs)) }
    }

    /// Adds to the gradient of the weights, given that of `z`.
    pub fn weights_gradient(
        &self,
        (rows, ins, outs): (usize, usize, usize),
        x: Floats,
        of_z: Floats,
        of_weights: Floats,
    ) -> Result<(), CudaError> {
        assert!(x.len >= rows * ins && of_weights.len >= outs * ins && of_z.len >= rows * outs);
        let (x, of_z) = ((x, CUBLAS_OP_N, ins), (of_z, CUBLAS_OP_T, outs));
        // SAFETY: the sizes are those of the three matrices.
        unsafe { self.product((ins, outs, rows), x, of_z, 1.0, (of_weights, ins)) }
    }

    /// The gradient of `x`, given that of `z`.
    pub fn inputs_gradient(
        &self,
        (rows, ins, outs): (usize, usize, usize),
        of_z: Floats,
        weights: Floats,
        of_x: Floats,
    ) -> Result<(), CudaError> {
        assert!(of_x.len >= rows * ins && weights.len >= outs * ins && of_z.len >= rows * outs);
        let (weights, of_z) = ((weights, CUBLAS_OP_N, ins), (of_z, CUBLAS_OP_N, outs));
        // SAFETY: the sizes are those of the three matrices.
        unsafe { self.product((ins, rows, outs), weights, of_z, 0.0, (of_x, ins)) }
    }

    /// c = op(a) op(b) + beta c in cuBLAS's column-major order, with each matrix's leading
    /// dimension.
    ///
    /// # Safety
    /// The matrices must have the sizes given by (m, n, k).
    unsafe fn product(
        &self,
        (m, n, k): (usize, usize, usize),
        (a, op_a, lda): (Floats, cublasOperation_t, usize),
        (b, op_b, ldb): (Floats, cublasOperation_t, usize),
        beta: f32,
        (c, ldc): (Floats, usize),
    ) -> Result<(), CudaError> {
        let (m, n, k) = (m as i32, n as i32, k as i32);
        let (lda, ldb, ldc) = (lda as i32, ldb as i32, ldc as i32);
        let (alpha, beta): (*const f32, *const f32) = (&1.0, &beta);
        let (a, b) = (a.pointer as *const f32, b.pointer as *const f32);
        let c = c.pointer as *mut f32;
        // SAFETY: the caller guarantees the sizes; the scalars are read before the call returns.
        Ok(unsafe {
            let handle = *self.handle.handle();
            sgemm(
                handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc,
            )
        }?)
    }
}
