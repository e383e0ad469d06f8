//! The training loop, for any device and engine.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dfdx::prelude::Device;

use super::checkpoint::{self, Progress};
use super::construction;
use super::curve::Curve;
use super::failure::of_engine;
use super::layer_stats::layer_stats;
use super::learner::Learner;
use super::loader::ImageLoader;
use super::lr_schedule::LrSchedule;
use super::running_error::RunningError;
use super::validity::{self, Expected};
use resnet_engine::{BatchLoss, Engine, Matrix};
use resweep_core::domain::{
    Job, Outcome, RunEvent, StartPoint, TrainConfig, TrainError, TrainPoint, TrajectoryId,
};
use resweep_data::{Batch, Batches, Data, PrefetchedBatches, SamplerState};

/// The shortest time between two progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// Receives a run's events; returns `Break` to stop the run.
pub type Report<'a> = dyn FnMut(RunEvent) -> ControlFlow<()> + Send + 'a;

/// Continue, or end with an outcome.
type Flow = ControlFlow<Outcome>;
const STOP: Flow = ControlFlow::Break(Outcome::Stopped);

/// Trains one run from its latest intact checkpoint, or from its initial parameters, to its last
/// iteration.
///
/// - A [`TrainPoint`] follows every `log_every` iterations and the last one.
/// - An [`EvalPoint`](resweep_core::domain::EvalPoint) follows every `eval_every` iterations and
///   the last one. A run with a parent is also evaluated at iteration 0.
/// - Layer responses are measured at the end if the configuration asks for them.
/// - A checkpoint is written every `checkpoint_every`, at each drop of the learning rate, after the
///   last iteration, and when the run is stopped.
///
/// # Errors
/// When the device fails or a checkpoint cannot be written.
pub fn train<D: Device<f32>, E: Engine<D>>(
    device: &D,
    engine: &mut E,
    loader: &mut dyn ImageLoader<D>,
    job: &Job<'_>,
    data: &Arc<Data>,
    checkpoint_every: Duration,
    report: &mut Report<'_>,
) -> Result<Outcome, TrainError> {
    let learner = Learner::new(device, engine, loader, &job.run.config, data);
    let mut training = Training::begin(learner, job, data)?;
    let flow = training.run(checkpoint_every, report)?;
    if flow == STOP {
        training.save(report)?;
    }
    Ok(flow.break_value().unwrap_or(Outcome::Finished))
}

/// A run in progress. Between two updates the state is the one right after the last update,
/// whatever is measured in between.
struct Training<'a, D: Device<f32>, E> {
    learner: Learner<'a, D, E>,
    job: &'a Job<'a>,
    settings: &'a TrainConfig,
    schedule: LrSchedule<'a>,
    start_point: StartPoint,
    iteration: u64,
    /// Logits, labels and learning rates of the last iterations, which are not counted in
    /// `interval` yet. Reading them waits for the device, so it is postponed until the errors are
    /// needed.
    unread: Vec<(Matrix<D>, Vec<usize>, f64)>,
    interval: RunningError,
    /// Every iteration that was read; `None` once it is too long to keep.
    curve: Option<Curve>,
    /// Learning rate of the last update.
    lr: f64,
    batches: PrefetchedBatches,
    batch: Batch,
    /// The sampler's position after the last update.
    sampler: SamplerState,
    /// The iteration of the newest checkpoint.
    saved_iteration: u64,
    last_save: Instant,
    last_progress: Instant,
}

impl<'a, D: Device<f32>, E: Engine<D>> Training<'a, D, E> {
    /// Restores the latest intact checkpoint, if there is one.
    fn begin(
        mut learner: Learner<'a, D, E>,
        job: &'a Job<'a>,
        data: &Arc<Data>,
    ) -> Result<Self, TrainError> {
        let (start_point, progress) = restore(&mut learner, job)?;
        let config = &job.run.config;
        let settings = &config.configuration.train;
        let augmentation = config.configuration.data.augmentation;
        let batches = Batches::new(
            Arc::clone(data),
            augmentation,
            settings.batch_size,
            config.seed,
        )
        .rendered(!learner.loader.renders());
        let batches = match &progress {
            Some(progress) => batches.at(&progress.sampler),
            None => batches,
        };
        let batches = PrefetchedBatches::new(batches)
            .map_err(|error| TrainError::transient(format!("cannot start a thread: {error}")))?;
        let progress = progress.unwrap_or_else(|| Progress {
            curve: Some(Curve::new(settings.batch_size)),
            ..Progress::default()
        });
        let interval = match &progress.curve {
            Some(curve) => curve.interval(settings.log_every),
            None => progress.interval,
        };
        Ok(Self {
            learner,
            job,
            settings,
            schedule: LrSchedule::new(settings, progress.schedule),
            start_point,
            iteration: progress.iteration,
            unread: Vec::new(),
            interval,
            curve: progress.curve,
            lr: progress.lr,
            batches,
            batch: Batch::default(),
            sampler: progress.sampler,
            saved_iteration: match start_point.from {
                Some(training) if training == job.lease.training => start_point.iteration,
                _ => 0,
            },
            last_save: Instant::now(),
            last_progress: Instant::now(),
        })
    }

