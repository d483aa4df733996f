//! One file per command.

pub mod bench;
pub mod classify;
pub mod data;
pub mod forecast;
mod forecast_data;
pub mod generate;
pub mod inspect;
mod inspect_matrix;
mod language_run;
pub mod quickstart;
pub mod reproduce;
pub mod systems;
pub mod train;

use std::io::{self, Write};

use serde::Serialize;

use crate::error::CliError;

/// Writes one JSON document to standard output.
fn print_json(value: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(io::Error::from)
        .map_err(|source| CliError::Output { source })?;
    print_line(&text)
}

/// Writes text and a line end to standard output.
fn print_line(text: &str) -> Result<(), CliError> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|source| CliError::Output { source })
}
