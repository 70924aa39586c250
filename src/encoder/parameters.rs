//! The numbers a network learns, by name and in the order in which its layers asked for them.

use rand::Rng;
use std::{cell::RefCell, collections::HashMap};
use tch::{Device, Kind, Tensor};

use super::EncoderError;
use super::layout::channels_last;
use crate::augment::{DrawKey, Purpose};

/// What the optimiser does with a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Changed by gradients.
    Weight,
    /// Changed by the forward pass (batch-norm statistics).
    Buffer,
}

/// How a weight starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Init {
    /// All the same.
    Constant(f64),
    /// Normal of mean 0 and this standard deviation.
    Normal(f64),
    /// Uniform in ±bound.
    Uniform(f64),
}

impl Init {
    /// Kaiming normal, fan-out, gain √2 (He et al. 2015), as torchvision starts its ResNets.
    /// `out_channels · kernel_area` is the fan-out.
    pub(crate) fn kaiming_fan_out(out_channels: i64, kernel_area: i64) -> Self {
        Self::Normal((2.0 / (out_channels * kernel_area) as f64).sqrt())
    }

    /// PyTorch's default of linear layers: uniform in ±1/√fan_in, weight and bias alike.
    pub(crate) fn linear(inputs: i64) -> Self {
        Self::Uniform(1.0 / (inputs as f64).sqrt())
    }
}

/// One named tensor.
#[derive(Debug)]
struct Parameter {
    /// Dotted name, as PyTorch's `state_dict` spells it.
    name: String,
    /// The values; a leaf of the gradient graph if a weight.
    tensor: Tensor,
    /// Who changes it.
    role: Role,
}

/// All tensors of a network (or of a head) on one device.
///
/// Starting values come from a counter-based generator keyed by (seed, position), never from
/// libtorch's global one: the same seed gives the same network on every device and thread.
#[derive(Debug)]
pub struct Parameters {
    entries: RefCell<Vec<Parameter>>,
    seed: u64,
    device: Device,
    /// Whether tensors have shapes alone.
    is_outline: bool,
}

impl Parameters {
    /// None yet; layers add theirs through [`Parameters::root`].
    pub(crate) fn new(seed: u64, device: Device) -> Self {
        Self {
            entries: RefCell::new(Vec::new()),
            seed,
            device,
            is_outline: false,
        }
    }

    /// None yet; layers add tensors that have names and shapes, but next to no memory, however large the network is. They
    /// are for comparing, not for computing.
    pub(crate) fn outline() -> Self {
        Self {
            is_outline: true,
            ..Self::new(0, Device::Cpu)
        }
    }

