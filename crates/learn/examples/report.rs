//! Writes a sample report: `cargo run -p resolvent-learn --example report -- page.html`.

use std::path::PathBuf;

use resolvent_learn::LearnError;
use resolvent_learn::plot::{LinePlot, ReferenceLine, Series};
use resolvent_learn::report::{Report, Table};

fn main() -> Result<(), LearnError> {
    let path: PathBuf = std::env::args_os()
        .nth(1)
        .unwrap_or("report.html".into())
        .into();
    let mut report = Report::new("A sample report");
    report.paragraph(
        "Curves and figures of this page are made up; it shows what tables, plots and samples look like.",
    );
    report.heading("Comparison").table(
        Table::new(
            "The same 65,536 held-out bytes for every row; lower is better.",
            ["model", "parameters", "bits per byte"],
        )
        .row(["order-0 entropy", "", "4.61"])
        .row(["order-3 n-gram", "", "2.98"])
        .row(["Mamba-2", "1,780,000", "2.11 \u{b1} 0.02"]),
    );
    report.heading("Training");
    report.figure(&loss(), "Every step, and the evaluations.")?;
    report.heading("Context");
    report.figure(&context(), "Logarithmic in both directions.")?;
    report
        .heading("Sample")
        .verbatim("fn main() {\n    println!(\"<state> & step\");\n}");
    report.write(&path)?;
    println!("wrote {}", path.display());
    Ok(())
}

fn loss() -> LinePlot {
    let curve = |step: f64| 2.0 + 6.0 * (-step / 150.0).exp() + 0.2 * (step * 1.7).sin().powi(3);
    let steps = (1..=1500).map(f64::from);
    let evaluations = (0..=15).map(|index| 100.0 * f64::from(index));
    LinePlot {
        title: "Bits per byte while training".into(),
        x_label: "step".into(),
        y_label: "bits per byte".into(),
        series: vec![
            Series::new("training", steps.map(|step| (step, curve(step))).collect()),
            Series::new(
                "held-out",
                evaluations
                    .map(|step| (step, 2.1 + 5.9 * (-step / 150.0).exp()))
                    .collect(),
            ),
        ],
        reference_lines: vec![ReferenceLine {
            name: "order-3 n-gram".into(),
            y: 2.98,
        }],
        ..LinePlot::default()
    }
}

fn context() -> LinePlot {
    let names = [
        "Mamba-2",
        "time-invariant twin",
        "attention",
        "S4D",
        "RWKV-7",
        "Hydra",
        "a seventh line",
    ];
    let series = names.iter().enumerate().map(|(index, name)| {
        let points = (0..=16).map(|power| {
            let length = f64::from(1 << power);
            (length, 0.004 * length.powf(0.5 + 0.1 * index as f64))
        });
        Series::new(*name, points.collect())
    });
    LinePlot {
        title: "Time per sequence".into(),
        x_label: "sequence length (tokens)".into(),
        y_label: "milliseconds".into(),
        series: series.collect(),
        log_x: true,
        log_y: true,
        ..LinePlot::default()
    }
}
