//! Values of a recipe that parse but cannot work.

use super::{DataSource, ModelSection, OptimiserSection, Recipe, TrainSection};
use crate::error::LearnError;
use resolvent_mixers::{MixerError, MixerSettings, Settings};
use resolvent_models::ModelError;

/// No size in a recipe is larger (16 Mi): beyond it the products below would overflow long before
/// a machine could hold the tensors.
const LARGEST_SIZE: usize = 1 << 24;

/// No model of this system has more parameters; guards against a slipped digit that would exhaust
/// the memory instead of giving a message.
const LARGEST_MODEL: u128 = 100_000_000_000;

/// Checks all values of `recipe`.
pub(super) fn check(recipe: &Recipe) -> Result<(), LearnError> {
    data(recipe)?;
    model(&recipe.model)?;
    train(&recipe.train)?;
    optimiser(&recipe.optimiser)?;
    let schedule = &recipe.schedule;
    fraction("schedule.warmup_fraction", schedule.warmup_fraction)?;
    fraction("schedule.final_fraction", schedule.final_fraction)
}

fn data(recipe: &Recipe) -> Result<(), LearnError> {
    let data = &recipe.data;
    if data.source == DataSource::Path && data.path.as_deref().is_none_or(str::is_empty) {
        return Err(bad(
            "data.path",
            "missing",
            "data.source = \"path\" needs the file or folder here",
        ));
    }
    if !(data.held_out > 0.0 && data.held_out < 1.0) {
        return Err(bad(
            "data.held_out",
            data.held_out,
            "it must lie between 0 and 1, both excluded, as in 0.05",
        ));
    }
    positive("data.max_bytes", data.max_bytes, usize::MAX)
}

fn model(model: &ModelSection) -> Result<(), LearnError> {
    if model.mixer.is_empty() {
        return Err(bad(
            "model.mixer",
            "empty",
            "name a mixer, as in \"mamba2\"",
        ));
    }
    for (field, value) in [
        ("model.num_hidden_layers", model.num_hidden_layers),
        ("model.vocab_size", model.vocab_size),
    ] {
        positive(field, value, LARGEST_SIZE)?;
    }
    let settings = match model.mixer_settings() {
        // Recipes of other programs' mixers can be read and changed; building one is refused.
        Err(MixerError::Unknown { .. }) => return Ok(()),
        settings => settings.map_err(of_mixer)?,
    };
    settings.validate().map_err(of_mixer)?;
    largest_model(model, &settings)
}

fn largest_model(model: &ModelSection, settings: &Settings) -> Result<(), LearnError> {
    let (hidden, layers) = (settings.width(), model.num_hidden_layers);
    let blocks = u128::from(settings.cost(1).parameters) * layers as u128;
    let parameters = blocks + hidden as u128 * model.vocab_size as u128;
    if parameters > LARGEST_MODEL {
        return Err(bad(
            "model.hidden_size",
            hidden,
            format!(
                "with num_hidden_layers = {layers} and vocab_size = {} the model would have about {parameters} parameters; the limit is {LARGEST_MODEL}",
                model.vocab_size
            ),
        ));
    }
    Ok(())
}

/// A mixer's refusal in the recipe's terms.
pub(crate) fn of_mixer(error: MixerError) -> LearnError {
    match error {
        MixerError::Config {
            mixer,
            field,
            got,
            expected,
        } => bad(
            &format!("model.{field}"),
            got,
            format!("for {mixer} it must be {expected}"),
        ),
        MixerError::Setting {
            mixer,
            field,
            reason,
        } => bad(
            &format!("model.{field}"),
            "of the wrong kind",
            format!("for {mixer} {reason}"),
        ),
        other => LearnError::from(ModelError::from(other)),
    }
}

