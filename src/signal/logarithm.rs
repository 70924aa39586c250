//! A natural logarithm that the compiler can vectorise.

use std::f32::consts::LN_2;

/// √½ as IEEE-754 bits: mantissas are taken from `[√½, √2)`, so that ln is 0 in their middle.
const SQRT_HALF: u32 = std::f32::consts::FRAC_1_SQRT_2.to_bits();
const MANTISSA: u32 = 0x007f_ffff;
const MANTISSA_BITS: u32 = 23;

/// `ln(x)` within 3e-7 relative, for `x` from [`f32::MIN_POSITIVE`] to [`f32::MAX`]; other arguments
/// give a finite number without meaning.
///
/// The standard library's logarithm is a call per value; this one is a dozen operations without
/// branches, so that a loop over it runs in vector registers.
///
/// ```text
/// x = 2ᵉ·m, √½ ≤ m < √2        ln x = e·ln 2 + ln m
/// s = (m − 1)/(m + 1)           ln m = 2·(s + s³/3 + s⁵/5 + s⁷/7 + s⁹/9 + …)
/// ```
/// `|s| ≤ 0.172`, so the first term left out is below 3e-9 of the result.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let above_sqrt_half = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = (above_sqrt_half as i32) >> MANTISSA_BITS;
    let m = f32::from_bits((above_sqrt_half & MANTISSA).wrapping_add(SQRT_HALF));
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let tail = z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    exponent as f32 * LN_2 + 2.0 * (s + s * tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative_error(x: f32) -> f64 {
        let exact = f64::from(x).ln();
        (f64::from(ln(x)) - exact).abs() / exact.abs().max(1e-30)
    }

    #[test]
    fn ln_agrees_with_double_precision_over_the_whole_range_of_f32() {
        let worst = (f32::MIN_POSITIVE.to_bits()..=f32::MAX.to_bits())
            .step_by(4099)
            .map(|bits| relative_error(f32::from_bits(bits)))
            .fold(0.0, f64::max);
        assert!(worst < 3e-7, "{worst}");
    }

    #[test]
    fn ln_keeps_its_relative_accuracy_near_one() {
        let one = 1.0f32.to_bits();
        let worst = (one - 100_000..one + 100_000)
            .filter(|&bits| bits != one)
            .map(|bits| relative_error(f32::from_bits(bits)))
            .fold(0.0, f64::max);
        assert!(worst < 3e-7, "{worst}");
        assert_eq!(ln(1.0), 0.0);
    }
}
