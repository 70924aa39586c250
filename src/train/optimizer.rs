//! Gradient descent, with its whole state in plain sight of the checkpoint.
//!
//! libtorch's own optimisers keep their state where `tch` cannot read it, so an exact resume is
//! impossible with them. Each rule below is the paper's, in three fused passes over memory.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::DecayScope;
use crate::method::Must;

/// Which rule turns gradients into steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent with momentum, as PyTorch defines it:
    /// `v ← μ·v + g + λ·w`, `w ← w − η·v`.
    Sgd {
        /// μ, within 0..1. Default 0.9.
        #[serde(default = "default_momentum")]
        momentum: f64,
        /// λ, the coupled L2 penalty. Default 1e-4.
        #[serde(default = "default_weight_decay")]
        weight_decay: f64,
    },
    /// Adam (Kingma and Ba 2015) with coupled L2 penalty.
    Adam {
        /// Decay rates of the first and second moment. Default 0.9 and 0.999.
        #[serde(default = "default_betas")]
        betas: [f64; 2],
        /// Coupled L2 penalty. Default 0.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
    AdamW {
        /// Decay rates of the first and second moment. Default 0.9 and 0.999.
        #[serde(default = "default_betas")]
        betas: [f64; 2],
        /// Fraction of a weight that a step of learning rate 1 would remove. Default 0.01.
        #[serde(default = "default_decoupled_decay")]
        weight_decay: f64,
    },
}

impl OptimizerConfig {
    /// Tells `must` of every value.
    pub(super) fn check(&self, must: &mut Must<'_>) {
        let below_one = |value: &f64| (0.0..1.0).contains(value);
        let weight_decay = match self {
            Self::Sgd {
                momentum,
                weight_decay,
            } => {
                let key = "train.optimizer.momentum";
                must(below_one(momentum), key, momentum, "0 or more, and below 1");
                weight_decay
            }
            Self::Adam {
                betas,
                weight_decay,
            }
            | Self::AdamW {
                betas,
                weight_decay,
            } => {
                must(
                    betas.iter().all(below_one),
                    "train.optimizer.betas",
                    &format_args!("{betas:?}"),
                    "two numbers, each 0 or more and below 1",
                );
                weight_decay
            }
        };
        must(
            (0.0..=1000.0).contains(weight_decay),
            "train.optimizer.weight_decay",
            weight_decay,
            "within 0..=1000",
        );
    }
}

fn default_momentum() -> f64 {
    0.9
}

fn default_weight_decay() -> f64 {
    1e-4
}

fn default_decoupled_decay() -> f64 {
    1e-2
}

fn default_betas() -> [f64; 2] {
    [0.9, 0.999]
}

/// Moments of the gradients so far, and the rule that uses them.
#[derive(Debug)]
pub struct Optimizer {
    rule: OptimizerConfig,
    decay_on: DecayScope,
    weights: Vec<Tensor>,
    moments: Vec<Vec<Tensor>>,
    steps: i64,
}

impl Optimizer {
    const EPS: f64 = 1e-8;

    /// For these weights, with all moments zero.
    pub fn new(rule: &OptimizerConfig, decay_on: DecayScope, weights: Vec<Tensor>) -> Self {
        let kinds = match rule {
            OptimizerConfig::Sgd { .. } => 1,
            OptimizerConfig::Adam { .. } | OptimizerConfig::AdamW { .. } => 2,
        };
        let zeros = || weights.iter().map(|w| w.detach().zeros_like()).collect();
        Self {
            rule: rule.clone(),
            decay_on,
            moments: (0..kinds).map(|_| zeros()).collect(),
            weights,
            steps: 0,
        }
    }

    /// The weights, in the order in which [`Optimizer::step`] wants their gradients.
    pub fn weights(&self) -> &[Tensor] {
        &self.weights
    }

