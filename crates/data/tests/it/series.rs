//! Series: reading, windows, scaling, baselines.

use std::io::Write;
use std::path::Path;

use faer::linalg::solvers::Solve;
use proptest::prelude::*;
use resolvent_data::DataError;
use resolvent_data::series::{
    CsvOptions, ForecastWindows, Forecaster, HeaderRow, MissingPolicy, NLinear, SeasonalNaive,
    Series, SeriesSplit, Standardisation, TimeColumn, parse_csv, read_csv, score,
};

fn parse(text: &str) -> Result<Series, String> {
    with(text, CsvOptions::default())
}

fn with(text: &str, options: CsvOptions) -> Result<Series, String> {
    parse_csv(text.as_bytes(), Path::new("a.csv"), &options).map_err(|error| error.to_string())
}

#[test]
fn csv_when_of_any_delimiter_and_line_end_reads_the_same() {
    let expected = parse("date,a,b\n2020-01-01,1,2\n2020-01-02,3,4.5\n").unwrap();
    assert_eq!(expected.names, ["a", "b"]);
    assert_eq!(expected.values, [1.0, 2.0, 3.0, 4.5]);
    assert_eq!(expected.times.as_ref().unwrap().get(1), b"2020-01-02");
    for text in [
        "\u{feff}date,a,b\r\n2020-01-01,1,2\r\n2020-01-02,3,4.5",
        "date;a;b\n2020-01-01;1;2\n2020-01-02;3;4,5\n",
        "date\ta\tb\n2020-01-01\t1\t2\n2020-01-02\t3\t4.5\n",
        "date|a|b\n2020-01-01|\" 1\"|2\n2020-01-02|3|4.5\n",
    ] {
        assert_eq!(parse(text).unwrap(), expected, "{text:?}");
    }
    let comma = CsvOptions {
        delimiter: Some(b','),
        ..CsvOptions::default()
    };
    assert!(
        with("a;b\n1;2\n", comma)
            .unwrap_err()
            .contains("\"a;b\" is no number")
    );
    let quote = CsvOptions {
        delimiter: Some(b'"'),
        ..CsvOptions::default()
    };
    assert!(with("a", quote).is_err());
}

#[test]
fn csv_when_without_header_or_time_is_understood() {
    let series = parse("1,2\n3,4\n").unwrap();
    assert_eq!(
        (series.names.join(" "), series.len()),
        ("column 1 column 2".into(), 2)
    );
    assert!(series.times.is_none());
    let series = parse("2020-01-01 00:00,1\n2020-01-01 01:00,2\n").unwrap();
    assert_eq!(
        (series.values.as_slice(), series.times.is_some()),
        (&[1.0, 2.0][..], true)
    );
    let series = parse("value\n1\n2\n").unwrap();
    assert_eq!((series.names[0].as_str(), series.len()), ("value", 2));
    let series = parse("Date,Time,x\n1/2/2006,17:24:00,1\n1/2/2006,17:25:00,2\n").unwrap();
    assert_eq!(series.times.unwrap().get(0), b"1/2/2006 17:24:00");
    // A year is a number: its name and that it grows tell that it is a time.
    let series = parse("YEAR,x\n1700,5\n1701,4\n").unwrap();
    assert_eq!(series.names, ["x"]);
    assert_eq!(series.times.unwrap().get(1), b"1701");
    for text in ["year,x\n1700,5\n", "year,month\n1700,1\n1700,2\n"] {
        assert_eq!(parse(text).unwrap().channels(), 2, "{text:?}");
    }
    assert_eq!(parse("x,timestamp\n5,1700\n").unwrap().names, ["x"]);
    let present = CsvOptions {
        header: HeaderRow::Present,
        ..CsvOptions::default()
    };
    assert_eq!(with("1,2\n3,4\n", present).unwrap().names, ["1", "2"]);
    let absent = CsvOptions {
        header: HeaderRow::Absent,
        ..CsvOptions::default()
    };
    assert!(
        with("a,b\n3,4\n", absent)
            .unwrap_err()
            .contains("line 1, column \"column 1\"")
    );
}

