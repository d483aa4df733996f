//! Reports as files, and verdicts as numbers decide them.

use resolvent_claims::report::{Figure, Finding, Machine, Report, Spread, Verdict};
use resolvent_claims::{ClaimError, Options, find};
use resolvent_learn::plot::{LinePlot, Series};

/// A report with one finding and a plot.
fn report(verdict: Verdict) -> Report {
    let mut report = Report::new("mamba", "A title", &Options::default());
    report.claims.push(Finding {
        claim: "It works.".into(),
        paper: "99.8 %".into(),
        baseline: vec![Figure::percent("attention", 40.0)],
        ours: Figure::percent("mamba2", 97.0),
        spread: Spread::of(&[96.0, 98.0]),
        criterion: "at least 95 %".into(),
        verdict,
        command: report.command.clone(),
    });
    report.plot = Some(LinePlot {
        series: vec![Series::new("a", vec![(1.0, 2.0), (2.0, 3.0)])],
        ..LinePlot::default()
    });
    report
}

#[test]
fn report_when_written_has_every_key_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let written = report(Verdict::NotRun("quick".into()));
    let paths = written.write(&folder.path().join("new")).unwrap();
    assert_eq!(paths.len(), 2);
    let text = std::fs::read_to_string(&paths[0]).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    for key in ["commit", "machine", "seeds", "quick", "command", "claims"] {
        assert!(value.get(key).is_some(), "no `{key}` in {text}");
    }
    for key in [
        "claim", "paper", "baseline", "ours", "spread", "verdict", "command",
    ] {
        assert!(
            value["claims"][0].get(key).is_some(),
            "no `{key}` in {text}"
        );
    }
    assert_eq!(value["claims"][0]["verdict"], "not run: quick");
    let read: Report = serde_json::from_value(value).unwrap();
    assert_eq!(
        read,
        Report {
            plot: None,
            ..written
        }
    );
    let svg = std::fs::read_to_string(&paths[1]).unwrap();
    assert!(svg.starts_with("<svg"));
}

#[test]
fn report_when_the_folder_cannot_be_made_names_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = report(Verdict::Supported).write(file.path()).unwrap_err();
    assert!(error.to_string().contains(file.path().to_str().unwrap()));
}

#[test]
fn verdict_when_decided_by_numbers_follows_the_threshold() {
    let cases: [(&[f64], Verdict); 4] = [
        (&[95.0, 99.0], Verdict::Supported),
        (&[99.0, 94.99], Verdict::NotSupported),
        (&[], Verdict::NotRun("no value was measured".into())),
        (
            &[99.0, f64::NAN],
            Verdict::NotRun("a measured value is NaN".into()),
        ),
    ];
    for (values, expected) in cases {
        assert_eq!(Verdict::all_at_least(values, 95.0), expected, "{values:?}");
    }
}

#[test]
fn verdict_when_read_from_text_is_the_one_written() {
    for verdict in [
        Verdict::Supported,
        Verdict::NotSupported,
        Verdict::NotRun("no device".into()),
    ] {
        assert_eq!(Verdict::try_from(verdict.to_string()), Ok(verdict));
    }
    let error = Verdict::try_from("works".to_owned()).unwrap_err();
    assert!(
        error.contains("works") && error.contains("supported"),
        "{error}"
    );
}

#[test]
fn spread_when_taken_over_seeds_has_extremes_and_mean() {
    let spread = Spread::of(&[2.0, 7.0, 3.0]);
    assert_eq!((spread.min, spread.max, spread.mean()), (2.0, 7.0, 4.0));
    assert_eq!(Spread::of(&[]), Spread::default());
}

#[test]
fn options_when_seeds_are_missing_or_double_are_refused() {
    for seeds in [vec![], vec![1, 2, 1]] {
        let options = Options {
            quick: true,
            seeds,
            ..Options::default()
        };
        let error = (find("mamba").unwrap().run)(&options, &mut ()).unwrap_err();
        assert!(matches!(error, ClaimError::Options { field: "seeds", .. }));
    }
}

#[test]
fn command_when_options_differ_from_the_defaults_says_so() {
    let quick = |seeds: &[u64]| Options {
        quick: true,
        seeds: seeds.to_vec(),
        ..Options::default()
    };
    let plain = Options::default();
    assert_eq!(plain.command("mamba"), "resolvent reproduce mamba");
    assert_eq!(
        quick(&[7, 8]).command("mamba"),
        "resolvent reproduce mamba --quick --seeds 7,8"
    );
    let long = Options {
        long: Some("/somewhere/of/mine".into()),
        ..Options::default()
    };
    assert_eq!(long.command("s4"), "resolvent reproduce s4 --long DIR");
}

#[test]
fn machine_when_asked_has_cores() {
    assert!(Machine::this().cores > 0);
}
