//! `resolvent bench`.

use std::ffi::OsString;

use burn::tensor::Device;
use resolvent_claims::bench::{BenchReport, Options, Row, run as measure, run_child, write_plots};

use super::print_json;
use crate::args::{Bench, BenchMemory};
use crate::console::Console;
use crate::error::CliError;
use crate::progress::StageBars;
use crate::stop::Stop;
use crate::table::aligned;

/// Measures, and shows the rows.
pub fn run(
    options: &Bench,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let program = std::env::current_exe().map_or_else(|_| OsString::from("resolvent"), Into::into);
    let options_of_bench = Options {
        names: options.names.clone(),
        quick: options.quick,
        oracles: options.oracles.clone(),
        memory_child: vec![
            program.to_string_lossy().into_owned(),
            "bench-memory".to_owned(),
        ],
        device: device.clone(),
    };
    stop.ask("stopping after this benchmark; Ctrl-C again ends at once");
    let mut bars = StageBars::new(console, stop);
    let result = measure(&options_of_bench, &mut bars);
    drop(bars);
    let report = result?;
    console.say(&text(&report));
    console.say(&profiles(&report));
    if let Some(folder) = &options.out {
        for path in write_plots(&report, folder)? {
            console.say(&format!("wrote {}", path.display()));
        }
    }
    if options.json {
        print_json(&report)?;
    }
    Ok(())
}

/// One measurement of memory in this process.
pub fn memory(options: &BenchMemory) -> Result<(), CliError> {
    print_json(&run_child(&options.name, options.length, options.backward)?)
}

fn text(report: &BenchReport) -> String {
    let rows: Vec<Vec<String>> = report.rows.iter().map(cells).collect();
    let machine = &report.machine;
    format!(
        "{}, {} cores, {}; {}: matrix product {:.0} GFLOP/s ({}), copy {:.1} GB/s\n\n{}",
        machine.cpu,
        machine.cores,
        machine.os,
        report.device,
        report.limits.gemm_gflops,
        report.limits.gemm_by,
        report.limits.copy_gb_per_second,
        aligned(
            &[
                "bench", "case", "ours", "unit", "peer", "ratio", "limit", "reached", ""
            ],
            &rows
        )
    )
}

/// Where the processor time of the sampled rows went, shares under a percent left out.
fn profiles(report: &BenchReport) -> String {
    let sampled = report.rows.iter();
    let sampled = sampled.filter_map(|row| Some((row, row.profile.as_ref()?)));
    let lines = sampled.map(|(row, profile)| {
        let parts = profile.parts.iter().filter(|part| part.percent >= 1.0);
        let parts: Vec<String> = parts
            .map(|part| format!("{} {:.1} %", part.name, part.percent))
            .collect();
        format!(
            "\nprocessor time of {} ({} samples): {}\n",
            row.case,
            profile.samples,
            parts.join(", ")
        )
    });
    lines.collect()
}

fn cells(row: &Row) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or_else(String::new, significant);
    vec![
        row.bench.to_owned(),
        row.case.clone(),
        significant(row.ours),
        row.unit.to_owned(),
        number(row.peer),
        row.ratio
            .map_or_else(String::new, |ratio| format!("{ratio:.2}x")),
        number(row.limit),
        row.of_limit()
            .map_or_else(String::new, |part| format!("{:.0} %", 100.0 * part)),
        row.peer_name.clone(),
    ]
}

/// About four significant digits.
fn significant(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}
