//! The page of a run for people.

use super::summary::{CONTEXT_FACTOR, Score, Summary};
use crate::error::LearnError;
use crate::metrics::Record;
use crate::plot::{LinePlot, ReferenceLine, Series};
use crate::report::{Report, Table};

/// The page with table, plots, sample and origin.
pub(super) fn page(summary: &Summary, records: &[Record]) -> Result<Report, LearnError> {
    let mut report = Report::new(summary.origin.title.as_str());
    report.paragraph(&lead(summary));
    report.heading("Bits per byte on held-out text");
    report.table(comparison(summary));
    report.heading("Training");
    report.figure(
        &loss_plot(summary, records),
        "Training: the loss of every step, each on a batch of its own. Held-out: evaluations on a \
         part of the held-out files during training. Dashed: a baseline on all evaluated bytes.",
    )?;
    report.heading("What the state remembers");
    if !summary.score.by_position.is_empty() {
        report.figure(&context_plot(summary), &context_caption(summary))?;
    }
    report.paragraph(&memory(summary));
    report.heading("Sample");
    let sample = &summary.sample;
    report.paragraph(&format!(
        "The beginning of the held-out file {}:",
        sample.file
    ));
    report.verbatim(&sample.prompt);
    report.paragraph(&format!(
        "What the model writes from there, {} bytes drawn one by one at temperature {}, {:.0} bytes per second:",
        sample.bytes, sample.temperature, sample.bytes_per_second
    ));
    report.verbatim(&sample.text);
    report.heading("Origin");
    report.table(origin(summary));
    Ok(report)
}

fn lead(summary: &Summary) -> String {
    let training = &summary.training;
    format!(
        "A byte-level language model with the mixer {} and {} parameters, trained for {} on {} \
         tokens of {}.",
        summary.model.mixer,
        grouped(summary.model.parameters as u64),
        duration(training.seconds),
        grouped(training.tokens),
        summary.corpus.name,
    )
}

/// The comparison of the table, best row first.
fn comparison(summary: &Summary) -> Table {
    let corpus = &summary.corpus;
    let mut rows = vec![(
        summary.score.bits_per_byte,
        format!("{} (this run)", summary.model.mixer),
        format!(
            "{} tokens of training text",
            grouped(summary.training.tokens)
        ),
    )];
    for baseline in &summary.baselines {
        let learned = match baseline.learned_from {
            "training text" => format!(
                "{} bytes of training text",
                grouped(corpus.train_bytes as u64)
            ),
            other => other.to_owned(),
        };
        rows.push((baseline.bits_per_byte, baseline.name.clone(), learned));
    }
    rows.sort_by(|left, right| left.0.total_cmp(&right.0));
    let caption = format!(
        "The same {} bytes of {} held-out {} for every row; lower is better. The model sees windows of {} bytes, \
         so it starts from nothing every {} bytes; the others see each file from its beginning.",
        grouped(corpus.evaluated_bytes as u64),
        corpus.evaluated_files,
        if corpus.evaluated_files == 1 {
            "file"
        } else {
            "files"
        },
        summary.training.length,
        summary.training.length,
    );
    let table = Table::new(caption, ["", "bits per byte", "has learned from"]);
    rows.into_iter()
        .fold(table, |table, (bits, name, learned)| {
            table.row([name, format!("{bits:.3}"), learned])
        })
}

fn loss_plot(summary: &Summary, records: &[Record]) -> LinePlot {
    let training = records.iter().filter_map(|record| match record {
        Record::Step(step) => Some((step.step as f64, step.bits_per_byte?)),
        Record::Evaluation(_) => None,
    });
    let held_out = records.iter().filter_map(|record| match record {
        Record::Evaluation(it) => {
            let bits = it.values.get(super::experiment::MEASURE)?;
            Some((it.step as f64, *bits))
        }
        Record::Step(_) => None,
    });
    LinePlot {
        title: "Bits per byte during training".into(),
        x_label: "step".into(),
        y_label: "bits per byte".into(),
        series: vec![
            Series::new("training", training.collect()),
            Series::new("held-out", held_out.collect()),
        ],
        reference_lines: baseline_line(summary, "order-3 n-gram"),
        ..LinePlot::default()
    }
}

fn context_plot(summary: &Summary) -> LinePlot {
    let points = summary.score.by_position.iter();
    let points = points.map(|point| (point.position(), point.bits_per_byte));
    LinePlot {
        title: "Bits per byte by position in the window".into(),
        x_label: "position in the window (bytes read before)".into(),
        y_label: "bits per byte".into(),
        series: vec![Series::new(summary.model.mixer.as_str(), points.collect())],
        reference_lines: baseline_line(summary, "order-3 n-gram"),
        log_x: true,
        ..LinePlot::default()
    }
}

fn baseline_line(summary: &Summary, name: &str) -> Vec<ReferenceLine> {
    let found = summary.baselines.iter().find(|it| it.name == name);
    let line = |it: &super::Baseline| ReferenceLine {
        name: it.name.clone(),
        y: it.bits_per_byte,
    };
    found.map(line).into_iter().collect()
}

fn context_caption(summary: &Summary) -> String {
    let Score {
        bits_per_byte_in_long_windows: long,
        bits_per_byte: own,
        ..
    } = summary.score;
    let length = summary.training.length;
    format!(
        "Each point is a mean over a stretch of positions, over all windows of {} bytes; a falling line means that \
         the model uses what it read long ago. It was trained on windows of {length} bytes, so everything beyond \
         position {length} is longer than it has ever seen. Mean in these windows: {long:.3}; in windows of \
         {length}: {own:.3}.",
        length * CONTEXT_FACTOR,
    )
}

fn memory(summary: &Summary) -> String {
    let sample = &summary.sample;
    let [before, after] =
        [sample.state_bytes_before, sample.state_bytes_after].map(|bytes| grouped(bytes as u64));
    let growth = if sample.state_bytes_before == sample.state_bytes_after {
        "it does not grow with the text"
    } else {
        "it grows with the text"
    };
    format!(
        "While generating, one sequence carries {before} bytes of state behind the prompt and {after} bytes behind the \
         last byte: {growth}."
    )
}

fn origin(summary: &Summary) -> Table {
    let (corpus, training) = (&summary.corpus, &summary.training);
    Table::new("", ["item", "value"])
        .row(["command", &summary.origin.command])
        .row(["machine", &summary.origin.machine])
        .row([
            "training",
            &format!(
                "{} steps, {} tokens in {}; a typical step does {} tokens per second; seed {}",
                grouped(training.steps as u64),
                grouped(training.tokens),
                duration(training.seconds),
                grouped(training.tokens_per_second.round() as u64),
                training.seed,
            ),
        ])
        .row([
            "text",
            &format!(
                "{}: {} files, {} bytes; {} to train on, {} held out ({})",
                corpus.name,
                grouped(corpus.files as u64),
                grouped(corpus.bytes as u64),
                grouped(corpus.train_bytes as u64),
                grouped(corpus.held_out_bytes as u64),
                corpus.split,
            ),
        ])
        .row(["not in the text", &corpus.omitted])
        .row(["fingerprint (SHA-256)", &corpus.fingerprint])
}

/// Digits in groups of three: `1,234,567`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `45 s` or `3 min 05 s`.
fn duration(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds / 60 {
        0 => format!("{seconds} s"),
        minutes => format!("{minutes} min {:02} s", seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_when_grouped_keep_their_digits() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
        assert_eq!(duration(185.2), "3 min 05 s");
        assert_eq!(duration(45.4), "45 s");
    }
}
