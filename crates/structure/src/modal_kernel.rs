//! Kernels and transfer functions of diagonal systems: S4D, S5, DSS.
//!
//! Source: Gu, Gupta, Goel and Re, *On the Parameterization and Initialization of Diagonal State
//! Space Models*, 2022, arXiv 2206.11893 (S4D); Gupta, Gu and Berant, *Diagonal State Spaces are as
//! Effective as Structured State Spaces*, 2022, arXiv 2203.14343 (DSS).
//!
//! All of them are `K_l = Re sum_n c_n z_n^l`, a product with a Vandermonde matrix. The
//! coefficient `c_n` holds the product of input and output, and the weight 2 of a mode that stands
//! for a conjugate pair.

use num_complex::Complex64;

use crate::StructureError;
use crate::dense::element_count;
use crate::discretise::{Rule, discretise_complex_diagonal, exp_m1};
use crate::error::{expect_finite, expect_finite_complex, expect_length, expect_positive};

/// Lags whose powers are kept per mode.
const BLOCK: usize = 64;

/// `K_l = Re sum_n c_n exp(l z_n)`.
///
/// # Shapes
/// - `log_powers` (`z`), `coefficients` (`c`): `[modes]`; output: `[length]`
///
/// # Numerics
/// Every 64th power is formed from the logarithm, whose imaginary part is first reduced modulo
/// `2 pi`, so that errors grow like `l` times the machine precision of one step and do not depend
/// on the size of the step.
///
/// # Cost
/// `2 * modes * length` multiply-adds, `O(modes + length)` memory.
///
/// # Errors
/// [`StructureError::LengthMismatch`] when the lengths differ, [`StructureError::BadValue`] for
/// values that are not finite and for a kernel that overflows.
///
/// # Example
/// ```
/// use resolvent_structure::{Complex64, vandermonde_kernel};
///
/// let half = Complex64::new(0.5_f64.ln(), std::f64::consts::PI);
/// let kernel = vandermonde_kernel(&[half], &[Complex64::ONE], 3)?;
/// for (value, expected) in kernel.iter().zip([1.0, -0.5, 0.25]) {
///     assert!((value - expected).abs() < 1e-15);
/// }
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn vandermonde_kernel(
    log_powers: &[Complex64],
    coefficients: &[Complex64],
    length: usize,
) -> Result<Vec<f64>, StructureError> {
    let modes = log_powers.len();
    expect_length(
        "vandermonde_kernel",
        "coefficients",
        modes,
        coefficients.len(),
    )?;
    expect_finite_complex("log_powers", log_powers)?;
    expect_finite_complex("coefficients", coefficients)?;
    element_count(length, 1)?;
    let mut kernel = vec![0.0; length];
    let mut power = [(0.0, 0.0); BLOCK];
    for (z, c) in log_powers.iter().zip(coefficients) {
        let reduced = Complex64::new(z.re, z.im % std::f64::consts::TAU);
        for (r, slot) in power.iter_mut().enumerate() {
            let value = (reduced * r as f64).exp();
            *slot = (value.re, value.im);
        }
        for (q, lags) in kernel.chunks_mut(BLOCK).enumerate() {
            let start = c * (reduced * (q * BLOCK) as f64).exp();
            if start == Complex64::ZERO {
                break;
            }
            for (k, (re, im)) in lags.iter_mut().zip(&power) {
                *k += start.re * re - start.im * im;
            }
        }
    }
    expect_finite("kernel", &kernel)?;
    Ok(kernel)
}

/// The kernel of a sampled diagonal system, `K_l = Re sum_n c_n gain_n decay_n^l`.
///
/// # Shapes
/// - `eigenvalues`: `[modes]`
/// - `coefficients`: `[modes]`, weight times output times input
/// - output: `[length]`
///
/// # Errors
/// As [`vandermonde_kernel`] and [`discretise_complex`](crate::discretise::discretise_complex).
///
/// # Example
/// ```
/// use resolvent_structure::{Complex64, modal_kernel};
/// use resolvent_structure::{DiagonalInit, discretise::Rule};
///
/// // S4D-Lin with N = 4, B = C = 1: two modes, each standing for a pair.
/// let lin = DiagonalInit::Lin.eigenvalues(4)?;
/// let kernel = modal_kernel(Rule::ZeroOrderHold, &lin, &[Complex64::new(2.0, 0.0); 2], 0.1, 2)?;
/// assert!((kernel[0] - 0.387011209).abs() < 1e-9);
/// assert!((kernel[1] - 0.350341188).abs() < 1e-9);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn modal_kernel(
    rule: Rule,
    eigenvalues: &[Complex64],
    coefficients: &[Complex64],
    step_size: f64,
    length: usize,
) -> Result<Vec<f64>, StructureError> {
    let modes = eigenvalues.len();
    expect_length("modal_kernel", "coefficients", modes, coefficients.len())?;
    let steps = discretise_complex_diagonal(rule, eigenvalues, &vec![step_size; modes])?;
    let (mut logs, mut driven) = (Vec::new(), Vec::new());
    let mut at_once = 0.0;
    for ((step, c), lambda) in steps.iter().zip(coefficients).zip(eigenvalues) {
        let coefficient = c * step.gain;
        if step.decay == Complex64::ZERO {
            // Such a mode acts on the present sample alone, and zero has no logarithm.
            at_once += coefficient.re;
            continue;
        }
        logs.push(match rule {
            Rule::ZeroOrderHold | Rule::ExponentialEuler => lambda * step_size,
            Rule::Bilinear | Rule::ForwardEuler => step.decay.ln(),
        });
        driven.push(coefficient);
    }
    let mut kernel = vandermonde_kernel(&logs, &driven, length)?;
    if let Some(first) = kernel.first_mut() {
        *first += at_once;
    }
    Ok(kernel)
}

