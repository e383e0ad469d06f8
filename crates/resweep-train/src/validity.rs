//! Checks that the state of a checkpoint is possible for its run and iteration.
//!
//! The checksum shows that a file is the recorded one, but not that its state is valid. This module
//! compares the state with everything that follows from the run's configuration and the iteration
//! alone: the complete state of the sampler, the learning rate, and bounds for the sums.

use super::checkpoint::Progress;
use super::curve::Curve;
use super::lr_schedule::LrSchedule;
use super::running_error::RunningError;
use resweep_core::domain::{RunConfig, TrainConfig};
use resweep_data::{self as data, SamplerState};

/// The properties with which a state is compared.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The iteration in the checkpoint's row.
    pub iteration: u64,
    pub config: &'a RunConfig,
    /// The number of training images.
    pub images: usize,
}

/// Checks a state.
///
/// # Errors
/// The first part of the state that is impossible.
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

/// The interval's length is unknown: the run that wrote the checkpoint may have used another
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
