//! The definition in f64.

/// x Phi(x) of every element.
pub fn gelu(x: &[f64]) -> Vec<f64> {
    let phi = |x: f64| 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
    x.iter().map(|&x| x * phi(x)).collect()
}
