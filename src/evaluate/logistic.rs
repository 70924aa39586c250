//! Multinomial logistic regression with L2 penalty.

use faer::{Accum, Mat, MatRef, Par, linalg::matmul::matmul};

use super::{
    EvaluateError, PrincipalAxes,
    lbfgs::{Stop, minimise},
    nested::Training,
    prediction::{Prediction, largest_share},
};
/// Norm of the gradient, in variables scaled to a Hessian near identity, that is near enough to the
/// minimum for predictions: the mean loss is then about 1e-10 above it.
pub(super) const NEAR: f64 = 1e-5;
/// Steps at most; separable clips with a weak penalty take about a hundred.
const STEPS: usize = 1000;

/// A fitted linear classifier: class probabilities `softmax(W x + b)`.
///
/// ```text
/// W, b = argmin  C · Σᵢ −log p(yᵢ | xᵢ)  +  ½ ‖W‖²
/// ```
/// The intercept `b` is not penalised. A class without a training clip is never predicted.
///
/// # Source
/// The objective is that of scikit-learn 1.9's `LogisticRegression(C=…)` for three classes and more;
/// the tests compare coefficients. With two classes scikit-learn penalises the difference of the two
/// rows instead, which equals this formula at half its `C`.
#[derive(Debug, Clone)]
pub(super) struct Logistic {
    /// `[classes, dim]`
    weights: Mat<f64>,
    intercepts: Vec<f64>,
}

impl Logistic {
    /// Fits one classifier for each inverse regularisation strength `C` in `strengths` (each above
    /// 0). Ascending strengths are fastest: every fit starts where the one before ended.
    ///
    /// `gradient_norm`: what counts as the minimum, see [`NEAR`].
    ///
    /// # Errors
    /// If the eigendecomposition fails, which finite embeddings do not cause.
    ///
    /// # Panics
    /// If there is not one label below the number of classes for each item.
    pub(super) fn fit(
        training: &Training<'_>,
        strengths: &[f64],
        gradient_norm: f64,
    ) -> Result<Vec<Self>, EvaluateError> {
        let stop = Stop {
            gradient_norm,
            steps: STEPS,
        };
        let mut columns = training.columns.clone();
        assert_eq!(training.labels.len(), columns.ncols(), "one label an item");
        let means = centre(&mut columns);
        let axes = match training.along_axes {
            true => PrincipalAxes::given(&columns),
            false => PrincipalAxes::of(&columns)?,
        };
        let problem = Problem::new(&axes, &columns, training.labels, training.classes);

        let mut start = Mat::zeros(problem.present.len(), axes.squares.len() + 1);
        let mut fitted = Vec::with_capacity(strengths.len());
        for &strength in strengths {
            start = problem.solve(strength, start, stop);
            fitted.push(problem.classifier(&start, &axes, &means));
        }
        Ok(fitted)
    }

    /// Of two classes: the logarithm of how much likelier the second is, for each column of `[dim, items]`.
    pub(super) fn log_odds(&self, columns: &Mat<f64>) -> Vec<f64> {
        let logits = &self.weights * columns; // [2, items]
        let odds = |item| {
            let [first, second] =
                [0, 1].map(|class: usize| logits[(class, item)] + self.intercepts[class]);
            second - first
        };
        (0..columns.ncols()).map(odds).collect()
    }

    /// The most probable class of each column of `[dim, items]`, with its probability; on ties the smallest.
    pub(super) fn predict(&self, columns: &Mat<f64>) -> Vec<Prediction> {
        let logits = &self.weights * columns; // [classes, items]
        let most_probable = |item| {
            let with_intercepts = self.intercepts.iter().enumerate();
            let logits: Vec<f64> = with_intercepts
                .map(|(class, intercept)| logits[(class, item)] + intercept)
                .collect();
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let odds: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
            largest_share(&odds)
        };
        (0..columns.ncols()).map(most_probable).collect()
    }
}

/// Training clips along the principal axes, with the classes that occur among them.
struct Problem {
    /// `[rank + 1, items]`; the last row is 1 and carries the intercept.
    design: Mat<f64>,
    /// Sum of squares of each row of `design`, over the number of items.
    mean_squares: Vec<f64>,
    /// The classes with at least one clip, ascending.
    present: Vec<usize>,
    /// Indices into `present`.
    targets: Vec<usize>,
    classes: usize,
}

