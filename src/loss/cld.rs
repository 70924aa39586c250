//! The group loss of CLD, and the k-means it stands on.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};
use tch::Tensor;

use super::Temperature;
use super::cross_entropy::cross_entropy;
use super::distance::distances;
use super::similarity::{at_least_f32, unit_rows};

/// How [`k_means()`] clusters a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KMeansConfig {
    /// Clusters, at most as many as there are rows. The paper takes up to half the batch: 128 on
    /// CIFAR, 120 on ImageNet. More makes groups smaller.
    pub clusters: NonZeroU32,
    /// Rounds of assigning and averaging, always as many. The authors' scripts take 5.
    #[serde(default = "five")]
    pub iterations: NonZeroU32,
}

fn five() -> NonZeroU32 {
    NonZeroU32::new(5).expect("5 is not 0")
}

/// Rows and where they belong.
#[derive(Debug)]
pub struct Clusters {
    /// `[clusters, dim]`: the mean of each cluster's rows, not at unit length; zeros for an empty
    /// one. Differentiable by the rows.
    pub centroids: Tensor,
    /// `[rows]`: which cluster each row is in, whole numbers.
    pub labels: Tensor,
}

/// Clusters the rows of `[rows, dim]` by k-means with squared Euclidean distance.
///
/// The first rows are the first centroids; then each row goes to its nearest centroid (the first of
/// several) and each centroid to the mean of its rows, a fixed number of times. No randomness, so
/// the same rows in the same order give the same clusters. The gradient of a centroid is that of a
/// mean; the assignment has none.
///
/// # Panics
/// If `rows` is not `[rows, dim]` or has fewer rows than clusters.
pub fn k_means(rows: &Tensor, config: &KMeansConfig) -> Clusters {
    let rows = at_least_f32(rows);
    let count = rows.size2().expect("rows are [rows, dim]").0;
    let clusters = i64::from(config.clusters.get());
    assert!(
        clusters <= count,
        "at least as many rows as clusters: {count} rows, {clusters} clusters"
    );
    let points = rows.detach();
    let mut centroids = points.narrow(0, 0, clusters);
    let mut labels = nearest(&points, &centroids);
    for _ in 1..config.iterations.get() {
        centroids = means(&points, &labels, clusters);
        labels = nearest(&points, &centroids);
    }
    Clusters {
        centroids: means(&rows, &labels, clusters),
        labels,
    }
}

fn nearest(points: &Tensor, centroids: &Tensor) -> Tensor {
    distances(points, centroids).argmin(1, false) // [rows]
}

/// The mean of the rows with each label: `[clusters, dim]`; zeros where there is none.
fn means(rows: &Tensor, labels: &Tensor, clusters: i64) -> Tensor {
    let members = labels.one_hot(clusters).to_kind(rows.kind()); // [rows, clusters]
    let count = members.sum_dim_intlist(0, false, None).clamp_min(1.0);
    members.transpose(0, 1).matmul(rows) / count.unsqueeze(1)
}

