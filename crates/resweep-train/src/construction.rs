//! Initialises a deeper network from the final network of its parent run, by inserting identity
//! layers.

use std::ops::ControlFlow;

use dfdx::prelude::Device;

use super::checkpoint;
use super::failure::of_engine;
use super::learner::{Learner, sgd_options};
use resnet_engine::model::Network;
use resnet_engine::{Engine, EngineError, Sgd};
use resweep_core::domain::{Configuration, EvalPoint, Job, ParentRun, TrainError};

/// The number of evaluation images whose classification may change through rounding: the identity
/// layers are computed in float32, and an image close to the boundary between two classes may
/// change sides.
const IMAGES_ALLOWED: usize = 2;
/// The same as a fraction of the images, if that is more.
const SHARE_ALLOWED: f64 = 0.001;
/// The largest difference between the losses, relative to 1 + the loss.
const LOSS_ALLOWED: f64 = 1e-3;

/// Copies the parent's network into the learner's deeper one and checks that both compute the same
/// function. Returns the evaluation of the deeper one, at iteration 0; `None` if `keep_going`,
/// which is called after every batch, breaks.
///
/// # Errors
/// When the parent's final checkpoint cannot be read, or the two networks compute different
/// functions.
pub fn grow<D: Device<f32>, E: Engine<D>>(
    learner: &mut Learner<'_, D, E>,
    job: &Job<'_>,
    source: &Configuration,
    parent: &ParentRun,
    mut keep_going: impl FnMut() -> ControlFlow<()>,
) -> Result<Option<EvalPoint>, TrainError> {
    let shallow = load(learner, job, source, parent)?;
    let deep = std::mem::replace(&mut learner.network, shallow);
    let before = learner.evaluate(0, &mut keep_going).map_err(of_engine)?;
    let shallow = std::mem::replace(&mut learner.network, deep);
    let Some(before) = before else {
        return Ok(None);
    };
    let inserted = insert(learner, &shallow, &mut keep_going).map_err(of_engine)?;
    if inserted.is_break() {
        return Ok(None);
    }
    let Some(after) = learner.evaluate(0, &mut keep_going).map_err(of_engine)? else {
        return Ok(None);
    };
    if agree(&before, &after, learner.data.eval.len()) {
        return Ok(Some(after));
    }
    Err(TrainError::permanent(format!(
        "the deeper network does not reproduce its parent {}: error {:.3} %, loss {:.6}, \
         against {:.3} %, {:.6}",
        source.model.name(),
        after.error_percent,
        after.loss,
        before.error_percent,
        before.loss
    )))
}

/// Loads the final network of the parent run from the first intact checkpoint.
fn load<D: Device<f32>, E: Engine<D>>(
    learner: &Learner<'_, D, E>,
    job: &Job<'_>,
    source: &Configuration,
    parent: &ParentRun,
) -> Result<Network<D>, TrainError> {
    let (device, classes) = (learner.device, learner.data.classes.len());
    let mut network = Network::new(device, &source.model, classes, job.run.config.seed);
    let mut sgd = Sgd::new(sgd_options(source));
    let mut reason = "the file is missing".to_owned();
    for copy in &job.lease.parent_checkpoints {
        let batch_size = source.train.batch_size;
        // Only the network is used.
        let valid = |_: &checkpoint::Progress| Ok(());
        let into = (&mut network, &mut sgd);
        match checkpoint::load(copy, batch_size, device, into.0, into.1, valid) {
            Ok(_) => {
                tracing::info!("grow from {}", copy.path.display());
                return Ok(network);
            }
            Err(checkpoint::CheckpointError::Device(error)) => return Err(of_engine(error)),
            Err(unusable) => reason = unusable.to_string(),
        }
    }
    Err(TrainError::permanent(format!(
        "the final checkpoint of {} (run {}), the parent of this run, cannot be used: {reason}; \
         restore it, or train both again with `--fresh`",
        source.model.name(),
        parent.run.short()
    )))
}

/// Turns the learner's network into the shallow one with identity layers. The training images,
/// without augmentation, determine the BN of those layers.
fn insert<D: Device<f32>, E: Engine<D>>(
    learner: &mut Learner<'_, D, E>,
    shallow: &Network<D>,
    keep_going: impl FnMut() -> ControlFlow<()>,
) -> Result<ControlFlow<()>, EngineError> {
    let identities = learner.network.deepen(shallow);
    if identities.is_empty() {
        return Ok(ControlFlow::Continue(()));
    }
    let Some(moments) = learner.moments(keep_going)? else {
        return Ok(ControlFlow::Break(()));
    };
    for layer in &identities {
        let statistics = moments[layer.index].mean_and_variance();
        learner.network.match_statistics(layer, statistics);
    }
    Ok(ControlFlow::Continue(()))
}

/// Whether two evaluations of the same images agree up to rounding. NaN agrees with nothing.
fn agree(before: &EvalPoint, after: &EvalPoint, images: usize) -> bool {
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
    fn only_rounding_differences_are_accepted() {
        let point = |error_percent, loss| EvalPoint {
            iteration: 0,
            set: EvalSet::Test,
            error_percent,
            loss,
        };
        let before = point(10.0, 0.5);
        let alike = |error, loss, images| agree(&before, &point(error, loss), images);
        assert!(alike(10.0, 0.5, 10_000));
        assert!(alike(10.1, 0.5, 10_000) && !alike(10.11, 0.5, 10_000));
        // Two of a hundred.
        assert!(alike(12.0, 0.5, 100) && !alike(13.0, 0.5, 100));
        assert!(alike(10.0, 0.501, 10_000) && !alike(10.0, 0.502, 10_000));
        assert!(!alike(10.0, f64::NAN, 10_000));
    }
}
