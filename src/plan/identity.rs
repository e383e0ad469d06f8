//! A run's identity.

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::expand::DataFacts;
use crate::domain::{BrokenImage, RunConfig, RunId, hex};

/// Raised whenever the same configuration would give other numbers than before.
const NUMERICS_VERSION: u32 = 2;

/// Everything that determines a run's result.
#[derive(Serialize)]
struct Determinants<'a> {
    numerics_version: u32,
    data_fingerprint: &'a str,
    /// The last layer has an output for each class, also for one without images.
    classes: usize,
    config: RunConfig,
}

/// The SHA-256 of everything that determines the result: the configuration and seed, the
/// content of the data (not the place where they lie) and the version of the numerics. The
/// number of threads and the device are not part of it; they are recorded as provenance.
pub fn run_id(config: &RunConfig, data: DataFacts<'_>) -> RunId {
    let mut config = config.clone();
    config.configuration.data.path = None;
    // what it leaves of the images is in the fingerprint
    config.configuration.data.broken_image = BrokenImage::Fail;
    let determinants = Determinants {
        numerics_version: NUMERICS_VERSION,
        data_fingerprint: data.fingerprint,
        classes: data.classes,
        config,
    };
    let json = serde_json::to_vec(&determinants).expect("a checked configuration is plain data");
    RunId(hex(&Sha256::digest(json)))
}
