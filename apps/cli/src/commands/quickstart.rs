//! `resolvent quickstart`.

use burn::tensor::Device;
use resolvent_learn::recipe::{DataSource, Recipe};
use resolvent_learn::run_folder::RunFolder;

use super::language_run::{LanguageRun, folder_of, quoted};
use crate::args::Quickstart;
use crate::console::Console;
use crate::error::CliError;
use crate::stop::Stop;

/// The recipes, so that the command works wherever the program lies; other mixers take the sizes of
/// the first that they know.
const RECIPES: &[(&str, &str)] = &[
    (
        "quickstart",
        include_str!("../../../../recipes/quickstart.toml"),
    ),
    ("mamba", include_str!("../../../../recipes/mamba.toml")),
    ("rwkv7", include_str!("../../../../recipes/rwkv7.toml")),
];

/// The recipe made for a mixer, or the quickstart's.
fn recipe_for(mixer: Option<&str>) -> Result<Recipe, CliError> {
    let own = RECIPES.iter().find(|(name, _)| Some(*name) == mixer);
    let (name, text) = own.unwrap_or(&RECIPES[0]);
    Ok(Recipe::parse(text, &format!("recipes/{name}.toml"))?)
}

/// Trains, compares, generates, reports.
pub fn run(
    options: &Quickstart,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let folder = folder_of(options.out.as_deref(), "quickstart", options.resume)?;
    let recipe = match options.resume {
        // The run's own recipe, so that the flags need not be repeated; those that are given count.
        true => super::train::read_recipe(&RunFolder::resume(&folder)?.recipe())?,
        false => recipe_for(options.mixer.as_deref())?,
    };
    let recipe = with_flags(recipe, options)?.with_overrides(&options.overrides)?;
    let run = LanguageRun {
        title: format!("Quickstart: {} on bytes", recipe.model.mixer),
        resume_command: format!("resolvent quickstart --resume --out {}", quoted(&folder)),
        recipe,
        folder,
        resume: options.resume,
        json: options.json,
    };
    run.run(device, console, stop)
}

fn with_flags(mut recipe: Recipe, options: &Quickstart) -> Result<Recipe, CliError> {
    options.budget.apply(&mut recipe.train);
    if let Some(mixer) = &options.mixer {
        recipe.model.mixer.clone_from(mixer);
    }
    if let Some(text) = &options.text {
        // Absolute, so that the run can be taken up from another folder.
        let path = std::path::absolute(text).unwrap_or_else(|_| text.clone());
        let name = path.to_str().ok_or_else(|| CliError::Flag {
            flag: "--text",
            value: format!("{text:?}"),
            remedy: "the path must be valid UTF-8, because the recipe stores it".to_owned(),
        })?;
        recipe.data.source = DataSource::Path;
        recipe.data.path = Some(name.to_owned());
    }
    recipe.validate()?;
    Ok(recipe)
}
