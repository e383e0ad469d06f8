//! Stochastic gradient descent with momentum and L2 weight decay, as in `torch.optim.SGD`: g += wd
//! * p; v = momentum * v + g; p -= lr * v (Nesterov: p -= lr * (g + momentum * v)).

use dfdx::prelude::{Backward, Device, Gradients, Momentum, SgdConfig, SumTo, Trace, WeightDecay};

use super::EngineError;
use crate::model::{Network, Parameter, ParameterKind, Vector};
use resnet_architecture::DecayScope;

/// The settings of `torch.optim.SGD`, except for the learning rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SgdOptions {
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
    /// Which parameters weight decay applies to.
    pub decay: DecayScope,
}

impl Default for SgdOptions {
    /// The paper's (section 3.4).
    fn default() -> Self {
        Self {
            momentum: 0.9,
            nesterov: false,
            weight_decay: 1e-4,
            decay: DecayScope::All,
        }
    }
}

/// The optimiser's settings and velocities.
pub struct Sgd<D: Device<f32>> {
    momentum: Momentum,
    weight_decay: f64,
    decay: DecayScope,
    velocities: Gradients<f32, D>,
}

impl<D: Device<f32>> Sgd<D> {
    /// Creates an optimiser with zero velocities.
    pub fn new(options: SgdOptions) -> Self {
        Self {
            momentum: if options.nesterov {
                Momentum::Nesterov(options.momentum)
            } else {
                Momentum::Classic(options.momentum)
            },
            weight_decay: options.weight_decay,
            decay: options.decay,
            velocities: Gradients::leaky(),
        }
    }

    /// Updates every parameter of `network` with learning rate `lr`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn step(
        &mut self,
        network: &mut Network<D>,
        gradients: &mut Gradients<f32, D>,
        lr: f64,
    ) -> Result<(), EngineError> {
        for parameter in &mut network.parameters {
            let decayed = self.decay == DecayScope::All || parameter.kind == ParameterKind::Weight;
            let config = SgdConfig {
                lr,
                momentum: Some(self.momentum),
                weight_decay: decayed.then_some(WeightDecay::L2(self.weight_decay)),
            };
            let gradient = gradients
                .get_or_alloc_mut(&parameter.tensor)
                .map_err(EngineError::new)?;
            let velocity = self
                .velocities
                .get_or_alloc_mut(&parameter.tensor)
                .map_err(EngineError::new)?;
            config
                .try_update(&mut parameter.tensor, velocity, gradient)
                .map_err(EngineError::new)?;
        }
        Ok(())
    }

    /// The momentum buffer of an updated parameter, with as many values as the parameter.
    pub fn momentum_buffer(&self, parameter: &Parameter<D>) -> Vector<D> {
        self.velocities.get(&parameter.tensor)
    }

    /// Sets the momentum buffers of all parameters, in the order of `network.parameters`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_momentum_buffers(
        &mut self,
        device: &D,
        network: &Network<D>,
        values: Vec<Vec<f32>>,
    ) -> Result<(), EngineError> {
        // dfdx has no way to write into `Gradients`; but the gradient of p * v with respect to p is
        // v.
        let mut velocities = Gradients::leaky();
        for (parameter, values) in network.parameters.iter().zip(values) {
            let len = values.len();
            let wanted = device
                .try_tensor_from_vec(values, (len,))
                .map_err(EngineError::new)?;
            let product = parameter.tensor.clone().traced(velocities) * wanted;
            velocities = product.sum().try_backward().map_err(EngineError::new)?;
        }
        self.velocities = velocities;
        Ok(())
    }
}