impl Problem {
    fn new(axes: &PrincipalAxes, columns: &Mat<f64>, labels: &[usize], classes: usize) -> Self {
        let (rank, items) = (axes.squares.len(), columns.ncols());
        let along = axes.along(columns); // [rank, items]
        let design = Mat::from_fn(rank + 1, items, |k, item| {
            if k < rank { along[(k, item)] } else { 1.0 }
        });
        let mut present = labels.to_vec();
        present.sort_unstable();
        present.dedup();
        let target = |label| present.partition_point(|&class| class < label);
        let mean_squares = axes.squares.iter().map(|v| v / items as f64);
        Self {
            mean_squares: mean_squares.chain([1.0]).collect(),
            targets: labels.iter().copied().map(target).collect(),
            design,
            present,
            classes,
        }
    }

    /// Minimises `mean loss + λ/2 ‖W‖²`, `λ = 1 / (C · items)`. Weights: `[present, rank + 1]`.
    ///
    /// The variables are scaled by the root of the Hessian's diagonal at equal probabilities,
    /// `p(1−p) · mean square + λ`, so that L-BFGS starts as a Newton step would.
    fn solve(&self, strength: f64, start: Mat<f64>, stop: Stop) -> Mat<f64> {
        let (classes, rows, items) = (start.nrows(), start.ncols(), self.design.ncols());
        let lambda = 1.0 / (strength * items as f64);
        let p = 1.0 / classes as f64;
        let penalty = |row: usize| if row + 1 < rows { lambda } else { 0.0 };
        // With a single class p(1−p) is 0 and so is every gradient: any scale will do.
        let curvature = (p * (1.0 - p)).max(f64::EPSILON);
        let scales: Vec<f64> = (0..rows)
            .map(|row| (curvature * self.mean_squares[row] + penalty(row)).sqrt())
            .collect();
        let design = Mat::from_fn(rows, items, |row, item| {
            self.design[(row, item)] / scales[row]
        });
        let penalties: Vec<f64> = (0..rows).map(|r| penalty(r) / scales[r].powi(2)).collect();

        let mut probabilities = Mat::zeros(classes, items);
        let objective = |weights: &[f64], gradient: &mut [f64]| {
            let weights = MatRef::from_column_major_slice(weights, classes, rows);
            matmul(
                &mut probabilities,
                Accum::Replace,
                weights,
                &design,
                1.0,
                Par::Seq,
            );
            let loss = self.softmax_loss(&mut probabilities);
            let mut slope = faer::MatMut::from_column_major_slice_mut(gradient, classes, rows);
            let mean = 1.0 / items as f64;
            matmul(
                &mut slope,
                Accum::Replace,
                &probabilities,
                design.transpose(),
                mean,
                Par::Seq,
            );
            let mut penalty = 0.0;
            for (row, &factor) in penalties.iter().enumerate() {
                for class in 0..classes {
                    penalty += 0.5 * factor * weights[(class, row)].powi(2);
                    slope[(class, row)] += factor * weights[(class, row)];
                }
            }
            loss + penalty
        };
        let flat =
            (0..rows * classes).map(|i| start[(i % classes, i / classes)] * scales[i / classes]);
        let found = minimise(objective, flat.collect(), stop);
        Mat::from_fn(classes, rows, |class, row| {
            found[row * classes + class] / scales[row]
        })
    }

    /// Turns logits `[present, items]` into the loss's derivative, probability − target; returns the
    /// mean of `−log p(target)`.
    fn softmax_loss(&self, logits: &mut Mat<f64>) -> f64 {
        let mut loss = 0.0;
        for (item, &target) in self.targets.iter().enumerate() {
            let column = logits.col_as_slice_mut(item);
            let largest = column.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let shifted_target = column[target] - largest;
            let mut total = 0.0;
            for value in column.iter_mut() {
                *value = (*value - largest).exp();
                total += *value;
            }
            column.iter_mut().for_each(|value| *value /= total);
            column[target] -= 1.0;
            loss += total.ln() - shifted_target;
        }
        loss / self.targets.len() as f64
    }

    /// Back from principal axes, centred data and present classes to the caller's.
    fn classifier(&self, found: &Mat<f64>, axes: &PrincipalAxes, means: &[f64]) -> Logistic {
        let rank = axes.squares.len();
        let turned = axes.back(found.subcols(0, rank)); // [present, dim]
        let mut weights = Mat::zeros(self.classes, means.len());
        let mut intercepts = vec![f64::NEG_INFINITY; self.classes];
        for (row, &class) in self.present.iter().enumerate() {
            let mut shift = 0.0;
            for (d, mean) in means.iter().enumerate() {
                weights[(class, d)] = turned[(row, d)];
                shift += turned[(row, d)] * mean;
            }
            intercepts[class] = found[(row, rank)] - shift;
        }
        Logistic {
            weights,
            intercepts,
        }
    }
}

