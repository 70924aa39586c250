//! What the tests of all losses share: rows to try, golden cases, finite differences.

use tch::{Device, Kind, Tensor};

use super::{Margin, Temperature};

pub(super) fn tau(value: f64) -> Temperature {
    Temperature::new(value).unwrap()
}

pub(super) fn margin(value: f64) -> Margin {
    Margin::new(value).unwrap()
}

/// `[rows, dim]` of fp64 numbers without pattern: the fractional parts of a quadratic walk, so that
/// no global generator is touched.
pub(super) fn some_rows(rows: i64, dim: i64, seed: i64) -> Tensor {
    let values: Vec<f64> = (0..rows * dim)
        .map(|index| {
            let step = (index + 1) as f64 + 0.37 * seed as f64;
            (step * step * 0.618_033_988_749_895 + step * 0.414_213_562).fract() - 0.5
        })
        .collect();
    Tensor::from_slice(&values).view([rows, dim])
}

pub(super) fn to_rows(rows: &Tensor) -> Vec<Vec<f64>> {
    Vec::try_from(rows.detach().to_kind(Kind::Double)).unwrap()
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub(super) fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt())
}

pub(super) fn unit(row: &[f64]) -> Vec<f64> {
    row.iter()
        .map(|value| value / dot(row, row).sqrt())
        .collect()
}

pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    let squares = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b));
    squares.sum::<f64>().sqrt()
}

pub(super) fn assert_close(given: &Tensor, expected: &Tensor, tolerance: f64) {
    assert_eq!(given.size(), expected.size());
    let distance = (given - expected).abs().max().double_value(&[]);
    assert!(
        distance <= tolerance,
        "differs by {distance}: {given:?} {expected:?}"
    );
}

/// Compares the gradient of `function` at `point` with central differences. In fp64 with a step of
/// 1e-5 these are good to about 1e-9.
pub(super) fn assert_gradient(function: &dyn Fn(&Tensor) -> Tensor, point: &Tensor) {
    const STEP: f64 = 1e-5;
    let leaf = point.copy().set_requires_grad(true);
    function(&leaf).backward();
    let slope = |index: i64| {
        let moved = |by: f64| {
            let moved = point.copy();
            let _ = moved.view(-1).get(index).f_add_scalar_(by).unwrap();
            function(&moved).double_value(&[])
        };
        (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
    };
    let slopes: Vec<f64> = (0..point.numel() as i64).map(slope).collect();
    assert_close(&leaf.grad().view(-1), &Tensor::from_slice(&slopes), 1e-7);
}

/// One case of `tests/golden/loss.json`.
pub(super) struct Golden(serde_json::Value);

pub(super) fn golden(loss: &str) -> Vec<Golden> {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("../../tests/golden/loss.json")).unwrap();
    let cases = file[loss].as_array().unwrap();
    assert!(!cases.is_empty());
    cases.iter().cloned().map(Golden).collect()
}

impl Golden {
    /// Compares the value of `loss` with the case's `loss`, and its gradient by each of `inputs`
    /// with `grad_` and the input's name. fp64 leaves 1e-9 a wide margin.
    pub(super) fn assert_agrees(&self, inputs: &[&str], loss: impl Fn(&[Tensor]) -> Tensor) {
        let leaf = |name: &&str| self.tensor(name).set_requires_grad(true);
        let leaves: Vec<_> = inputs.iter().map(leaf).collect();
        let loss = loss(&leaves);
        loss.backward();
        assert_close(&loss, &self.tensor("loss").view([]), 1e-9);
        for (name, leaf) in inputs.iter().zip(leaves) {
            assert_close(&leaf.grad(), &self.tensor(&format!("grad_{name}")), 1e-9);
        }
    }

    pub(super) fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap()
    }

    pub(super) fn parsed<T: serde::de::DeserializeOwned>(&self, key: &str) -> T {
        serde_json::from_value(self.0[key].clone()).unwrap()
    }

    /// Numbers nested as deep as the tensor has dimensions.
    pub(super) fn tensor(&self, key: &str) -> Tensor {
        fn build(value: &serde_json::Value) -> Tensor {
            match value.as_array() {
                Some(items) => Tensor::stack(&items.iter().map(build).collect::<Vec<_>>(), 0),
                None => Tensor::scalar_tensor(value.as_f64().unwrap(), (Kind::Double, Device::Cpu)),
            }
        }
        build(&self.0[key])
    }
}
