//! One pole of a diagonal state matrix, discretised, with its derivatives.

use realfft::num_complex::Complex64;

/// How the continuous-time pole is turned into a factor per step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rule {
    /// The input is held between samples: factor exp(dt a), gain (exp(dt a) - 1) / a.
    #[default]
    ZeroOrderHold,
    /// Trapezoidal rule: factor (1 + dt a / 2) / (1 - dt a / 2), gain dt / (1 - dt a / 2).
    Bilinear,
}

/// Factor per step and input gain of a pole, and what they do when the parameters move.
///
/// # Numerics
/// f64 throughout: dt a may be a hundred radians, whose phase f32 would lose. The bilinear rule has
/// a pole of its own at dt a = 2, where the values are infinite.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pole {
    /// z: the state's factor per step.
    pub factor: Complex64,
    /// What an input is multiplied by when it enters the state.
    pub gain: Complex64,
    /// d factor / d a.
    pub factor_a: Complex64,
    /// d factor / d dt.
    pub factor_dt: Complex64,
    /// d gain / d a.
    pub gain_a: Complex64,
    /// d gain / d dt.
    pub gain_dt: Complex64,
}

impl Pole {
    /// Discretises `a` with step `dt`.
    pub(crate) fn new(rule: Rule, a: Complex64, dt: f64) -> Self {
        let one = Complex64::new(1.0, 0.0);
        match rule {
            Rule::ZeroOrderHold => {
                let w = a * dt;
                let factor = w.exp();
                let (phi, slope) = hold(w);
                Self {
                    factor,
                    gain: phi * dt,
                    factor_a: factor * dt,
                    factor_dt: factor * a,
                    gain_a: slope * dt * dt,
                    gain_dt: factor,
                }
            }
            Rule::Bilinear => {
                let inverse = one / (one - a * (0.5 * dt));
                let square = inverse * inverse;
                Self {
                    factor: (one + a * (0.5 * dt)) * inverse,
                    gain: inverse * dt,
                    factor_a: square * dt,
                    factor_dt: square * a,
                    gain_a: square * (0.5 * dt * dt),
                    gain_dt: square,
                }
            }
        }
    }

    /// The same pole for a sequence that is not an input: nothing is multiplied on entry.
    pub(crate) fn without_gain(self) -> Self {
        let zero = Complex64::new(0.0, 0.0);
        Self {
            gain: Complex64::new(1.0, 0.0),
            gain_a: zero,
            gain_dt: zero,
            ..self
        }
    }
}

/// phi(w) = (exp(w) - 1) / w and its derivative; series where the quotient would cancel.
fn hold(w: Complex64) -> (Complex64, Complex64) {
    let one = Complex64::new(1.0, 0.0);
    if w.norm_sqr() < 0.25 {
        // phi = sum w^k / (k+1)!, phi' = sum (k+1) w^k / (k+2)!
        let (mut phi, mut slope) = (Complex64::new(0.0, 0.0), Complex64::new(0.0, 0.0));
        let mut term = one; // w^k / (k+1)!
        for k in 0..20_u32 {
            let k = f64::from(k);
            phi += term;
            slope += term * ((k + 1.0) / (k + 2.0));
            term = term * w / (k + 2.0);
        }
        return (phi, slope);
    }
    let phi = (w.exp() - one) / w;
    (phi, (w.exp() - phi) / w)
}

#[cfg(test)]
mod tests {
    use super::{Pole, Rule};
    use realfft::num_complex::Complex64;

    #[test]
    fn pole_when_parameters_move_changes_as_its_derivatives_say() {
        let step = 1e-6;
        for rule in [Rule::ZeroOrderHold, Rule::Bilinear] {
            for (re, im, dt) in [
                (-0.5, 20.0, 0.1),
                (-0.5, 3.0, 0.01),
                (0.0, 0.0, 0.3),
                (-1.0, 0.0, 0.5),
                (-2.0, 9.0, 0.055),
            ] {
                let a = Complex64::new(re, im);
                let pole = Pole::new(rule, a, dt);
                let (up, down) = (Pole::new(rule, a + step, dt), Pole::new(rule, a - step, dt));
                assert!(((up.factor - down.factor) / (2.0 * step) - pole.factor_a).norm() < 1e-8);
                assert!(((up.gain - down.gain) / (2.0 * step) - pole.gain_a).norm() < 1e-8);
                let (up, down) = (Pole::new(rule, a, dt + step), Pole::new(rule, a, dt - step));
                let scale = 1e-6 * (1.0 + a.norm_sqr());
                assert!(((up.factor - down.factor) / (2.0 * step) - pole.factor_dt).norm() < scale);
                assert!(((up.gain - down.gain) / (2.0 * step) - pole.gain_dt).norm() < scale);
            }
        }
    }
}
