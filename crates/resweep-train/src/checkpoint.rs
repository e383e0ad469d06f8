//! Checkpoints: the whole state of a training in a safetensors file.
//!
//! Parameters and running statistics bear the names that PyTorch's ResNets give them, momentum
//! buffers are named after their parameters, and the order of the current epoch is a tensor too.
//! Everything else is JSON in the file's metadata. The same state gives the same bytes, and
//! nothing in a file tells when or where it was written.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use dfdx::prelude::Device;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use sha2::Digest;

use super::curve::Curve;
use super::lr_schedule::LrState;
use super::running_error::RunningError;
use resnet_engine::model::{Network, Vector};
use resnet_engine::{EngineError, Sgd};
use resweep_core::domain::{Checkpoint, Saved, Sha256, TrajectoryId};
use resweep_core::files::Place;
use resweep_data::SamplerState;

/// Raised when a file means something else than before.
const FORMAT: u32 = 2;
/// The first format has no curve.
const OLDEST_FORMAT: u32 = 1;
/// The one entry of the metadata; with several, their order would be left to chance.
pub(super) const METADATA: &str = "resweep";
pub(super) const MOMENTUM: &str = "momentum_buffer.";
pub(super) const PERMUTATION: &str = "sampler.permutation";
/// Before the names of the training curve's tensors.
pub(super) const CURVE: &str = "curve.";
const CURVE_ERRORS: &str = "curve.errors";
const CURVE_LOSS_SUMS: &str = "curve.loss_sums";

/// Where a training stands besides its tensors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    pub iteration: u64,
    /// Errors and loss since the last point of the training curve; only used without a curve.
    pub interval: RunningError,
    /// The training curve so far; `None` where it is too long, or an older build did not keep it.
    pub curve: Option<Curve>,
    /// Learning rate of the last update.
    pub lr: f64,
    pub schedule: LrState,
    pub sampler: SamplerState,
}

/// Why a checkpoint could not be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    #[error("cannot write the checkpoint {}: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot read the checkpoint {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the checkpoint {} is not as it was written", path.display())]
    Damaged { path: PathBuf },
    #[error("the checkpoint {} is not of this training: {what}", path.display())]
    Foreign { path: PathBuf, what: String },
    #[error(transparent)]
    Device(#[from] EngineError),
}

/// The metadata.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    format: u32,
    trajectory: TrajectoryId,
    iteration: u64,
    /// Only where there is no curve, so that a file does not depend on `log_every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interval: Option<RunningError>,
    /// Each learning rate with the first iteration that had it, where there is a curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rates: Option<Vec<(u64, f64)>>,
    lr: f64,
    schedule: LrState,
    sampler_position: usize,
    order_words: u128,
    augmentation_words: u128,
}

/// Writes `folder/<iteration>.safetensors`; returns when the disk has it.
///
/// # Errors
/// When it cannot be written; a file of that name is then as it was.
pub fn save<D: Device<f32>>(
    folder: &Place,
    trajectory: &TrajectoryId,
    progress: &Progress,
    network: &Network<D>,
    sgd: &Sgd<D>,
) -> Result<Saved, CheckpointError> {
    let bytes = encode(trajectory, progress, network, sgd);
    let path = folder.join(format!("{}.safetensors", progress.iteration));
    path.write(&[&bytes])
        .map_err(|source| CheckpointError::Write {
            path: path.to_path_buf(),
            source,
        })?;
    Ok(Saved {
        iteration: progress.iteration,
        sha256: sha256(&bytes),
        bytes: bytes.len() as u64,
        has_curve: progress.curve.is_some(),
    })
}

