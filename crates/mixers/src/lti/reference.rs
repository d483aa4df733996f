//! Elementary pieces of the f64 references.

use resolvent_structure::Complex64;

/// x Phi(x), with the normal distribution function itself and not its tanh approximation.
pub(crate) fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + libm::erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// Complex numbers from [.., 2] values.
pub(crate) fn pairs(values: &[f64]) -> Vec<Complex64> {
    let pairs = values.chunks_exact(2);
    pairs.map(|p| Complex64::new(p[0], p[1])).collect()
}
