//! Computes the identities of runs and of their intermediate states.
//!
//! A run's id covers everything that determines its result and its measurements. A trajectory id
//! covers only what determines the weights, so that runs with different measurements share states.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{BrokenImage, Configuration, RunConfig, RunId, TrainConfig, TrajectoryId, hex};

/// Incremented whenever the same configuration would give other numbers than before.
const NUMERICS_VERSION: u32 = 4;

/// The part of a data set that enters identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataIdentity<'a> {
    /// SHA-256 of the images and labels.
    pub fingerprint: &'a str,
    pub classes: usize,
}

/// Everything that determines a run's result.
#[derive(Serialize)]
struct Determinants<'a> {
    numerics_version: u32,
    data_fingerprint: &'a str,
    /// The last layer has one output per class, including classes without images.
    classes: usize,
    config: RunConfig,
}

/// The SHA-256 of everything that determines the result: configuration and seed, the content of the
/// data (not their path) and the version of the numerics. The number of threads and the device are
/// excluded; they are recorded as provenance.
pub fn run_id(config: &RunConfig, data: DataIdentity<'_>) -> RunId {
    RunId(digest(config.clone(), data))
}

/// The identities of the weights between drops of the learning rate. They cover the same as the run
/// id, without later drops, the number of iterations and everything that only measures, in this run
/// and in its parent. Before the first drop, `lr_gamma` is excluded too.
pub fn trajectories(config: &RunConfig, data: DataIdentity<'_>) -> Vec<TrajectoryId> {
    let mut unmeasured = config.clone();
    leave_out_measuring(&mut unmeasured.configuration);
    stretches(&unmeasured, data, |train| {
        if train.lr_drops.is_empty() {
            train.lr_gamma = 1.0;
        }
    })
}

/// The trajectories as versions before schema version 7 computed them, including `log_every` and
/// `eval_every`. Only for the migration of their databases.
pub fn trajectories_of_old_builds(config: &RunConfig, data: DataIdentity<'_>) -> Vec<TrajectoryId> {
    let mut config = config.clone();
    config.configuration.train.layer_stats = false;
    stretches(&config, data, |_| {})
}

fn stretches(
    config: &RunConfig,
    data: DataIdentity<'_>,
    simplify: impl Fn(&mut TrainConfig),
) -> Vec<TrajectoryId> {
    let drops = config.configuration.train.lr_drops.len();
    let until = |passed: usize| {
        let mut config = config.clone();
        let train = &mut config.configuration.train;
        train.lr_drops.truncate(passed);
        train.iterations = 0;
        simplify(train);
        TrajectoryId(digest(config, data))
    };
    (0..=drops).map(until).collect()
}

/// Clears every key that affects measurements but not the weights.
fn leave_out_measuring(configuration: &mut Configuration) {
    let train = &mut configuration.train;
    train.layer_stats = false;
    train.log_every = 0;
    train.eval_every = 0;
    if let Some(source) = &mut configuration.grows_from {
        leave_out_measuring(source);
    }
}

/// The configuration without keys that do not affect results. Two configurations that are equal in
/// this form train the same runs on the same images.
pub fn determining(configuration: &Configuration) -> Configuration {
    let mut configuration = configuration.clone();
    leave_out(&mut configuration);
    configuration
}

fn digest(mut config: RunConfig, data: DataIdentity<'_>) -> String {
    leave_out(&mut config.configuration);
    let determinants = Determinants {
        numerics_version: NUMERICS_VERSION,
        data_fingerprint: data.fingerprint,
        classes: data.classes,
        config,
    };
    let json = serde_json::to_vec(&determinants).expect("a checked configuration is plain data");
    hex(&Sha256::digest(json))
}

/// Clears keys that do not affect results.
fn leave_out(configuration: &mut Configuration) {
    configuration.data.path = None;
    // the fingerprint covers which images remain
    configuration.data.broken_image = BrokenImage::Fail;
    if let Some(source) = &mut configuration.grows_from {
        // measurements of the parent do not affect the run
        source.train.layer_stats = false;
        leave_out(source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Shortcut;

    const DATA: DataIdentity<'_> = DataIdentity {
        fingerprint: "images",
        classes: 10,
    };

    fn config(iterations: u64, lr_drops: &[u64]) -> RunConfig {
        let mut configuration = Configuration::paper(20, Shortcut::A);
        configuration.train.iterations = iterations;
        configuration.train.lr_drops = lr_drops.to_vec();
        RunConfig {
            configuration,
            seed: 1,
        }
    }

    #[test]
    fn layer_stats_change_the_run_id_but_not_the_trajectory() {
        let off = config(400, &[200]);
        let mut on = off.clone();
        on.configuration.train.layer_stats = true;
        assert_ne!(run_id(&on, DATA), run_id(&off, DATA));
        assert_eq!(trajectories(&on, DATA), trajectories(&off, DATA));
        // A disabled switch is not serialised, so that older runs keep their ids.
        let json = serde_json::to_string(&off).expect("plain data");
        assert!(!json.contains("layer_stats"), "{json}");
        assert!(!json.contains("test_fraction"), "{json}");
    }

    #[test]
    fn measurement_intervals_change_the_run_id_but_not_the_trajectory() {
        let sparse = config(400, &[200]);
        let mut dense = sparse.clone();
        dense.configuration.train.log_every = 1;
        dense.configuration.train.eval_every = 2;
        assert_ne!(run_id(&dense, DATA), run_id(&sparse, DATA));
        assert_eq!(trajectories(&dense, DATA), trajectories(&sparse, DATA));
        let grown = |source: &RunConfig| {
            let mut config = config(400, &[200]);
            config.configuration.grows_from = Some(Box::new(source.configuration.clone()));
            trajectories(&config, DATA)
        };
        assert_eq!(grown(&dense), grown(&sparse));
        assert_ne!(grown(&dense), grown(&config(300, &[200])));
    }

    #[test]
    fn parent_changes_the_run_id_but_the_path_of_images_does_not() {
        let scratch = config(400, &[200]);
        let grown = |source: Configuration| {
            let mut config = scratch.clone();
            config.configuration.grows_from = Some(Box::new(source));
            run_id(&config, DATA)
        };
        let mut source = config(400, &[]).configuration;
        let id = grown(source.clone());
        assert_ne!(id, run_id(&scratch, DATA));
        source.data.path = Some("elsewhere".into());
        source.train.layer_stats = true;
        assert_eq!(id, grown(source.clone()));
        source.train.lr = 0.2;
        assert_ne!(id, grown(source));
        let json = serde_json::to_string(&scratch).expect("plain data");
        assert!(!json.contains("grows_from"), "{json}");
    }

    #[test]
    fn runs_share_the_trajectory_until_they_differ() {
        let short = trajectories(&config(400, &[200]), DATA);
        let long = trajectories(&config(800, &[200, 600]), DATA);
        let other = trajectories(&config(800, &[300, 600]), DATA);
        assert_eq!(short[..2], long[..2]);
        assert_eq!(short[0], other[0]);
        assert_ne!(short[1], other[1]);
        assert_ne!(
            run_id(&config(400, &[200]), DATA),
            run_id(&config(800, &[200]), DATA)
        );
    }
}