#[test]
fn csv_when_columns_are_named_takes_these() {
    let text = "t,a,b,text\n1,2,3,x\n4,5,6,y\n";
    let choose = |columns: &[&str], time: TimeColumn| {
        let columns = columns.iter().map(|it| (*it).to_owned()).collect();
        with(
            text,
            CsvOptions {
                columns,
                time,
                ..CsvOptions::default()
            },
        )
    };
    let series = choose(&["b", "2"], TimeColumn::Named("t".into())).unwrap();
    assert_eq!(
        (series.names.join(" "), series.values),
        ("b a".into(), vec![3.0, 2.0, 6.0, 5.0])
    );
    assert_eq!(series.times.unwrap().get(1), b"4");
    assert!(
        choose(&["c"], TimeColumn::Absent)
            .unwrap_err()
            .contains("t, a, b, text")
    );
    assert!(choose(&["9"], TimeColumn::Absent).is_err());
    let error = choose(&["a", "text"], TimeColumn::Absent).unwrap_err();
    assert!(
        error.contains("line 2, column \"text\": \"x\" is no number"),
        "{error}"
    );
    let twice = CsvOptions {
        columns: vec!["a".into()],
        ..CsvOptions::default()
    };
    assert!(
        with("a,a\n1,2\n", twice)
            .unwrap_err()
            .contains("two columns")
    );
}

#[test]
fn csv_when_wrong_names_line_and_column() {
    let cases = [
        ("", "empty"),
        ("a,b\n", "no row"),
        ("a,b\n1,2\n3\n", "line 3: 1 fields, expected 2"),
        ("a,b\n1,2\n3,4,5\n", "line 3: 3 fields"),
        (
            "a,b\n1,2\n3,inf\n",
            "line 3, column \"b\": \"inf\" is infinite",
        ),
        ("a,b\n1,2\n3,-Infinity\n", "infinite"),
        (
            "a,b\n1,2\n3,4x\n",
            "line 3, column \"b\": \"4x\" is no number",
        ),
        ("a,b\n1,2\n3,\n", "line 3, column \"b\": a value is missing"),
        ("a,b\n1,2\n3,1e999\n", "infinite"),
    ];
    for (text, word) in cases {
        let error = parse(text).unwrap_err();
        assert!(
            error.contains(word) && error.contains("a.csv"),
            "{text:?}: {error}"
        );
    }
}

#[test]
fn csv_when_values_are_missing_follows_the_policy() {
    let text = "a,b\n?,1\n2,NA\n,n/a\nNaN,4\n6,null\n";
    let fill = |missing| {
        with(
            text,
            CsvOptions {
                missing,
                ..CsvOptions::default()
            },
        )
    };
    let previous = fill(MissingPolicy::Previous).unwrap();
    assert_eq!(previous.channel(0), [2.0, 2.0, 2.0, 2.0, 6.0]);
    assert_eq!(previous.channel(1), [1.0, 1.0, 1.0, 4.0, 4.0]);
    assert_eq!(previous.filled, [3, 3]);
    let linear = fill(MissingPolicy::Linear).unwrap();
    let near = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(near(
        &linear.channel(0),
        &[2.0, 2.0, 10.0 / 3.0, 14.0 / 3.0, 6.0]
    ));
    assert!(near(&linear.channel(1), &[1.0, 2.0, 3.0, 4.0, 4.0]));
    assert!(
        fill(MissingPolicy::Reject)
            .unwrap_err()
            .contains("line 2, column \"a\"")
    );
    let all = CsvOptions {
        missing: MissingPolicy::Linear,
        ..CsvOptions::default()
    };
    assert!(
        with("a,b\n1,\n2,?\n", all)
            .unwrap_err()
            .contains("every value is missing")
    );
    for (i, name) in MissingPolicy::NAMES.into_iter().enumerate() {
        assert_eq!(MissingPolicy::from_name(name).unwrap() as usize, i);
    }
    assert!(
        MissingPolicy::from_name("drop")
            .unwrap_err()
            .to_string()
            .contains("linear")
    );
}

