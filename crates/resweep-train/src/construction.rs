//! The start of a run that grows from another: its network is that of the other run's end, made
//! deeper by layers that are the identity.

use std::ops::ControlFlow;

use dfdx::prelude::Device;

use super::checkpoint;
use super::learner::Learner;
use resnet_engine::model::Network;
use resnet_engine::{Engine, EngineError, Sgd};
use resweep_core::domain::{Configuration, EvalPoint, Job, Origin, TrainError};

/// Of the evaluation images, so many may be answered otherwise, for rounding: the layers that are
/// the identity are computed in float32, and an image near the border of two classes may change
/// sides.
const IMAGES_ALLOWED: usize = 2;
/// The same as a share of the images, where that is more.
const SHARE_ALLOWED: f64 = 0.001;
/// How far the losses may be apart, relative to 1 + the loss.
const LOSS_ALLOWED: f64 = 1e-3;

/// Puts the network that the run grows from into the learner's deeper one, and measures that both
/// answer alike. Returns the evaluation of the deeper one, at iteration 0; `None` where `go_on`,
/// which is asked after every batch, does not want to.
///
/// # Errors
/// When the other run's final state cannot be read, or the two networks do not answer alike.
pub fn grow<D: Device<f32>, E: Engine<D>>(
    learner: &mut Learner<'_, D, E>,
    job: &Job<'_>,
    source: &Configuration,
    origin: &Origin,
    mut go_on: impl FnMut() -> ControlFlow<()>,
) -> Result<Option<EvalPoint>, TrainError> {
    let shallow = load(learner, job, source, origin)?;
    let deep = std::mem::replace(&mut learner.network, shallow);
    let before = learner.evaluate(0, &mut go_on)?;
    let shallow = std::mem::replace(&mut learner.network, deep);
    let Some(before) = before else {
        return Ok(None);
    };
    if insert(learner, &shallow, &mut go_on)?.is_break() {
        return Ok(None);
    }
    let Some(after) = learner.evaluate(0, &mut go_on)? else {
        return Ok(None);
    };
    if answer_alike(&before, &after, learner.data.eval.len()) {
        return Ok(Some(after));
    }
    Err(TrainError::lasting(format!(
        "the network does not compute what {} does, from which it grows: error {:.3} %, loss {:.6}, \
         against {:.3} %, {:.6}",
        source.model.name(),
        after.error_percent,
        after.loss,
        before.error_percent,
        before.loss
    )))
}

/// The network at the end of the run that this one grows from, from the first sound checkpoint.
fn load<D: Device<f32>, E: Engine<D>>(
    learner: &Learner<'_, D, E>,
    job: &Job<'_>,
    source: &Configuration,
    origin: &Origin,
) -> Result<Network<D>, TrainError> {
    let (device, classes) = (learner.device, learner.data.classes.len());
    let mut network = Network::new(device, &source.model, classes, job.run.config.seed);
    let mut sgd = Sgd::new(&source.train, source.model.decay);
    let mut reason = "it is gone".to_owned();
    for copy in &job.grant.origin {
        let batch_size = source.train.batch_size;
        match checkpoint::load(copy, batch_size, device, &mut network, &mut sgd) {
            Ok(_) => {
                tracing::info!("grows from {}", copy.path.display());
                return Ok(network);
            }
            Err(checkpoint::CheckpointError::Device(error)) => return Err(error.into()),
            Err(unusable) => reason = unusable.to_string(),
        }
    }
    Err(TrainError::lasting(format!(
        "the final checkpoint of {} (run {}), from which this run grows, cannot be used: {reason}; \
         put it back, or train both again with `--fresh`",
        source.model.name(),
        origin.run.short()
    )))
}

/// Makes the learner's network the shallow one with layers that are the identity. Their BN is set
/// by what the training images, as they are, bring to them.
fn insert<D: Device<f32>, E: Engine<D>>(
    learner: &mut Learner<'_, D, E>,
    shallow: &Network<D>,
    go_on: impl FnMut() -> ControlFlow<()>,
) -> Result<ControlFlow<()>, EngineError> {
    let identities = learner.network.deepen(shallow);
    if identities.is_empty() {
        return Ok(ControlFlow::Continue(()));
    }
    let Some(moments) = learner.moments(go_on)? else {
        return Ok(ControlFlow::Break(()));
    };
    for layer in &identities {
        let statistics = moments[layer.index].mean_and_variance();
        learner.network.match_statistics(layer, statistics);
    }
    Ok(ControlFlow::Continue(()))
}

/// Whether two evaluations of the same images differ by no more than rounding. What is not a number
/// is like nothing.
fn answer_alike(before: &EvalPoint, after: &EvalPoint, images: usize) -> bool {
    let images = images as f64;
    let allowed = (SHARE_ALLOWED * images).max(IMAGES_ALLOWED as f64);
    let changed = (after.error_percent - before.error_percent).abs() / 100.0 * images;
    let loss = (after.loss - before.loss).abs();
    changed < allowed + 0.5 && loss <= LOSS_ALLOWED * (1.0 + before.loss)
}

#[cfg(test)]
mod tests {
    use super::*;
    use resweep_core::domain::EvalSet;

    #[test]
    fn rounding_is_allowed_and_nothing_more() {
        let point = |error_percent, loss| EvalPoint {
            iteration: 0,
            set: EvalSet::Test,
            error_percent,
            loss,
        };
        let before = point(10.0, 0.5);
        let alike = |error, loss, images| answer_alike(&before, &point(error, loss), images);
        assert!(alike(10.0, 0.5, 10_000));
        assert!(alike(10.1, 0.5, 10_000) && !alike(10.11, 0.5, 10_000));
        // Two of a hundred.
        assert!(alike(12.0, 0.5, 100) && !alike(13.0, 0.5, 100));
        assert!(alike(10.0, 0.501, 10_000) && !alike(10.0, 0.502, 10_000));
        assert!(!alike(10.0, f64::NAN, 10_000));
    }
}
