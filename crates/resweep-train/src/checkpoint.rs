//! Checkpoint files: the full training state in a safetensors file.
//!
//! Parameters and running statistics have the names of PyTorch's ResNets, momentum buffers are
//! named after their parameters, and the sampler's order of the current epoch is a tensor too.
//! Everything else is JSON in the file's metadata. Equal states give equal bytes: no file contains
//! a date, a host or a path.

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

/// Incremented when the meaning of a file changes.
const FORMAT: u32 = 2;
/// Version 1 has no curve.
const OLDEST_FORMAT: u32 = 1;
/// The only metadata entry: with several, their order in the file would be random.
pub(super) const METADATA: &str = "resweep";
pub(super) const MOMENTUM: &str = "momentum_buffer.";
pub(super) const PERMUTATION: &str = "sampler.permutation";
/// Prefix of the training curve's tensors.
pub(super) const CURVE: &str = "curve.";
const CURVE_ERRORS: &str = "curve.errors";
const CURVE_LOSS_SUMS: &str = "curve.loss_sums";

/// The training state besides the network's tensors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    pub iteration: u64,
    /// Errors and loss since the last point of the training curve; used only without a curve.
    pub interval: RunningError,
    /// The training curve so far; `None` if it is too long, or if an older version wrote the file.
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
    #[error("the checkpoint {} is damaged: its SHA-256 differs", path.display())]
    Damaged { path: PathBuf },
    #[error("the checkpoint {} does not belong to this run: {what}", path.display())]
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
    /// Only without a curve, so that a file does not depend on `log_every`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interval: Option<RunningError>,
    /// Each learning rate with its first iteration, if there is a curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rates: Option<Vec<(u64, f64)>>,
    lr: f64,
    schedule: LrState,
    sampler_position: usize,
    order_words: u128,
    augmentation_words: u128,
}

/// Writes `folder/<iteration>.safetensors`; returns once the data are on disk.
///
/// # Errors
/// When the file cannot be written; an existing file of that name is unchanged.
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

/// Loads the state of a checkpoint into a network and its optimiser.
///
/// # Errors
/// When the file cannot be read, its SHA-256 differs, it belongs to another run, or its state is not
/// `valid`; network and optimiser are unchanged then.
pub fn load<D: Device<f32>>(
    checkpoint: &Checkpoint,
    batch_size: usize,
    device: &D,
    network: &mut Network<D>,
    sgd: &mut Sgd<D>,
    valid: impl Fn(&Progress) -> Result<(), String>,
) -> Result<Progress, CheckpointError> {
    let bytes = read(checkpoint)?;
    let decoded = decode(&bytes, checkpoint, batch_size, network)
        .and_then(|decoded| valid(&decoded.progress).map(|()| decoded))
        .map_err(|what| CheckpointError::Foreign {
            path: checkpoint.path.to_path_buf(),
            what,
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

/// Reads a checkpoint's file.
///
/// # Errors
/// When it cannot be read, or its SHA-256 differs from the recorded one.
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

/// A tensor to be written to a file.
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

/// A checkpoint's content, in the order of the network's tensors.
struct Decoded {
    parameters: Vec<Vec<f32>>,
    momentum: Vec<Vec<f32>>,
    buffers: Vec<Vec<f32>>,
    progress: Progress,
}

/// The metadata of a file, if it is a checkpoint in a supported format.
pub(super) fn header(bytes: &[u8]) -> Result<Header, String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|error| error.to_string())?;
    let entries = metadata.metadata().as_ref();
    let json = entries.and_then(|entries| entries.get(METADATA));
    let json = json.ok_or("it has no resweep metadata")?;
    let header: Header = serde_json::from_str(json).map_err(|error| error.to_string())?;
    if (OLDEST_FORMAT..=FORMAT).contains(&header.format) {
        return Ok(header);
    }
    Err(format!(
        "it has format {}, this version of resweep reads formats {OLDEST_FORMAT} to {FORMAT}",
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
        return Err("its configuration differs".to_owned());
    }
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let floats = |name: &str, dims: &[usize]| {
        let values = values::<f32>(&file, name, Dtype::F32, Some(dims))?;
        match values.iter().all(|value| value.is_finite()) {
            true => Ok(values),
            false => Err(format!("`{name}` has a value that is not a number")),
        }
    };
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
        let momentum = format!("{MOMENTUM}{}", parameter.name);
        let dims = &parameter.dims;
        decoded.parameters.push(floats(&parameter.name, dims)?);
        decoded.momentum.push(floats(&momentum, dims)?);
    }
    for buffer in &network.buffers {
        let len = buffer.tensor.as_vec().len();
        let values = floats(&buffer.name, &[len])?;
        if buffer.name.ends_with("running_var") && values.iter().any(|value| *value < 0.0) {
            return Err(format!("`{}` has a negative variance", buffer.name));
        }
        decoded.buffers.push(values);
    }
    Ok(decoded)
}

fn curve(
    file: &SafeTensors<'_>,
    rates: Vec<(u64, f64)>,
    iteration: u64,
    batch_size: usize,
) -> Result<Curve, String> {
    let dims = [iteration as usize];
    let errors = values(file, CURVE_ERRORS, Dtype::U32, Some(&dims))?;
    let loss_sums = values(file, CURVE_LOSS_SUMS, Dtype::F64, Some(&dims))?;
    Curve::from_parts(batch_size, errors, loss_sums, rates)
        .ok_or_else(|| "its training curve is inconsistent".to_owned())
}

fn values<T: bytemuck::AnyBitPattern>(
    file: &SafeTensors<'_>,
    name: &str,
    dtype: Dtype,
    dims: Option<&[usize]>,
) -> Result<Vec<T>, String> {
    let view = file.tensor(name).map_err(|error| error.to_string())?;
    if view.dtype() != dtype || dims.is_some_and(|dims| dims != view.shape()) {
        return Err(format!("`{name}` has another type or shape"));
    }
    // Tensors in a file may be unaligned.
    let chunks = view.data().chunks_exact(size_of::<T>());
    Ok(chunks.map(bytemuck::pod_read_unaligned).collect())
}

fn sha256(bytes: &[u8]) -> Sha256 {
    sha2::Sha256::digest(bytes).into()
}
