//! The curves of a run as plots: time and memory of every operation against the length.

use super::{BenchReport, Curve, Row};
use crate::error::ClaimError;
use resolvent_formats::write_json_atomic;
use resolvent_learn::plot::{LinePlot, Series, line_plot, write_picture};
use std::path::{Path, PathBuf};

/// Writes `bench.json` and, for every operation with a curve, its plots as SVG and PNG; returns what
/// was written.
///
/// # Errors
/// A folder that cannot be made or written.
pub fn write(report: &BenchReport, folder: &Path) -> Result<Vec<PathBuf>, ClaimError> {
    std::fs::create_dir_all(folder).map_err(|source| ClaimError::Folder {
        path: folder.to_owned(),
        source,
    })?;
    let json = folder.join("bench.json");
    write_json_atomic(&json, report)?;
    let mut written = vec![json];
    let mut ops: Vec<(&str, &str)> = Vec::new();
    for curve in report.rows.iter().filter_map(|row| row.curve) {
        if !ops.contains(&(curve.op, curve.unit)) {
            ops.push((curve.op, curve.unit));
        }
    }
    for (op, unit) in ops {
        let (name, plot) = plot(report, op, unit);
        write_picture(folder, &name, &line_plot(&plot)?)?;
        written.push(folder.join(format!("{name}.svg")));
    }
    Ok(written)
}

/// File name and plot of one operation's times or memory.
fn plot(report: &BenchReport, op: &str, unit: &str) -> (String, LinePlot) {
    let rows: Vec<(&Row, Curve)> = report
        .rows
        .iter()
        .filter_map(|row| Some((row, row.curve?)))
        .filter(|(_, curve)| curve.op == op && curve.unit == unit)
        .collect();
    let mut series = Vec::new();
    for pass in ["forward", "forward+backward"] {
        let of_pass = || rows.iter().filter(move |(_, curve)| curve.pass == pass);
        let mut add = |name: String, points: Vec<(f64, f64)>| {
            if !points.is_empty() {
                series.push(Series::new(name, points));
            }
        };
        let points = |value: fn(&Row) -> Option<f64>| {
            of_pass()
                .filter_map(|(row, curve)| Some((curve.length as f64, value(row)?)))
                .filter(|(_, y)| *y > 0.0)
                .collect::<Vec<_>>()
        };
        add(pass.to_owned(), points(|row| Some(row.ours)));
        add(
            format!("{pass}, {}", peer_of(&rows)),
            points(|row| row.peer),
        );
        add(format!("{pass}, least"), points(|row| row.limit));
    }
    let (kind, label) = match unit {
        "ms" => ("time", "milliseconds"),
        _ => ("memory", "MiB beyond the inputs"),
    };
    let device = &report.device;
    let plot = LinePlot {
        title: format!("{op}: {kind} against length, {device}"),
        x_label: "length".into(),
        y_label: label.into(),
        series,
        log_x: true,
        log_y: true,
        ..LinePlot::default()
    };
    (format!("{op}-{kind}"), plot)
}

/// Whom the rows are beside.
fn peer_of<'a>(rows: &[(&'a Row, Curve)]) -> &'a str {
    let row = rows.iter().find(|(row, _)| row.peer.is_some());
    row.map_or("", |(row, _)| row.peer_name.as_str())
}
