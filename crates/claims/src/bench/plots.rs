//! The curves of a run as plots: time and memory of every operation and pass against the length.

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
    let mut plotted: Vec<Curve> = Vec::new();
    for curve in report.rows.iter().filter_map(|row| row.curve) {
        if !plotted.iter().any(|other| other.shares_plot(&curve)) {
            plotted.push(curve);
            let (name, plot) = plot(report, &curve);
            write_picture(folder, &name, &line_plot(&plot)?)?;
            written.push(folder.join(format!("{name}.svg")));
        }
    }
    Ok(written)
}

/// File name and plot of the times or the memory of one pass: ours, every peer, the machine's limit.
fn plot(report: &BenchReport, of: &Curve) -> (String, LinePlot) {
    let rows = report.rows.iter();
    let rows = rows.filter_map(|row| Some((row, row.curve?)));
    let rows: Vec<(&Row, usize)> = rows
        .filter(|(_, curve)| curve.shares_plot(of))
        .map(|(row, curve)| (row, curve.length))
        .collect();
    let mut series = vec![
        points("ours", &rows, |row| Some(row.ours)),
        points("least", &rows, |row| row.limit),
    ];
    let mut peers: Vec<&str> = Vec::new();
    for (row, _) in rows.iter().filter(|(row, _)| row.peer.is_some()) {
        if !peers.contains(&row.peer_name.as_str()) {
            peers.push(&row.peer_name);
        }
    }
    for peer in peers {
        // Without the versions, which would fill the legend.
        let name = peer.split(" (").next().unwrap_or(peer);
        let theirs = |row: &Row| row.peer.filter(|_| row.peer_name == peer);
        series.push(points(name, &rows, theirs));
    }
    let (kind, label) = match of.unit {
        "ms" => ("time", "milliseconds"),
        _ => ("memory", "MiB beyond the inputs"),
    };
    let Curve { op, pass, .. } = of;
    let plot = LinePlot {
        title: format!("{op} {pass}: {kind} against length, {}", report.device),
        x_label: "length".into(),
        y_label: label.into(),
        series,
        log_x: true,
        log_y: true,
        ..LinePlot::default()
    };
    (format!("{op}-{}-{kind}", pass.replace('+', "-")), plot)
}

/// One value per length; a row of ours stands beside every peer.
fn points(name: &str, rows: &[(&Row, usize)], value: impl Fn(&Row) -> Option<f64>) -> Series {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for (row, length) in rows {
        let at = *length as f64;
        let value = value(row).filter(|value| *value > 0.0);
        if let Some(value) = value.filter(|_| points.last().is_none_or(|last| last.0 != at)) {
            points.push((at, value));
        }
    }
    Series::new(name, points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Limits;
    use crate::report::Machine;

    fn row(length: usize, ours: f64, peer: Option<(&str, f64)>) -> Row {
        let mut row = Row::new("lengths", String::new(), "ms", ours);
        row.limit = Some(0.5);
        row.curve = Some(Curve {
            op: "ssd",
            pass: "forward+backward",
            unit: "ms",
            length,
        });
        match peer {
            Some((name, value)) => row.against_time(name, Ok(value)),
            None => row,
        }
    }

    #[test]
    fn plot_when_rows_stand_beside_several_peers_has_each_once() {
        let report = BenchReport {
            machine: Machine::this(),
            device: "cuda".into(),
            limits: Limits {
                gemm_gflops: 1.0,
                gemm_by: "burn",
                gemm_bounds: true,
                copy_gb_per_second: 1.0,
            },
            rows: vec![
                row(1024, 1.0, Some(("mamba_ssm (torch 2.11)", 1.5))),
                row(1024, 1.0, Some(("plain tensors", 9.0))),
                row(2048, 2.0, Some(("mamba_ssm (torch 2.11)", 3.0))),
                row(2048, 2.0, None),
            ],
        };
        let (name, plot) = plot(&report, &report.rows[0].curve.unwrap());
        assert_eq!(name, "ssd-forward-backward-time");
        let curves = plot.series.iter();
        let curves: Vec<_> = curves
            .map(|s| (s.name.as_str(), s.points.as_slice()))
            .collect();
        assert_eq!(
            curves,
            [
                ("ours", &[(1024.0, 1.0), (2048.0, 2.0)][..]),
                ("least", &[(1024.0, 0.5), (2048.0, 0.5)]),
                ("mamba_ssm", &[(1024.0, 1.5), (2048.0, 3.0)]),
                ("plain tensors", &[(1024.0, 9.0)]),
            ]
        );
    }
}
