//! Minimising a smooth convex function.

use std::collections::VecDeque;

/// How many steps the curvature is remembered for; the usual 3 to 20 differ little.
const MEMORY: usize = 10;
/// Part of the decrease promised by the gradient that a step must achieve.
const SUFFICIENT_DECREASE: f64 = 1e-4;
/// Halvings of a step before the search gives up: beyond them only rounding is left.
const MAX_HALVINGS: usize = 40;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stop {
    /// Euclidean norm of the gradient that counts as zero.
    pub(super) gradient_norm: f64,
    /// Steps at most.
    pub(super) steps: usize,
}

/// L-BFGS with backtracking line search (Nocedal and Wright, Numerical Optimization, 2nd edition,
/// algorithms 7.4 and 3.1). `objective` writes the gradient into its second argument and returns the
/// value. A unit first step is tried, so the variables should be scaled to a Hessian near identity.
pub(super) fn minimise(
    mut objective: impl FnMut(&[f64], &mut [f64]) -> f64,
    start: Vec<f64>,
    stop: Stop,
) -> Vec<f64> {
    let mut point = start;
    let mut gradient = vec![0.0; point.len()];
    let mut value = objective(&point, &mut gradient);
    let mut curvature = Curvature::default();

    for _ in 0..stop.steps {
        if dot(&gradient, &gradient).sqrt() <= stop.gradient_norm {
            break;
        }
        let direction = curvature.descent(&gradient);
        let slope = dot(&direction, &gradient);
        let mut next_gradient = vec![0.0; point.len()];
        let mut length = 1.0;
        let mut accepted = None;
        for _ in 0..MAX_HALVINGS {
            let next = step(&point, length, &direction);
            let next_value = objective(&next, &mut next_gradient);
            // Near the minimum the decrease drowns in the rounding of the value itself.
            let rounding = 4.0 * f64::EPSILON * value.abs();
            if next_value <= value + SUFFICIENT_DECREASE * length * slope + rounding {
                accepted = Some((next, next_value));
                break;
            }
            length /= 2.0;
        }
        let Some((next, next_value)) = accepted else {
            break;
        };
        curvature.remember(&point, &next, &gradient, &next_gradient);
        (point, value, gradient) = (next, next_value, next_gradient);
    }
    point
}

/// Pairs of (change of point, change of gradient), oldest first.
#[derive(Default)]
struct Curvature {
    pairs: VecDeque<(Vec<f64>, Vec<f64>)>,
}

impl Curvature {
    /// Minus the approximate inverse Hessian times the gradient: the two-loop recursion.
    fn descent(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for (s, y) in self.pairs.iter().rev() {
            let alpha = dot(s, &q) / dot(s, y);
            add(&mut q, -alpha, y);
            alphas.push(alpha);
        }
        if let Some((s, y)) = self.pairs.back() {
            let scale = dot(s, y) / dot(y, y);
            q.iter_mut().for_each(|v| *v *= scale);
        }
        for ((s, y), alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = dot(y, &q) / dot(s, y);
            add(&mut q, alpha - beta, s);
        }
        q
    }

    fn remember(&mut self, from: &[f64], to: &[f64], gradient_from: &[f64], gradient_to: &[f64]) {
        let s = step(to, -1.0, from);
        let y = step(gradient_to, -1.0, gradient_from);
        if dot(&s, &y) <= f64::EPSILON * dot(&y, &y) {
            return;
        }
        if self.pairs.len() == MEMORY {
            self.pairs.pop_front();
        }
        self.pairs.push_back((s, y));
    }
}

fn step(point: &[f64], length: f64, direction: &[f64]) -> Vec<f64> {
    point
        .iter()
        .zip(direction)
        .map(|(p, d)| p + length * d)
        .collect()
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    for (t, w) in to.iter_mut().zip(what) {
        *t += factor * w;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_minimum_of_a_stretched_quartic_bowl() {
        // Σ cᵢ (xᵢ − i)² + (xᵢ − i)⁴, minimum at xᵢ = i; c spans three orders of magnitude.
        let bowl = |x: &[f64], gradient: &mut [f64]| {
            let mut value = 0.0;
            for (i, (x, g)) in x.iter().zip(gradient).enumerate() {
                let (c, d) = (10f64.powi(i as i32 - 1), x - i as f64);
                value += c * d.powi(2) + d.powi(4);
                *g = 2.0 * c * d + 4.0 * d.powi(3);
            }
            value
        };
        let stop = Stop {
            gradient_norm: 1e-9,
            steps: 200,
        };
        let found = minimise(bowl, vec![10.0; 4], stop);
        for (i, x) in found.iter().enumerate() {
            assert!((x - i as f64).abs() < 1e-8, "{found:?}");
        }
    }
}
