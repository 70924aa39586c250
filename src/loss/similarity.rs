//! Cosine similarity, the ground all contrastive losses stand on.

use tch::{Kind, Tensor};

use super::Temperature;

/// Below this length a row counts as having it, so that a row of zeros stays zero.
const SHORTEST_ROW: f64 = 1e-12;

/// The rows of `[rows, dim]` at unit (L2) length, at least in fp32.
///
/// A row of zeros stays zero.
pub fn unit_rows(rows: &Tensor) -> Tensor {
    let rows = at_least_f32(rows);
    let length = rows.norm_scalaropt_dim(2, [-1i64].as_slice(), true); // [rows, 1]
    rows / length.clamp_min(SHORTEST_ROW)
}

/// `sᵢⱼ / τ` for all pairs of rows of `[rows, dim]`: `[rows, rows]`.
pub(super) fn cosine_logits(rows: &Tensor, temperature: Temperature) -> Tensor {
    let z = unit_rows(rows);
    z.matmul(&z.transpose(0, 1)) / temperature.get()
}

/// True on the diagonal of `[rows, rows]`: a row against itself.
pub(super) fn is_self(rows: i64, like: &Tensor) -> Tensor {
    Tensor::eye(rows, (Kind::Bool, like.device()))
}

/// fp16 and bf16 widened to fp32; wider kinds stay.
pub(super) fn at_least_f32(values: &Tensor) -> Tensor {
    match values.kind() {
        Kind::Half | Kind::BFloat16 => values.to_kind(Kind::Float),
        _ => values.shallow_clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_length_one_and_zero_stays_zero() {
        let rows = Tensor::from_slice(&[3.0f32, 4.0, 0.0, 0.0]).view([2, 2]);
        let unit = Vec::<f32>::try_from(unit_rows(&rows).view(-1)).unwrap();
        assert_eq!(unit, [0.6, 0.8, 0.0, 0.0]);
    }

    #[test]
    fn narrow_numbers_are_widened_and_wide_ones_kept() {
        let rows = Tensor::ones([2, 3], (Kind::Float, tch::Device::Cpu));
        for (given, computed) in [
            (Kind::BFloat16, Kind::Float),
            (Kind::Half, Kind::Float),
            (Kind::Float, Kind::Float),
            (Kind::Double, Kind::Double),
        ] {
            assert_eq!(unit_rows(&rows.to_kind(given)).kind(), computed);
        }
    }
}
