//! Images for training: data sets, normalisation, augmentation and batches.
//!
//! [`load()`] gives a data set as decoded bytes in memory, with what turns them into a network's
//! input; [`Batches`] and [`EvalBatches`] read batches from it, [`PrefetchedBatches`] ahead of time.
//! [`download`] fetches the published archives and [`preview`] shows what a network sees. Nothing
//! here knows about models or runs.
//!
//! | modules | contents |
//! |---|---|
//! | `load`, `dataset` | selects and describes a data set |
//! | `cifar`, `folder`, [`synthetic`] | the kinds of data sets |
//! | [`download`], `files` | published archives, checksums, caches |
//! | `image_set`, `resize`, `split` | decoded images, their size, the validation split |
//! | `normalise`, `augment`, `batches`, `prefetch` | from bytes to a network's input |
//! | `draw` | random draws that stay the same in every version |
//! | [`preview`] | pictures of what a network sees |

mod augment;
mod batches;
mod cifar;
mod dataset;
pub mod download;
mod draw;
mod error;
mod files;
mod folder;
mod image_set;
mod load;
mod normalise;
mod prefetch;
pub mod preview;
#[doc(hidden)]
pub mod probe;
mod resize;
mod split;
pub mod synthetic;

pub use augment::{View, padding};
pub use batches::{Batch, Batches, EvalBatches, Pick, SamplerState, sampler_after};
pub use dataset::{Data, DatasetInfo, Labels, Part};
pub use error::DataError;
pub use image_set::ImageSet;
pub use load::{describe, load, published, turned};
pub use normalise::Normaliser;
pub use prefetch::PrefetchedBatches;
