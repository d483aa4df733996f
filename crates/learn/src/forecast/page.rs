//! Plots and page of a forecast.

use super::backtest::{Scored, Test};
use super::experiment::MEASURE;
use super::files::Future;
use super::job::Summary;
use super::prepared::Prepared;
use crate::error::LearnError;
use crate::metrics::Record;
use crate::plot::{LinePlot, Series};
use crate::report::{Report, Table};

/// History, truth and every forecast of the last test window, in original units.
pub(super) fn test_window(
    prepared: &Prepared,
    test: &Test,
    scored: &[Scored],
    column: usize,
) -> LinePlot {
    let (last, horizon) = (test.starts.len() - 1, test.horizon);
    let start = test.starts[last];
    let values = prepared.series.channel(column);
    let shown = shown(prepared, horizon);
    let from = start.saturating_sub(shown);
    let line = |name: &str, first: usize, values: &[f64]| {
        let points = values.iter().enumerate();
        Series::new(
            name,
            points
                .map(|(at, value)| ((first + at) as f64, *value))
                .collect(),
        )
    };
    let mut series = vec![
        line("history", from, &values[from..start]),
        line("truth", start, &values[start..start + horizon]),
    ];
    let of = &prepared.config.columns[column];
    for it in scored {
        let forecast = it.window(column, last, horizon).iter();
        let forecast: Vec<f64> = forecast.map(|value| value * of.scale + of.mean).collect();
        series.push(line(&it.name, start, &forecast));
    }
    LinePlot {
        title: format!("{}: the last test window", of.name),
        x_label: "row of the table".into(),
        y_label: of.name.clone(),
        series,
        ..LinePlot::default()
    }
}

/// The end of the data and what comes behind it, in original units.
pub(super) fn future(prepared: &Prepared, future: &Future, column: usize) -> LinePlot {
    let values = prepared.series.channel(column);
    let from = values
        .len()
        .saturating_sub(shown(prepared, future.values.len()));
    let history = values[from..].iter().enumerate();
    let history = history.map(|(at, value)| ((from + at) as f64, *value));
    // The forecast begins where the history ends, so that no gap is drawn.
    let joined = std::iter::once(values[values.len() - 1]);
    let forecast = joined
        .chain(future.values.iter().map(|row| row[column]))
        .enumerate();
    let forecast = forecast.map(|(at, value)| ((values.len() - 1 + at) as f64, value));
    let name = &future.columns[column];
    LinePlot {
        title: match &future.times {
            Some(times) => format!("{name}: forecast to {}", times[times.len() - 1]),
            None => format!("{name}: forecast"),
        },
        x_label: "row of the table".into(),
        y_label: name.clone(),
        series: vec![
            Series::new("history", history.collect()),
            Series::new("forecast", forecast.collect()),
        ],
        ..LinePlot::default()
    }
}

/// Values of history in a plot.
fn shown(prepared: &Prepared, horizon: usize) -> usize {
    (2 * horizon)
        .max(2 * prepared.config.period)
        .clamp(24, 2000)
}

/// The page.
pub(super) fn page(
    summary: &Summary,
    records: &[Record],
    windows: &[LinePlot],
    futures: &[LinePlot],
) -> Result<Report, LearnError> {
    let mut report = Report::new(format!("Forecast with {}", summary.mixer));
    report.paragraph(&lead(summary));
    if let Some(warning) = summary.warning() {
        report.paragraph(&format!("Warning: {warning}."));
    }
    if !summary.backtest.is_empty() {
        report.heading("Backtest");
        report.table(comparison(summary));
        report.paragraph("In the plots every forecaster saw the history alone.");
    }
    for plot in windows {
        report.figure(plot, "")?;
    }
    report.heading("Forecast");
    for plot in futures {
        report.figure(plot, "")?;
    }
    report.paragraph("The same numbers are in forecast.csv.");
    let measured = |record: &Record| matches!(record, Record::Evaluation(_));
    if records.iter().any(measured) {
        report.heading("Training");
        report.figure(
            &training(records),
            "Error of the horizon on windows of the validation part; the weights of the lowest point were kept.",
        )?;
    }
    Ok(report)
}

fn lead(summary: &Summary) -> String {
    let [train, validation, test] = summary.parts;
    let season = match summary.period {
        1 => "no season".to_owned(),
        period => format!("a season of {period}"),
    };
    format!(
        "{} with {} parameters reads {} values and forecasts {} (trained for {}). The series has {season}; \
         {train} values were for training, {validation} for validation, {test} for the backtest. Columns are \
         independent and share the model.",
        summary.mixer,
        summary.parameters,
        summary.context,
        summary.horizon,
        summary.trained_horizon,
    )
}

fn comparison(summary: &Summary) -> Table {
    let caption = format!(
        "{} windows of {} values per column, the same for every row. MSE and MAE of standardised values; MASE is \
         the error in units of the seasonal naive error one step ahead on the training part.",
        summary.windows, summary.horizon
    );
    let table = Table::new(caption, ["", "column", "MSE", "MAE", "MASE"]);
    let mean_only = summary.forecast.columns.len() == 1;
    let rows = summary
        .backtest
        .iter()
        .filter(|row| !mean_only || row.column.is_none());
    rows.fold(table, |table, row| {
        table.row([
            row.forecaster.clone(),
            row.column.clone().unwrap_or_else(|| "all".to_owned()),
            format!("{:.4}", row.mse),
            format!("{:.4}", row.mae),
            row.mase
                .map_or_else(String::new, |mase| format!("{mase:.3}")),
        ])
    })
}

fn training(records: &[Record]) -> LinePlot {
    let measured = records.iter().filter_map(|record| match record {
        Record::Evaluation(it) => Some((it.step as f64, *it.values.get(MEASURE)?)),
        Record::Step(_) => None,
    });
    LinePlot {
        title: "Validation error during training".into(),
        x_label: "step".into(),
        y_label: "MSE, standardised".into(),
        series: vec![Series::new("validation", measured.collect())],
        log_y: true,
        ..LinePlot::default()
    }
}
