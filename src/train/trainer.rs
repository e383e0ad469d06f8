//! Trains runs with dfdx, each on its worker's device and threads.

use std::ops::ControlFlow;
use std::thread;

use dfdx::prelude::Cpu;
use rayon::ThreadPoolBuilder;

use super::datasets::Datasets;
use super::device::DeviceKind;
use super::run_loop::{self, Report};
use crate::domain::{EngineKind, Outcome, Run, RunEvent, Slot, TrainError, Trainer};
use crate::engine::{Fused, Portable};

/// The real trainer.
pub struct NetworkTrainer {
    datasets: Datasets,
    device: DeviceKind,
}

impl NetworkTrainer {
    /// Trains on `device` with data that were loaded for the runs' sweep.
    pub fn new(datasets: Datasets, device: DeviceKind) -> Self {
        Self { datasets, device }
    }

    fn train_on_device(&self, run: &Run, report: &mut Report<'_>) -> Result<Outcome, TrainError> {
        let data = self
            .datasets
            .get(&run.config.configuration)
            .ok_or_else(|| TrainError(format!("the data of {run} were not loaded")))?;
        let outcome = match self.device {
            DeviceKind::Cpu => {
                let device = Cpu::default();
                let config = &run.config;
                match config.configuration.train.engine {
                    EngineKind::Fused => {
                        run_loop::train(&device, &mut Fused::default(), config, data, report)
                    }
                    EngineKind::Portable => {
                        let mut engine = Portable::new(&device);
                        run_loop::train(&device, &mut engine, config, data, report)
                    }
                }
            }
            #[cfg(feature = "cuda")]
            DeviceKind::Cuda(ordinal) => {
                let device = super::device::cuda(ordinal).map_err(|e| TrainError(e.to_string()))?;
                let mut engine = Portable::new(&device);
                run_loop::train(&device, &mut engine, &run.config, data, report)
            }
            #[cfg(not(feature = "cuda"))]
            DeviceKind::Cuda(_) => {
                return Err(TrainError(super::device::DeviceError::NotBuilt.to_string()));
            }
        };
        outcome.map_err(|error| TrainError(error.to_string()))
    }
}

impl Trainer for NetworkTrainer {
    fn train(
        &self,
        run: &Run,
        slot: Slot,
        report: &mut (dyn FnMut(RunEvent) -> ControlFlow<()> + Send),
    ) -> Result<Outcome, TrainError> {
        // The engines take every thread of the pool that they find themselves in.
        let name = thread::current().name().unwrap_or_default().to_owned();
        ThreadPoolBuilder::new()
            .num_threads(slot.threads)
            .thread_name(move |_| name.clone())
            .build()
            .map_err(|error| TrainError(format!("cannot start the run's threads: {error}")))?
            .install(|| self.train_on_device(run, report))
    }
}
