//! From a continuous-time state equation to the step that a scan runs: for real and complex
//! diagonal state matrices, and for dense ones.
//!
//! Each diagonal element is a scalar equation `h'(t) = lambda h(t) + b x(t)`. Sampled with step
//! size `dt` it becomes `h_t = decay * h_{t-1} + gain * b * x_t`. With `z = lambda dt`:
//!
//! | rule | `decay` | `gain` | local error |
//! |---|---|---|---|
//! | zero-order hold | `exp(z)` | `dt (exp(z) - 1) / z` | 0 for constant input |
//! | bilinear | `(1 + z/2) / (1 - z/2)` | `dt / (1 - z/2)` | `O(dt^3)` |
//! | forward Euler | `1 + z` | `dt` | `O(dt^2)` |
//! | exponential Euler | `exp(z)` | `dt` | `O(dt^2)` |
//!
//! All four agree as `dt -> 0`: `decay -> 1`, `(decay - 1) / dt -> lambda`, `gain / dt -> 1`; at
//! `dt = 0` exactly, `decay = 1` and `gain = 0`, so that a padded step leaves the state alone.
//!
//! Source: Gu, Goel and Re, arXiv 2111.00396, section 2.3 (bilinear); Gu and Dao, arXiv
//! 2312.00752, equation 4 (zero-order hold). Deviation: that paper writes the zero-order hold of
//! the input, its published code computes `dt` instead; both are here, the latter as
//! [`Rule::ExponentialEuler`].

mod complex;
mod dense;

pub(crate) use complex::exp_m1;
pub use complex::{ComplexStep, discretise_complex, discretise_complex_diagonal};
pub use dense::discretise_dense;

use crate::StructureError;
use crate::error::expect_length;

/// How a continuous-time state equation is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Exact when the input is constant during a step (S4D, S5).
    ZeroOrderHold,
    /// The trapezoidal rule: maps the stable half plane onto the unit disc (S4).
    Bilinear,
    /// The explicit first-order rule; unstable for `lambda dt < -2`.
    ForwardEuler,
    /// Exact decay with a first-order input: what Mamba and Mamba-2 compute.
    ExponentialEuler,
}

/// One sampled scalar state equation: `h_t = decay * h_{t-1} + gain * b * x_t`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiscreteStep {
    /// Factor on the previous state, without unit.
    pub decay: f64,
    /// Factor on the input term `b x_t`.
    ///
    /// # Units
    /// those of the step size
    pub gain: f64,
}

/// Samples the scalar equation `h' = eigenvalue * h + b x`.
///
/// # Units
/// `step_size` in any unit of time, `eigenvalue` in its inverse.
///
/// # Numerics
/// The zero-order hold uses `expm1`, so that it keeps full relative precision as `dt -> 0`, also
/// for `eigenvalue = 0`, where `gain = step_size`.
///
/// # Errors
/// [`StructureError::BadValue`] when an argument is not finite, when `step_size` is negative, when
/// the bilinear rule meets its pole `eigenvalue * step_size = 2`, or when the result overflows
/// (an unstable eigenvalue with a large step).
///
/// # Example
/// ```
/// use resolvent_structure::discretise::{Rule, discretise};
///
/// let step = discretise(Rule::ZeroOrderHold, -1.0, 2.0_f64.ln())?;
/// assert!((step.decay - 0.5).abs() < 1e-15);
/// assert!((step.gain - 0.5).abs() < 1e-15);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn discretise(
    rule: Rule,
    eigenvalue: f64,
    step_size: f64,
) -> Result<DiscreteStep, StructureError> {
    discretise_element(rule, 0, eigenvalue, step_size)
}

/// Samples a diagonal state matrix, every element with its own step size.
///
/// # Shapes
/// - `eigenvalues`, `step_sizes`: `[state]`
/// - output: `[state]`
///
/// # Errors
/// As [`discretise`] for the first element that is refused, and
/// [`StructureError::LengthMismatch`] when the lengths differ.
pub fn discretise_diagonal(
    rule: Rule,
    eigenvalues: &[f64],
    step_sizes: &[f64],
) -> Result<Vec<DiscreteStep>, StructureError> {
    expect_length(
        "discretise_diagonal",
        "step_sizes",
        eigenvalues.len(),
        step_sizes.len(),
    )?;
    let pairs = eigenvalues.iter().zip(step_sizes).enumerate();
    pairs
        .map(|(index, (&eigenvalue, &step_size))| {
            discretise_element(rule, index, eigenvalue, step_size)
        })
        .collect()
}

/// Samples element `index` of a diagonal state matrix.
fn discretise_element(
    rule: Rule,
    index: usize,
    eigenvalue: f64,
    step_size: f64,
) -> Result<DiscreteStep, StructureError> {
    let refuse = |name, value, expected| StructureError::BadValue {
        name,
        index,
        value,
        expected,
    };
    if !eigenvalue.is_finite() {
        return Err(refuse("eigenvalue", eigenvalue, "a finite number"));
    }
    if !step_size.is_finite() || step_size < 0.0 {
        let expected = "a finite number that is not negative";
        return Err(refuse("step_size", step_size, expected));
    }
    let z = eigenvalue * step_size;
    if rule == Rule::Bilinear && z == 2.0 {
        let expected = "anything but 2, the pole of the bilinear rule";
        return Err(refuse("eigenvalue * step_size", z, expected));
    }
    let step = apply(rule, eigenvalue, step_size);
    if !step.decay.is_finite() || !step.gain.is_finite() {
        let expected = "a product small enough for the rule not to overflow";
        return Err(refuse("eigenvalue * step_size", z, expected));
    }
    Ok(step)
}

/// The formulas of the table above.
fn apply(rule: Rule, eigenvalue: f64, step_size: f64) -> DiscreteStep {
    let z = eigenvalue * step_size;
    let (decay, gain) = match rule {
        Rule::ZeroOrderHold => (z.exp(), hold_gain(eigenvalue, step_size)),
        Rule::Bilinear => {
            let denominator = 1.0 - 0.5 * z;
            ((1.0 + 0.5 * z) / denominator, step_size / denominator)
        }
        Rule::ForwardEuler => (1.0 + z, step_size),
        Rule::ExponentialEuler => (z.exp(), step_size),
    };
    DiscreteStep { decay, gain }
}

/// The integral of `exp(eigenvalue * s)` over `0..step_size`.
fn hold_gain(eigenvalue: f64, step_size: f64) -> f64 {
    let z = eigenvalue * step_size;
    if z == 0.0 {
        step_size
    } else if z.abs() < 1.0 {
        // z may have lost digits to underflow, but the ratio then is 1 all the same.
        step_size * (z.exp_m1() / z)
    } else {
        // z may have overflowed to -inf, but exp_m1 then is -1 all the same.
        z.exp_m1() / eigenvalue
    }
}
