//! `resolvent forecast`: what it writes, again and resumed, and what it refuses.

use std::process::Command;

use crate::world::{Done, World, metrics};

/// A daily wave of two columns with a time column, `rows` long.
fn table(rows: usize) -> String {
    let line = |t: usize| {
        let phase = t as f64 / 12.0 * std::f64::consts::TAU;
        let day = t / 24 + 1;
        format!(
            "2024-{:02}-{:02} {:02}:00,{:.5},{:.5}\n",
            day / 28 + 1,
            day % 28 + 1,
            t % 24,
            20.0 + 3.0 * phase.sin() + 0.01 * (t % 7) as f64,
            phase.cos() - 5.0
        )
    };
    let rows: String = (0..rows).map(line).collect();
    format!("time,heat,flow\n{rows}")
}

/// Small and short.
const TINY: &[&str] = &[
    "--set",
    "model.d_state=8",
    "--set",
    "model.hidden_size=16",
    "--set",
    "train.batch=4",
    "--set",
    "train.evaluate_every=2",
    "--context",
    "24",
];

fn forecast(world: &World, flags: &[&str]) -> Done {
    let mut all = vec!["forecast"];
    all.extend(TINY);
    all.extend(flags);
    world.run(&all)
}

fn succeeds(done: Done) -> Done {
    assert_eq!(done.code, Some(0), "{done:?}");
    done
}

