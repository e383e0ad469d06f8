//! GPU memory for the passes of one network.

use dfdx::prelude::{Cuda, CudaError, Gradients, SgdConfig, WeightDecay};

use super::backward::Backward;
use super::buffers::{Layer, Shared};
use super::forward::{Forward, Statistics};
use super::kernels::Kernels;
use super::pass::{Pass, of_layer};
use super::products::Products;
use super::shared_tensor::{Memory, SharedTensor, load, update, zeros};
use super::sizes::{batch_of, entries, outputs, rows};
use super::values::{Floats, Partial, Values};
use crate::model::{Architecture, ConvBn, Network, Vector};
use crate::{Matrix, Moments};

/// With the negative of a batch statistic as the gradient g: r -= 0.1 (g + r), which moves the
/// running statistic a tenth of the way, PyTorch's momentum.
const RUNNING: SgdConfig = SgdConfig {
    lr: 0.1,
    momentum: None,
    weight_decay: Some(WeightDecay::L2(1.0)),
};

/// A network's parameters and statistics where kernels can access them, and memory for its passes.
pub struct Workspace {
    kernels: Kernels,
    products: Products,
    architecture: Architecture,
    /// The largest batch that fits, in images.
    capacity: usize,
    /// Kernel, gamma and beta of each layer, then the fully connected layer's weight and bias.
    parameters: Vec<Memory>,
    /// Running mean and variance of each layer.
    running: Vec<Memory>,
    /// The negatives of the batch's mean and unbiased variance of each layer.
    fresh: Vec<Memory>,
    zeros: Memory,
    images: Memory,
    /// (images, features) of the last pass.
    features: Memory,
    /// (images, classes) of the last pass.
    logits: SharedTensor<(usize, usize)>,
    layers: Vec<Layer>,
    shared: Shared,
}

impl Workspace {
    /// Allocates memory for batches of `batch` images.
    ///
    /// # Errors
    /// When the GPU has too little memory.
    pub fn new(
        device: &Cuda,
        architecture: &Architecture,
        batch: usize,
    ) -> Result<Self, CudaError> {
        let stem = &architecture.stem;
        let pixels = batch * stem.in_size * stem.in_size * stem.in_channels;
        let (features, classes) = (architecture.features, architecture.classes);
        let weights = architecture.layers().map(ConvBn::weights);
        let longest = weights.chain([pixels, features * classes]).max();
        let all_zero = zeros(device, longest.unwrap_or_default())?;
        let driver = all_zero.device();
        let (kernels, products) = (Kernels::of(driver.clone()), Products::new(driver)?);

        let parameters = architecture.layers().flat_map(|layer| {
            let channels = layer.out_channels;
            [layer.weights(), channels, channels]
        });
        let parameters = parameters.chain([features * classes, classes]);
        let statistics = || {
            let layers = architecture.layers();
            layers.flat_map(|layer| [layer.out_channels; 2])
        };
        let layers = architecture.layers();
        let layers = layers.map(|layer| layer_memory(device, layer, batch));
        Ok(Self {
            architecture: architecture.clone(),
            capacity: batch,
            parameters: memories(device, parameters)?,
            running: memories(device, statistics())?,
            fresh: memories(device, statistics())?,
            zeros: all_zero,
            images: zeros(device, pixels)?,
            features: zeros(device, batch * features)?,
            logits: SharedTensor::new(device, (batch, classes))?,
            layers: layers.collect::<Result<_, CudaError>>()?,
            shared: shared_memory(device, architecture, batch)?,
            kernels,
            products,
        })
    }

    /// Whether the memory suffices for `batch` images in `architecture`.
    pub fn fits(&self, architecture: &Architecture, batch: usize) -> bool {
        self.architecture == *architecture && batch <= self.capacity
    }