    fn run(&mut self, every: Duration, report: &mut Report<'_>) -> Result<Flow, TrainError> {
        let mut flow = stop_if(report(RunEvent::Began(self.start_point)));
        if flow.is_continue() {
            flow = self.restore_curve(report);
        }
        if flow.is_continue() && self.iteration == 0 {
            flow = self.grow(report)?;
        }
        if flow.is_continue() && self.iteration > 0 {
            // Measurements at the checkpoint's iteration are repeated: they follow the checkpoint.
            self.save_if_last(report)?;
            flow = self.measure(report)?;
        }
        while flow.is_continue() && self.iteration < self.settings.iterations {
            self.step()?;
            flow = self.log_and_checkpoint(every, report)?;
            if flow.is_continue() {
                flow = self.measure(report)?;
            }
        }
        Ok(flow)
    }

    /// Reports the points before another run's checkpoint, which may have had another `log_every`.
    fn restore_curve(&self, report: &mut Report<'_>) -> Flow {
        let from_another =
            (self.start_point.from).is_some_and(|training| training != self.job.lease.training);
        match &self.curve {
            Some(curve) if from_another => {
                let points = curve.points(self.settings.log_every);
                stop_if(report(RunEvent::CurveRestored(points)))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    /// Initialises the network from the parent run, if there is one.
    fn grow(&mut self, report: &mut Report<'_>) -> Result<Flow, TrainError> {
        let run = self.job.run;
        let source = run.config.configuration.grows_from.as_deref();
        let (Some(source), Some(parent)) = (source, &run.parent) else {
            return Ok(ControlFlow::Continue(()));
        };
        let progress = self.progress();
        let last_progress = &mut self.last_progress;
        let keep_going = || report_throttled(last_progress, progress.clone(), report);
        let grown = construction::grow(&mut self.learner, self.job, source, parent, keep_going)?;
        Ok(match grown {
            Some(point) => stop_if(report(RunEvent::Evaluated(point))),
            None => STOP,
        })
    }

    /// Performs one update.
    fn step(&mut self) -> Result<(), TrainError> {
        if self.iteration.is_multiple_of(self.settings.log_every) {
            self.interval = RunningError::default();
        }
        self.batches.next(&mut self.batch);
        let lr = self.schedule.lr(self.iteration + 1);
        let logits = self.learner.step(&self.batch, lr).map_err(of_engine)?;
        self.unread.push((logits, self.batch.labels.clone(), lr));
        self.iteration += 1;
        self.lr = lr;
        self.sampler.clone_from(&self.batch.sampler);
        Ok(())
    }

    /// Reads the errors so far if something is due that needs them; then reports progress and
    /// writes a checkpoint if they are due.
    fn log_and_checkpoint(
        &mut self,
        every: Duration,
        report: &mut Report<'_>,
    ) -> Result<Flow, TrainError> {
        let last = self.is_last();
        let reports = self.last_progress.elapsed() >= PROGRESS_INTERVAL;
        let drops = self.settings.lr_drops.contains(&self.iteration);
        let saves = last || drops || self.last_save.elapsed() >= every;
        let measures =
            self.is_due(self.settings.log_every) || self.is_due(self.settings.eval_every);
        if !(reports || saves || measures || self.schedule.waits_for(self.iteration)) {
            return Ok(ControlFlow::Continue(()));
        }
        let mut flow = self.read_losses();
        if flow.is_continue() && reports {
            let progress = self.progress();
            flow = stop_if(report_throttled(&mut self.last_progress, progress, report));
        }
        if flow.is_continue() && saves {
            self.save(report)?;
        }
        Ok(flow)
    }

    /// Waits for the outstanding iterations and counts their errors.
    fn read_losses(&mut self) -> Flow {
        let unread = std::mem::take(&mut self.unread);
        let first = self.iteration + 1 - unread.len() as u64;
        for (iteration, (logits, labels, lr)) in (first..).zip(unread) {
            let measured = BatchLoss::measure(&logits.as_vec(), &labels);
            if !measured.loss_sum.is_finite() {
                return ControlFlow::Break(Outcome::Diverged { iteration });
            }
            let (errors, images) = (measured.errors, labels.len());
            self.interval.add(errors, measured.loss_sum, images);
            let curve = self.curve.take();
            self.curve = curve.and_then(|curve| curve.with(errors, measured.loss_sum, lr));
            self.schedule.observe(iteration, errors, images);
        }
        ControlFlow::Continue(())
    }

    fn is_last(&self) -> bool {
        self.iteration == self.settings.iterations
    }

    /// Whether something with the period `every` is due.
    fn is_due(&self, every: u64) -> bool {
        self.iteration.is_multiple_of(every)
    }

    /// Takes and reports the measurements that are due at this iteration.
    fn measure(&mut self, report: &mut Report<'_>) -> Result<Flow, TrainError> {
        let (iteration, last) = (self.iteration, self.is_last());
        if last || self.is_due(self.settings.log_every) {
            let mean = self.interval.mean();
            let point = TrainPoint {
                iteration,
                error_percent: mean.error_percent,
                loss: mean.loss,
                lr: self.lr,
            };
            if report(RunEvent::Trained(point)).is_break() {
                return Ok(STOP);
            }
        }
        if last || self.is_due(self.settings.eval_every) {
            let progress = self.progress();
            let last_progress = &mut self.last_progress;
            let keep_going = || report_throttled(last_progress, progress.clone(), report);
            let evaluated = self
                .learner
                .evaluate(iteration, keep_going)
                .map_err(of_engine)?;
            let Some(point) = evaluated else {
                return Ok(STOP);
            };
            if !point.loss.is_finite() {
                return Ok(ControlFlow::Break(Outcome::Diverged { iteration }));
            }
            if report(RunEvent::Evaluated(point)).is_break() {
                return Ok(STOP);
            }
        }
        if last && self.settings.layer_stats {
            return self.measure_layers(report);
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Measures and reports the layer responses.
    fn measure_layers(&mut self, report: &mut Report<'_>) -> Result<Flow, TrainError> {
        let (iteration, progress) = (self.iteration, self.progress());
        let last_progress = &mut self.last_progress;
        let keep_going = || report_throttled(last_progress, progress.clone(), report);
        let Some(moments) = self.learner.moments(keep_going).map_err(of_engine)? else {
            return Ok(STOP);
        };
        let stats = layer_stats(&self.learner.network, &moments);
        if stats.iter().any(|stat| !stat.std.is_finite()) {
            return Ok(ControlFlow::Break(Outcome::Diverged { iteration }));
        }
        Ok(stop_if(report(RunEvent::LayersMeasured(stats))))
    }

    fn progress(&self) -> RunEvent {
        RunEvent::Progress {
            iteration: self.iteration,
            train_error_percent: self.interval.mean_so_far().map(|mean| mean.error_percent),
        }
    }

    fn save_if_last(&mut self, report: &mut Report<'_>) -> Result<(), TrainError> {
        if self.is_last() {
            self.save(report)?;
        }
        Ok(())
    }

    /// Writes a checkpoint, unless one of this iteration exists. Ignores a `Break` from `report`:
    /// the loop calls it again soon.
    fn save(&mut self, report: &mut Report<'_>) -> Result<(), TrainError> {
        if self.iteration == self.saved_iteration {
            return Ok(());
        }
        debug_assert!(self.unread.is_empty());
        let progress = Progress {
            iteration: self.iteration,
            interval: self.interval,
            curve: self.curve.clone(),
            lr: self.lr,
            schedule: self.schedule.state(),
            sampler: self.sampler.clone(),
        };
        let saved = checkpoint::save(
            &self.job.lease.folder,
            self.trajectory(),
            &progress,
            &self.learner.network,
            &self.learner.sgd,
        )?;
        self.saved_iteration = self.iteration;
        self.last_save = Instant::now();
        let _ = report(RunEvent::Checkpointed(saved));
        Ok(())
    }

    fn trajectory(&self) -> &'a TrajectoryId {
        self.job.run.trajectory(self.iteration)
    }
}

fn stop_if(flow: ControlFlow<()>) -> Flow {
    match flow {
        ControlFlow::Continue(()) => ControlFlow::Continue(()),
        ControlFlow::Break(()) => STOP,
    }
}

/// Reports progress, at most once per [`PROGRESS_INTERVAL`].
fn report_throttled(
    last: &mut Instant,
    progress: RunEvent,
    report: &mut Report<'_>,
) -> ControlFlow<()> {
    if last.elapsed() < PROGRESS_INTERVAL {
        return ControlFlow::Continue(());
    }
    *last = Instant::now();
    report(progress)
}

/// Restores the first intact checkpoint.
fn restore<D: Device<f32>, E>(
    learner: &mut Learner<'_, D, E>,
    job: &Job<'_>,
) -> Result<(StartPoint, Option<Progress>), TrainError> {
    for checkpoint in &job.lease.checkpoints {
        let batch_size = job.run.config.configuration.train.batch_size;
        let expected = Expected {
            iteration: checkpoint.iteration,
            config: &job.run.config,
            images: learner.data.train.len(),
        };
        let valid = |progress: &Progress| validity::check(progress, expected);
        let (network, sgd) = (&mut learner.network, &mut learner.sgd);
        match checkpoint::load(checkpoint, batch_size, learner.device, network, sgd, valid) {
            Ok(progress) => {
                tracing::info!("resume from {}", checkpoint.path.display());
                let start_point = StartPoint {
                    iteration: progress.iteration,
                    from: Some(checkpoint.training),
                };
                return Ok((start_point, Some(progress)));
            }
            Err(checkpoint::CheckpointError::Device(error)) => return Err(of_engine(error)),
            Err(unusable) => tracing::warn!("{unusable}; try an earlier checkpoint"),
        }
    }
    let start_point = StartPoint {
        iteration: 0,
        from: None,
    };
    Ok((start_point, None))
}
