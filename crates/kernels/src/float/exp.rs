//! Single-precision exponential: argument reduction by powers of two and a polynomial.

/// Adding and subtracting 1.5 * 2^23 rounds to the nearest integer, which then stands in the low
/// bits of the sum: no conversion instruction, no branch.
const ROUND: f32 = 12_582_912.0;
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;
const LOWEST: f32 = -87.3;
/// Beyond it k would be 128, whose power of two is no f32.
const HIGHEST: f32 = 88.3;

/// exp(x) = 2^k exp(r) with k = round(x / ln 2), |r| <= ln(2)/2; Taylor terms up to r^7
/// (remainder below 6e-9 relative).
#[inline(always)]
pub(super) fn exp_f32(x: f32) -> f32 {
    // Comparisons instead of min/max: those would turn NaN into a number.
    let clamped = if x > HIGHEST { HIGHEST } else { x };
    let clamped = if clamped < LOWEST { LOWEST } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (clamped - k * LN2_HIGH) - k * LN2_LOW;
    let mut p = 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    let exponent = shifted
        .to_bits()
        .wrapping_sub(ROUND.to_bits())
        .wrapping_add(127);
    let value = p * f32::from_bits(exponent << 23);
    if x < LOWEST { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::exp_f32;

    #[test]
    fn exp_f32_when_in_range_is_within_two_ulp_of_f64() {
        let mut worst = 0.0_f64;
        let mut x = -87.2_f32;
        while x < 88.3 {
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp_f32(x)) - exact).abs() / exact);
            x += 0.000_37;
        }
        assert!(worst < 2.0e-7, "worst relative error {worst:e}");
    }

    #[test]
    fn exp_f32_when_outside_range_saturates_and_keeps_nan() {
        assert_eq!(exp_f32(-1e30), 0.0);
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp_f32(0.0), 1.0);
        assert!(exp_f32(1e30).is_finite() && exp_f32(1e30) > 2e38);
        assert!(exp_f32(f32::NAN).is_nan());
    }
}
