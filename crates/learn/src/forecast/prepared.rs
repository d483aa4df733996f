//! A series with its parts, its season and the model's configuration.

use std::ops::Range;

use resolvent_data::hashing;
use resolvent_data::series::{Series, SeriesSplit, Standardisation};
use resolvent_mixers::Settings;
use resolvent_models::forecaster::{Column, ForecasterConfig};

use super::period::detect_period;
use super::request::{Request, bad};
use crate::error::LearnError;
use crate::recipe::Recipe;
use crate::recipe::values::of_mixer;

/// Longest context by default.
const LONGEST: usize = 336;
/// Shortest context by default, where the series has room.
const SHORTEST: usize = 192;

/// Everything that has been decided before the work begins.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// In its own units.
    pub series: Series,
    /// Standardised by the training part.
    pub scaled: Series,
    /// The parts in time.
    pub split: SeriesSplit,
    /// What the model is built from.
    pub config: ForecasterConfig,
    /// SHA-256 over names and values.
    pub fingerprint: String,
}

/// Decides parts, season and context, and checks everything that a run needs.
///
/// # Errors
/// [`LearnError::BadValue`] naming the value and what would be right: a horizon or context of 0 or too
/// long for the series, a period that does not fit, a constant column, settings that fit no model.
pub fn prepare(series: Series, request: &Request, recipe: &Recipe) -> Result<Prepared, LearnError> {
    let (length, horizon) = (series.len(), request.horizon);
    let split = parts(length, horizon)?;
    let train = split.train.len();
    let period = match request.period {
        Some(period) if period == 0 || period >= train => {
            let most = train - 1;
            return Err(bad(
                "--period",
                period,
                format!("it must be 1 to {most}, below the training part"),
            ));
        }
        Some(period) => period,
        None => detect_period(&series.channel(0)[split.train.clone()]),
    };
    let context = context(request, &split, period)?;
    let standard =
        Standardisation::fit(&series, split.train.clone()).map_err(LearnError::experiment)?;
    if let Some(at) = standard.is_constant.iter().position(|constant| *constant) {
        return Err(bad(
            &format!("column {:?}", series.names[at]),
            // Not the mean, which is rounded.
            format!(
                "constant at {} over its first {train} values",
                series.values[at]
            ),
            "there is nothing to learn or to forecast; leave the column out, or give a longer series",
        ));
    }
    let scaled = standard.apply(&series).map_err(LearnError::experiment)?;
    let column = |at: usize| Column {
        name: series.names[at].clone(),
        mean: standard.mean[at],
        scale: standard.scale[at],
    };
    let config = ForecasterConfig {
        context,
        horizon,
        mixer: mixer(recipe, context)?,
        num_hidden_layers: recipe.model.num_hidden_layers,
        dropout: request.dropout,
        preprocess: request.preprocess,
        period,
        columns: (0..series.channels()).map(column).collect(),
    };
    config.validate()?;
    Ok(Prepared {
        fingerprint: fingerprint(&series),
        series,
        scaled,
        split,
        config,
    })
}

/// A series for a model that is trained already: its columns and its standardisation, no checks of what
/// only training needs. The last fifth is the test part when it holds a horizon; otherwise there is none.
///
/// # Errors
/// [`LearnError::BadValue`] for a horizon of 0, fewer values than the context, a column that the model
/// does not know.
pub fn prepare_for(
    config: &ForecasterConfig,
    series: Series,
    horizon: usize,
) -> Result<Prepared, LearnError> {
    let length = series.len();
    if horizon == 0 {
        return Err(bad("--horizon", 0, "it must be at least 1"));
    }
    if length < config.context {
        let remedy = format!("the model reads {}; give at least as many", config.context);
        return Err(bad("number of values", length, remedy));
    }
    let column = |name: &String| {
        let found = config.columns.iter().find(|column| column.name == *name);
        found.cloned().ok_or_else(|| {
            let known: Vec<&str> = config.columns.iter().map(|it| it.name.as_str()).collect();
            let remedy = format!("the model was trained on {}", known.join(", "));
            bad("--column", format!("{name:?}"), remedy)
        })
    };
    let columns: Vec<Column> = series.names.iter().map(column).collect::<Result<_, _>>()?;
    let standard = Standardisation {
        mean: columns.iter().map(|column| column.mean).collect(),
        scale: columns.iter().map(|column| column.scale).collect(),
        is_constant: vec![false; columns.len()],
    };
    let scaled = standard.apply(&series).map_err(LearnError::experiment)?;
    let test = length / 5;
    let train = (length - test).saturating_sub(length / 10);
    let has_test = test >= horizon
        && train >= config.context + horizon
        && train > config.period
        && length - test >= config.context.max(config.period);
    let split = match has_test {
        true => SeriesSplit {
            train: 0..train,
            validation: train..length - test,
            test: length - test..length,
        },
        false => SeriesSplit {
            train: 0..length,
            validation: length..length,
            test: length..length,
        },
    };
    Ok(Prepared {
        fingerprint: fingerprint(&series),
        config: ForecasterConfig {
            columns,
            ..config.clone()
        },
        series,
        scaled,
        split,
    })
}

