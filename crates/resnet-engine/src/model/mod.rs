//! The networks of the paper's section 4.2: their layers, parameters and initial values.

mod deepen;
mod init;
mod network;

pub use network::{Buffer, Network, Parameter, ParameterKind, Vector};
pub use resnet_architecture::{Architecture, BlockShortcut, ConvBn, ResidualBlock};

/// Added to BN's variance: PyTorch's default.
pub const BN_EPSILON: f64 = 1e-5;