    /// Where the first layers are named.
    pub(crate) fn root(&self) -> Scope<'_> {
        Scope {
            parameters: self,
            prefix: String::new(),
        }
    }

    /// The device all tensors are on.
    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// The trainable tensors, in order of creation.
    pub fn weights(&self) -> Vec<Tensor> {
        let entries = self.entries.borrow();
        let weights = entries.iter().filter(|p| p.role == Role::Weight);
        weights.map(|p| p.tensor.shallow_clone()).collect()
    }

    /// The trainable tensors whose names begin with `prefix`, in order of creation.
    pub(crate) fn weights_under(&self, prefix: &str) -> Vec<Tensor> {
        let entries = self.entries.borrow();
        let weights = entries
            .iter()
            .filter(|p| p.role == Role::Weight && p.name.starts_with(prefix));
        weights.map(|p| p.tensor.shallow_clone()).collect()
    }

    /// Every tensor with its name, in order of creation.
    pub fn named(&self) -> Vec<(String, Tensor)> {
        let entries = self.entries.borrow();
        let named = entries.iter();
        named
            .map(|p| (p.name.clone(), p.tensor.shallow_clone()))
            .collect()
    }

    /// Number of trainable values.
    pub fn count(&self) -> usize {
        self.weights().iter().map(Tensor::numel).sum()
    }

    /// Compares every tensor with the shape that `find` gives for its name.
    ///
    /// # Errors
    /// If a name is missing, or a shape differs.
    pub(crate) fn must_match(
        &self,
        find: impl Fn(&str) -> Option<Vec<i64>>,
    ) -> Result<(), EncoderError> {
        for parameter in self.entries.borrow().iter() {
            let name = &parameter.name;
            let given =
                find(name).ok_or_else(|| EncoderError::MissingTensor { name: name.clone() })?;
            let wanted = parameter.tensor.size();
            if given != wanted {
                return Err(EncoderError::TensorShape {
                    name: name.clone(),
                    given,
                    wanted,
                });
            }
        }
        Ok(())
    }

    /// Overwrites every tensor with the one of the same name that `find` gives.
    ///
    /// # Errors
    /// If a name is missing, or a shape differs; then some tensors may already be overwritten.
    pub fn load(&self, find: impl Fn(&str) -> Option<Tensor>) -> Result<(), EncoderError> {
        tch::no_grad(|| {
            for parameter in self.entries.borrow_mut().iter_mut() {
                let name = &parameter.name;
                let given =
                    find(name).ok_or_else(|| EncoderError::MissingTensor { name: name.clone() })?;
                if given.size() != parameter.tensor.size() {
                    return Err(EncoderError::TensorShape {
                        name: name.clone(),
                        given: given.size(),
                        wanted: parameter.tensor.size(),
                    });
                }
                parameter.tensor.copy_(&given);
            }
            Ok(())
        })
    }

    /// Moves every weight towards the one of the same name in `ahead`: `θ ← momentum·θ + (1 − momentum)·θ_ahead`. Buffers
    /// stay.
    ///
    /// # Panics
    /// If `ahead` lacks one of the weights.
    pub(crate) fn follow(&self, ahead: &Self, momentum: f64) {
        let ahead = ahead.entries.borrow();
        let ahead: HashMap<&str, &Tensor> =
            ahead.iter().map(|p| (p.name.as_str(), &p.tensor)).collect();
        tch::no_grad(|| {
            for parameter in self.entries.borrow_mut().iter_mut() {
                if parameter.role == Role::Weight {
                    let ahead = ahead[parameter.name.as_str()];
                    let _ = parameter.tensor.lerp_(ahead, 1.0 - momentum);
                }
            }
        });
    }

    fn add(&self, name: String, tensor: Tensor, role: Role) -> Tensor {
        let tensor = match self.is_outline {
            true => tensor,
            false => channels_last(tensor).to_device(self.device),
        };
        let tensor = tensor.set_requires_grad(role == Role::Weight);
        let handle = tensor.shallow_clone();
        self.entries
            .borrow_mut()
            .push(Parameter { name, tensor, role });
        handle
    }

    /// The key of the next tensor's starting values.
    fn key(&self) -> DrawKey {
        DrawKey {
            seed: self.seed,
            epoch: 0,
            item: self.entries.borrow().len() as u64,
            view: 0,
            purpose: Purpose::Weights,
        }
    }
}

/// A prefix under which a layer names its tensors.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'a> {
    parameters: &'a Parameters,
    prefix: String,
}

impl<'a> Scope<'a> {
    /// The scope `name` (or index) inside this one.
    pub(crate) fn sub(&self, name: impl std::fmt::Display) -> Scope<'a> {
        Scope {
            parameters: self.parameters,
            prefix: format!("{}{name}.", self.prefix),
        }
    }

    /// The seed of all starting values.
    pub(crate) fn seed(&self) -> u64 {
        self.parameters.seed
    }

    /// A new trainable tensor.
    pub(crate) fn weight(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        self.add(name, self.drawn(shape, init), Role::Weight)
    }

    /// A new tensor that gradients leave alone.
    pub(crate) fn buffer(&self, name: &str, shape: &[i64], value: f64) -> Tensor {
        let tensor = match self.parameters.is_outline {
            true => outlined(shape),
            false => Tensor::full(shape, value, (Kind::Float, Device::Cpu)),
        };
        self.add(name, tensor, Role::Buffer)
    }

    /// As [`Self::buffer`], with values that are drawn.
    pub(crate) fn drawn_buffer(&self, name: &str, shape: &[i64], init: Init) -> Tensor {
        self.add(name, self.drawn(shape, init), Role::Buffer)
    }

    /// A new whole number that gradients leave alone, starting at 0: `[]`.
    pub(crate) fn counter(&self, name: &str) -> Tensor {
        self.add(name, Tensor::from(0i64), Role::Buffer)
    }

    fn drawn(&self, shape: &[i64], init: Init) -> Tensor {
        if self.parameters.is_outline {
            return outlined(shape);
        }
        let count = shape.iter().product::<i64>();
        let values = draw(count, init, &mut self.parameters.key().rng());
        Tensor::from_slice(&values).view(shape)
    }

    fn add(&self, name: &str, tensor: Tensor, role: Role) -> Tensor {
        let name = format!("{}{name}", self.prefix);
        self.parameters.add(name, tensor, role)
    }
}

