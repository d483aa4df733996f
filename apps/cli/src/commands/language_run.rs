//! What `quickstart` and `train` have in common: one language-model run in one folder.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use resolvent_claims::report::Machine;
use resolvent_learn::LearnError;
use resolvent_learn::language::{Job, Origin, Summary, prepare};
use resolvent_learn::recipe::{DataSource, Recipe};
use resolvent_learn::run_folder::RunFolder;
use resolvent_learn::trainer::Outcome;
use serde_json::json;

use super::print_json;
use crate::console::Console;
use crate::error::CliError;
use crate::progress::{TrainingBars, time_and_speed};
use crate::stop::Stop;
use crate::table::{aligned, grouped};

/// The packages whose sources are the default text: those that this very program was built from.
const LOCK: &str = include_str!("../../../../Cargo.lock");

/// Folder of the runs, under the working folder.
const RUNS: &str = "runs";

/// Everything that has been decided before the work begins.
pub struct LanguageRun {
    /// What to train.
    pub recipe: Recipe,
    /// Where.
    pub folder: PathBuf,
    /// Whether to go on with what is there.
    pub resume: bool,
    /// Heading of the page.
    pub title: String,
    /// The command that goes on with this run.
    pub resume_command: String,
    /// Whether to write JSON to standard output.
    pub json: bool,
}

impl LanguageRun {
    /// Trains, scores, writes the page, shows the table.
    pub fn run(&self, device: &Device, console: &Console, stop: &Stop) -> Result<(), CliError> {
        let bars = TrainingBars::new(console, self.recipe.train.steps.is_none());
        let prepared = prepare(&self.recipe, LOCK, &bars)?;
        let folder = match self.resume {
            true => RunFolder::resume(&self.folder)?,
            false => RunFolder::create(&self.folder)?,
        };
        let facts = &prepared.facts;
        console.say(&format!(
            "{}: {} files, {} bytes, of which {} are held out",
            facts.name,
            grouped(facts.files as u64),
            grouped(facts.bytes as u64),
            grouped(facts.held_out_bytes as u64),
        ));
        console.say(&format!("run folder: {}", self.folder.display()));
        let job = Job {
            recipe: &self.recipe,
            prepared: &prepared,
            folder: &folder,
            device,
            watch: &bars,
        };
        stop.ask("stopping after this step, with a checkpoint; Ctrl-C again ends at once");
        let outcome = job.train(self.resume, stop.flag());
        let trained = match outcome.map_err(|error| self.failed(error))? {
            Outcome::Finished(trained) => trained,
            Outcome::Interrupted(trained) => {
                return Err(self.stopped(trained.step, trained.plan.steps));
            }
        };
        stop.end(&format!(
            "stopped; the model is trained and in {}, only table and page are missing; make them with `{}`",
            self.folder.display(),
            self.resume_command
        ));
        let summary = job
            .finish(&trained, self.origin())
            .map_err(|error| self.failed(error))?;
        // The bars go before the table comes.
        drop(bars);
        self.show(&summary, console)
    }

    fn failed(&self, source: LearnError) -> CliError {
        CliError::Training {
            source: Box::new(source),
            resume: self.resume_command.clone(),
        }
    }

    fn stopped(&self, step: usize, steps: usize) -> CliError {
        let message = format!(
            "stopped behind step {step} of {steps}; the checkpoint is in {}, go on with `{}`",
            self.folder.display(),
            self.resume_command
        );
        CliError::Stopped { message }
    }

    fn origin(&self) -> Origin {
        let machine = Machine::this();
        Origin {
            title: self.title.clone(),
            command: command_line(),
            machine: format!("{}, {} cores, {}", machine.cpu, machine.cores, machine.os),
        }
    }

    fn show(&self, summary: &Summary, console: &Console) -> Result<(), CliError> {
        console.say(&format!("\n{}", table(summary)));
        console.say(&facts(summary));
        let prompt = match self.recipe.data.source {
            DataSource::CargoSources => " --prompt 'pub fn '",
            DataSource::Path => "",
        };
        console.say(&format!(
            "page:     {}\ngenerate: resolvent generate --model {}{prompt}",
            self.folder.join("report.html").display(),
            quoted(&self.folder),
        ));
        if self.json {
            print_json(&json!({ "folder": self.folder, "results": summary }))?;
        }
        Ok(())
    }
}

/// Every row on the same bytes, best first.
fn table(summary: &Summary) -> String {
    let ours = (
        summary.score.bits_per_byte,
        format!("{} (this run)", summary.model.mixer),
    );
    let mut rows = vec![ours];
    for baseline in &summary.baselines {
        rows.push((baseline.bits_per_byte, baseline.name.clone()));
    }
    rows.sort_by(|left, right| left.0.total_cmp(&right.0));
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(bits, name)| vec![name, format!("{bits:.3}")])
        .collect();
    let bytes = grouped(summary.corpus.evaluated_bytes as u64);
    format!(
        "bits per byte, every row on the same {bytes} held-out bytes\n\n{}",
        aligned(&["", ""], &rows)
    )
}

fn facts(summary: &Summary) -> String {
    let (training, sample) = (&summary.training, &summary.sample);
    let tokens = format!(
        "{} in {} steps, {}",
        grouped(training.tokens),
        grouped(training.steps as u64),
        time_and_speed(training.seconds, training.tokens_per_second),
    );
    let state = format!(
        "{} bytes per sequence behind {} bytes, {} behind {}",
        grouped(sample.state_bytes_before as u64),
        sample.prompt.len(),
        grouped(sample.state_bytes_after as u64),
        sample.prompt.len() + sample.bytes,
    );
    let rows = [
        ["parameters", &grouped(summary.model.parameters as u64)],
        ["tokens seen", &tokens],
        ["state", &state],
        [
            "generation",
            &format!(
                "{:.0} bytes per second, step by step",
                sample.bytes_per_second
            ),
        ],
    ];
    let rows = rows.map(|row| row.map(str::to_owned).to_vec());
    aligned(&["", ""], &rows)
}

/// The folder `--out`, or the first free `runs/NAME-N`; with `resume`, the newest one.
pub fn folder_of(out: Option<&Path>, name: &str, resume: bool) -> Result<PathBuf, CliError> {
    if let Some(out) = out {
        return Ok(out.to_owned());
    }
    let numbered = |number: u32| Path::new(RUNS).join(format!("{name}-{number}"));
    let free = (1..u32::MAX)
        .find(|number| !numbered(*number).exists())
        .unwrap_or(u32::MAX);
    if !resume {
        return Ok(numbered(free));
    }
    match free {
        1 => Err(CliError::Flag {
            flag: "--resume",
            value: "given".to_owned(),
            remedy: format!(
                "there is no run {} to go on with; name its folder with --out",
                numbered(1).display()
            ),
        }),
        free => Ok(numbered(free - 1)),
    }
}

/// The command line as the user could type it again.
fn command_line() -> String {
    let arguments = std::env::args_os().skip(1);
    let words: Vec<String> = arguments.map(|word| quoted(Path::new(&word))).collect();
    format!("resolvent {}", words.join(" "))
}

/// A word for a shell, in quotes when it needs them.
pub fn quoted(word: &Path) -> String {
    let text = word.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_when_quoted_survive_a_shell() {
        for (word, expected) in [
            ("runs/a-1", "runs/a-1"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(Path::new(word)), expected);
        }
    }
}