/// Validation and test get their shares, and at least one horizon.
fn parts(length: usize, horizon: usize) -> Result<SeriesSplit, LearnError> {
    // Training needs a window too: a context of at least 2 and a horizon.
    let most = (length / 4).max(length.saturating_sub(2) / 3);
    if horizon == 0 {
        return Err(bad("--horizon", 0, "it must be at least 1"));
    }
    if horizon > most || most == 0 {
        return Err(bad(
            "--horizon",
            horizon,
            format!(
                "the series has {length} values, which must hold a window to train on, one to validate and one to test; {}",
                match most {
                    0 => "give at least 8 values".to_owned(),
                    most => format!("ask for at most {most}, or give a longer series"),
                }
            ),
        ));
    }
    let test = (length / 5).max(horizon);
    let validation = (length / 10).max(horizon);
    let train = length - test - validation;
    if train >= horizon + 2 {
        return SeriesSplit::by_sizes(length, [train, validation, test])
            .map_err(LearnError::experiment);
    }
    let train = length - 2 * horizon;
    SeriesSplit::by_sizes(length, [train, horizon, horizon]).map_err(LearnError::experiment)
}

fn context(request: &Request, split: &SeriesSplit, period: usize) -> Result<usize, LearnError> {
    let (train, horizon) = (split.train.len(), request.horizon);
    let most = train - horizon;
    match request.context {
        Some(0) => Err(bad("--context", 0, "it must be at least 1")),
        Some(context) if context > most => Err(bad(
            "--context",
            context,
            format!(
                "the training part has {train} values, so behind a horizon of {horizon} it can be at most {most}"
            ),
        )),
        Some(context) => Ok(context),
        None => {
            let wanted = (2 * horizon)
                .max(3 * period)
                .clamp(SHORTEST, LONGEST)
                .max(period + 1);
            // Leave as many windows as values in one, so that there is something to learn from.
            Ok(wanted.min((most / 2).max(2)).min(most))
        }
    }
}

/// The mixer's settings; SpaceTime's state may not be longer than half the window.
fn mixer(recipe: &Recipe, context: usize) -> Result<Settings, LearnError> {
    let mut settings = recipe.model.mixer_settings().map_err(of_mixer)?;
    if let Settings::SpaceTime(layer) = &mut settings {
        layer.d_state = layer.d_state.min((context / 2).max(1));
    }
    Ok(settings)
}

fn fingerprint(series: &Series) -> String {
    hashing::fingerprint(|hash| {
        series.names.iter().for_each(|name| hash(name.as_bytes()));
        series
            .values
            .iter()
            .for_each(|value| hash(&value.to_le_bytes()));
    })
}

impl Prepared {
    /// One column, standardised.
    pub fn column(&self, column: usize) -> Vec<f32> {
        self.scaled
            .channel(column)
            .iter()
            .map(|&value| value as f32)
            .collect()
    }

    /// Times at which a target of `horizon` values can begin inside `part`, with a whole context before.
    pub fn starts(&self, part: &Range<usize>, horizon: usize) -> Range<usize> {
        let first = part.start.max(self.config.context);
        first..(part.end + 1).saturating_sub(horizon).max(first)
    }
}

/// At most `most` of `range`, evenly spread, the last one always.
pub(super) fn spread(range: &Range<usize>, most: usize) -> Vec<usize> {
    let count = range.len().min(most.max(1));
    let last = range.len().saturating_sub(1);
    (1..=count)
        .map(|at| {
            range.start
                + if count == 1 {
                    last
                } else {
                    (at - 1) * last / (count - 1)
                }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_when_spread_are_distinct_and_end_at_the_end() {
        assert_eq!(spread(&(5..6), 4), [5]);
        assert_eq!(spread(&(0..10), 1), [9]);
        assert_eq!(spread(&(0..4), 100), [0, 1, 2, 3]);
        let some = spread(&(10..1010), 64);
        assert_eq!((some.len(), some[0], some[63]), (64, 10, 1009));
        assert!(spread(&(3..3), 4).is_empty());
    }

    #[test]
    fn parts_when_the_horizon_is_long_hold_one_each() {
        for length in 8..400 {
            for horizon in 1..length {
                let Ok(split) = parts(length, horizon) else {
                    continue;
                };
                assert!(split.validation.len() >= horizon && split.test.len() >= horizon);
                assert!(
                    split.train.len() >= horizon + 2,
                    "{length} {horizon} {split:?}"
                );
            }
        }
        assert!(parts(400, 100).is_ok() && parts(400, 399).is_err() && parts(3, 1).is_err());
    }
}
