//! Euclidean distances, and which rows share a label.

use tch::Tensor;

use super::similarity::at_least_f32;

/// Euclidean distances of all rows of `[first, dim]` and `[second, dim]`: `[first, second]`, at
/// least in fp32. The gradient of a distance of 0 is 0.
pub(super) fn distances(first: &Tensor, second: &Tensor) -> Tensor {
    // By differences: |a|² − 2a·b + |b|² is faster, but no distance of equal rows would be 0.
    const BY_DIFFERENCES: i64 = 2;
    let (first, second) = (at_least_f32(first), at_least_f32(second));
    Tensor::cdist(&first, &second, 2.0, BY_DIFFERENCES)
}

/// Which pairs of `[items]` labels are equal: `[items, items]`.
pub(super) fn same_label(labels: &Tensor) -> Tensor {
    labels.unsqueeze(1).eq_tensor(&labels.unsqueeze(0))
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::super::testing::*;
    use super::*;

    #[test]
    fn equal_rows_are_at_0_and_pull_nowhere() {
        let rows = (some_rows(40, 7, 1) * 100.0)
            .to_kind(Kind::Float)
            .set_requires_grad(true);
        let to_themselves = distances(&rows, &rows).diagonal(0, 0, 1);
        to_themselves.sum(None).backward();
        assert_eq!(to_themselves.max().double_value(&[]), 0.0);
        assert_eq!(rows.grad().abs().max().double_value(&[]), 0.0);
    }

    #[test]
    fn distances_are_those_of_plain_loops() {
        let (first, second) = (some_rows(3, 4, 1), some_rows(30, 4, 2));
        let given = to_rows(&distances(&first, &second));
        for (a, given) in to_rows(&first).iter().zip(given) {
            for (b, given) in to_rows(&second).iter().zip(given) {
                assert!((distance(a, b) - given).abs() < 1e-12);
            }
        }
    }
}
