//! Ctrl-C and the termination signals.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::console::Console;
use crate::error::{CliError, FAILED};

/// What an interruption does at the moment.
#[derive(Debug, Clone)]
enum Effect {
    /// Ends the process, saying this.
    End(String),
    /// Sets the flag, saying this; the next interruption ends the process.
    Ask(String),
}

/// The user's wish to stop.
#[derive(Debug, Clone)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    effect: Arc<Mutex<Effect>>,
}

impl Stop {
    /// Takes over Ctrl-C, termination and hang-up.
    pub fn install(console: &Console) -> Result<Self, CliError> {
        let stop = Self {
            asked: Arc::new(AtomicBool::new(false)),
            effect: Arc::new(Mutex::new(Effect::End(
                "stopped; nothing was written".into(),
            ))),
        };
        let (handler, console) = (stop.clone(), console.clone());
        ctrlc::set_handler(move || handler.interrupted(&console)).map_err(|error| {
            CliError::Signals {
                reason: error.to_string(),
            }
        })?;
        Ok(stop)
    }

    fn interrupted(&self, console: &Console) {
        let mut effect = self.effect.lock().unwrap_or_else(PoisonError::into_inner);
        match effect.clone() {
            Effect::End(text) => {
                console.clear();
                console.say(&text);
                // Every file is written under another name first, so none is left half-written.
                std::process::exit(i32::from(FAILED));
            }
            Effect::Ask(text) => {
                self.asked.store(true, Ordering::Relaxed);
                console.say(&text);
                *effect = Effect::End("ended at once; the newest checkpoint is intact".into());
            }
        }
    }

    /// From now on an interruption sets the flag and says `text`; a second one ends the process.
    pub fn ask(&self, text: &str) {
        self.set(Effect::Ask(text.to_owned()));
    }

    /// From now on an interruption ends the process and says `text`.
    pub fn end(&self, text: &str) {
        self.set(Effect::End(text.to_owned()));
    }

    fn set(&self, effect: Effect) {
        *self.effect.lock().unwrap_or_else(PoisonError::into_inner) = effect;
    }

    /// Whether the user wants to stop.
    pub fn flag(&self) -> &AtomicBool {
        &self.asked
    }
}