/// Puts the state of a checkpoint into a network and its optimiser.
///
/// # Errors
/// When the file cannot be read, is not the one that was written, or belongs to something else;
/// then network and optimiser are as they were.
pub fn load<D: Device<f32>>(
    checkpoint: &Checkpoint,
    batch_size: usize,
    device: &D,
    network: &mut Network<D>,
    sgd: &mut Sgd<D>,
) -> Result<Progress, CheckpointError> {
    let bytes = read(checkpoint)?;
    let decoded = decode(&bytes, checkpoint, batch_size, network).map_err(|what| {
        CheckpointError::Foreign {
            path: checkpoint.path.to_path_buf(),
            what,
        }
    })?;
    for (parameter, values) in network.parameters.iter_mut().zip(&decoded.parameters) {
        parameter.tensor.copy_from(values);
    }
    for (buffer, values) in network.buffers.iter_mut().zip(&decoded.buffers) {
        buffer.tensor.copy_from(values);
    }
    sgd.set_momentum_buffers(device, network, decoded.momentum)?;
    Ok(decoded.progress)
}

/// The bytes of a checkpoint's file.
///
/// # Errors
/// When it cannot be read, or its checksum is not the one that was recorded.
pub(super) fn read(checkpoint: &Checkpoint) -> Result<Vec<u8>, CheckpointError> {
    let path = || checkpoint.path.to_path_buf();
    let bytes = checkpoint
        .path
        .read()
        .map_err(|source| CheckpointError::Read {
            path: path(),
            source,
        })?;
    match sha256(&bytes) == checkpoint.sha256 {
        true => Ok(bytes),
        false => Err(CheckpointError::Damaged { path: path() }),
    }
}

/// A tensor on its way into a file.
struct Entry {
    name: String,
    dtype: Dtype,
    dims: Vec<usize>,
    bytes: Vec<u8>,
}

impl Entry {
    fn floats<D: Device<f32>>(name: String, dims: Vec<usize>, tensor: &Vector<D>) -> Self {
        Self {
            name,
            dtype: Dtype::F32,
            dims,
            bytes: bytemuck::cast_slice(&tensor.as_vec()).to_vec(),
        }
    }
}

fn encode<D: Device<f32>>(
    trajectory: &TrajectoryId,
    progress: &Progress,
    network: &Network<D>,
    sgd: &Sgd<D>,
) -> Vec<u8> {
    let mut entries = Vec::new();
    for parameter in &network.parameters {
        let dims = || parameter.dims.clone();
        let velocity = sgd.momentum_buffer(parameter);
        let momentum = format!("{MOMENTUM}{}", parameter.name);
        entries.push(Entry::floats(momentum, dims(), &velocity));
        entries.push(Entry::floats(
            parameter.name.clone(),
            dims(),
            &parameter.tensor,
        ));
    }
    for buffer in &network.buffers {
        let dims = vec![buffer.tensor.as_vec().len()];
        entries.push(Entry::floats(buffer.name.clone(), dims, &buffer.tensor));
    }
    let sampler = &progress.sampler;
    entries.push(Entry {
        name: PERMUTATION.to_owned(),
        dtype: Dtype::U32,
        dims: vec![sampler.permutation.len()],
        bytes: bytemuck::cast_slice(&sampler.permutation).to_vec(),
    });
    if let Some(curve) = &progress.curve {
        entries.extend(curve_entries(curve));
    }
    let interval = progress.curve.is_none().then_some(progress.interval);
    let rates = progress.curve.as_ref().map(|curve| curve.rates.clone());
    let header = Header {
        format: FORMAT,
        trajectory: trajectory.clone(),
        iteration: progress.iteration,
        interval,
        rates,
        lr: progress.lr,
        schedule: progress.schedule,
        sampler_position: sampler.position,
        order_words: sampler.order_words,
        augmentation_words: sampler.augmentation_words,
    };
    let json = serde_json::to_string(&header).expect("numbers and text");
    let metadata = HashMap::from([(METADATA.to_owned(), json)]);
    let views = entries.iter().map(|entry| {
        let view = TensorView::new(entry.dtype, entry.dims.clone(), &entry.bytes);
        (entry.name.as_str(), view.expect("as many bytes as dims"))
    });
    serialize(views, Some(metadata)).expect("tensors of known sizes")
}