/// The group loss of CLD, cross-level discrimination (Wang et al. 2021, arXiv:2008.03813).
///
/// ```text
/// L = ½ ( CE( f(x)·C′ᵀ / τ, l′ ) + CE( f(x′)·Cᵀ / τ, l ) )
/// ```
///
/// `f(x)` and `f(x′)` are the group features of the two views at unit length, `C` and `l` the
/// centroids and labels of the first view's [`k_means()`], `C′` and `l′` those of the second's, `τ` the
/// temperature and `CE` softmax cross entropy, mean over the batch. Each view is to find the group of the
/// other. Gradients flow through the centroids as well.
///
/// `first`, `second`: `[batch, dim]`, row by row two views of the same clip; result: scalar, at least
/// 0, and 0 with one cluster. The published temperatures are 0.2 (CIFAR) and 0.4 (ImageNet). The whole
/// loss of CLD adds this, weighted, to the mean of an instance loss over both views.
///
/// # Panics
/// If the two shapes differ, are not `[batch, dim]`, or have fewer rows than clusters.
///
/// # Source
/// Where paper and code differ this follows the authors' code. Tested against the formula in plain
/// loops and against a PyTorch 2.11 program written from it (`tests/golden/loss.py`).
///
/// ```
/// use std::num::NonZeroU32;
///
/// use chiffchaff::loss::{KMeansConfig, Temperature, cld_group};
/// use tch::{Device, Kind, Tensor};
///
/// // Two groups at right angles, found in both views: e⁵ for the right one, e⁰ for the other.
/// let rows = Tensor::eye(2, (Kind::Float, Device::Cpu)).repeat([3, 1]);
/// let two = NonZeroU32::new(2).unwrap();
/// let config = KMeansConfig { clusters: two, iterations: two };
/// let loss = cld_group(&rows, &rows, &config, Temperature::new(0.2)?);
/// assert!((loss.double_value(&[]) - (-5f64).exp().ln_1p()).abs() < 1e-5);
/// # Ok::<(), chiffchaff::loss::LossError>(())
/// ```
pub fn cld_group(
    first: &Tensor,
    second: &Tensor,
    config: &KMeansConfig,
    temperature: Temperature,
) -> Tensor {
    assert_eq!(
        first.size(),
        second.size(),
        "both views have the same shape"
    );
    let (first, second) = (unit_rows(first), unit_rows(second));
    let to_group_of = |view: &Tensor, other: &Tensor| {
        let Clusters { centroids, labels } = k_means(other, config);
        let logits = view.matmul(&centroids.transpose(0, 1)) / temperature.get(); // [batch, clusters]
        cross_entropy(&logits, &labels)
    };
    (to_group_of(&first, &second) + to_group_of(&second, &first)) / 2.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tch::{Device, Kind};

    use super::super::testing::*;
    use super::*;

    fn config(clusters: u32, iterations: u32) -> KMeansConfig {
        KMeansConfig {
            clusters: NonZeroU32::new(clusters).unwrap(),
            iterations: NonZeroU32::new(iterations).unwrap(),
        }
    }

    /// k-means in plain loops: centroids and labels.
    fn oracle_clusters(
        rows: &[Vec<f64>],
        clusters: usize,
        iterations: u32,
    ) -> (Vec<Vec<f64>>, Vec<usize>) {
        let mut centroids = rows[..clusters].to_vec();
        let mut labels = vec![0; rows.len()];
        for _ in 0..iterations {
            for (label, row) in labels.iter_mut().zip(rows) {
                *label = 0;
                for cluster in 1..clusters {
                    if distance(row, &centroids[cluster]) < distance(row, &centroids[*label]) {
                        *label = cluster;
                    }
                }
            }
            for (cluster, centroid) in centroids.iter_mut().enumerate() {
                let members: Vec<_> = (0..rows.len()).filter(|&i| labels[i] == cluster).collect();
                for (d, value) in centroid.iter_mut().enumerate() {
                    let sum: f64 = members.iter().map(|&i| rows[i][d]).sum();
                    *value = sum / members.len().max(1) as f64;
                }
            }
        }
        (centroids, labels)
    }

    /// The group loss in plain loops.
    fn oracle(
        first: &[Vec<f64>],
        second: &[Vec<f64>],
        clusters: usize,
        iterations: u32,
        temperature: f64,
    ) -> f64 {
        let units = |rows: &[Vec<f64>]| rows.iter().map(|row| unit(row)).collect::<Vec<_>>();
        let (first, second) = (units(first), units(second));
        let mut total = 0.0;
        for (view, other) in [(&first, &second), (&second, &first)] {
            let (centroids, labels) = oracle_clusters(other, clusters, iterations);
            for (row, &label) in view.iter().zip(&labels) {
                let exp = |centroid: &Vec<f64>| (dot(row, centroid) / temperature).exp();
                total -= (exp(&centroids[label]) / centroids.iter().map(exp).sum::<f64>()).ln();
            }
        }
        total / (2 * first.len()) as f64
    }

    fn loss(first: &Tensor, second: &Tensor, config: &KMeansConfig) -> f64 {
        cld_group(first, second, config, tau(0.2)).double_value(&[])
    }

    #[test]
    fn a_line_of_points_by_hand() {
        // From 0 and 1: 2 and 9 go with 1, their mean is 4. Then 1 is nearer to 0, and 2, as near to
        // both, goes to the first.
        let rows = Tensor::from_slice(&[0.0, 1.0, 2.0, 9.0]).view([4, 1]);
        for (iterations, centroids, labels) in [
            (1, [0.0, 4.0], [0, 1, 1, 1]),
            (2, [1.0, 9.0], [0, 0, 0, 1]),
            (5, [1.0, 9.0], [0, 0, 0, 1]),
        ] {
            let found = k_means(&rows, &config(2, iterations));
            assert_eq!(to_rows(&found.centroids).concat(), centroids);
            assert_eq!(Vec::<i64>::try_from(&found.labels).unwrap(), labels);
        }
    }

    #[test]
    fn an_empty_cluster_has_its_centroid_at_zero() {
        // Rows 0 and 1 are equal and both go to the first; the second has none.
        let rows = Tensor::from_slice(&[3.0, 1.0, 3.0, 1.0, 3.0, 1.0]).view([3, 2]);
        let found = k_means(&rows, &config(2, 1));
        assert_eq!(to_rows(&found.centroids), [[3.0, 1.0], [0.0, 0.0]]);
        assert_eq!(Vec::<i64>::try_from(&found.labels).unwrap(), [0, 0, 0]);
    }

    #[test]
    fn centroids_pass_gradients_to_their_members_alike() {
        let rows = Tensor::from_slice(&[0.0, 1.0, 2.0, 9.0])
            .view([4, 1])
            .set_requires_grad(true);
        k_means(&rows, &config(2, 2))
            .centroids
            .get(0)
            .sum(None)
            .backward();
        let third = 1.0 / 3.0;
        let expected = Tensor::from_slice(&[third, third, third, 0.0]).view([4, 1]);
        assert_close(&rows.grad(), &expected, 1e-12);
    }

    #[test]
    fn groups_are_those_of_the_other_view() {
        // The first view's clusters are {0, 1} and {2}, the second's {0} and {1, 2}.
        let first = Tensor::from_slice(&[1.0, 0.0, 0.0, 1.0, 0.0, 1.0]).view([3, 2]);
        let second = Tensor::from_slice(&[1.0, 0.0, 0.6, 0.8, 0.0, 1.0]).view([3, 2]);
        // First view: C is (1, 0) and (0, 1), labels 0 1 1. Second: C′ starts at its first two
        // rows, the third is nearer to (0.6, 0.8): C′ is (1, 0) and (0.3, 0.9), labels 0 1 1.
        let share = |right: f64, wrong: f64| -(right.exp() / (right.exp() + wrong.exp())).ln();
        let to_second = share(1.0, 0.3) + 2.0 * share(0.9, 0.0);
        let to_first = share(1.0, 0.0) + share(0.8, 0.6) + share(1.0, 0.0);
        let given = cld_group(&first, &second, &config(2, 1), tau(1.0)).double_value(&[]);
        assert!((given - (to_second + to_first) / 6.0).abs() < 1e-12);
    }

    #[test]
    fn agrees_with_pytorch_in_value_and_gradient() {
        for case in golden("cld_group") {
            let config = config(
                case.number("clusters") as u32,
                case.number("iterations") as u32,
            );
            case.assert_agrees(&["first", "second"], |inputs| {
                let temperature = tau(case.number("temperature"));
                cld_group(&inputs[0], &inputs[1], &config, temperature)
            });
        }
    }

    #[test]
    fn gradient_agrees_with_finite_differences() {
        // Good as long as no step of the differences moves a row to another cluster.
        let (first, second) = (some_rows(8, 4, 1), some_rows(8, 4, 2));
        let config = config(3, 4);
        let of_first = |first: &Tensor| cld_group(first, &second, &config, tau(0.3));
        assert_gradient(&of_first, &first);
        let of_second = |second: &Tensor| cld_group(&first, second, &config, tau(0.3));
        assert_gradient(&of_second, &second);
    }

    #[test]
    fn stays_finite_at_low_temperature_in_single_precision() {
        let first = some_rows(12, 16, 1)
            .to_kind(Kind::Float)
            .set_requires_grad(true);
        let second = some_rows(12, 16, 2).to_kind(Kind::Float);
        let result = cld_group(&first, &second, &config(4, 5), tau(0.005));
        result.backward();
        let expected = oracle(&to_rows(&first), &to_rows(&second), 4, 5, 0.005);
        assert!((result.double_value(&[]) / expected - 1.0).abs() < 1e-4);
        assert!(bool::try_from(first.grad().isfinite().all()).unwrap());
    }

    #[test]
    fn narrow_inputs_are_computed_in_single_precision() {
        let rows = some_rows(4, 8, 5).to_kind(Kind::BFloat16);
        let loss = cld_group(&rows, &rows, &config(2, 2), tau(0.2));
        assert_eq!(loss.kind(), Kind::Float);
        assert_eq!(k_means(&rows, &config(2, 2)).centroids.kind(), Kind::Float);
    }

    #[test]
    #[should_panic(expected = "2 rows, 3 clusters")]
    fn more_clusters_than_rows_are_refused() {
        k_means(&some_rows(2, 4, 1), &config(3, 1));
    }

    #[test]
    fn config_reads_what_it_knows_and_refuses_the_rest() {
        let read = |text: &str| serde_json::from_str::<KMeansConfig>(text);
        assert_eq!(read(r#"{"clusters": 8}"#).unwrap(), config(8, 5));
        for refused in ["{}", r#"{"clusters": 0}"#, r#"{"clusters": 2, "k": 2}"#] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn equals_the_formula(
            seed in 0i64..1000, batch in 4i64..12, clusters in 1u32..5, iterations in 1u32..6, temperature in 0.05f64..2.0,
        ) {
            let (first, second) = (some_rows(batch, 5, seed), some_rows(batch, 5, seed + 1000));
            let given = cld_group(&first, &second, &config(clusters, iterations), tau(temperature)).double_value(&[]);
            let expected = oracle(&to_rows(&first), &to_rows(&second), clusters as usize, iterations, temperature);
            prop_assert!((given - expected).abs() < 1e-9 * (1.0 + expected), "{given} {expected}");
        }

        #[test]
        fn clusters_equal_those_of_plain_loops(
            seed in 0i64..1000, rows in 5i64..30, clusters in 1u32..6, iterations in 1u32..6,
        ) {
            let rows = some_rows(rows, 3, seed);
            let found = k_means(&rows, &config(clusters, iterations));
            let (centroids, labels) = oracle_clusters(&to_rows(&rows), clusters as usize, iterations);
            let labels: Vec<_> = labels.iter().map(|&label| label as i64).collect();
            prop_assert_eq!(Vec::<i64>::try_from(&found.labels).unwrap(), labels);
            assert_close(&found.centroids.view(-1), &Tensor::from_slice(&centroids.concat()), 1e-12);
        }

        #[test]
        fn one_cluster_costs_nothing(seed in 0i64..1000, batch in 1i64..7) {
            let (first, second) = (some_rows(batch, 4, seed), some_rows(batch, 4, seed + 1000));
            prop_assert_eq!(loss(&first, &second, &config(1, 5)), 0.0);
        }

        #[test]
        fn swapping_views_and_rescaling_rows_change_nothing(seed in 0i64..1000, scale in 0.01f64..100.0) {
            let (first, second) = (some_rows(9, 4, seed), some_rows(9, 4, seed + 1000));
            let expected = loss(&first, &second, &config(3, 5));
            prop_assert!((loss(&second, &first, &config(3, 5)) - expected).abs() < 1e-10);
            prop_assert!((loss(&(&first * scale), &second, &config(3, 5)) - expected).abs() < 1e-10);
        }

        #[test]
        fn after_the_first_rows_the_order_changes_nothing(seed in 0i64..1000, shift in 1i64..6) {
            let (first, second) = (some_rows(9, 4, seed), some_rows(9, 4, seed + 1000));
            let permuted = |rows: &Tensor| {
                Tensor::cat(&[rows.narrow(0, 0, 3), rows.narrow(0, 3, 6).roll(shift, 0)], 0)
            };
            let given = loss(&permuted(&first), &permuted(&second), &config(3, 5));
            prop_assert!((given - loss(&first, &second, &config(3, 5))).abs() < 1e-10);
        }

        #[test]
        fn equal_rows_share_a_cluster_and_cost_the_guess(clusters in 1u32..6, temperature in 0.1f64..2.0) {
            // All rows go to the first cluster, the others' centroids are zero: e^(1/τ) against e⁰.
            let same = Tensor::ones([6, 4], (Kind::Double, Device::Cpu));
            let given = cld_group(&same, &same, &config(clusters, 1), tau(temperature)).double_value(&[]);
            let right = (1.0 / temperature).exp();
            let expected = -(right / (right + f64::from(clusters - 1))).ln();
            prop_assert!((given - expected).abs() < 1e-9);
        }
    }
}
