//! Tasks around the workspace, run as `cargo xtask TASK`.
//!
//! - `check-layers` refuses dependencies that do not point strictly downwards.
//! - `llvm-sdk` installs the LLVM that CUDA builds link against, from wheels, where the build
//!   script of the compiler cannot download it.

mod error;
mod layers;
mod llvm_sdk;

use std::process::{Command, ExitCode};

use clap::{Parser, Subcommand};

use crate::error::XtaskError;

/// Tasks around the Resolvent workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

/// What can be asked for.
#[derive(Debug, Subcommand)]
enum Task {
    /// Fail unless every dependency between workspace crates points strictly downwards.
    CheckLayers,
    /// Install the LLVM that CUDA builds need, without the bundler's own download.
    LlvmSdk,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().task {
        Task::CheckLayers => check_layers(),
        Task::LlvmSdk => llvm_sdk::install(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Asks cargo for the manifests and holds them against the declared order.
fn check_layers() -> Result<(), XtaskError> {
    let metadata = workspace_metadata()?;
    let summary = layers::check(&metadata)?;
    println!("{summary}");
    Ok(())
}

/// The manifests of all workspace crates, as cargo prints them; needs no network and no lock file.
fn workspace_metadata() -> Result<String, XtaskError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = [
        "metadata",
        "--format-version",
        "1",
        "--no-deps",
        "--offline",
    ];
    let output = Command::new(cargo)
        .args(arguments)
        .output()
        .map_err(XtaskError::io("cargo metadata"))?;
    if !output.status.success() {
        return Err(XtaskError::CommandFailed {
            command: "cargo metadata".to_owned(),
            status: output.status,
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
