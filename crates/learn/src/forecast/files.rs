//! The files of a forecast: tables and pictures.

use std::path::Path;

use resolvent_formats::write_atomic;
use resolvent_models::forecaster::Forecaster;
use serde::Serialize;

use super::backtest::Row;
use super::prepared::Prepared;
use super::times::Clock;
use crate::error::LearnError;

/// What comes behind the end of the data, in original units.
#[derive(Debug, Clone, Serialize)]
pub struct Future {
    /// The columns.
    pub columns: Vec<String>,
    /// The time of every step, where the time column tells how it goes on.
    pub times: Option<Vec<String>>,
    /// `[step][column]`
    pub values: Vec<Vec<f64>>,
}

impl Future {
    /// Forecasts `horizon` values behind the end of every column.
    ///
    /// # Errors
    /// Forecasts that are not finite.
    pub fn of(model: &Forecaster, prepared: &Prepared, horizon: usize) -> Result<Self, LearnError> {
        let (config, length) = (&model.config, prepared.series.len());
        let columns = prepared.series.channels();
        let mut windows = Vec::with_capacity(columns * config.context);
        for column in 0..columns {
            windows.extend(&prepared.column(column)[length - config.context..]);
        }
        let forecasts = model.forecast(&windows, horizon, &mut |_| {})?;
        let value = |step: usize, column: usize| {
            let of = &prepared.config.columns[column];
            forecasts[column * horizon + step] * of.scale + of.mean
        };
        let row = |step: usize| (0..columns).map(|column| value(step, column)).collect();
        Ok(Self {
            columns: prepared.series.names.clone(),
            times: times(prepared, horizon),
            values: (0..horizon).map(row).collect(),
        })
    }

    /// Writes `time` (or `step`, from 1) and a column per series.
    ///
    /// # Errors
    /// [`LearnError::Format`].
    pub fn write(&self, path: &Path) -> Result<(), LearnError> {
        let first = if self.times.is_some() { "time" } else { "step" };
        let head = std::iter::once(first.to_owned()).chain(self.columns.iter().cloned());
        let body = self.values.iter().enumerate().map(|(step, row)| {
            let time = match &self.times {
                Some(times) => times[step].clone(),
                None => (step + 1).to_string(),
            };
            std::iter::once(time)
                .chain(row.iter().map(f64::to_string))
                .collect()
        });
        let rows: Vec<Vec<String>> = std::iter::once(head.collect()).chain(body).collect();
        table(path, &rows)
    }
}

fn times(prepared: &Prepared, horizon: usize) -> Option<Vec<String>> {
    let column = prepared.series.times.as_ref()?;
    let texts: Vec<String> = (column.len().saturating_sub(64)..column.len())
        .map(|at| String::from_utf8_lossy(column.get(at)).into_owned())
        .collect();
    let clock = Clock::of(&texts)?;
    (1..=horizon).map(|ahead| clock.text(ahead)).collect()
}

/// Writes the rows of a backtest.
pub(super) fn backtest(path: &Path, rows: &[Row]) -> Result<(), LearnError> {
    let head = ["forecaster", "column", "mse", "mae", "mase"]
        .map(str::to_owned)
        .to_vec();
    let row = |row: &Row| {
        vec![
            row.forecaster.clone(),
            row.column.clone().unwrap_or_else(|| "all".to_owned()),
            row.mse.to_string(),
            row.mae.to_string(),
            row.mase.map_or_else(String::new, |mase| mase.to_string()),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows.iter().map(row)).collect();
    table(path, &rows)
}

fn table(path: &Path, rows: &[Vec<String>]) -> Result<(), LearnError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).map_err(LearnError::experiment)?;
    }
    let bytes = writer
        .into_inner()
        .map_err(|error| LearnError::experiment(error.to_string()))?;
    Ok(write_atomic(path, |file| file.write_all(&bytes))?)
}
