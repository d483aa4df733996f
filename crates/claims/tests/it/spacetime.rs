//! The experiment of `spacetime`, in parts and at a size of seconds.

use resolvent_claims::Options;
use resolvent_claims::report::Verdict;
use resolvent_claims::spacetime::autoregression::{coefficients, floor, run};
use resolvent_claims::spacetime::findings::{Measured, findings};
use resolvent_claims::spacetime::speed::{slope, time};
use resolvent_data::rng::stream;

#[test]
fn floor_when_the_step_is_a_tenth_is_one_over_e() {
    // The coefficients of the sheet, and others.
    let published = [
        vec![-1.834221, -1.846481, -1.655384, -0.814506],
        vec![
            1.439698, -3.076963, 2.488811, -2.776959, 1.172643, -0.735092,
        ],
        coefficients(4, &mut stream(5, "test", 0)),
    ];
    for taps in published {
        let found = floor(&taps, 0.1).unwrap();
        assert!((found - (-1.0_f64).exp()).abs() < 1e-6, "{taps:?}: {found}");
    }
}

#[test]
fn coefficients_when_drawn_have_roots_of_radius_095() {
    for order in [4, 6] {
        let taps = coefficients(order, &mut stream(1, "test", order as u64));
        // The product of all roots.
        let product = -taps[order - 1];
        assert!((product - 0.95_f64.powi(order as i32)).abs() < 1e-12);
    }
}

#[test]
fn process_when_given_is_exact_and_when_learned_is_finite() {
    let trial = run((6, 7), 10, "test", &mut ()).unwrap();
    assert!(trial.exact < 1e-12, "{}", trial.exact);
    assert!(
        trial
            .learned
            .iter()
            .chain(&trial.response)
            .all(|it| it.is_finite())
    );
}

#[test]
fn kernels_when_timed_agree() {
    let timings = [(16, 64), (16, 256), (64, 500)].map(|size| time(size, 1, true).unwrap());
    assert!(timings.iter().all(|it| it.error < 1e-12));
    let made_up = timings.each_ref();
    let steep = slope(&made_up, |it| (it.length as f64).powi(2));
    assert!((steep - 2.0).abs() < 1e-9);
}

#[test]
fn verdicts_when_nothing_was_measured_decide_nothing() {
    let nothing = Measured {
        autoregression: Vec::new(),
        speed: Vec::new(),
        forecasting: Vec::new(),
        baselines: Vec::new(),
    };
    let found = findings(&nothing, &Options::default());
    assert_eq!(found.len(), 10);
    assert!(
        found
            .iter()
            .all(|it| matches!(it.verdict, Verdict::NotRun(_)))
    );
}
