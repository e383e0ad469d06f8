//! Exports the network of a checkpoint, and the normalisation of its images, as safetensors files
//! for other programs.

use std::collections::HashMap;

use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};

use super::CheckpointError;
use super::checkpoint::{CURVE, METADATA, MOMENTUM, PERMUTATION, header, read};
use resweep_core::domain::Checkpoint;
use resweep_data::Normaliser;

/// Parameters and running statistics of a checkpoint, with the names of PyTorch's ResNets;
/// `description` becomes the file's metadata under the key `resweep`.
///
/// # Errors
/// When the checkpoint cannot be read or its SHA-256 differs.
pub fn network_file(
    checkpoint: &Checkpoint,
    description: String,
) -> Result<Vec<u8>, CheckpointError> {
    let bytes = read(checkpoint)?;
    network_of(&bytes, description).map_err(|what| CheckpointError::Foreign {
        path: checkpoint.path.to_path_buf(),
        what,
    })
}

fn network_of(bytes: &[u8], description: String) -> Result<Vec<u8>, String> {
    header(bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let tensors = file.tensors().into_iter();
    let of_training =
        |name: &str| name.starts_with(MOMENTUM) || name.starts_with(CURVE) || name == PERMUTATION;
    let network = tensors.filter(|(name, _)| !of_training(name));
    let metadata = HashMap::from([(METADATA.to_owned(), description)]);
    serialize(network, Some(metadata)).map_err(|error| error.to_string())
}

/// `mean` (channels, height, width) and `std` (channels) for pixels in 0..1: a network's input is
/// `(pixel / 255 - mean) / std`.
///
/// # Errors
/// When `size` is not that of the images, in pixels.
pub fn normalisation_file(normaliser: &Normaliser, size: usize) -> Result<Vec<u8>, String> {
    let (mean, deviation) = (normaliser.mean(), normaliser.deviation());
    let view = |dims: &[usize], values| {
        let view = TensorView::new(Dtype::F32, dims.to_vec(), bytemuck::cast_slice(values));
        view.map_err(|error| error.to_string())
    };
    let tensors = [
        ("mean", view(&[deviation.len(), size, size], &mean)?),
        ("std", view(&[deviation.len()], &deviation)?),
    ];
    serialize(tensors, None).map_err(|error| error.to_string())
}