    /// Moves every weight once; those whose gradient is undefined, as the loss did not depend on them, stay.
    pub fn step(&mut self, gradients: Vec<Tensor>, learning_rate: f64) {
        self.steps += 1;
        tch::no_grad(|| match self.rule {
            OptimizerConfig::Sgd {
                momentum,
                weight_decay,
            } => self.sgd(gradients, learning_rate, momentum, weight_decay),
            OptimizerConfig::Adam {
                betas,
                weight_decay,
            } => self.adam(gradients, learning_rate, betas, weight_decay, 0.0),
            OptimizerConfig::AdamW {
                betas,
                weight_decay,
            } => self.adam(gradients, learning_rate, betas, 0.0, weight_decay),
        });
    }

    fn sgd(&mut self, gradients: Vec<Tensor>, rate: f64, momentum: f64, decay: f64) {
        let (decay_on, velocities) = (self.decay_on, &mut self.moments[0]);
        let moved = self.weights.iter_mut().zip(velocities).zip(gradients);
        for ((w, v), g) in moved.filter(|(_, g)| g.defined()) {
            let decay = decay_on.of(w, decay);
            // v ← μ·v + g + λ·w
            *v = g
                .addcmul(w, &scalar(w, decay))
                .addcmul_(v, &scalar(w, momentum));
            // w ← w − η·v
            let _ = w.addcmul_(v, &scalar(w, -rate));
        }
    }

    fn adam(
        &mut self,
        gradients: Vec<Tensor>,
        rate: f64,
        [beta1, beta2]: [f64; 2],
        coupled: f64,
        decoupled: f64,
    ) {
        let bias1 = 1.0 - beta1.powi(self.steps as i32);
        let bias2 = 1.0 - beta2.powi(self.steps as i32);
        let decay_on = self.decay_on;
        let [first, second] = self.moments.as_mut_slice() else {
            unreachable!("Adam keeps two moments");
        };
        let moments = first.iter_mut().zip(second);
        let moved = self.weights.iter_mut().zip(moments).zip(gradients);
        for ((w, (m, v)), g) in moved.filter(|(_, g)| g.defined()) {
            let [coupled, decoupled] = [coupled, decoupled].map(|decay| decay_on.of(w, decay));
            let g = g.addcmul(w, &scalar(w, coupled));
            // m ← β₁·m + (1−β₁)·g,  v ← β₂·v + (1−β₂)·g²
            let _ = m.lerp_(&g, 1.0 - beta1);
            let _ = v.lerp_(&g.square(), 1.0 - beta2);
            // w ← (1 − η·λ)·w − η · m̂ / (√v̂ + ε)
            let denominator = (&*v / bias2).sqrt() + Self::EPS;
            let _ = w.g_mul_scalar_(1.0 - rate * decoupled);
            let _ = w.addcmul_(&(&*m / denominator), &scalar(w, -rate / bias1));
        }
    }

    /// Everything a resumed run needs, by name.
    pub(crate) fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_owned(), Tensor::from(self.steps))];
        for (kind, moments) in self.moments.iter().enumerate() {
            for (index, moment) in moments.iter().enumerate() {
                state.push((format!("moment{kind}.{index}"), moment.shallow_clone()));
            }
        }
        state
    }

    /// Takes up the state that [`Optimizer::state`] gave.
    ///
    /// # Errors
    /// The name of the first tensor that is missing or does not fit.
    pub(crate) fn restore(&mut self, find: impl Fn(&str) -> Option<Tensor>) -> Result<(), String> {
        let steps = find("steps").filter(|saved| saved.numel() == 1);
        self.steps = steps.ok_or("steps")?.int64_value(&[]);
        for (kind, moments) in self.moments.iter_mut().enumerate() {
            for (index, moment) in moments.iter_mut().enumerate() {
                let name = format!("moment{kind}.{index}");
                match find(&name) {
                    Some(saved) if saved.size() == moment.size() => moment.copy_(&saved),
                    _ => return Err(name),
                }
            }
        }
        Ok(())
    }
}

impl DecayScope {
    /// The decay of one weight.
    fn of(self, weight: &Tensor, decay: f64) -> f64 {
        match self {
            Self::Kernels if weight.dim() < 2 => 0.0,
            Self::All | Self::Kernels => decay,
        }
    }
}