#[test]
fn csv_when_packed_is_unpacked() {
    let text = "a,b\n1,2\n3,4\n";
    let folder = tempfile::tempdir().unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(text.as_bytes()).unwrap();
    for (name, bytes) in [
        ("a.csv", text.as_bytes().to_vec()),
        ("a.csv.gz", gzip.finish().unwrap()),
        ("a.csv.xz", xz.finish().unwrap()),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, &bytes).unwrap();
        let series = read_csv(&path, &CsvOptions::default()).unwrap();
        assert_eq!(series.values, [1.0, 2.0, 3.0, 4.0]);
        if name != "a.csv" {
            std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
            assert!(
                read_csv(&path, &CsvOptions::default()).is_err(),
                "{name} cut short"
            );
        }
    }
    assert!(matches!(
        read_csv(folder.path(), &CsvOptions::default()),
        Err(DataError::Unreadable { .. })
    ));
}

fn wave(length: usize, channels: usize) -> Series {
    let value = |at: usize| {
        let (time, channel) = ((at / channels) as f64, (at % channels) as f64);
        (time * (0.3 + 0.1 * channel)).sin() + 0.01 * time + channel * 3.0
    };
    let names = (0..channels).map(|it| format!("c{it}")).collect();
    Series::new(names, (0..length * channels).map(value).collect()).unwrap()
}

#[test]
fn standardisation_when_fitted_uses_the_training_part_alone() {
    let mut series = wave(100, 2);
    let fitted = Standardisation::fit(&series, 0..60).unwrap();
    series.values[60 * 2..].iter_mut().for_each(|it| *it = 1e6);
    assert_eq!(Standardisation::fit(&series, 0..60).unwrap(), fitted);
    let scaled = fitted.apply(&wave(100, 2)).unwrap();
    for channel in 0..2 {
        let part = &scaled.channel(channel)[..60];
        let mean = part.iter().sum::<f64>() / 60.0;
        let variance = part.iter().map(|it| (it - mean).powi(2)).sum::<f64>() / 60.0;
        assert!(mean.abs() < 1e-12 && (variance - 1.0).abs() < 1e-12);
        let back = fitted.restore(channel, scaled.values[7 * 2 + channel]);
        assert!((back - wave(100, 2).values[7 * 2 + channel]).abs() < 1e-12);
    }
    assert!(Standardisation::fit(&series, 60..60).is_err());
    assert!(Standardisation::fit(&series, 0..101).is_err());
    assert!(fitted.apply(&wave(10, 1)).is_err());
}

#[test]
fn series_when_constant_stays_finite_everywhere() {
    let series = Series::new(vec!["c".into()], vec![0.1; 200]).unwrap();
    let fitted = Standardisation::fit(&series, 0..100).unwrap();
    assert_eq!((fitted.scale[0], fitted.is_constant[0]), (1.0, true));
    let scaled = fitted.apply(&series).unwrap();
    assert!(scaled.values.iter().all(|it| it.abs() < 1e-12));
    let split = SeriesSplit::by_shares(200, 0.7, 0.1).unwrap();
    let train = ForecastWindows::new(&scaled, split.train.clone(), 8, 4).unwrap();
    let test = ForecastWindows::new(&scaled, split.test.clone(), 8, 4).unwrap();
    let model = NLinear::fit(&train, 1e-3, false).unwrap();
    let scores = score(&model, &test, split.train.len(), 1).unwrap();
    assert!(scores.mse < 1e-20 && scores.mae < 1e-10);
    assert_eq!(scores.mase, None);
}

#[test]
fn windows_when_cut_keep_targets_inside_their_part() {
    let series = wave(50, 2);
    let split = SeriesSplit::by_sizes(50, [30, 10, 10]).unwrap();
    let train = ForecastWindows::new(&series, split.train.clone(), 5, 3).unwrap();
    assert_eq!((train.len(), train.target_start(0)), (30 - 5 - 3 + 1, 5));
    let test = ForecastWindows::new(&series, split.test.clone(), 5, 3).unwrap();
    assert_eq!(
        (test.len(), test.target_start(0), test.target_start(7)),
        (8, 40, 47)
    );
    let (past, future) = test.get(7);
    assert_eq!(
        (past, future),
        (
            &series.values[42 * 2..47 * 2],
            &series.values[47 * 2..50 * 2]
        )
    );
    assert_eq!(test.iter().count(), 8);
    for (part, lag, horizon) in [
        (0..50, 0, 1),
        (0..50, 1, 0),
        (0..51, 1, 1),
        (40..50, 5, 11),
        (0..8, 6, 3),
    ] {
        let wrong = ForecastWindows::new(&series, part.clone(), lag, horizon);
        assert!(
            matches!(wrong, Err(DataError::OutOfRange { .. })),
            "{part:?} {lag} {horizon}"
        );
    }
    assert!(ForecastWindows::new(&series, 0..9, 6, 3).is_ok());
    assert_eq!(SeriesSplit::by_shares(10, 0.7, 0.1).unwrap().test, 8..10);
    assert_eq!(
        SeriesSplit::by_sizes(20_000, SeriesSplit::ETT_HOURLY)
            .unwrap()
            .test,
        11520..14400
    );
    for (train, validation) in [(0.9, 0.1), (0.0, 0.5), (f64::NAN, 0.1), (0.5, -0.1)] {
        assert!(SeriesSplit::by_shares(100, train, validation).is_err());
    }
}

