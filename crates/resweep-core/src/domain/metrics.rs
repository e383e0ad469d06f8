//! Measurements of a run. Errors are in percent, iterations count mini-batch updates.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

/// The training error since the last point, which the paper plots.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrainPoint {
    pub iteration: u64,
    /// Mean over the augmented images of the interval, before each update.
    pub error_percent: f64,
    /// Mean cross-entropy in nats over the same images.
    pub loss: f64,
    /// Learning rate of the interval's last update.
    pub lr: f64,
}

/// The part of a training point that figures need; they may read millions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorPoint {
    pub iteration: u64,
    /// As in [`TrainPoint`], as is `loss`.
    pub error_percent: f64,
    pub loss: f64,
}

/// One evaluation with BN's running statistics.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvalPoint {
    pub iteration: u64,
    pub set: EvalSet,
    pub error_percent: f64,
    pub loss: f64,
}

/// The images of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[derive(EnumString, IntoStaticStr, VariantArray)]
#[strum(serialize_all = "lowercase", const_into_str)]
pub enum EvalSet {
    Test,
    Validation,
}

/// The response of one 3x3 layer (paper, section 4.2, figure 7).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerStat {
    /// Position among the 3x3 layers, from 1 for the first convolution, as in the paper's figure.
    pub layer: usize,
    /// The convolution's name in PyTorch's ResNets: `conv1`, `layer1.0.conv1`, ...
    pub name: String,
    /// Standard deviation of the outputs after BN, before ReLU and addition, over all channels,
    /// pixels and training images.
    pub std: f64,
}

/// Every point of one run, in the order of iterations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Measurements {
    pub train: Vec<TrainPoint>,
    pub eval: Vec<EvalPoint>,
}

/// The data that figures need of one run, in the order of iterations.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curves {
    pub train: Vec<ErrorPoint>,
    pub eval: Vec<EvalPoint>,
    /// The date on which the last attempt ended, or started if none has ended since: `2015-12-10`,
    /// in UTC.
    pub measured: Option<String>,
    /// The evaluation error of always answering the largest class, if recorded.
    pub guess_error_percent: Option<f64>,
    /// The iteration at which the loss stopped being finite, if the run diverged.
    pub diverged: Option<u64>,
    /// Images trained on, without those held out for validation, where that was recorded.
    pub train_images: Option<u64>,
}
