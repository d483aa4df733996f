//! The experiments of `hippo`, `s4`, `s4d` and `ptd`, at a size of seconds.

use resolvent_claims::fixed_states::readout::Readout;
use resolvent_claims::fixed_states::waves::{CLASSES, Waves};
use resolvent_claims::fixed_states::{Purpose, generator, state_kernels};
use resolvent_claims::report::{Bound, Draft, Report, Verdict};
use resolvent_claims::{Options, find};
use resolvent_structure::discretise::Rule;
use resolvent_structure::{Matrix, MatrixSpec};

fn quick() -> Options {
    Options {
        quick: true,
        seeds: vec![1, 2],
        ..Options::default()
    }
}

fn run(slug: &str) -> Report {
    (find(slug).unwrap().run)(&quick(), &mut ()).unwrap()
}

/// Every finding is complete, decides nothing, and everything measured is a number.
fn check(report: &Report, findings: usize) {
    assert_eq!(report.claims.len(), findings);
    for finding in &report.claims {
        assert!(matches!(finding.verdict, Verdict::NotRun(_)), "{finding:?}");
        assert!(finding.ours.value.is_finite(), "{finding:?}");
        let all = finding.baseline.iter().map(|it| it.value);
        assert!(
            all.chain(finding.spread.per_seed.clone())
                .all(f64::is_finite),
            "{finding:?}"
        );
        assert!(
            finding.command.ends_with("--quick --seeds 1,2"),
            "{finding:?}"
        );
    }
    assert!(report.notes[0].contains("smoke run"));
    let folder = tempfile::tempdir().unwrap();
    let paths = report.write(folder.path()).unwrap();
    assert_eq!(paths.len(), 2);
}

#[test]
fn hippo_when_quick_measures_everything() {
    let report = run("hippo");
    check(&report, 7);
    // What does not depend on size: the invariance of LegS and the Pade approximation.
    assert!(report.claims[4].spread.max < 2.0, "{:?}", report.claims[4]);
    assert!(report.claims[5].ours.value > 11.0, "{:?}", report.claims[5]);
    assert_eq!(report.claims, run("hippo").claims);
}

#[test]
fn s4_when_quick_measures_everything() {
    let report = run("s4");
    check(&report, 8);
    assert!(report.claims[0].spread.min > 10.0, "{:?}", report.claims[0]);
    assert!(report.claims[3].spread.min > 9.0, "{:?}", report.claims[3]);
    for long in &report.claims[6..] {
        let verdict = long.verdict.to_string();
        assert!(verdict.contains("--long DIR"), "{verdict}");
    }
}

#[test]
fn s4d_when_quick_measures_everything() {
    let report = run("s4d");
    check(&report, 6);
    assert_eq!(report.claims, run("s4d").claims);
}

#[test]
fn ptd_when_quick_measures_everything() {
    let report = run("ptd");
    check(&report, 9);
    assert!(report.claims[4].ours.value == 0.0, "{:?}", report.claims[4]);
    assert_eq!(report.claims, run("ptd").claims);
}

#[test]
fn draft_when_values_pass_the_bound_is_supported_and_otherwise_not() {
    let finish = |values: &[f64], bound: Bound, quick: bool| {
        let draft = Draft {
            claim: "It holds.".into(),
            paper: "yes".into(),
            baseline: Vec::new(),
            ours: "it".into(),
            unit: "points",
            values: values.to_vec(),
            bound,
        };
        let options = Options {
            quick,
            seeds: vec![1],
            ..Options::default()
        };
        draft.finish("s4", &options).verdict
    };
    use Verdict::{NotSupported, Supported};
    assert_eq!(finish(&[2.0, 3.0], Bound::AtLeast(2.0), false), Supported);
    assert_eq!(
        finish(&[1.9, 3.0], Bound::AtLeast(2.0), false),
        NotSupported
    );
    assert_eq!(finish(&[1.9, 2.0], Bound::AtMost(2.0), false), Supported);
    assert_eq!(finish(&[1.9, 2.1], Bound::AtMost(2.0), false), NotSupported);
    for values in [&[][..], &[f64::NAN]] {
        for bound in [Bound::AtMost(2.0), Bound::AtLeast(2.0)] {
            assert!(matches!(finish(values, bound, false), Verdict::NotRun(_)));
        }
    }
    assert_eq!(finish(&[5.0], Bound::AtLeast(2.0), true), Verdict::quick());
}

#[test]
fn readout_when_classes_are_apart_tells_them() {
    let features = Matrix::from_fn(90, 4, |i, j| match j {
        3 => 7.0,
        _ => f64::from(u8::from(i % 3 == j)) + 0.1 * ((i * j) as f64).sin(),
    });
    let labels: Vec<usize> = (0..90).map(|i| i % 3).collect();
    let features = features.unwrap();
    let readout = Readout::fit(&features, &labels, 3, 1e-3).unwrap();
    assert_eq!(readout.accuracy(&features, &labels).unwrap(), 100.0);
    let wrong: Vec<usize> = labels.iter().map(|label| (label + 1) % 3).collect();
    assert_eq!(readout.accuracy(&features, &wrong).unwrap(), 0.0);
}

#[test]
fn waves_when_drawn_again_are_the_same_and_their_classes_differ() {
    let waves = Waves {
        length: 64,
        within: 0.35,
        noise: 0.0,
    };
    let draw = |seed| waves.draw(20, &mut generator(seed, Purpose::Test)).unwrap();
    let (one, again, other) = (draw(1), draw(1), draw(2));
    assert_eq!(one.sequences, again.sequences);
    assert!(one.sequences != other.sequences);
    assert_eq!(one.labels[..CLASSES], (0..CLASSES).collect::<Vec<_>>());
    // Without noise nothing but the tiny white part is left behind the first third.
    let late = &one.sequences.as_slice()[40..64];
    assert!(late.iter().all(|x| x.abs() < 0.01), "{late:?}");
}

#[test]
fn state_kernels_when_summed_by_the_output_are_the_kernel() {
    let spec: MatrixSpec = "hippo:legs:6".parse().unwrap();
    let system = spec.system(&mut generator(1, Purpose::Matrix)).unwrap();
    let rows = state_kernels(&system, Rule::Bilinear, 0.1, 12).unwrap();
    let kernel = system
        .discretise(Rule::Bilinear, 0.1)
        .unwrap()
        .kernel(12)
        .unwrap();
    for (row, expected) in rows.as_slice().chunks(6).zip(&kernel) {
        assert!((row.iter().sum::<f64>() - expected).abs() < 1e-12);
    }
}
