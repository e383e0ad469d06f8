//! Runs the training loop on a worker's device and threads.

use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use dfdx::prelude::{Cpu, Device};
use rayon::ThreadPoolBuilder;

#[cfg(feature = "cuda")]
use super::cuda_loader::CudaLoader;
use super::datasets::Datasets;
use super::loader::{Copying, ImageLoader};
use super::run_loop::{self, Report};
#[cfg(feature = "cuda")]
use resnet_engine::CudaFused;
use resnet_engine::{Engine, Fused, Portable};
use resweep_core::domain::{DeviceKind, EngineKind, Job, Outcome, RunEvent, TrainError, Trainer};

/// Trains networks; the scheduler's tests use a fake instead.
pub struct NetworkTrainer {
    datasets: Datasets,
    checkpoint_every: Duration,
}

impl NetworkTrainer {
    /// Trains with the loaded data sets of a sweep; writes a checkpoint of each run every
    /// `checkpoint_every`.
    pub fn new(datasets: Datasets, checkpoint_every: Duration) -> Self {
        Self {
            datasets,
            checkpoint_every,
        }
    }

    fn train_on_device(
        &self,
        job: &Job<'_>,
        report: &mut Report<'_>,
    ) -> Result<Outcome, TrainError> {
        match job.slot.device {
            DeviceKind::Cpu => {
                let device = Cpu::default();
                let loader = &mut Copying(device.clone());
                self.train_on(&device, &mut Fused::default(), loader, job, report)
            }
            #[cfg(feature = "cuda")]
            DeviceKind::Cuda(ordinal) => with_faults(|| {
                let device = super::device::cuda(ordinal)?;
                let loader = &mut CudaLoader::new(&device);
                self.train_on(&device, &mut CudaFused::default(), loader, job, report)
            }),
            #[cfg(not(feature = "cuda"))]
            DeviceKind::Cuda(_) => Err(super::device::DeviceError::NotBuilt.into()),
        }
    }

    /// Selects the device's engine or the portable one, as configured.
    fn train_on<D: Device<f32>>(
        &self,
        device: &D,
        fused: &mut impl Engine<D>,
        loader: &mut dyn ImageLoader<D>,
        job: &Job<'_>,
        report: &mut Report<'_>,
    ) -> Result<Outcome, TrainError> {
        match job.run.config.configuration.train.engine {
            EngineKind::Fused => self.train_with(device, fused, loader, job, report),
            EngineKind::Portable => {
                let portable = &mut Portable::new(device);
                self.train_with(device, portable, loader, job, report)
            }
        }
    }

    fn train_with<D: Device<f32>, E: Engine<D>>(
        &self,
        device: &D,
        engine: &mut E,
        loader: &mut dyn ImageLoader<D>,
        job: &Job<'_>,
        report: &mut Report<'_>,
    ) -> Result<Outcome, TrainError> {
        let data = self
            .datasets
            .get(&job.run.config.configuration)
            .ok_or_else(|| {
                TrainError::permanent(format!("the data of {} are not loaded", job.run))
            })?;
        run_loop::train(
            device,
            engine,
            loader,
            job,
            data,
            self.checkpoint_every,
            report,
        )
    }
}

/// Calls `train`, and marks an error or a panic that a fault of the GPU caused: this process cannot use the GPU
/// again.
#[cfg(feature = "cuda")]
fn with_faults(train: impl FnOnce() -> Result<Outcome, TrainError>) -> Result<Outcome, TrainError> {
    resnet_engine::take_gpu_fault();
    let trained = resweep_core::schedule::caught(train);
    match (trained, resnet_engine::take_gpu_fault()) {
        (Err(error), Some(code)) => {
            tracing::error!("{error}");
            let mut words = error
                .message
                .split(|c: char| !c.is_ascii_uppercase() && c != '_');
            let name = words.find(|word| word.starts_with("CUDA_ERROR_"));
            let name = name.unwrap_or("no name");
            let message = format!("the GPU failed: CUDA error {code} ({name})");
            Err(TrainError::device_lost(message))
        }
        (trained, _) => trained,
    }
}

impl Trainer for NetworkTrainer {
    fn train(
        &self,
        job: &Job<'_>,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        // The engines use every thread of the pool in which they are called.
        let name = thread::current().name().unwrap_or_default().to_owned();
        let log = tracing::dispatcher::get_default(Clone::clone);
        ThreadPoolBuilder::new()
            .num_threads(job.slot.threads)
            .thread_name(move |_| name.clone())
            .build()
            .map_err(|error| {
                TrainError::transient(format!("cannot start the run's threads: {error}"))
            })?
            .install(|| {
                tracing::dispatcher::with_default(&log, || self.train_on_device(job, report))
            })
    }
}