    /// The logits (batch, classes) of `images` with BN on the statistics of the batch; updates the
    /// running statistics.
    pub fn train(
        &mut self,
        network: &mut Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda>, CudaError> {
        for (memory, parameter) in self.parameters.iter_mut().zip(&mut network.parameters) {
            load(&mut parameter.tensor, memory, &self.zeros)?;
        }
        self.forward(images, true)?;
        for (fresh, buffer) in self.fresh.iter().zip(&mut network.buffers) {
            update(&RUNNING, &mut buffer.tensor, fresh, &mut self.zeros)?;
        }
        Ok(self.logits.tensor())
    }

    /// The logits of `images` with BN on the running statistics.
    pub fn eval(
        &mut self,
        network: &Network<Cuda>,
        images: Matrix<Cuda>,
    ) -> Result<Matrix<Cuda>, CudaError> {
        let parameters = network.parameters.iter().map(|one| &one.tensor);
        let buffers = network.buffers.iter().map(|one| &one.tensor);
        let parameters = self.parameters.iter_mut().zip(parameters);
        for (memory, tensor) in parameters.chain(self.running.iter_mut().zip(buffers)) {
            load(&mut tensor.clone(), memory, &self.zeros)?;
        }
        self.forward(images, false)?;
        Ok(self.logits.tensor())
    }

    fn forward(&mut self, mut images: Matrix<Cuda>, training: bool) -> Result<(), CudaError> {
        let batch = batch_of(&self.architecture, &images);
        if self.logits.shape().0 != batch {
            let shape = (batch, self.architecture.classes);
            self.logits = SharedTensor::new(images.device(), shape)?;
        }
        load(&mut images, &mut self.images, &self.zeros)?;
        let logits = self.logits.floats()?;
        let forward = Forward {
            statistics: match training {
                true => Statistics::OfBatch(all(&self.fresh)),
                false => Statistics::Running(all(&self.running)),
            },
            pass: Pass {
                kernels: &self.kernels,
                products: &self.products,
                layers: &self.layers,
                shared: &self.shared,
                parameters: all(&self.parameters),
                batch,
            },
        };
        let (images, features) = (Floats::of(&self.images), Floats::of(&self.features));
        forward.logits(&self.architecture, images, features, logits)
    }

    /// The moments of each convolution's output in the last pass.
    pub fn moments(&mut self) -> Result<Vec<Moments>, CudaError> {
        let batch = self.logits.shape().0;
        let partial = Partial(Values::of(&self.shared.partial));
        let layers = self.architecture.layers().zip(&self.layers);
        let moments = layers.map(|(layer, memory)| {
            let shape @ (rows, _) = (rows(layer, batch), layer.out_channels);
            let [minus_mean, minus_unbiased] = of_layer(&self.fresh, layer);
            let out = [&memory.mean, &memory.variance, minus_mean, minus_unbiased];
            let out = out.map(|one| Floats::of(one));
            (self.kernels).statistics(shape, Floats::of(&memory.z), partial, out)?;
            let device = memory.mean.device();
            let mean = device.dtoh_sync_copy(&memory.mean)?;
            let variance = device.dtoh_sync_copy(&memory.variance)?;
            Ok(Moments::of(rows, &mean, &variance))
        });
        moments.collect()
    }

    /// Adds the gradients of `parameters`, given those of the logits of the last pass, which was a
    /// training pass.
    pub fn backward(
        &mut self,
        parameters: &[Vector<Cuda>],
        logits: &Matrix<Cuda>,
        gradients: &mut Gradients<f32, Cuda>,
    ) -> Result<(), CudaError> {
        let batch = self.logits.shape().0;
        // The memory of the logits is no longer needed.
        let of_logits = gradients.get_or_alloc_mut(logits)?;
        let device = of_logits.device();
        device.dtod_copy(&**of_logits, self.logits.slice()?)?;
        let of_logits = self.logits.floats()?;
        let backward = Backward {
            tensors: parameters,
            pass: Pass {
                kernels: &self.kernels,
                products: &self.products,
                layers: &self.layers,
                shared: &self.shared,
                parameters: all(&self.parameters),
                batch,
            },
        };
        let (images, features) = (Floats::of(&self.images), Floats::of(&self.features));
        backward.gradients(&self.architecture, images, features, of_logits, gradients)
    }
}

/// Memory of these lengths, in floats.
fn memories(device: &Cuda, lengths: impl Iterator<Item = usize>) -> Result<Vec<Memory>, CudaError> {
    lengths.map(|len| zeros(device, len)).collect()
}

/// Memory for the values of one layer.
fn layer_memory(device: &Cuda, layer: &ConvBn, batch: usize) -> Result<Layer, CudaError> {
    let (channels, len) = (layer.out_channels, outputs(layer, batch));
    Ok(Layer {
        z: zeros(device, len)?,
        y: zeros(device, len)?,
        mean: zeros(device, channels)?,
        variance: zeros(device, channels)?,
    })
}

/// Memory that all layers use one after the other.
fn shared_memory(
    device: &Cuda,
    architecture: &Architecture,
    batch: usize,
) -> Result<Shared, CudaError> {
    let largest = |of: &dyn Fn(&ConvBn) -> usize| {
        let sizes = architecture.layers().map(of);
        sizes.max().unwrap_or_default()
    };
    let columns = largest(&|layer| rows(layer, batch) * entries(layer));
    let activation = largest(&|layer| outputs(layer, batch));
    let channels = largest(&|layer| layer.out_channels);
    let partial = Partial::len(channels.max(architecture.classes));
    Ok(Shared {
        columns: zeros(device, columns)?,
        spare: zeros(device, activation)?,
        gradients: [zeros(device, activation)?, zeros(device, activation)?],
        partial: zeros(device, partial)?,
        means: [zeros(device, channels)?, zeros(device, channels)?],
    })
}

fn all(memories: &[Memory]) -> Vec<Floats<'_>> {
    memories.iter().map(|memory| Floats::of(memory)).collect()
}
