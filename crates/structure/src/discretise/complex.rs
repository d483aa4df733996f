//! Sampling of complex diagonal state matrices.

use num_complex::Complex64;

use super::Rule;
use crate::StructureError;
use crate::error::{expect_finite_complex, expect_length};

/// One sampled complex mode: `h_t = decay * h_{t-1} + gain * b * x_t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ComplexStep {
    /// Factor on the previous state, without unit.
    pub decay: Complex64,
    /// Factor on the input term `b x_t`.
    ///
    /// # Units
    /// those of the step size
    pub gain: Complex64,
}

/// Samples one complex mode `h' = eigenvalue * h + b x`, with the formulas of the
/// [module](super).
///
/// # Numerics
/// The zero-order hold uses a complex `exp(z) - 1` that keeps full precision near zero, and
/// `gain = step_size` for `eigenvalue = 0`.
///
/// # Errors
/// As [`discretise`](super::discretise): values that are not finite, a negative step size, the pole
/// of the bilinear rule, overflow.
///
/// # Example
/// ```
/// use resolvent_structure::{Complex64, discretise::{Rule, discretise_complex}};
///
/// // A quarter turn.
/// let quarter = Complex64::new(0.0, std::f64::consts::FRAC_PI_2);
/// let step = discretise_complex(Rule::ZeroOrderHold, quarter, 1.0)?;
/// assert!((step.decay - Complex64::i()).norm() < 1e-15);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn discretise_complex(
    rule: Rule,
    eigenvalue: Complex64,
    step_size: f64,
) -> Result<ComplexStep, StructureError> {
    sample(rule, 0, eigenvalue, step_size)
}

/// Samples a complex diagonal state matrix, every mode with its own step size.
///
/// # Shapes
/// - `eigenvalues`, `step_sizes`: `[modes]`
/// - output: `[modes]`
///
/// # Errors
/// As [`discretise_complex`] for the first mode that is refused, and
/// [`StructureError::LengthMismatch`] when the lengths differ.
pub fn discretise_complex_diagonal(
    rule: Rule,
    eigenvalues: &[Complex64],
    step_sizes: &[f64],
) -> Result<Vec<ComplexStep>, StructureError> {
    expect_length(
        "discretise_complex_diagonal",
        "step_sizes",
        eigenvalues.len(),
        step_sizes.len(),
    )?;
    expect_finite_complex("eigenvalues", eigenvalues)?;
    let pairs = eigenvalues.iter().zip(step_sizes).enumerate();
    pairs
        .map(|(index, (&eigenvalue, &step_size))| sample(rule, index, eigenvalue, step_size))
        .collect()
}

/// Samples mode `index`.
fn sample(
    rule: Rule,
    index: usize,
    eigenvalue: Complex64,
    step_size: f64,
) -> Result<ComplexStep, StructureError> {
    let refuse = |name, value, expected| StructureError::BadValue {
        name,
        index,
        value,
        expected,
    };
    expect_finite_complex("eigenvalue", &[eigenvalue])?;
    if !step_size.is_finite() || step_size < 0.0 {
        let expected = "a finite number that is not negative";
        return Err(refuse("step_size", step_size, expected));
    }
    let z = eigenvalue * step_size;
    if rule == Rule::Bilinear && z == Complex64::new(2.0, 0.0) {
        let expected = "anything but 2, the pole of the bilinear rule";
        return Err(refuse("eigenvalue * step_size", z.re, expected));
    }
    let step = apply(rule, eigenvalue, step_size);
    if !step.decay.is_finite() || !step.gain.is_finite() {
        let expected = "a product small enough for the rule not to overflow";
        return Err(refuse("eigenvalue * step_size", z.re, expected));
    }
    Ok(step)
}

/// The formulas of the module's table.
fn apply(rule: Rule, eigenvalue: Complex64, step_size: f64) -> ComplexStep {
    let z = eigenvalue * step_size;
    let (decay, gain) = match rule {
        Rule::ZeroOrderHold if z == Complex64::ZERO => (Complex64::ONE, step_size.into()),
        Rule::ZeroOrderHold if z.norm() < 1.0 => (z.exp(), exp_m1(z) / z * step_size),
        Rule::ZeroOrderHold => (z.exp(), exp_m1(z) / eigenvalue),
        Rule::Bilinear => {
            let denominator = 1.0 - 0.5 * z;
            ((1.0 + 0.5 * z) / denominator, step_size / denominator)
        }
        Rule::ForwardEuler => (1.0 + z, step_size.into()),
        Rule::ExponentialEuler => (z.exp(), step_size.into()),
    };
    ComplexStep { decay, gain }
}

/// `exp(z) - 1` without cancellation near zero: the real part is
/// `(exp(x) - 1) cos(y) - 2 sin(y/2)^2`.
pub(crate) fn exp_m1(z: Complex64) -> Complex64 {
    let growth = z.re.exp_m1();
    let (sine, cosine) = z.im.sin_cos();
    let half = (0.5 * z.im).sin();
    Complex64::new(growth * cosine - 2.0 * half * half, (growth + 1.0) * sine)
}
