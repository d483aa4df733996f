//! `resolvent train`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use burn::tensor::Device;
use resolvent_learn::recipe::Recipe;

use super::language_run::{LanguageRun, folder_of, quoted};
use crate::args::Train;
use crate::console::Console;
use crate::error::CliError;
use crate::stop::Stop;

/// Longest recipe that is read, in bytes: a text of a screen or two, not a data file.
const MOST: u64 = 1 << 20;

/// Trains what the recipe describes.
pub fn run(
    options: &Train,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let recipe = read_recipe(&options.recipe)?.with_overrides(&options.overrides)?;
    let name = options.recipe.file_stem().unwrap_or("run".as_ref());
    let name = name.to_string_lossy();
    let folder = folder_of(options.out.as_deref(), &name, options.resume)?;
    let run = LanguageRun {
        title: format!("{name}: {} on bytes", recipe.model.mixer),
        resume_command: resume_command(options, &folder),
        recipe,
        folder,
        resume: options.resume,
        json: options.json,
    };
    run.run(device, console, stop)
}

fn resume_command(options: &Train, folder: &Path) -> String {
    let mut command = format!("resolvent train {}", quoted(&options.recipe));
    for text in &options.overrides {
        command.push_str(&format!(" --set {}", quoted(Path::new(text))));
    }
    command.push_str(&format!(" --resume --out {}", quoted(folder)));
    command
}

/// Reads and checks a recipe.
pub fn read_recipe(path: &Path) -> Result<Recipe, CliError> {
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(MOST).read_to_string(&mut text))
        .map_err(|source| CliError::Recipe {
            path: path.to_owned(),
            source,
        })?;
    Ok(Recipe::parse(&text, &path.display().to_string())?)
}
