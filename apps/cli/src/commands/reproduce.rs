//! `resolvent reproduce`.

use std::path::PathBuf;

use burn::tensor::Device;
use resolvent_claims::report::{Finding, Report};
use resolvent_claims::{Options, find};

use super::print_json;
use crate::args::Reproduce;
use crate::console::{Console, seconds};
use crate::error::CliError;
use crate::progress::StageBars;
use crate::stop::Stop;

/// Runs a claim's experiment and shows the paper's figures beside ours.
pub fn run(
    options: &Reproduce,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let claim = find(&options.slug)?;
    let mut experiment = Options {
        quick: options.quick,
        device: device.clone(),
        long: options.long.clone(),
        ..Options::default()
    };
    if let Some(seeds) = &options.seeds {
        experiment.seeds.clone_from(seeds);
    }
    experiment.validate()?;
    console.say(&format!("{}: {}", claim.slug, claim.about));
    stop.ask(match options.long {
        Some(_) => "stopping after this step, without a report; the long training keeps its checkpoint; Ctrl-C again ends at once",
        None => "stopping after this step, without a report; Ctrl-C again ends at once",
    });
    let mut bars = StageBars::new(console, stop);
    let result = (claim.run)(&experiment, &mut bars);
    drop(bars);
    let report = result?;
    // A smoke run must not take the place of a full report.
    let folder = options.out.clone().unwrap_or_else(|| {
        PathBuf::from(if options.quick {
            "runs/reports"
        } else {
            "reports"
        })
    });
    let written = report.write(&folder)?;
    show(&report, console);
    for path in written {
        console.say(&format!("wrote {}", path.display()));
    }
    if options.json {
        print_json(&report)?;
    }
    Ok(())
}

fn show(report: &Report, console: &Console) {
    console.say(&format!("\n{}", report.title));
    report
        .claims
        .iter()
        .for_each(|finding| console.say(&shown(finding)));
    for note in &report.notes {
        console.say(&format!("note: {note}"));
    }
    console.say(&format!(
        "\n{} {}, {}",
        report.seeds.len(),
        if report.seeds.len() == 1 {
            "seed"
        } else {
            "seeds"
        },
        seconds(60.0 * report.minutes)
    ));
}

fn shown(finding: &Finding) -> String {
    let mut text = format!(
        "\n  {}\n    paper     {}\n    ours      {}; {} over the seeds",
        finding.claim, finding.paper, finding.ours, finding.spread
    );
    for baseline in &finding.baseline {
        text.push_str(&format!("\n    beside    {baseline}"));
    }
    text.push_str(&format!(
        "\n    criterion {}\n    verdict   {}",
        finding.criterion, finding.verdict
    ));
    text
}