/// A tensor of this shape that takes the memory of a single number. If the shape has more numbers than can be counted,
/// which no file has, the tensor is empty.
fn outlined(shape: &[i64]) -> Tensor {
    let one = Tensor::from(0f32); // without axes, so that it is seen as any shape, none included
    let seen = one.f_expand(shape, false);
    seen.unwrap_or_else(|_| Tensor::zeros([0], (Kind::Float, Device::Cpu)))
}

fn draw(count: i64, init: Init, rng: &mut impl Rng) -> Vec<f32> {
    let mut next: Box<dyn FnMut() -> f64> = match init {
        Init::Constant(value) => Box::new(move || value),
        Init::Normal(std) => Box::new(move || std * normal(rng)),
        Init::Uniform(bound) => Box::new(move || bound * (2.0 * unit(rng) - 1.0)),
    };
    (0..count).map(|_| next() as f32).collect()
}

/// Uniform in the open interval (0, 1).
fn unit(rng: &mut impl Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

/// Standard normal by Box and Muller's transform.
fn normal(rng: &mut impl Rng) -> f64 {
    (-2.0 * unit(rng).ln()).sqrt() * (std::f64::consts::TAU * unit(rng)).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(seed: u64, init: Init) -> Tensor {
        let parameters = Parameters::new(seed, Device::Cpu);
        parameters.root().weight("w", &[200, 100], init)
    }

    #[test]
    fn an_outline_has_the_shape_asked_for_even_that_of_a_single_number() {
        for shape in [&[][..], &[1], &[3, 2, 5]] {
            assert_eq!(outlined(shape).size(), shape);
        }
        assert_eq!(outlined(&[i64::MAX, 2]).size(), [0]);
    }

    #[test]
    fn the_same_seed_starts_the_same_network() {
        let (a, b) = (weights(7, Init::Normal(1.0)), weights(7, Init::Normal(1.0)));
        assert_eq!(a, b);
        assert_ne!(a, weights(8, Init::Normal(1.0)));
    }

    #[test]
    fn starting_values_have_the_stated_spread() {
        let normal = weights(0, Init::kaiming_fan_out(8, 9));
        assert!((normal.std(true).double_value(&[]) - (2.0f64 / 72.0).sqrt()).abs() < 2e-3);
        let uniform = weights(0, Init::linear(16));
        assert!(uniform.abs().max().double_value(&[]) <= 0.25);
        assert!((uniform.std(true).double_value(&[]) - 0.25 / 3f64.sqrt()).abs() < 2e-3);
    }

    #[test]
    fn an_outline_has_shapes_and_no_memory() {
        let outline = Parameters::outline();
        let scope = outline.root();
        let _ = scope.weight("w", &[1 << 20, 1 << 20, 3, 3], Init::Normal(1.0));
        let _ = scope.buffer("b", &[1 << 40], 0.0);
        let _ = scope.weight("uncountable", &[1 << 40, 1 << 40], Init::Constant(0.0));
        let shape = |name: &str| {
            Some(if name == "b" {
                vec![1 << 40]
            } else {
                vec![1, 2]
            })
        };
        let error = outline.must_match(shape).unwrap_err().to_string();
        assert!(
            error.contains("`w` has shape [1, 2], but this network needs [1048576, 1048576, 3, 3]")
        );
        let missing = outline.must_match(|_| None).unwrap_err().to_string();
        assert!(missing.contains("`w` is missing"));
    }

    #[test]
    fn loading_names_the_tensor_that_does_not_fit() {
        let parameters = Parameters::new(0, Device::Cpu);
        let _ = parameters
            .root()
            .sub("layer1")
            .weight("weight", &[2, 3], Init::Constant(0.0));
        let wrong = parameters.load(|_| Some(Tensor::zeros([3, 2], (Kind::Float, Device::Cpu))));
        assert!(wrong.unwrap_err().to_string().contains("layer1.weight"));
        let missing = parameters.load(|_| None);
        assert!(missing.unwrap_err().to_string().contains("layer1.weight"));
    }
}