#[test]
fn seasonal_naive_when_the_series_is_periodic_makes_no_error() {
    let values = (0..120).map(|time| f64::from(time % 7)).collect();
    let series = Series::new(vec!["p".into()], values).unwrap();
    let windows = ForecastWindows::new(&series, 60..120, 20, 17).unwrap();
    let naive = SeasonalNaive::new(7, 20).unwrap();
    let scores = score(&naive, &windows, 60, 1).unwrap();
    assert_eq!((scores.mse, scores.mae, scores.mase), (0.0, 0.0, Some(0.0)));
    assert_eq!(score(&naive, &windows, 60, 7).unwrap().mase, None);
    let last = score(&SeasonalNaive::new(1, 20).unwrap(), &windows, 60, 1).unwrap();
    assert!(last.mae > 1.0);
    assert!(SeasonalNaive::new(0, 20).is_err() && SeasonalNaive::new(21, 20).is_err());
    assert!(score(&naive, &windows, 60, 60).is_err() && score(&naive, &windows, 121, 1).is_err());
}

#[test]
fn mase_when_two_channels_differ_in_scale_is_their_mean_ratio() {
    // Channel a steps by 1, channel b by 10: the last value is off by 1.5 steps on average over two.
    let values = (0..40)
        .flat_map(|time| [f64::from(time), 10.0 * f64::from(time)])
        .collect();
    let series = Series::new(vec!["a".into(), "b".into()], values).unwrap();
    let windows = ForecastWindows::new(&series, 20..40, 4, 2).unwrap();
    let scores = score(&SeasonalNaive::new(1, 4).unwrap(), &windows, 20, 1).unwrap();
    assert!((scores.mase.unwrap() - 1.5).abs() < 1e-12);
    assert!((scores.mae - 1.5 * 11.0 / 2.0).abs() < 1e-12);
    assert!((scores.mse - 2.5 * 101.0 / 2.0).abs() < 1e-12);
}

/// The ridge solution by explicit windows and faer's dense solver.
fn dense_nlinear(windows: &ForecastWindows<'_>, ridge: f64, input: &[f64]) -> Vec<f64> {
    let (lag, horizon, count) = (windows.lag(), windows.horizon(), windows.len());
    let channels = windows.series().channels();
    let mut rows: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
    for channel in 0..channels {
        for (past, future) in windows.iter() {
            let last = past[(lag - 1) * channels + channel];
            let differences = |values: &[f64]| {
                values
                    .iter()
                    .skip(channel)
                    .step_by(channels)
                    .map(|it| it - last)
                    .collect()
            };
            rows.push((differences(past), differences(future)));
        }
    }
    assert_eq!(rows.len(), count * channels);
    let n = rows.len() as f64;
    let mean = |i: usize, future: bool| {
        rows.iter()
            .map(|it| if future { it.1[i] } else { it.0[i] })
            .sum::<f64>()
            / n
    };
    let past_mean: Vec<f64> = (0..lag).map(|i| mean(i, false)).collect();
    let future_mean: Vec<f64> = (0..horizon).map(|i| mean(i, true)).collect();
    let mut gram = faer::Mat::<f64>::from_fn(lag, lag, |i, j| {
        rows.iter()
            .map(|it| (it.0[i] - past_mean[i]) * (it.0[j] - past_mean[j]))
            .sum()
    });
    let trace: f64 = (0..lag).map(|i| gram[(i, i)]).sum();
    (0..lag).for_each(|i| gram[(i, i)] += ridge * trace / lag as f64);
    let right = faer::Mat::<f64>::from_fn(lag, horizon, |i, h| {
        rows.iter()
            .map(|it| (it.0[i] - past_mean[i]) * (it.1[h] - future_mean[h]))
            .sum()
    });
    let map = gram.partial_piv_lu().solve(&right);
    let last = input[lag - 1];
    let step = |h: usize| {
        let terms = (0..lag).map(|i| map[(i, h)] * (input[i] - last - past_mean[i]));
        last + future_mean[h] + terms.sum::<f64>()
    };
    (0..horizon).map(step).collect()
}

