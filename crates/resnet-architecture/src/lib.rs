//! The plain and residual networks of "Deep Residual Learning" (He et al. 2015), without tensors:
//! settings, layers and cost.
//!
//! `resweep-core` and `resnet-engine` both use this crate and not each other, so that a change of
//! sweeps does not rebuild the engine.
//!
//! | module | contents |
//! |---|---|
//! | `config` | depth, width, image size, initialisation |
//! | `shortcut` | the shortcut types |
//! | `layers` | the convolutions and blocks, their parameters and multiply-adds |
//! | [`streams`] | independent random streams for each use, from one seed |
//! | `out_of_memory` | recognises out-of-memory errors |
//!
//! ```
//! use resnet_architecture::{Architecture, ModelConfig, Shortcut};
//!
//! let network = Architecture::new(&ModelConfig::paper(110, Shortcut::A), 10);
//! assert_eq!(network.parameters(), 1_727_962); // the paper says 1.7 M
//! ```

mod config;
mod layers;
mod out_of_memory;
mod shortcut;
pub mod streams;

pub use config::{DecayScope, Init, ModelConfig};
pub use layers::{Architecture, BlockShortcut, ConvBn, ResidualBlock};
pub use out_of_memory::{OUT_OF_MEMORY, says_out_of_memory};
pub use shortcut::Shortcut;
