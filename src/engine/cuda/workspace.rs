//! What a network's passes keep on the GPU.

use cudarc::driver::CudaSlice;
use dfdx::prelude::{Cuda, CudaError, Gradients, SgdConfig, WeightDecay};

use super::backward::Backward;
use super::forward::Forward;
use super::kernels::Kernels;
use super::products::Products;
use super::sizes::{batch_of, entries, outputs, rows};
use super::slot::{Memory, Slot, load, update, zeros};
use super::values::{Floats, Partial};
use crate::engine::{Matrix, Moments};
use crate::model::{Architecture, ConvBn, Network, Vector};

/// With the negative of a batch's statistic as the gradient g: r -= 0.1 (g + r), which moves the
/// running statistic a tenth of the way, PyTorch's momentum.
const RUNNING: SgdConfig = SgdConfig {
    lr: 0.1,
    momentum: None,
    weight_decay: Some(WeightDecay::L2(1.0)),
};

/// What one layer leaves for the way back.
pub struct Layer {
    /// What the convolution puts out: (rows, channels).
    pub z: CudaSlice<f32>,
    /// After BN, the shortcut and ReLU: (rows, channels).
    pub y: CudaSlice<f32>,
    /// The batch's mean and biased variance: (channels).
    pub mean: CudaSlice<f32>,
    pub variance: CudaSlice<f32>,
}

/// Memory that layers use in turn.
pub struct Shared {
    /// The largest layer's columns.
    pub columns: CudaSlice<f32>,
    /// As large as the largest activation: a shortcut, or the gradient of a convolution's outputs.
    pub spare: CudaSlice<f32>,
    /// Gradients of two activations.
    pub gradients: [CudaSlice<f32>; 2],
    pub partial: CudaSlice<f64>,
    /// Means of a layer's gradients and of their products with its normalised values: (channels).
    pub means: [CudaSlice<f32>; 2],
}

/// A network's parameters and statistics where kernels reach them, and memory for its passes.
pub struct Workspace {
    kernels: Kernels,
    products: Products,
    architecture: Architecture,
    /// Images that the memory is for.
    capacity: usize,
    /// Kernel, gamma and beta of each layer in turn, then the fully connected layer's weight and bias.
    parameters: Vec<Memory>,
    /// Running mean and variance of each layer in turn.
    running: Vec<Memory>,
    /// The negatives of the batch's mean and unbiased variance of each layer in turn.
    fresh: Vec<Memory>,
    zeros: Memory,
    images: Memory,
    /// (images, features) of the last pass.
    features: CudaSlice<f32>,
    /// (images, classes) of the last pass.
    logits: Slot<(usize, usize)>,
    layers: Vec<Layer>,
    shared: Shared,
}

impl Workspace {
    /// Memory for `batch` images at a time.
    ///
    /// # Errors
    /// When the GPU has too little.
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
        let (kernels, products) = (Kernels::new(driver.clone())?, Products::new(driver)?);

