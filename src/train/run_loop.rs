//! The training loop, for any device and engine.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dfdx::prelude::Device;

use super::lr_schedule::LrSchedule;
use super::running_error::RunningError;
use crate::data::{Batch, Batches, Data, EvalBatches, PrefetchedBatches};
use crate::domain::{EvalPoint, Outcome, RunConfig, RunEvent, TrainPoint};
use crate::engine::{BatchLoss, Engine, EngineError, Matrix, Sgd, cross_entropy};
use crate::model::Network;

/// The least time between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Hears of a run's progress; answers `Break` to stop it.
pub type Report<'a> = dyn FnMut(RunEvent) -> ControlFlow<()> + Send + 'a;

/// Trains one run from its initial parameters to its last iteration.
///
/// Every log interval ends with a [`TrainPoint`], the last one too when it is shorter; there is
/// an [`EvalPoint`] every `eval_every` iterations and after the last.
///
/// # Errors
/// When the device fails.
pub fn train<D: Device<f32>, E: Engine<D>>(
    device: &D,
    engine: &mut E,
    config: &RunConfig,
    data: &Arc<Data>,
    report: &mut Report<'_>,
) -> Result<Outcome, EngineError> {
    let mut training = Training::new(device, engine, config, data)?;
    let settings = &config.configuration.train;
    let mut schedule = LrSchedule::new(settings);
    let mut interval = RunningError::default();
    let mut last_progress = Instant::now();
    for iteration in 1..=settings.iterations {
        let last = iteration == settings.iterations;
        let lr = schedule.lr(iteration);
        let measured = training.step(lr)?;
        if !measured.loss_sum.is_finite() {
            return Ok(Outcome::Diverged { iteration });
        }
        interval.add(measured.errors, measured.loss_sum, settings.batch_size);
        schedule.observe(iteration, measured.errors, settings.batch_size);

        let mut flow = ControlFlow::Continue(());
        if last_progress.elapsed() >= PROGRESS_INTERVAL {
            last_progress = Instant::now();
            let train_error_percent = interval.mean().error_percent;
            flow = report(RunEvent::Progress {
                iteration,
                train_error_percent,
            });
        }
        if flow.is_continue() && (iteration.is_multiple_of(settings.log_every) || last) {
            let mean = interval.take();
            flow = report(RunEvent::Trained(TrainPoint {
                iteration,
                error_percent: mean.error_percent,
                loss: mean.loss,
                lr,
            }));
        }
        if flow.is_continue() && (iteration.is_multiple_of(settings.eval_every) || last) {
            let point = training.evaluate(iteration)?;
            if !point.loss.is_finite() {
                return Ok(Outcome::Diverged { iteration });
            }
            flow = report(RunEvent::Evaluated(point));
        }
        if flow.is_break() {
            return Ok(Outcome::Stopped);
        }
    }
    Ok(Outcome::Finished)
}

/// What changes while a network trains.
struct Training<'a, D: Device<f32>, E> {
    device: &'a D,
    engine: &'a mut E,
    network: Network<D>,
    sgd: Sgd<D>,
    data: &'a Arc<Data>,
    batches: PrefetchedBatches,
    batch: Batch,
    batch_size: usize,
}

impl<'a, D: Device<f32>, E: Engine<D>> Training<'a, D, E> {
    fn new(
        device: &'a D,
        engine: &'a mut E,
        config: &RunConfig,
        data: &'a Arc<Data>,
    ) -> Result<Self, EngineError> {
        let (configuration, seed) = (&config.configuration, config.seed);
        let (model, train) = (&configuration.model, &configuration.train);
        let augmentation = configuration.data.augmentation;
        let batches = Batches::new(Arc::clone(data), augmentation, train.batch_size, seed);
        Ok(Self {
            device,
            engine,
            network: Network::new(device, model, data.classes.len(), seed),
            sgd: Sgd::new(train, model.decay),
            data,
            batches: PrefetchedBatches::new(batches).map_err(EngineError::new)?,
            batch: Batch::default(),
            batch_size: train.batch_size,
        })
    }

    /// One update; the loss and errors are those before it.
    fn step(&mut self, lr: f64) -> Result<BatchLoss, EngineError> {
        self.batches.next(&mut self.batch);
        let images = self.images()?;
        let logits = self.engine.train(&mut self.network, images)?;
        let measured = BatchLoss::measure(&logits.as_vec(), &self.batch.labels);
        let loss = cross_entropy(logits, &self.batch.labels)?;
        let mut gradients =
            dfdx::prelude::Backward::try_backward(loss).map_err(EngineError::new)?;
        self.sgd.step(&mut self.network, &mut gradients, lr)?;
        Ok(measured)
    }

    /// Error and loss over all evaluation images, the last partial batch included.
    fn evaluate(&mut self, iteration: u64) -> Result<EvalPoint, EngineError> {
        let mut total = RunningError::default();
        let data = Arc::clone(self.data);
        let mut batches = EvalBatches::new(&data, self.batch_size);
        while batches.fill(&mut self.batch) {
            let images = self.images()?;
            let logits = self.engine.eval(&self.network, images)?;
            let measured = BatchLoss::measure(&logits.as_vec(), &self.batch.labels);
            total.add(measured.errors, measured.loss_sum, self.batch.len());
        }
        let mean = total.mean();
        Ok(EvalPoint {
            iteration,
            set: self.data.eval_set,
            error_percent: mean.error_percent,
            loss: mean.loss,
        })
    }

    /// The batch's images on the device: a row for each pixel.
    fn images(&self) -> Result<Matrix<D>, EngineError> {
        let rows = self.batch.images.len() / 3;
        self.device
            .try_tensor_from_vec(self.batch.images.clone(), (rows, 3))
            .map_err(EngineError::new)
    }
}
