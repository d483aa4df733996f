//! Limits, orders and invariants of the sampling rules.

use proptest::prelude::*;
use resolvent_structure::discretise::{Rule, discretise, discretise_diagonal};
use rstest::rstest;

const RULES: [Rule; 4] = [
    Rule::ZeroOrderHold,
    Rule::Bilinear,
    Rule::ForwardEuler,
    Rule::ExponentialEuler,
];

#[rstest]
fn rule_when_step_size_vanishes_reaches_the_equation(
    #[values(-8.0, -1.0, -1e-3, 0.0, 0.5)] eigenvalue: f64,
) {
    for rule in RULES {
        let step = discretise(rule, eigenvalue, 1e-6).unwrap();
        let slope = (step.decay - 1.0) / 1e-6;
        assert!((slope - eigenvalue).abs() < 1e-4, "{rule:?}: slope {slope}");
        assert!((step.gain / 1e-6 - 1.0).abs() < 1e-5, "{rule:?}");

        let still = discretise(rule, eigenvalue, 0.0).unwrap();
        assert_eq!((still.decay, still.gain), (1.0, 0.0), "{rule:?}");
    }
}

#[test]
fn zero_order_hold_when_step_is_tiny_keeps_full_precision() {
    // (exp(z) - 1) / lambda taken literally is wrong in the fourth digit here.
    let step = discretise(Rule::ZeroOrderHold, -1.0, 1e-12).unwrap();
    let exact = 1e-12 * (1.0 - 0.5e-12);
    assert!((step.gain - exact).abs() <= f64::EPSILON * exact);
    let free = discretise(Rule::ZeroOrderHold, 0.0, 0.25).unwrap();
    assert_eq!((free.decay, free.gain), (1.0, 0.25));
    let underflow = discretise(Rule::ZeroOrderHold, -1e-300, 1e-300).unwrap();
    assert_eq!((underflow.decay, underflow.gain), (1.0, 1e-300));
    let overflow = discretise(Rule::ZeroOrderHold, -1e200, 1e200).unwrap();
    assert_eq!((overflow.decay, overflow.gain), (0.0, 1e-200));
}

/// Error after one unit of time on `h' = -2 h + 1`, `h(0) = 0`, in `steps` steps.
fn error_at_one(rule: Rule, steps: u32) -> f64 {
    let step = discretise(rule, -2.0, 1.0 / f64::from(steps)).unwrap();
    let state = (0..steps).fold(0.0, |state, _| step.decay * state + step.gain);
    (state - 0.5 * (1.0 - (-2.0_f64).exp())).abs()
}

#[rstest]
#[case(Rule::Bilinear, 4.0)]
#[case(Rule::ForwardEuler, 2.0)]
#[case(Rule::ExponentialEuler, 2.0)]
fn error_when_step_size_halves_falls_by_the_order(#[case] rule: Rule, #[case] factor: f64) {
    let ratio = error_at_one(rule, 512) / error_at_one(rule, 1024);
    assert!((ratio / factor - 1.0).abs() < 0.01, "{rule:?}: {ratio}");
}

#[test]
fn zero_order_hold_when_input_is_constant_is_exact() {
    for steps in [1, 3, 100] {
        assert!(error_at_one(Rule::ZeroOrderHold, steps) < 1e-14);
    }
}

proptest! {
    #[test]
    fn zero_order_hold_when_steps_are_joined_composes(
        eigenvalue in -20.0_f64..2.0, first in 0.0_f64..1.0, second in 0.0_f64..1.0,
    ) {
        let hold = |dt| discretise(Rule::ZeroOrderHold, eigenvalue, dt).unwrap();
        let (a, b, both) = (hold(first), hold(second), hold(first + second));
        let scale = 1e-13 * (1.0 + both.decay);
        prop_assert!((a.decay * b.decay - both.decay).abs() < scale);
        prop_assert!((b.decay * a.gain + b.gain - both.gain).abs() < scale);
    }

    #[test]
    fn bilinear_when_eigenvalue_is_stable_stays_in_the_unit_disc(
        eigenvalue in -1e6_f64..-1e-6, step_size in 1e-6_f64..1e6,
    ) {
        let step = discretise(Rule::Bilinear, eigenvalue, step_size).unwrap();
        prop_assert!(step.decay.abs() <= 1.0);
        prop_assert!(step.gain > 0.0);
    }

    #[test]
    fn rules_when_arguments_are_arbitrary_never_return_non_finite(
        eigenvalue: f64, step_size: f64,
    ) {
        for rule in RULES {
            if let Ok(step) = discretise(rule, eigenvalue, step_size) {
                prop_assert!(step.decay.is_finite() && step.gain.is_finite());
            }
        }
    }
}

#[test]
fn arguments_when_wrong_are_named() {
    let message = |rule, eigenvalue, dt| discretise(rule, eigenvalue, dt).unwrap_err().to_string();
    assert!(message(Rule::Bilinear, 4.0, 0.5).contains("the pole of the bilinear rule"));
    assert!(message(Rule::ForwardEuler, f64::NAN, 0.5).starts_with("eigenvalue[0] is NaN"));
    assert!(message(Rule::ZeroOrderHold, 1.0, -0.5).starts_with("step_size[0] is -0.5"));
    assert!(message(Rule::ZeroOrderHold, 1.0, 1e4).contains("overflow"));
    let diagonal = discretise_diagonal(Rule::Bilinear, &[-1.0, 2.0], &[1.0, 1.0]).unwrap_err();
    assert!(
        diagonal
            .to_string()
            .starts_with("eigenvalue * step_size[1] is 2")
    );
    assert!(discretise_diagonal(Rule::Bilinear, &[-1.0], &[]).is_err());
}
