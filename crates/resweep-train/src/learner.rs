//! One run's network, optimiser and images: one update, or one evaluation.

use std::ops::ControlFlow;
use std::sync::Arc;

use dfdx::prelude::{Backward, Device, PutTape, SplitTape};

use super::loader::ImageLoader;
use super::running_error::RunningError;
use resnet_engine::model::Network;
use resnet_engine::{BatchLoss, Engine, EngineError, Matrix, Moments, Sgd, SgdOptions};
use resweep_core::domain::{Configuration, EvalPoint, RunConfig};
use resweep_data::{Batch, Data, EvalBatches, Part};

/// The state that an update changes, and its inputs.
pub struct Learner<'a, D: Device<f32>, E> {
    pub device: &'a D,
    pub network: Network<D>,
    pub sgd: Sgd<D>,
    engine: &'a mut E,
    pub loader: &'a mut dyn ImageLoader<D>,
    pub data: &'a Arc<Data>,
    eval_batch: Batch,
    batch_size: usize,
}

/// The optimiser's settings of a configuration.
pub fn sgd_options(config: &Configuration) -> SgdOptions {
    SgdOptions {
        momentum: config.train.momentum,
        nesterov: config.train.nesterov,
        weight_decay: config.train.weight_decay,
        decay: config.model.decay,
    }
}

impl<'a, D: Device<f32>, E: Engine<D>> Learner<'a, D, E> {
    /// A network with the initial parameters that the run's seed determines.
    pub fn new(
        device: &'a D,
        engine: &'a mut E,
        loader: &'a mut dyn ImageLoader<D>,
        config: &RunConfig,
        data: &'a Arc<Data>,
    ) -> Self {
        let (model, train) = (&config.configuration.model, &config.configuration.train);
        Self {
            device,
            network: Network::new(device, model, data.classes.len(), config.seed),
            sgd: Sgd::new(sgd_options(&config.configuration)),
            engine,
            loader,
            data,
            eval_batch: Batch::default(),
            batch_size: train.batch_size,
        }
    }

    /// Performs one update; the logits (batch, classes) are those before it. A GPU may still be
    /// computing them.
    ///
    /// # Errors
    /// When the device fails.
    pub fn step(&mut self, batch: &Batch, lr: f64) -> Result<Matrix<D>, EngineError> {
        let images = self.loader.load(self.data, batch)?;
        let (logits, tape) = self.engine.train(&mut self.network, images)?.split_tape();
        let loss = (self.engine).loss(logits.clone().put_tape(tape), &batch.labels)?;
        let mut gradients = loss.try_backward().map_err(EngineError::new)?;
        self.sgd.step(&mut self.network, &mut gradients, lr)?;
        Ok(logits)
    }

    /// Error and loss over all evaluation images, including the last partial batch; `None` if
    /// `keep_going`, which is called after every batch, breaks.
    ///
    /// # Errors
    /// When the device fails.
    pub fn evaluate(
        &mut self,
        iteration: u64,
        mut keep_going: impl FnMut() -> ControlFlow<()>,
    ) -> Result<Option<EvalPoint>, EngineError> {
        let mut total = RunningError::default();
        let mut batches = self.batches(Part::Eval);
        while batches.fill(&mut self.eval_batch) {
            let images = self.loader.load(self.data, &self.eval_batch)?;
            let logits = self.engine.eval(&self.network, images)?;
            let measured = BatchLoss::measure(&logits.as_vec(), &self.eval_batch.labels);
            total.add(measured.errors, measured.loss_sum, self.eval_batch.len());
            if keep_going().is_break() {
                return Ok(None);
            }
        }
        let mean = total.mean();
        Ok(Some(EvalPoint {
            iteration,
            set: self.data.eval_set,
            error_percent: mean.error_percent,
            loss: mean.loss,
        }))
    }

    /// The moments of every convolution's output over all training images without augmentation,
    /// with BN on its running statistics, in the order of the layers. `None` if `keep_going`, which
    /// is called after every batch, breaks.
    ///
    /// # Errors
    /// When the device fails.
    pub fn moments(
        &mut self,
        mut keep_going: impl FnMut() -> ControlFlow<()>,
    ) -> Result<Option<Vec<Moments>>, EngineError> {
        let layers = self.network.architecture.layers().count();
        let mut total = vec![Moments::default(); layers];
        let mut batches = self.batches(Part::Train);
        while batches.fill(&mut self.eval_batch) {
            let images = self.loader.load(self.data, &self.eval_batch)?;
            let of_batch = self.engine.moments(&self.network, images)?;
            let layers = total.iter_mut().zip(&of_batch);
            layers.for_each(|(total, batch)| total.add(batch));
            if keep_going().is_break() {
                return Ok(None);
            }
        }
        Ok(Some(total))
    }

    /// The images of a set in their stored order.
    fn batches(&self, part: Part) -> EvalBatches<'a> {
        EvalBatches::new(self.data, part, self.batch_size).rendered(!self.loader.renders())
    }
}
