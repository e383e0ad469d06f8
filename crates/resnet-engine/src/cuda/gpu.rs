//! Opens GPUs, and describes them for the record.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_int, c_void};
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::cublas::sys::{cublasGetProperty, cublasStatus_t, libraryPropertyType as Part};
use cudarc::driver::CudaDevice;
use cudarc::driver::result::{DriverError, device, init};
use cudarc::driver::sys::CUdevice_attribute_enum::{
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR as MAJOR,
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR as MINOR,
    CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED as HAS_POOLS,
    CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT as MULTIPROCESSORS,
};
use cudarc::driver::sys::{
    CUdevice, CUmemPool_attribute_enum, cuDeviceGetDefaultMemPool, cuDeviceGetName,
    cuDriverGetVersion, cuMemPoolSetAttribute,
};
use dfdx::prelude::{Cuda, CudaError};

use super::driver_calls;
use super::kernels::Kernels;
use super::products::Products;
use super::shared_tensor::zeros;
use super::values::Floats;

/// Freed memory that the driver keeps for the next allocation instead of returning it to the system whenever
/// a run waits for the GPU.
const KEPT_BYTES: u64 = 256 << 20;

/// Variables that change the results of the CUDA libraries, or the number of multiprocessors.
const VARIABLES: [&str; 4] = [
    "NVIDIA_TF32_OVERRIDE",
    "CUBLAS_EMULATE_SINGLE_PRECISION",
    "CUBLAS_EMULATION_STRATEGY",
    "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE",
];

/// Numbers GPUs as `nvidia-smi` does, unless the user has chosen another order. The driver reads the
/// variable at its first call; by default, it numbers the fastest GPU first.
#[ctor::ctor(unsafe)]
fn number_gpus_by_bus() {
    const ORDER: &str = "CUDA_DEVICE_ORDER";
    if std::env::var_os(ORDER).is_none() {
        // SAFETY: before `main` there is no other thread.
        unsafe { std::env::set_var(ORDER, "PCI_BUS_ID") };
    }
}

/// Why a GPU cannot be used.
#[derive(Debug)]
pub enum GpuError {
    /// The kernels cannot be compiled or written for the driver.
    Kernels(String),
    /// A library refuses something, for example for lack of memory.
    Cuda(CudaError),
    /// The kernels compute something else.
    Wrong(String),
}

impl<E: Into<CudaError>> From<E> for GpuError {
    fn from(error: E) -> Self {
        Self::Cuda(error.into())
    }
}

/// Opens a GPU, loads the kernels and checks a kernel and a matrix product.
///
/// # Errors
/// When the GPU cannot be used.
///
/// # Panics
/// When there is no driver or no such GPU.
pub fn open_gpu(ordinal: usize) -> Result<Cuda, GpuError> {
    assert!(driver_calls::replaced() > 0);
    let gpu = Cuda::try_build(ordinal, 0)?;
    let driver = zeros::<f32>(&gpu, 1)?.device();
    keep_freed_memory(&driver)?;
    let kernels = Kernels::load(driver)?;
    try_out(&kernels, &gpu)?;
    Ok(gpu)
}

/// Keeps the GPU's context until the process ends. Without this it is destroyed with its last run.
///
/// # Errors
/// When the GPU is out of memory.
pub fn keep_context(gpu: &Cuda) -> Result<(), CudaError> {
    static KEPT: Mutex<BTreeMap<usize, Arc<CudaDevice>>> = Mutex::new(BTreeMap::new());
    let driver = zeros::<f32>(gpu, 1)?.device();
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.entry(driver.ordinal()).or_insert(driver);
    Ok(())
}

