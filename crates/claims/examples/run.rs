//! Runs a claim and writes its report:
//! `cargo run --release -p resolvent-claims --example run -- mamba [--quick] [FOLDER]`.

use std::path::PathBuf;
use std::time::Instant;

use resolvent_claims::{ClaimError, Options, Progress, find};

fn main() -> Result<(), ClaimError> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|it| it == "--quick");
    let mut names = arguments.iter().filter(|it| !it.starts_with("--"));
    let slug = names.next().map_or("mamba", String::as_str);
    let folder = names.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let options = Options {
        quick,
        ..Options::default()
    };
    let report = (find(slug)?.run)(&options, &mut Lines::default())?;
    for finding in &report.claims {
        println!("{}", finding.claim);
        println!("  paper: {}", finding.paper);
        println!("  ours: {}, {}", finding.ours, finding.spread);
        for figure in &finding.baseline {
            println!("  beside: {figure}");
        }
        println!("  {} ({})", finding.verdict, finding.criterion);
    }
    for path in report.write(&folder)? {
        println!("wrote {}", path.display());
    }
    Ok(())
}

/// A line when a stage begins, and one every ten seconds.
#[derive(Default)]
struct Lines {
    last: Option<Instant>,
}

impl Progress for Lines {
    fn on_stage(&mut self, index: usize, name: &str, steps: usize) {
        println!("{index}: {name}, at most {steps} steps");
    }

    fn on_step(&mut self, done: usize, note: &str) {
        if self.last.is_none_or(|last| last.elapsed().as_secs() >= 10) {
            println!("   {done}: {note}");
            self.last = Some(Instant::now());
        }
    }
}
