//! Whether the state of a checkpoint can be the one of its training after its iteration.
//!
//! The checksum shows that a file is the one that was recorded; it does not show that the state in
//! it makes sense. This compares it with whatever follows from the run's configuration and the
//! iteration alone: all of the sampler's state, the learning rate, and bounds for the sums.

use super::checkpoint::Progress;
use super::curve::Curve;
use super::lr_schedule::LrSchedule;
use super::running_error::RunningError;
use resweep_core::domain::{RunConfig, TrainConfig};
use resweep_data::{self as data, SamplerState};

/// What a state is compared with.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// Of the checkpoint's row.
    pub iteration: u64,
    pub config: &'a RunConfig,
    /// Training images.
    pub images: usize,
}

/// Says what is wrong with a state.
///
/// # Errors
/// The first part of the state that cannot be right.
pub fn check(progress: &Progress, expected: Expected<'_>) -> Result<(), String> {
    let settings = &expected.config.configuration.train;
    if progress.iteration != expected.iteration || progress.iteration > settings.iterations {
        return Err(format!(
            "it is of iteration {}, not {}",
            progress.iteration, expected.iteration
        ));
    }
    check_sampler(&progress.sampler, expected)?;
    match &progress.curve {
        Some(curve) => check_curve(curve, progress.iteration, settings)?,
        None => check_interval(&progress.interval, progress.iteration, settings)?,
    }
    if !LrSchedule::can_be(settings, progress.schedule, progress.iteration, progress.lr) {
        return Err("its learning rate is not that of its iteration".to_owned());
    }
    Ok(())
}

fn check_sampler(sampler: &SamplerState, expected: Expected<'_>) -> Result<(), String> {
    let configuration = &expected.config.configuration;
    let right = data::sampler_after(
        expected.images,
        configuration.data.augmentation,
        configuration.train.batch_size,
        expected.config.seed,
        expected.iteration,
    );
    match *sampler == right {
        true => Ok(()),
        false => Err("the order of its images is not that of its iteration".to_owned()),
    }
}

fn check_curve(curve: &Curve, iteration: u64, settings: &TrainConfig) -> Result<(), String> {
    let errors = curve.errors.iter().map(|errors| *errors as usize);
    let mut losses = curve.loss_sums.iter();
    let mut rates = curve.rates.iter();
    let firsts = curve.rates.iter().map(|(first, _)| *first);
    let right = curve.errors.len() as u64 == iteration
        && errors.max() <= Some(settings.batch_size)
        && losses.all(|loss| loss.is_finite() && *loss >= 0.0)
        && rates.all(|(first, rate)| LrSchedule::has_rate(settings, *first, *rate))
        && (iteration == 0 || firsts.clone().next() == Some(1))
        && firsts.clone().is_sorted_by(|a, b| a < b)
        && firsts.max() <= Some(iteration);
    match right {
        true => Ok(()),
        false => Err("its training curve is not one of its iterations".to_owned()),
    }
}

/// The length of the interval is not known: the run that wrote the checkpoint may have another
/// `log_every`.
fn check_interval(
    interval: &RunningError,
    iteration: u64,
    settings: &TrainConfig,
) -> Result<(), String> {
    match interval.can_be_of(iteration, settings.batch_size) {
        true => Ok(()),
        false => Err("its running error is not over images of its iterations".to_owned()),
    }
}
