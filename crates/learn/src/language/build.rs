//! From the recipe's `[model]` to a model, with the recipe's field names in every message.

use burn::tensor::Device;
use resolvent_data::windows::BYTE_VOCABULARY;
use resolvent_mixers::registry::CAUSAL;
use resolvent_models::ModelError;
use resolvent_models::language::{LanguageConfig, LanguageModel};

use crate::error::LearnError;
use crate::recipe::Recipe;
use crate::recipe::values::of_mixer;

/// The configuration that a recipe describes.
///
/// # Errors
/// [`LearnError::BadValue`] for an unknown mixer, a vocabulary that is not that of bytes, sizes that
/// the model refuses.
pub fn config_of(recipe: &Recipe) -> Result<LanguageConfig, LearnError> {
    let model = &recipe.model;
    if !CAUSAL.iter().any(|entry| entry.name == model.mixer) {
        let names: Vec<&str> = CAUSAL.iter().map(|entry| entry.name).collect();
        return Err(bad(
            "mixer",
            format!("{:?}", model.mixer),
            format!("there is no such mixer; choose {}", names.join(", ")),
        ));
    }
    if model.vocab_size != BYTE_VOCABULARY {
        return Err(bad(
            "vocab_size",
            model.vocab_size.to_string(),
            format!("tokens are bytes here, so it must be {BYTE_VOCABULARY}"),
        ));
    }
    let mixer = model.mixer_settings().map_err(of_mixer)?;
    let config = LanguageConfig {
        vocab_size: model.vocab_size,
        num_hidden_layers: model.num_hidden_layers,
        ..LanguageConfig::of(mixer)
    };
    config.validate().map_err(in_recipe)?;
    Ok(config)
}

/// A model with fresh weights, a function of the recipe's seed.
///
/// # Errors
/// As [`config_of`].
pub fn initial_model(recipe: &Recipe, device: &Device) -> Result<LanguageModel, LearnError> {
    let config = config_of(recipe)?;
    config.init(recipe.train.seed, device).map_err(in_recipe)
}

/// Refuses what could not be built or would certainly not fit, before anything large is made.
pub(super) fn check_model(recipe: &Recipe) -> Result<(), LearnError> {
    let config = config_of(recipe)?;
    if let Some(available) = available_memory() {
        check_memory(recipe, &config, available)?;
    }
    // The mixers check their own sizes when they are built, so one block is.
    let block = LanguageConfig {
        num_hidden_layers: 1,
        ..config
    };
    block.init(0, &Device::flex()).map_err(in_recipe)?;
    Ok(())
}

/// Compares lower bounds of what training holds in memory with what there is.
///
/// Parameters: weight, gradient and two moments in binary32. Activations: eight vectors of the
/// model's width per block, and the logits with their softmax.
fn check_memory(
    recipe: &Recipe,
    config: &LanguageConfig,
    available: u128,
) -> Result<(), LearnError> {
    let (model, train) = (&recipe.model, &recipe.train);
    let parameters = 16 * u128::from(config.cost(1).parameters);
    if parameters > available {
        return Err(bad(
            "hidden_size",
            config.hidden_size().to_string(),
            too_large("weights, gradients and moments", parameters, available),
        ));
    }
    let tokens = train.batch as u128 * train.length as u128;
    let widths = config.hidden_size() as u128 * model.num_hidden_layers as u128;
    let activations = 4 * tokens * (8 * widths + 2 * model.vocab_size as u128);
    if parameters + activations > available {
        return Err(LearnError::BadValue {
            field: "train.batch".to_owned(),
            value: train.batch.to_string(),
            remedy: too_large("a training step", parameters + activations, available),
        });
    }
    Ok(())
}

fn too_large(what: &str, needed: u128, available: u128) -> String {
    format!(
        "{what} would take at least {} MiB of memory, and {} MiB are free; make the model, the batch or the length smaller",
        needed >> 20,
        available >> 20
    )
}

/// Bytes that new allocations may take, where the system tells.
fn available_memory() -> Option<u128> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find(|line| line.starts_with("MemAvailable:"))?;
    let kibibytes: u128 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}

/// A model's refusal in the recipe's terms.
fn in_recipe(error: ModelError) -> LearnError {
    match error {
        ModelError::Config {
            field,
            got,
            expected,
        } => bad(&field, got, format!("it must be {expected}")),
        ModelError::Mixer(error) => of_mixer(error),
        other => other.into(),
    }
}

fn bad(field: &str, value: String, remedy: String) -> LearnError {
    LearnError::BadValue {
        field: format!("model.{field}"),
        value,
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(text: &str) -> Recipe {
        Recipe::parse(text, "test").unwrap()
    }

    #[test]
    fn config_when_the_mixer_is_unknown_lists_the_known_ones() {
        let error = config_of(&recipe("[model]\nmixer = \"mamba9\"")).unwrap_err();
        let message = error.to_string();
        assert!(message.contains("\"mamba9\"") && message.contains("attention"));
        assert!(error.is_bad_input());
    }

    #[test]
    fn memory_when_too_small_names_the_size_at_fault() {
        let wide = recipe("[model]\nhidden_size = 8192\nnum_hidden_layers = 8");
        let refused = |recipe: &Recipe, memory| {
            check_memory(recipe, &config_of(recipe).unwrap(), memory).map_err(|e| e.to_string())
        };
        let error = refused(&wide, 1 << 30).unwrap_err();
        assert!(error.contains("model.hidden_size"), "{error}");
        let long = recipe("[train]\nbatch = 8192\nlength = 1024");
        let error = refused(&long, 1 << 30).unwrap_err();
        assert!(error.contains("train.batch"), "{error}");
        refused(&recipe(""), 8 << 30).unwrap();
    }
}