/// Computes 10 + 3 * 2 with a kernel and 2 * 3 + 4 * 5 with a matrix product.
fn try_out(kernels: &Kernels, gpu: &Cuda) -> Result<(), GpuError> {
    let driver = zeros::<f32>(gpu, 1)?.device();
    let on_gpu = |values: &[f32]| driver.htod_sync_copy(values);
    let (two, three, sum) = (on_gpu(&[2.0])?, on_gpu(&[3.0])?, on_gpu(&[10.0])?);
    kernels.add_scaled(Floats::of(&two), Floats::of(&three), Floats::of(&sum))?;
    let (row, column, product) = (on_gpu(&[2.0, 4.0])?, on_gpu(&[3.0, 5.0])?, on_gpu(&[0.0])?);
    let products = Products::new(driver.clone())?;
    let [row, column, out] = [&row, &column, &product].map(Floats::of);
    products.multiply((1, 2, 1), row, column, out)?;
    let results = [&sum, &product].map(|one| driver.dtoh_sync_copy(one));
    let [sum, product] = results;
    match (&sum?[..], &product?[..]) {
        ([16.0], [26.0]) => Ok(()),
        (sum, product) => Err(GpuError::Wrong(format!(
            "it computes 10 + 3 * 2 as {sum:?} and 2 * 3 + 4 * 5 as {product:?}"
        ))),
    }
}

/// The compute capability as one number: 90 for 9.0.
pub fn capability(driver: &CudaDevice) -> Result<i32, DriverError> {
    Ok(10 * driver.attribute(MAJOR)? + driver.attribute(MINOR)?)
}

/// Sets how much freed memory the driver keeps.
fn keep_freed_memory(driver: &CudaDevice) -> Result<(), DriverError> {
    if driver.attribute(HAS_POOLS)? == 0 {
        return Ok(());
    }
    let mut pool = std::ptr::null_mut();
    let mut bytes = KEPT_BYTES;
    let threshold = CUmemPool_attribute_enum::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
    // SAFETY: the driver writes a pool that lives as long as the GPU, and reads a 64-bit number.
    unsafe {
        cuDeviceGetDefaultMemPool(&raw mut pool, *driver.cu_device()).result()?;
        cuMemPoolSetAttribute(pool, threshold, (&raw mut bytes).cast::<c_void>()).result()
    }
}

/// What the bits of a result depend on: the GPU's name, its multiprocessors, the versions of CUDA in the
/// driver and of cuBLAS, and the variables that change results, if they are set:
/// `NVIDIA H100 80GB HBM3; 132 SMs; CUDA 13.0; cuBLAS 13.0.2; NVIDIA_TF32_OVERRIDE=1`.
///
/// # Errors
/// When there is no driver or no such GPU.
pub fn gpu_description(ordinal: usize) -> Result<String, DriverError> {
    init()?;
    let device = device::get(ordinal as i32)?;
    // SAFETY: the device exists.
    let multiprocessors = unsafe { device::get_attribute(device, MULTIPROCESSORS)? };
    let mut description = format!(
        "{}; {multiprocessors} SMs; CUDA {}; cuBLAS {}",
        name(device)?,
        driver_version()?,
        cublas_version()
    );
    for variable in VARIABLES {
        if let Ok(value) = std::env::var(variable) {
            description += &format!("; {variable}={value}");
        }
    }
    Ok(description)
}

/// The GPU's name as the driver reports it: `NVIDIA H100 80GB HBM3`.
fn name(device: CUdevice) -> Result<String, DriverError> {
    let mut name = [0; 256];
    // SAFETY: the driver writes at most this many bytes, the last of them a zero.
    unsafe { cuDeviceGetName(name.as_mut_ptr(), name.len() as i32, device) }.result()?;
    let name = name.map(|byte| byte as u8);
    let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
    Ok(name.to_string_lossy().trim().to_owned())
}

/// The newest CUDA that the driver supports: `13.0`.
fn driver_version() -> Result<String, DriverError> {
    let mut version: c_int = 0;
    // SAFETY: the driver writes a number.
    unsafe { cuDriverGetVersion(&raw mut version) }.result()?;
    Ok(format!("{}.{}", version / 1000, version % 1000 / 10))
}

fn cublas_version() -> String {
    let part = |part| {
        let mut value: c_int = 0;
        // SAFETY: cuBLAS writes a number.
        let status = unsafe { cublasGetProperty(part, &raw mut value) };
        match status {
            cublasStatus_t::CUBLAS_STATUS_SUCCESS => value.to_string(),
            _ => "?".to_owned(),
        }
    };
    [Part::MAJOR_VERSION, Part::MINOR_VERSION, Part::PATCH_LEVEL]
        .map(part)
        .join(".")
}