#[test]
fn nlinear_when_fitted_equals_the_dense_ridge_solution() {
    let mut series = wave(160, 3);
    series
        .values
        .iter_mut()
        .enumerate()
        .for_each(|(i, it)| *it += (i as f64 * 12.9898).sin() * 0.3);
    for (lag, horizon, part) in [
        (2, 1, 0..100),
        (7, 3, 0..90),
        (24, 12, 10..120),
        (5, 20, 0..60),
    ] {
        let windows = ForecastWindows::new(&series, part, lag, horizon).unwrap();
        let model = NLinear::fit(&windows, 1e-3, false).unwrap();
        let (past, _) = windows.get(windows.len() - 1);
        let input: Vec<f64> = past.iter().skip(1).step_by(3).copied().collect();
        let mut output = vec![0.0; horizon];
        model.forecast(1, &input, &mut output);
        for (found, expected) in output.iter().zip(dense_nlinear(&windows, 1e-3, &input)) {
            assert!(
                (found - expected).abs() < 1e-8,
                "{lag}/{horizon}: {found} beside {expected}"
            );
        }
    }
}

#[test]
fn nlinear_when_individual_fits_channels_apart() {
    let series = wave(300, 2);
    let split = SeriesSplit::by_shares(300, 0.7, 0.1).unwrap();
    let cut =
        |part: &std::ops::Range<usize>| ForecastWindows::new(&series, part.clone(), 24, 6).unwrap();
    let (train, validation, test) = (cut(&split.train), cut(&split.validation), cut(&split.test));
    let own = NLinear::select(&train, &validation, &NLinear::RIDGES, true).unwrap();
    let shared = NLinear::select(&train, &validation, &NLinear::RIDGES, false).unwrap();
    let error = |model: &dyn Forecaster| score(model, &test, split.train.len(), 1).unwrap().mse;
    // Sines obey a linear recurrence: each of its own, and a longer one in common.
    assert!(error(&own) < 1e-4 && error(&own) < error(&shared));
    assert!(error(&shared) < 0.5 * error(&SeasonalNaive::new(1, 24).unwrap()));
    assert!(
        NLinear::fit(&train, 0.0, false).is_err() && NLinear::fit(&train, f64::NAN, false).is_err()
    );
    assert!(NLinear::select(&train, &validation, &[], false).is_err());
}

#[test]
fn series_when_not_a_table_is_refused() {
    assert!(Series::new(vec![], vec![]).is_err());
    assert!(Series::new(vec!["a".into(), "b".into()], vec![1.0]).is_err());
    let error = Series::new(vec!["a".into()], vec![1.0, f64::NAN])
        .unwrap_err()
        .to_string();
    assert!(error.contains("time 1"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn csv_when_damaged_never_panics(
        edits in proptest::collection::vec((any::<u8>(), any::<usize>(), any::<u8>()), 0..10), policy in 0usize..3
    ) {
        let mut bytes = b"date,a,b\n2020-01-01,1,2\n2020-01-02,?,4.5\n2020-01-03,\"3\",1e3\n".to_vec();
        for (kind, place, value) in edits {
            let place = place % bytes.len();
            match kind % 3 {
                0 => bytes[place] = value,
                1 => bytes.insert(place, value),
                _ => drop(bytes.remove(place)),
            }
        }
        let missing = MissingPolicy::from_name(MissingPolicy::NAMES[policy]).unwrap();
        let options = CsvOptions { missing, ..CsvOptions::default() };
        if let Ok(series) = parse_csv(&bytes, Path::new("x"), &options) {
            prop_assert!(series.values.iter().all(|it| it.is_finite()));
            prop_assert_eq!(series.values.len(), series.len() * series.channels());
        }
    }
}