fn train(train: &TrainSection) -> Result<(), LearnError> {
    positive("train.batch", train.batch, LARGEST_SIZE)?;
    positive("train.length", train.length, LARGEST_SIZE)?;
    positive("train.accumulate", train.accumulate, LARGEST_SIZE)?;
    positive(
        "train.keep_checkpoints",
        train.keep_checkpoints,
        LARGEST_SIZE,
    )?;
    positive("train.evaluate_bytes", train.evaluate_bytes, usize::MAX)?;
    let tokens = train.batch as u128 * train.length as u128;
    if tokens > LARGEST_SIZE as u128 {
        return Err(bad(
            "train.batch",
            train.batch,
            format!(
                "with train.length = {} one micro-batch would hold {tokens} tokens; the limit is {LARGEST_SIZE}, use train.accumulate instead",
                train.length
            ),
        ));
    }
    if train.seed > i64::MAX as u64 {
        return Err(bad("train.seed", train.seed, "use a value below 2^63"));
    }
    if !(train.clip.is_finite() && train.clip >= 0.0) {
        return Err(bad(
            "train.clip",
            train.clip,
            "it must be a positive norm, as in 1.0, or 0 for no clipping",
        ));
    }
    match (train.steps, train.minutes) {
        (Some(steps), _) => positive("train.steps", steps, 1 << 40),
        (None, Some(minutes)) if minutes > 0.0 && minutes.is_finite() => Ok(()),
        (None, Some(minutes)) => Err(bad(
            "train.minutes",
            minutes,
            "it must be a positive number of minutes, as in 3.0",
        )),
        (None, None) => Err(bad(
            "train.minutes",
            "missing",
            "give train.steps or train.minutes",
        )),
    }
}

fn optimiser(optimiser: &OptimiserSection) -> Result<(), LearnError> {
    above_zero("optimiser.learning_rate", optimiser.learning_rate)?;
    above_zero("optimiser.epsilon", optimiser.epsilon)?;
    at_least_zero("optimiser.weight_decay", optimiser.weight_decay)?;
    for (field, beta) in [
        ("optimiser.beta_1", optimiser.beta_1),
        ("optimiser.beta_2", optimiser.beta_2),
    ] {
        if !(0.0..1.0).contains(&beta) {
            return Err(bad(
                field,
                beta,
                "it must be at least 0 and below 1, as in 0.9",
            ));
        }
    }
    for (index, group) in optimiser.groups.iter().enumerate() {
        let name = format!("optimiser.groups[{index}]");
        at_least_zero(&format!("{name}.weight_decay"), group.weight_decay)?;
        at_least_zero(&format!("{name}.rate_scale"), group.rate_scale)?;
        if group.matching.is_empty() || group.matching.iter().any(String::is_empty) {
            return Err(bad(
                &format!("{name}.match"),
                format!("{:?}", group.matching),
                "name at least one parameter, as in [\"A_log\", \"bias\"]",
            ));
        }
    }
    Ok(())
}

fn positive(field: &str, value: usize, limit: usize) -> Result<(), LearnError> {
    if value == 0 {
        return Err(bad(field, value, "it must be at least 1"));
    }
    if value > limit {
        return Err(bad(field, value, format!("it must be at most {limit}")));
    }
    Ok(())
}

fn above_zero(field: &str, value: f64) -> Result<(), LearnError> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(bad(field, value, "it must be a finite number above 0"))
}

fn at_least_zero(field: &str, value: f64) -> Result<(), LearnError> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(bad(field, value, "it must be a finite number, 0 or more"))
}

fn fraction(field: &str, value: f64) -> Result<(), LearnError> {
    if (0.0..=1.0).contains(&value) {
        return Ok(());
    }
    Err(bad(field, value, "it must lie between 0 and 1, as in 0.05"))
}

fn bad(field: &str, value: impl ToString, remedy: impl Into<String>) -> LearnError {
    LearnError::BadValue {
        field: field.to_owned(),
        value: value.to_string(),
        remedy: remedy.into(),
    }
}