#[test]
fn run_when_finished_has_forecast_backtest_plots_and_a_model_that_forecasts_again() {
    let world = World::new();
    world.write("data.csv", table(240));
    let flags = [
        "--data",
        "data.csv",
        "--horizon",
        "6",
        "--out",
        "run",
        "--steps",
        "4",
        "--json",
    ];
    let done = succeeds(forecast(&world, &flags));
    let json: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let results = &json["results"];
    assert_eq!(results["period"], 12);
    // Two columns and their mean, for three forecasters.
    assert_eq!(results["backtest"].as_array().unwrap().len(), 9);
    let text = std::fs::read_to_string(world.path("run/forecast.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (7, "time,heat,flow"));
    assert!(lines[1].starts_with("2024-01-12 00:00,"), "{text}");
    for name in ["forecast", "forecast-2", "backtest", "backtest-2"] {
        let png = std::fs::read(world.path(&format!("run/{name}.png"))).unwrap();
        assert!(png.starts_with(b"\x89PNG"));
        assert!(world.path(&format!("run/{name}.svg")).exists());
    }
    for name in [
        "report.html",
        "backtest.csv",
        "backtest.json",
        "config.json",
        "model.safetensors",
    ] {
        assert!(world.path(&format!("run/{name}")).exists(), "{name}");
    }
    let again = [
        "forecast", "--model", "run", "--data", "data.csv", "--out", "same",
    ];
    succeeds(world.run(&again));
    assert_eq!(
        std::fs::read_to_string(world.path("same/forecast.csv")).unwrap(),
        text
    );
    let longer = [
        "forecast",
        "--model",
        "run",
        "--data",
        "data.csv",
        "--horizon",
        "13",
        "--out",
        "longer",
    ];
    succeeds(world.run(&longer));
    let longer = std::fs::read_to_string(world.path("longer/forecast.csv")).unwrap();
    assert_eq!(longer.lines().count(), 14);
    // A table that holds one context is enough to forecast.
    let short: Vec<&str> = lines[..1].to_vec();
    let rows = table(240);
    let tail: Vec<&str> = rows.lines().rev().take(24).collect();
    let short: Vec<&str> = short.into_iter().chain(tail.into_iter().rev()).collect();
    world.write("short.csv", short.join("\n"));
    succeeds(world.run(&[
        "forecast",
        "--model",
        "run",
        "--data",
        "short.csv",
        "--out",
        "short",
    ]));
    let short = std::fs::read_to_string(world.path("short/forecast.csv")).unwrap();
    assert_eq!(short, text);
}

#[test]
fn run_with_another_mixer_repeats_exactly() {
    let world = World::new();
    world.write("data.csv", table(160));
    let run = |out: &str| {
        let flags = [
            "--data",
            "data.csv",
            "--horizon",
            "4",
            "--out",
            out,
            "--steps",
            "3",
            "--mixer",
            "mamba2",
        ];
        succeeds(forecast(&world, &flags));
        std::fs::read(world.path(&format!("{out}/forecast.csv"))).unwrap()
    };
    assert_eq!(run("a"), run("b"));
}

#[cfg(unix)]
#[test]
fn run_when_interrupted_goes_on_to_the_same_forecast() {
    let world = World::new();
    world.write("data.csv", table(240));
    let flags = |out: &'static str, steps: &'static str| {
        [
            "--data",
            "data.csv",
            "--horizon",
            "6",
            "--out",
            out,
            "--steps",
            steps,
        ]
    };
    succeeds(forecast(&world, &flags("whole", "400")));
    let mut arguments = vec!["forecast"];
    arguments.extend(TINY);
    let flags = flags("part", "400");
    arguments.extend(flags);
    let mut child = world.command(&arguments).spawn().unwrap();
    while metrics_lines(&world) < 10 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let done = crate::world::finished(child.wait_with_output().unwrap());
    done.fails(1, &["stopped behind step", "--resume"]);
    succeeds(world.run(&["forecast", "--resume", "--out", "part"]));
    assert_eq!(metrics(&world.path("part")), metrics(&world.path("whole")));
    let read = |out: &str| std::fs::read(world.path(&format!("{out}/forecast.csv"))).unwrap();
    assert_eq!(read("part"), read("whole"));
}

#[cfg(unix)]
fn metrics_lines(world: &World) -> usize {
    let text = std::fs::read_to_string(world.path("part/metrics.jsonl"));
    text.map_or(0, |text| text.lines().count())
}

#[test]
fn tables_when_unusable_are_named_and_leave_no_folder() {
    let world = World::new();
    let column = |values: &[&str]| {
        let filler = (0..200).map(|t| (t % 9).to_string());
        let all: Vec<String> = filler
            .chain(values.iter().map(|v| (*v).to_owned()))
            .collect();
        format!("load\n{}\n", all.join("\n"))
    };
    world.write("constant.csv", format!("load\n{}", "5\n".repeat(200)));
    world.write("nan.csv", column(&["NaN", "3"]));
    world.write("inf.csv", column(&["inf", "3"]));
    world.write("word.csv", column(&["three", "3"]));
    world.write("short.csv", "load\n1\n2\n3\n");
    world.write("empty.csv", "");
    world.write("header.csv", "load\n");
    world.write("ragged.csv", "a,b\n1,2\n3\n4,5\n");
    world.write(
        "semicolon.csv",
        format!("a;b\n{}", "1,5;2\n2,5;3\n".repeat(90)),
    );
    world.write("good.csv", table(200));
    let cases: &[(&[&str], &[&str])] = &[
        (&["--data", "constant.csv"], &["load", "constant at 5"]),
        (
            &["--data", "nan.csv"],
            &["line 202", "load", "missing", "--missing"],
        ),
        (&["--data", "inf.csv"], &["line 202", "load", "infinite"]),
        (&["--data", "word.csv"], &["line 202", "load", "three"]),
        (&["--data", "short.csv"], &["--horizon", "3 values"]),
        (&["--data", "empty.csv"], &["empty.csv"]),
        (&["--data", "header.csv"], &["header.csv"]),
        (&["--data", "ragged.csv"], &["ragged.csv", "line"]),
        (&["--data", "absent.csv"], &["absent.csv", "cannot read"]),
        (&["--data", "fashion-mnist"], &["--data", "no single table"]),
        (&["--data", "good.csv", "--column", "wind"], &["wind"]),
        (&["--data", "good.csv", "--delimiter", ";"], &["good.csv"]),
        (
            &["--data", "semicolon.csv", "--delimiter", ",", "--no-header"],
            &["semicolon.csv"],
        ),
        (
            &["--data", "good.csv", "--delimiter", "ab"],
            &["--delimiter", "ab"],
        ),
        (
            &["--data", "good.csv", "--missing", "guess"],
            &["--missing", "guess", "linear"],
        ),
        (
            &["--data", "good.csv", "--context", "0"],
            &["--context", "0"],
        ),
        (
            &["--data", "good.csv", "--context", "500"],
            &["--context", "500", "at most"],
        ),
        (&["--data", "good.csv", "--period", "0"], &["--period", "0"]),
        (
            &["--data", "good.csv", "--period", "9999"],
            &["--period", "9999"],
        ),
        (&["--data", "good.csv", "--dropout", "1"], &["dropout", "1"]),
        (
            &["--data", "good.csv", "--mixer", "mamba9"],
            &["model.mixer", "mamba9", "spacetime"],
        ),
        (
            &["--data", "good.csv", "--set", "train.bacth=2"],
            &["train.bacth", "batch"],
        ),
        (
            &["--data", "good.csv", "--minutes", "0"],
            &["train.minutes", "0"],
        ),
    ];
    for (flags, words) in cases {
        let mut all = vec!["forecast", "--horizon", "4", "--out", "out"];
        if !flags.contains(&"--minutes") {
            all.extend(["--steps", "1"]);
        }
        all.extend(*flags);
        world.run(&all).fails(2, words);
        assert!(!world.path("out").exists(), "{flags:?} left a folder");
    }
    for (horizon, words) in [
        ("0", ["--horizon", "at least 1"]),
        ("150", ["--horizon", "at most"]),
    ] {
        let flags = [
            "forecast",
            "--data",
            "good.csv",
            "--horizon",
            horizon,
            "--out",
            "out",
        ];
        world.run(&flags).fails(2, &words);
    }
    assert!(!world.path("out").exists());
}

#[test]
fn missing_stretches_when_filled_are_forecast() {
    let world = World::new();
    let rows = table(200).replace("05:00,20.", "05:00,NA,20.");
    // Only rows that keep their number of fields: the gap replaces the value.
    let rows: Vec<String> = rows
        .lines()
        .map(
            |line| match line.split(',').collect::<Vec<_>>().as_slice() {
                [time, "NA", _, flow] => format!("{time},NA,{flow}"),
                _ => line.to_owned(),
            },
        )
        .collect();
    world.write("gaps.csv", rows.join("\n"));
    let flags = [
        "--data",
        "gaps.csv",
        "--horizon",
        "4",
        "--out",
        "out",
        "--steps",
        "2",
        "--missing",
        "linear",
    ];
    succeeds(forecast(&world, &flags));
    let text = std::fs::read_to_string(world.path("out/forecast.csv")).unwrap();
    assert!(!text.contains("NaN"), "{text}");
}

#[test]
fn folders_when_they_hold_something_else_are_left_alone() {
    let world = World::new();
    let language = world.trained();
    world.write("good.csv", table(200));
    let flags = [
        "--data",
        "good.csv",
        "--horizon",
        "4",
        "--out",
        "run",
        "--steps",
        "1",
    ];
    let before = std::fs::read(language.join("config.json")).unwrap();
    forecast(&world, &flags).fails(2, &["run", "already holds a run", "--out"]);
    assert_eq!(std::fs::read(language.join("config.json")).unwrap(), before);
    let other = [
        "forecast", "--model", "run", "--data", "good.csv", "--out", "new",
    ];
    world
        .run(&other)
        .fails(2, &["run", "model_type", "resolvent-forecaster"]);
    let absent = [
        "forecast", "--model", "absent", "--data", "good.csv", "--out", "new",
    ];
    world.run(&absent).fails(2, &["absent"]);
    world
        .run(&["forecast", "--resume", "--out", "absent"])
        .fails(2, &["absent", "checkpoint"]);
    assert!(!world.path("new").exists());
    succeeds(forecast(
        &world,
        &[
            "--data",
            "good.csv",
            "--horizon",
            "4",
            "--out",
            "f",
            "--steps",
            "1",
        ],
    ));
    world.write("others.csv", table(200).replace("heat", "cold"));
    let renamed = [
        "forecast",
        "--model",
        "f",
        "--data",
        "others.csv",
        "--out",
        "new",
    ];
    world.run(&renamed).fails(2, &["heat"]);
    let few = table(10);
    world.write("few.csv", few);
    let few = [
        "forecast", "--model", "f", "--data", "few.csv", "--out", "new",
    ];
    world.run(&few).fails(2, &["10", "24"]);
    assert!(!world.path("new").exists());
}
