//! A network's tensors on a dfdx device, with the parameter names of PyTorch's ResNets.

use dfdx::prelude::{Device, NoneTape, Tensor};

use super::{Architecture, ConvBn, init};
use resnet_architecture::{ModelConfig, streams};

/// A vector on device `D`: flat parameters, statistics of channels.
pub type Vector<D, T = NoneTape> = Tensor<(usize,), f32, D, T>;

/// The kind of a parameter, which decides whether weight decay applies to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// A convolution's kernel or the fully connected layer's matrix.
    Weight,
    /// BN's gamma or beta, or the fully connected layer's bias.
    ScaleOrBias,
}

/// A trained tensor, stored flat in row-major order of `dims`.
#[derive(Debug, Clone)]
pub struct Parameter<D: Device<f32>> {
    /// `conv1.weight`, `layer1.0.bn1.bias`, `layer2.0.downsample.0.weight`, `fc.weight`, ...
    pub name: String,
    /// Kernels: (out channels, in channels, height, width); the fully connected weight:
    /// (classes, features); all others: (channels) or (classes).
    pub dims: Vec<usize>,
    pub kind: ParameterKind,
    pub tensor: Vector<D>,
}

/// A tensor that training updates without a gradient: BN's running mean or variance.
#[derive(Debug, Clone)]
pub struct Buffer<D: Device<f32>> {
    /// `bn1.running_mean`, `layer1.0.bn2.running_var`, ...
    pub name: String,
    /// One value for each channel.
    pub tensor: Vector<D>,
}

/// Parameters and running statistics of one network.
#[derive(Debug, Clone)]
pub struct Network<D: Device<f32>> {
    pub architecture: Architecture,
    /// Kernel, gamma and beta of each convolution, then `fc.weight` and `fc.bias`.
    pub parameters: Vec<Parameter<D>>,
    /// Running mean and variance of each batch normalisation.
    pub buffers: Vec<Buffer<D>>,
}

impl<D: Device<f32>> Network<D> {
    /// A network with initial values drawn from the init stream of `seed`.
    pub fn new(device: &D, config: &ModelConfig, classes: usize, seed: u64) -> Self {
        let architecture = Architecture::new(config, classes);
        let mut rng = streams::rng(seed, streams::Stream::Init);
        let mut parameters = Vec::new();
        let mut buffers = Vec::new();
        for layer in architecture.layers() {
            let kernel = init::he_normal(layer, config.init, &mut rng);
            parameters.extend(conv_bn_parameters(device, layer, kernel));
            buffers.extend(running_statistics(device, layer));
        }
        let (features, classes) = (architecture.features, architecture.classes);
        let weight = init::uniform(features, features * classes, &mut rng);
        parameters.push(Parameter {
            name: "fc.weight".to_owned(),
            dims: vec![classes, features],
            kind: ParameterKind::Weight,
            tensor: flat(device, weight),
        });
        parameters.push(Parameter {
            name: "fc.bias".to_owned(),
            dims: vec![classes],
            kind: ParameterKind::ScaleOrBias,
            tensor: flat(device, vec![0.0; classes]),
        });
        Self {
            architecture,
            parameters,
            buffers,
        }
    }

    /// The kernel of a layer: (out channels, in channels, height, width), flat.
    pub fn kernel(&self, layer: &ConvBn) -> &Vector<D> {
        &self.parameters[3 * layer.index].tensor
    }

    /// BN's scale of a layer: (channels).
    pub fn gamma(&self, layer: &ConvBn) -> &Vector<D> {
        &self.parameters[3 * layer.index + 1].tensor
    }

    /// BN's shift of a layer: (channels).
    pub fn beta(&self, layer: &ConvBn) -> &Vector<D> {
        &self.parameters[3 * layer.index + 2].tensor
    }

    /// The fully connected layer's weight, (classes, features) flat, and bias, (classes).
    pub fn fully_connected(&self) -> (&Vector<D>, &Vector<D>) {
        let first = self.parameters.len() - 2;
        (
            &self.parameters[first].tensor,
            &self.parameters[first + 1].tensor,
        )
    }

    /// BN's running mean and variance of a layer: (channels) each.
    pub fn running(&self, layer: &ConvBn) -> (&Vector<D>, &Vector<D>) {
        (
            &self.buffers[2 * layer.index].tensor,
            &self.buffers[2 * layer.index + 1].tensor,
        )
    }
}

fn conv_bn_parameters<D: Device<f32>>(
    device: &D,
    layer: &ConvBn,
    kernel: Vec<f32>,
) -> [Parameter<D>; 3] {
    let channels = layer.out_channels;
    [
        Parameter {
            name: format!("{}.weight", layer.conv),
            dims: vec![channels, layer.in_channels, layer.kernel, layer.kernel],
            kind: ParameterKind::Weight,
            tensor: flat(device, kernel),
        },
        Parameter {
            name: format!("{}.weight", layer.bn),
            dims: vec![channels],
            kind: ParameterKind::ScaleOrBias,
            tensor: flat(device, vec![1.0; channels]),
        },
        Parameter {
            name: format!("{}.bias", layer.bn),
            dims: vec![channels],
            kind: ParameterKind::ScaleOrBias,
            tensor: flat(device, vec![0.0; channels]),
        },
    ]
}

fn running_statistics<D: Device<f32>>(device: &D, layer: &ConvBn) -> [Buffer<D>; 2] {
    [
        Buffer {
            name: format!("{}.running_mean", layer.bn),
            tensor: flat(device, vec![0.0; layer.out_channels]),
        },
        Buffer {
            name: format!("{}.running_var", layer.bn),
            tensor: flat(device, vec![1.0; layer.out_channels]),
        },
    ]
}

fn flat<D: Device<f32>>(device: &D, values: Vec<f32>) -> Vector<D> {
    let len = values.len();
    device.tensor_from_vec(values, (len,))
}