fn curve_entries(curve: &Curve) -> [Entry; 2] {
    let dims = vec![curve.errors.len()];
    let errors = Entry {
        name: CURVE_ERRORS.to_owned(),
        dtype: Dtype::U32,
        dims: dims.clone(),
        bytes: bytemuck::cast_slice(&curve.errors).to_vec(),
    };
    let loss_sums = Entry {
        name: CURVE_LOSS_SUMS.to_owned(),
        dtype: Dtype::F64,
        dims,
        bytes: bytemuck::cast_slice(&curve.loss_sums).to_vec(),
    };
    [errors, loss_sums]
}

/// A checkpoint that fits a network, in the order of the network's tensors.
struct Decoded {
    parameters: Vec<Vec<f32>>,
    momentum: Vec<Vec<f32>>,
    buffers: Vec<Vec<f32>>,
    progress: Progress,
}

/// The metadata of a file, where it is a checkpoint that this program reads.
pub(super) fn header(bytes: &[u8]) -> Result<Header, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let entries = metadata.metadata().as_ref();
    let json = entries.and_then(|entries| entries.get(METADATA));
    let json = json.ok_or("it is not resweep's")?;
    let header: Header = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if (OLDEST_FORMAT..=FORMAT).contains(&header.format) {
        return Ok(header);
    }
    Err(format!(
        "it has version {} of the format, this program reads {FORMAT}",
        header.format
    ))
}

fn decode<D: Device<f32>>(
    bytes: &[u8],
    checkpoint: &Checkpoint,
    batch_size: usize,
    network: &Network<D>,
) -> Result<Decoded, String> {
    let header = header(bytes)?;
    if header.trajectory != checkpoint.trajectory || header.iteration != checkpoint.iteration {
        return Err("its configuration is another one".to_owned());
    }
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let floats = |name: &str, len: usize| values::<f32>(&file, name, Dtype::F32, Some(len));
    let mut decoded = Decoded {
        parameters: Vec::new(),
        momentum: Vec::new(),
        buffers: Vec::new(),
        progress: Progress {
            iteration: header.iteration,
            interval: header.interval.unwrap_or_default(),
            curve: match header.rates {
                Some(rates) => Some(curve(&file, rates, header.iteration, batch_size)?),
                None => None,
            },
            lr: header.lr,
            schedule: header.schedule,
            sampler: SamplerState {
                permutation: Arc::new(values(&file, PERMUTATION, Dtype::U32, None)?),
                position: header.sampler_position,
                order_words: header.order_words,
                augmentation_words: header.augmentation_words,
            },
        },
    };
    for parameter in &network.parameters {
        let len = parameter.dims.iter().product();
        let momentum = format!("{MOMENTUM}{}", parameter.name);
        decoded.parameters.push(floats(&parameter.name, len)?);
        decoded.momentum.push(floats(&momentum, len)?);
    }
    for buffer in &network.buffers {
        let len = buffer.tensor.as_vec().len();
        decoded.buffers.push(floats(&buffer.name, len)?);
    }
    Ok(decoded)
}

fn curve(
    file: &SafeTensors<'_>,
    rates: Vec<(u64, f64)>,
    iteration: u64,
    batch_size: usize,
) -> Result<Curve, String> {
    let len = Some(iteration as usize);
    let errors = values(file, CURVE_ERRORS, Dtype::U32, len)?;
    let loss_sums = values(file, CURVE_LOSS_SUMS, Dtype::F64, len)?;
    Curve::from_parts(batch_size, errors, loss_sums, rates)
        .ok_or_else(|| "its training curve does not fit together".to_owned())
}

fn values<T: bytemuck::AnyBitPattern>(
    file: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    len: Option<usize>,
) -> Result<Vec<T>, String> {
    let view = file.tensor(name).map_err(|error| error.to_string())?;
    let values = view.data().len() / size_of::<T>();
    if view.dtype() != dtype || len.is_some_and(|len| len != values) {
        return Err(format!("`{name}` has another type or size"));
    }
    // What a file holds need not be aligned.
    let chunks = view.data().chunks_exact(size_of::<T>());
    Ok(chunks.map(bytemuck::pod_read_unaligned).collect())
}

fn sha256(bytes: &[u8]) -> Sha256 {
    sha2::Sha256::digest(bytes).into()
}
