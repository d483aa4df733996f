//! The page of a run for people.

use super::experiment::{ERROR_RATE, WATCHED};
use super::job::Summary;
use super::scores::Scores;
use crate::error::LearnError;
use crate::metrics::Record;
use crate::plot::{HeatMap, LinePlot, Series, heat_map};
use crate::report::{Report, Table};

/// The confusion matrix as an SVG.
///
/// # Errors
/// [`LearnError::Plot`].
pub fn confusion_plot(scores: &Scores, classes: &[String]) -> Result<String, LearnError> {
    heat_map(&HeatMap {
        title: format!("Confusion matrix, {} cases", scores.cases),
        row_label: "true class".into(),
        column_label: "predicted class".into(),
        rows: classes.to_vec(),
        columns: classes.to_vec(),
        values: scores
            .confusion
            .iter()
            .map(|row| row.iter().map(|count| *count as f64).collect())
            .collect(),
    })
}

pub(super) fn page(
    summary: &Summary,
    records: &[Record],
    title: &str,
) -> Result<Report, LearnError> {
    let mut report = Report::new(title);
    let [train, validation, test] = summary.cases;
    report.paragraph(&format!(
        "A classifier with the mixer {} and {} parameters, trained for {:.0} s ({} steps, {:.1} passes over \
         the training cases) on {}: {} classes, {train} training, {validation} validation and {test} test \
         cases of {} to {} positions. Parts: {}.",
        summary.mixer,
        summary.parameters,
        summary.seconds,
        summary.steps,
        summary.epochs,
        summary.data,
        summary.classes.len(),
        summary.lengths.0,
        summary.lengths.1,
        summary.split,
    ));
    report.heading("Accuracy on the test cases");
    report.table(comparison(summary));
    report.drawing(
        &confusion_plot(&summary.test, &summary.classes)?,
        "Rows: true classes; columns: predicted ones; colour by share of the row.",
    );
    report.heading("Training");
    let plot = |title: &str, series: Vec<Series>| LinePlot {
        title: title.into(),
        x_label: "step".into(),
        y_label: "nats per case".into(),
        series,
        ..LinePlot::default()
    };
    let losses = vec![
        Series::new("training", steps(records)),
        Series::new("validation", measured(records, WATCHED)),
    ];
    report.figure(
        &plot("Loss during training", losses),
        &format!(
            "The weights of step {}, the best on the validation cases among the checkpoints, were kept.",
            summary.kept_step
        ),
    )?;
    let errors = vec![Series::new("validation", measured(records, ERROR_RATE))];
    let errors = LinePlot {
        y_label: "share of cases that is wrong".into(),
        ..plot("Errors during training", errors)
    };
    report.figure(&errors, "")?;
    Ok(report)
}

fn comparison(summary: &Summary) -> Table {
    let test = &summary.test;
    let caption = format!(
        "The same {} test cases for every row; 95 % intervals after Wilson. Mean over classes: {:.4}; loss: {:.4} nats.",
        test.cases, test.balanced_accuracy, test.loss
    );
    let range = |it: [f64; 2]| format!("{:.4} to {:.4}", it[0], it[1]);
    let table = Table::new(caption, ["", "accuracy", "interval"]).row([
        format!("{} (this run)", summary.mixer),
        format!("{:.4}", test.accuracy),
        range(test.interval),
    ]);
    summary.baselines.iter().fold(table, |table, it| {
        table.row([
            it.name.clone(),
            format!("{:.4}", it.accuracy),
            range(it.interval),
        ])
    })
}

fn steps(records: &[Record]) -> Vec<(f64, f64)> {
    let points = records.iter().filter_map(|record| match record {
        Record::Step(it) => Some((it.step as f64, it.loss)),
        Record::Evaluation(_) => None,
    });
    points.collect()
}

fn measured(records: &[Record], name: &str) -> Vec<(f64, f64)> {
    let points = records.iter().filter_map(|record| match record {
        Record::Evaluation(it) => Some((it.step as f64, *it.values.get(name)?)),
        Record::Step(_) => None,
    });
    points.collect()
}