/// A zero-dimensional tensor: libtorch's fused `addcmul` takes its factor as one.
fn scalar(like: &Tensor, value: f64) -> Tensor {
    Tensor::full([0i64; 0], value, (Kind::Float, like.device()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    /// Weight 1, gradient 0.5, three steps by hand.
    fn run(rule: &OptimizerConfig) -> f64 {
        let weight = Tensor::ones([2], (Kind::Float, Device::Cpu));
        let mut optimizer = Optimizer::new(rule, DecayScope::All, vec![weight.shallow_clone()]);
        for _ in 0..3 {
            optimizer.step(vec![weight.full_like(0.5)], 0.1);
        }
        weight.double_value(&[1])
    }

    #[test]
    fn sgd_follows_its_formula() {
        let rule = OptimizerConfig::Sgd {
            momentum: 0.9,
            weight_decay: 0.01,
        };
        let (mut w, mut v) = (1.0, 0.0);
        for _ in 0..3 {
            v = 0.9 * v + 0.5 + 0.01 * w;
            w -= 0.1 * v;
        }
        assert!((run(&rule) - w).abs() < 1e-6);
    }

    #[test]
    fn adam_moves_by_the_learning_rate_under_a_constant_gradient() {
        let adam = OptimizerConfig::Adam {
            betas: [0.9, 0.999],
            weight_decay: 0.0,
        };
        assert!((run(&adam) - 0.7).abs() < 1e-5);
    }

    #[test]
    fn decoupled_decay_shrinks_beside_the_step() {
        let adam_w = OptimizerConfig::AdamW {
            betas: [0.9, 0.999],
            weight_decay: 0.5,
        };
        let expected = (0..3).fold(1.0, |w, _| w * 0.95 - 0.1);
        assert!((run(&adam_w) - expected).abs() < 1e-5);
    }

    #[test]
    fn kernels_decay_and_biases_do_not() {
        let options = (Kind::Float, Device::Cpu);
        let [kernel, bias] = [Tensor::ones([1, 1], options), Tensor::ones([1], options)];
        let rule = OptimizerConfig::Sgd {
            momentum: 0.0,
            weight_decay: 0.5,
        };
        let weights = vec![kernel.shallow_clone(), bias.shallow_clone()];
        let mut optimizer = Optimizer::new(&rule, DecayScope::Kernels, weights);
        optimizer.step(vec![kernel.zeros_like(), bias.zeros_like()], 0.1);
        assert!((kernel.double_value(&[0, 0]) - 0.95).abs() < 1e-6);
        assert_eq!(bias.double_value(&[0]), 1.0);
    }

    #[test]
    fn restored_state_continues_as_if_never_stopped() {
        let rule = OptimizerConfig::Sgd {
            momentum: 0.9,
            weight_decay: 0.0,
        };
        let weight = Tensor::ones([2], (Kind::Float, Device::Cpu));
        let mut first = Optimizer::new(&rule, DecayScope::All, vec![weight.shallow_clone()]);
        first.step(vec![weight.full_like(0.5)], 0.1);
        let copy = weight.copy();
        let mut second = Optimizer::new(&rule, DecayScope::All, vec![copy.shallow_clone()]);
        let state = first.state();
        let find = |name: &str| {
            let found = state.iter().find(|(key, _)| key == name);
            found.map(|(_, tensor)| tensor.copy())
        };
        second.restore(find).unwrap();
        first.step(vec![weight.full_like(0.5)], 0.1);
        second.step(vec![copy.full_like(0.5)], 0.1);
        assert_eq!(weight, copy);
    }

    #[test]
    fn a_damaged_state_is_refused_by_the_name_of_its_tensor() {
        let options = (Kind::Float, Device::Cpu);
        let rule = OptimizerConfig::Sgd {
            momentum: 0.9,
            weight_decay: 0.0,
        };
        let mut optimizer =
            Optimizer::new(&rule, DecayScope::All, vec![Tensor::ones([2], options)]);
        for broken in ["steps", "moment0.0"] {
            let state = optimizer.state();
            let find = |name: &str| match name == broken {
                true => Some(Tensor::zeros([3], options)),
                false => Some(state.iter().find(|(key, _)| key == name)?.1.copy()),
            };
            assert_eq!(optimizer.restore(find), Err(broken.to_owned()));
        }
    }
}
