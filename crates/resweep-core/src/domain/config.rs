//! The configuration of a training, fully resolved: data, model and optimisation.
//!
//! These types contain only checked values; `sweep_file` creates them from a sweep file. Their
//! serialised form is stored with each run and determines its id.

use std::path::PathBuf;

use resnet_architecture::{ModelConfig, Shortcut};
use serde::{Deserialize, Serialize};
use strum::{EnumString, VariantNames};

/// One point of a sweep's grid: everything about a training except its seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    pub data: DataConfig,
    pub model: ModelConfig,
    pub train: TrainConfig,
    /// The configuration of the parent, whose final network is deepened by identity layers to
    /// initialise this one; `None` if the initial values are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grows_from: Option<Box<Configuration>>,
}

impl Configuration {
    /// The paper's setting for CIFAR-10 (section 4.2), without a path and without the warm-up of
    /// depth 110.
    pub fn paper(depth: usize, shortcut: Shortcut) -> Self {
        Self {
            data: DataConfig {
                dataset: Dataset::Cifar10,
                path: None,
                validation: Validation::None,
                augmentation: Augmentation::PadCropFlip,
                normalisation: Normalisation::PerPixelMean,
                broken_image: BrokenImage::Fail,
                test_fraction: None,
            },
            model: ModelConfig::paper(depth, shortcut),
            train: TrainConfig {
                iterations: 64_000,
                batch_size: 128,
                lr: 0.1,
                lr_drops: vec![32_000, 48_000],
                lr_gamma: 0.1,
                momentum: 0.9,
                nesterov: false,
                weight_decay: 1e-4,
                warmup: None,
                eval_every: 1000,
                log_every: 1000,
                engine: EngineKind::Fused,
                layer_stats: false,
            },
            grows_from: None,
        }
    }
}

/// The source of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[derive(EnumString, VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum Dataset {
    /// Procedurally generated images.
    Synthetic,
    /// CIFAR-10 in its official binary layout.
    Cifar10,
    /// CIFAR-100 in its official binary layout, fine labels.
    Cifar100,
    /// `train/<class>/*.{jpg,png}` and `test/` or `val/`.
    Folder,
}

/// `[data]`: the images, and their preprocessing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataConfig {
    pub dataset: Dataset,
    /// The folder of the data set; `None` for synthetic data. Not part of a run's id: the
    /// fingerprint of the data is.
    pub path: Option<PathBuf>,
    /// Whether part of the training images is held out and evaluated instead of the test set.
    pub validation: Validation,
    pub augmentation: Augmentation,
    pub normalisation: Normalisation,
    pub broken_image: BrokenImage,
    /// The fraction of the images used for testing, if a class folder has no test folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_fraction: Option<f64>,
}

/// The train/validation split (paper, section 4.2: 45k/5k to choose the schedule).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Validation {
    /// Train on all training images, evaluate on the test set.
    None,
    /// Hold out this many training images, chosen by a fixed random stream, and evaluate on them.
    Images(usize),
}

impl Validation {
    /// Training images that are held out.
    pub fn images(self) -> usize {
        match self {
            Self::None => 0,
            Self::Images(images) => images,
        }
    }
}

/// The augmentation of training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Augmentation {
    /// Pad an eighth of the size (4 pixels at 32) on each side with zeros, which are the mean
    /// after normalisation, and take a random crop of the image or its mirror image (paper,
    /// section 4.2).
    PadCropFlip,
    None,
}

/// The normalisation of images, with the statistics of the training images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum Normalisation {
    /// Pixels in 0..1 minus the mean training image (the paper).
    PerPixelMean,
    /// Per channel: minus the mean, divided by the standard deviation.
    PerChannel,
}

/// The handling of images of a class folder that cannot be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum BrokenImage {
    Fail,
    Skip,
}

/// `[train]`: the optimisation. An iteration is one mini-batch update.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainConfig {
    pub iterations: u64,
    pub batch_size: usize,
    pub lr: f64,
    /// Iterations after which the learning rate is multiplied by `lr_gamma`, ascending.
    pub lr_drops: Vec<u64>,
    pub lr_gamma: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
    pub warmup: Option<Warmup>,
    /// Iterations between two evaluations; there is always one at the end.
    pub eval_every: u64,
    /// Iterations over which a point of the training curve averages.
    pub log_every: u64,
    /// Runs recorded before the setting existed used the portable engine.
    #[serde(default = "EngineKind::of_old_records")]
    pub engine: EngineKind,
    /// Whether the layers' responses are measured at the end. Does not affect the training.
    #[serde(default, skip_serializing_if = "is_false")]
    pub layer_stats: bool,
}

/// Whether a switch is off. Disabled switches are not serialised, so that older runs keep their
/// ids.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_false(switch: &bool) -> bool {
    !*switch
}

/// The implementation of a training step. Results agree up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[derive(EnumString, VariantNames)]
#[strum(serialize_all = "kebab-case")]
pub enum EngineKind {
    /// A whole network at once: with vector instructions on the CPU, with its own kernels on a GPU.
    Fused,
    /// Operation by operation with dfdx's own operations: the reference.
    Portable,
}

impl EngineKind {
    fn of_old_records() -> Self {
        Self::Portable
    }
}

/// A lower learning rate at the start (paper, section 4.2: depth 110).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Warmup {
    pub lr: f64,
    pub until: WarmupEnd,
}

/// The end of a warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WarmupEnd {
    /// Until the training error over 100 iterations is below this percentage; checked every 100
    /// iterations, independent of `log_every`.
    TrainError(f64),
    Iterations(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_configurations_without_engine_are_portable() {
        let paper = Configuration::paper(20, Shortcut::A);
        let mut json = serde_json::to_value(&paper).expect("plain data");
        assert_eq!(json["train"]["engine"], "fused");
        let train = json["train"].as_object_mut().expect("a table");
        train.remove("engine");
        let old: Configuration = serde_json::from_value(json).expect("a configuration");
        assert_eq!(old.train.engine, EngineKind::Portable);
    }
}