        let memories = |lengths: Vec<usize>| -> Result<Vec<_>, CudaError> {
            lengths.into_iter().map(|len| zeros(device, len)).collect()
        };
        let parameters = architecture.layers().flat_map(|layer| {
            let channels = layer.out_channels;
            [layer.weights(), channels, channels]
        });
        let parameters = parameters.chain([features * classes, classes]);
        let statistics = || {
            architecture
                .layers()
                .flat_map(|layer| [layer.out_channels; 2])
        };
        let layers = architecture.layers().map(|layer| {
            let (channels, len) = (layer.out_channels, outputs(layer, batch));
            Ok(Layer {
                z: kernels.zeros(len)?,
                y: kernels.zeros(len)?,
                mean: kernels.zeros(channels)?,
                variance: kernels.zeros(channels)?,
            })
        });
        let layers = layers.collect::<Result<_, CudaError>>()?;
        let largest = |of: &dyn Fn(&ConvBn) -> usize| architecture.layers().map(of).max();
        let columns = largest(&|layer| rows(layer, batch) * entries(layer));
        let activation = largest(&|layer| outputs(layer, batch)).unwrap_or_default();
        let channels = largest(&|layer| layer.out_channels).unwrap_or_default();
        let shared = Shared {
            columns: kernels.zeros(columns.unwrap_or_default())?,
            spare: kernels.zeros(activation)?,
            gradients: [kernels.zeros(activation)?, kernels.zeros(activation)?],
            partial: kernels.zeros(Partial::len(channels.max(classes)))?,
            means: [kernels.zeros(channels)?, kernels.zeros(channels)?],
        };
        Ok(Self {
            architecture: architecture.clone(),
            capacity: batch,
            parameters: memories(parameters.collect())?,
            running: memories(statistics().collect())?,
            fresh: memories(statistics().collect())?,
            zeros: all_zero,
            images: zeros(device, pixels)?,
            features: kernels.zeros(batch * features)?,
            logits: Slot::new(device, (batch, classes))?,
            layers,
            shared,
            kernels,
            products,
        })
    }

    /// Whether the memory is enough for `batch` images in `architecture`.
    pub fn fits(&self, architecture: &Architecture, batch: usize) -> bool {
        self.architecture == *architecture && batch <= self.capacity
    }

    /// The logits (batch, classes) of `images` with BN on the statistics of the batch, towards which the
    /// running ones are moved.
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
        let device = images.device().clone();
        if self.logits.shape().0 != batch {
            self.logits = Slot::new(&device, (batch, self.architecture.classes))?;
        }
        load(&mut images, &mut self.images, &self.zeros)?;
        let forward = Forward {
            kernels: &self.kernels,
            products: &self.products,
            layers: &self.layers,
            shared: &self.shared,
            parameters: all(&self.parameters),
            running: all(&self.running),
            fresh: all(&self.fresh),
            training,
            batch,
        };
        let (images, logits) = ((&*self.images).into(), self.logits.floats()?);
        let features = (&self.features).into();
        forward.logits(&self.architecture, images, features, logits)
    }

    /// The moments of what each layer's convolution put out in the last pass.
    pub fn moments(&mut self) -> Result<Vec<Moments>, CudaError> {
        let batch = self.logits.shape().0;
        let fresh = all(&self.fresh);
        let layers = self.architecture.layers().zip(&self.layers);
        let moments = layers.map(|(layer, memory)| {
            let (rows, minus) = (rows(layer, batch), &fresh[2 * layer.index..]);
            let out = [
                (&memory.mean).into(),
                (&memory.variance).into(),
                minus[0],
                minus[1],
            ];
            let partial = Partial((&self.shared.partial).into());
            let shape = (rows, layer.out_channels);
            self.kernels
                .statistics(shape, (&memory.z).into(), partial, out)?;
            let device = memory.mean.device();
            let mean = device.dtoh_sync_copy(&memory.mean)?;
            let variance = device.dtoh_sync_copy(&memory.variance)?;
            Ok(Moments::of(rows, &mean, &variance))
        });
        moments.collect()
    }

    /// Adds to the gradients of the network's `parameters` from those of the logits of the last pass,
    /// which was a training's.
    pub fn backward(
        &mut self,
        parameters: &[Vector<Cuda>],
        logits: &Matrix<Cuda>,
        gradients: &mut Gradients<f32, Cuda>,
    ) -> Result<(), CudaError> {
        let batch = self.logits.shape().0;
        // The memory of the logits is free by now.
        let of_logits = gradients.get_or_alloc_mut(logits)?;
        let device = of_logits.device();
        device.dtod_copy(&**of_logits, self.logits.slice()?)?;
        let backward = Backward {
            kernels: &self.kernels,
            products: &self.products,
            layers: &self.layers,
            shared: &self.shared,
            weights: all(&self.parameters),
            parameters,
            batch,
        };
        let (images, of_logits) = ((&*self.images).into(), self.logits.floats()?);
        let features = (&self.features).into();
        backward.gradients(&self.architecture, images, features, of_logits, gradients)
    }
}

fn all(memories: &[Memory]) -> Vec<Floats<'_>> {
    memories.iter().map(|memory| (&**memory).into()).collect()
}