/// Subtracts the mean column; returns it.
fn centre(columns: &mut Mat<f64>) -> Vec<f64> {
    let items = columns.ncols().max(1) as f64;
    let mut means = vec![0.0; columns.nrows()];
    for item in 0..columns.ncols() {
        for (mean, value) in means.iter_mut().zip(columns.col_as_slice(item)) {
            *mean += value / items;
        }
    }
    for item in 0..columns.ncols() {
        for (value, mean) in columns.col_as_slice_mut(item).iter_mut().zip(&means) {
            *value -= mean;
        }
    }
    means
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Embeddings given row after row, fitted to far more digits than a test compares.
    fn fit(
        dim: usize,
        rows: &[f32],
        labels: &[usize],
        classes: usize,
        strengths: &[f64],
    ) -> Vec<Logistic> {
        let columns = Mat::from_fn(dim, labels.len(), |d, item| f64::from(rows[item * dim + d]));
        let training = Training {
            columns: &columns,
            along_axes: false,
            labels,
            classes,
        };
        Logistic::fit(&training, strengths, 1e-10).unwrap()
    }

    fn weights(of: &Logistic) -> Vec<f64> {
        let (classes, dim) = (of.weights.nrows(), of.weights.ncols());
        (0..classes * dim)
            .map(|i| of.weights[(i / dim, i % dim)])
            .collect()
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        versions: String,
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        c: f64,
        dim: usize,
        classes: usize,
        values: Vec<f32>,
        labels: Vec<usize>,
        weights: Vec<Vec<f64>>,
        intercepts: Vec<f64>,
    }

    #[test]
    fn weights_and_intercepts_equal_scikit_learn() {
        let golden: Golden =
            serde_json::from_str(include_str!("../../tests/golden/logistic.json")).unwrap();
        for case in golden.cases {
            let fitted = fit(
                case.dim,
                &case.values,
                &case.labels,
                case.classes,
                &[case.c],
            );
            let same = |ours: &[f64], theirs: &[f64], what: &str| {
                let largest = theirs.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
                for (ours, theirs) in ours.iter().zip(theirs) {
                    // What scikit-learn stops short of the minimum by.
                    let gap = (ours - theirs).abs();
                    assert!(
                        gap <= 1e-6 * largest,
                        "{what} of {}: {ours} against {theirs} by {}",
                        case.name,
                        golden.versions
                    );
                }
            };
            same(&weights(&fitted[0]), &case.weights.concat(), "weights");
            same(&fitted[0].intercepts, &case.intercepts, "intercepts");
        }
    }

    #[test]
    fn a_warm_start_ends_where_a_cold_one_does() {
        let values: Vec<f32> = (0..60).map(|i| ((i * 37 % 23) as f32).sin()).collect();
        let labels: Vec<usize> = (0..12).map(|i| i % 3).collect();
        let path = fit(5, &values, &labels, 3, &[1e-3, 1e-1, 10.0]);
        let cold = fit(5, &values, &labels, 3, &[10.0]);
        for (warm, cold) in weights(&path[2]).iter().zip(weights(&cold[0])) {
            assert!((warm - cold).abs() < 1e-8, "{warm} against {cold}");
        }
    }

    #[test]
    fn a_class_without_training_clips_is_never_predicted() {
        let fitted = fit(1, &[-1., 1., -2., 2.], &[0, 2, 0, 2], 4, &[1.0]);
        let probes = Mat::from_fn(1, 9, |_, i| i as f64 - 4.0);
        let predicted = fitted[0].predict(&probes);
        assert!(predicted.iter().all(|p| [0, 2].contains(&p.class)));
        assert!(predicted.iter().all(|p| p.confidence >= 0.5));
    }

    #[test]
    fn a_single_class_is_predicted_always() {
        let fitted = fit(1, &[-1., 1.], &[1, 1], 2, &[1.0]);
        let predicted = fitted[0].predict(&Mat::from_fn(1, 2, |_, i| i as f64));
        let [first, second] =
            [0, 1].map(|item: usize| (predicted[item].class, predicted[item].confidence));
        assert_eq!([first, second], [(1, 1.0); 2]);
    }

    #[test]
    fn identical_embeddings_give_the_most_frequent_class() {
        let fitted = fit(3, &[2.0; 9], &[1, 1, 0], 2, &[1.0]);
        let predicted = fitted[0].predict(&Mat::from_fn(3, 1, |_, _| 2.0))[0];
        assert_eq!(predicted.class, 1);
        assert!((predicted.confidence - 2.0 / 3.0).abs() < 1e-4);
    }
}
