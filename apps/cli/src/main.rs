//! The binary `resolvent`: flags, progress, tables and errors for people. It decides nothing: what a
//! command does lies in the libraries.
//!
//! People are spoken to on standard error; standard output carries results alone (one JSON document
//! with `--json`, generated text). Exit codes: 0 success, 1 the work failed or was stopped, 2 wrong
//! usage or bad input.

mod args;
mod commands;
mod console;
mod device;
mod error;
mod progress;
mod stop;
mod table;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Arguments, Command};
use crate::console::Console;
use crate::error::CliError;
use crate::stop::Stop;

// Tensors of a few megabytes are freed and allocated again by every operation. The system's
// allocator gives their pages back and faults them in anew each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let console = Console::new();
    console.log();
    join_the_pool();
    match run(arguments, &console) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.exit_code();
            console.clear();
            error::print(error);
            ExitCode::from(code)
        }
    }
}

/// Makes this thread one of the pool's, so that it works on the parallel operations that it calls.
///
/// Otherwise it hands each over and sleeps: a training step has hundreds, and their wake-ups took a
/// tenth of it. A pool of one thread stays its own, since others could wait for a thread that does not
/// come back to the pool.
fn join_the_pool() {
    // What rayon does with this variable: zero and nonsense mean as many as the machine has.
    let asked = std::env::var("RAYON_NUM_THREADS").ok();
    let asked = asked.and_then(|threads| threads.parse::<usize>().ok());
    let threads = match asked.filter(|threads| *threads > 0) {
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    if threads > 1 {
        // If it cannot be made, the first operation asks for the usual one, and says why not.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        pool.use_current_thread().build_global().ok();
    }
}

fn run(arguments: Arguments, console: &Console) -> Result<(), CliError> {
    let device = device::chosen(arguments.device.as_deref())?;
    let stop = Stop::install(console)?;
    match arguments.command {
        Command::Quickstart(options) => {
            commands::quickstart::run(&options, &device, console, &stop)
        }
        Command::Train(options) => commands::train::run(&options, &device, console, &stop),
        Command::Generate(options) => commands::generate::run(&options, &device, console, &stop),
        Command::Classify(options) => commands::classify::run(&options, &device, console, &stop),
        Command::Inspect(options) => commands::inspect::run(&options),
        Command::Forecast(options) => commands::forecast::run(&options, &device, console, &stop),
        Command::Systems(options) => commands::systems::run(&options),
        Command::Reproduce(options) => commands::reproduce::run(&options, &device, console, &stop),
        Command::Data(options) => commands::data::run(&options, console, &stop),
        Command::Bench(options) => commands::bench::run(&options, &device, console, &stop),
        Command::BenchMemory(options) => commands::bench::memory(&options),
    }
}