/// The transfer function of a diagonal system with real input and output,
/// `G(s) = 1/2 sum_n [c_n / (s - lambda_n) + conj(c_n) / (s - conj(lambda_n))]`.
///
/// # Shapes
/// - `eigenvalues`, `coefficients`: `[modes]`, the latter weight times output times input
///
/// # Errors
/// [`StructureError::LengthMismatch`] when the lengths differ, [`StructureError::Singular`] where
/// `s` is an eigenvalue.
pub fn modal_response(
    eigenvalues: &[Complex64],
    coefficients: &[Complex64],
    s: Complex64,
) -> Result<Complex64, StructureError> {
    let modes = eigenvalues.len();
    expect_length("modal_response", "coefficients", modes, coefficients.len())?;
    let pairs = eigenvalues.iter().zip(coefficients);
    let terms = pairs.map(|(lambda, c)| 0.5 * (c / (s - lambda) + c.conj() / (s - lambda.conj())));
    let response: Complex64 = terms.sum();
    if response.is_finite() {
        return Ok(response);
    }
    Err(StructureError::Singular {
        operation: "modal_response",
        matrix: "s I - Lambda",
    })
}

/// The kernel of DSS: every mode is normalised to sum to one over the length,
/// `K_l = Re sum_n (c_n / lambda_n) exp(l dt lambda_n) / sum_m exp(m dt lambda_n)`.
///
/// A mode with positive real part is written with exponents `(l - (length - 1)) dt lambda`, so that
/// nothing overflows. The kernel depends on the length: a prefix is not the kernel of the prefix.
///
/// Deviation: the published code divides by `(|x|^2 + 1e-7) / conj(x)`; here the quotient is exact,
/// and a mode whose powers sum to zero is refused.
///
/// # Shapes
/// - `eigenvalues`: `[modes]`; `coefficients`: `[modes]`, weight times output; output: `[length]`
///
/// # Errors
/// As [`vandermonde_kernel`]; [`StructureError::BadValue`] for a step size that is not positive,
/// for an eigenvalue of zero, and for a mode whose powers sum to zero.
pub fn dss_kernel(
    eigenvalues: &[Complex64],
    coefficients: &[Complex64],
    step_size: f64,
    length: usize,
) -> Result<Vec<f64>, StructureError> {
    let modes = eigenvalues.len();
    expect_length("dss_kernel", "coefficients", modes, coefficients.len())?;
    expect_positive("step_size", step_size)?;
    expect_finite_complex("eigenvalues", eigenvalues)?;
    // Modes that decay with the lag, and modes that decay backwards from the last lag.
    let (mut forward, mut backward) = ((vec![], vec![]), (vec![], vec![]));
    for (index, (lambda, c)) in eigenvalues.iter().zip(coefficients).enumerate() {
        let grows = lambda.re > 0.0;
        let z = if grows { -lambda } else { *lambda } * step_size;
        let scale = exp_m1(z) / exp_m1(z * length as f64);
        let coefficient = c / lambda * scale;
        if !coefficient.is_finite() && length > 0 {
            return Err(StructureError::BadValue {
                name: "eigenvalues",
                index,
                value: lambda.im,
                expected: "a nonzero eigenvalue whose powers do not sum to zero over the length",
            });
        }
        let side = if grows { &mut backward } else { &mut forward };
        side.0.push(z);
        side.1.push(coefficient);
    }
    if length == 0 {
        return Ok(Vec::new());
    }
    let mut kernel = vandermonde_kernel(&forward.0, &forward.1, length)?;
    let late = vandermonde_kernel(&backward.0, &backward.1, length)?;
    for (value, late) in kernel.iter_mut().zip(late.iter().rev()) {
        *value += late;
    }
    Ok(kernel)
}
