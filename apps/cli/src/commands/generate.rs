//! `resolvent generate`.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use burn::tensor::Device;
use resolvent_data::windows::SEPARATOR;
use resolvent_learn::language::{begin_file, next_byte, read_bytes, require_bytes};
use resolvent_models::ModelError;
use resolvent_models::language::{Continuation, Sampler, Sampling, load};

use crate::args::Generate;
use crate::console::Console;
use crate::error::CliError;
use crate::stop::Stop;

/// Streams a continuation to standard output.
pub fn run(
    options: &Generate,
    device: &Device,
    console: &Console,
    stop: &Stop,
) -> Result<(), CliError> {
    let sampling = Sampling {
        temperature: options.temperature,
        top_k: options.top_k,
        seed: options.seed,
    };
    let mut sampler = Sampler::new(sampling).map_err(CliError::Generate)?;
    let model = load(&options.model, device).map_err(in_file(&options.model))?;
    require_bytes(&model).map_err(in_file(&options.model))?;
    let mut text = match &options.load_state {
        Some(path) => Continuation::load(&model, path).map_err(in_file(path))?,
        None => begin_file(&model).map_err(in_file(&options.model))?,
    };
    stop.ask("stopping");
    read_bytes(&mut text, options.prompt.as_bytes()).map_err(CliError::Generate)?;
    let mut output = TextOutput::new();
    for _ in 0..options.tokens {
        if stop.flag().load(Ordering::Relaxed) {
            break;
        }
        let byte = next_byte(&mut text, &mut sampler).map_err(CliError::Generate)?;
        if byte == SEPARATOR {
            break;
        }
        output.push(byte)?;
    }
    output.finish()?;
    if let Some(path) = &options.save_state {
        text.save(path).map_err(CliError::Generate)?;
        console.say(&format!(
            "state of {} bytes stored; go on with --load-state {}",
            text.state().bytes_per_row(),
            path.display()
        ));
    }
    Ok(())
}

fn in_file(path: &Path) -> impl FnOnce(ModelError) -> CliError {
    let folder = path.to_owned();
    move |source| CliError::Model { folder, source }
}

/// Standard output as a text that grows byte by byte.
///
/// Characters are written when they are complete; bytes that are no UTF-8 become the replacement
/// character. A terminal is spared control characters, which a model may well produce.
struct TextOutput {
    pending: Vec<u8>,
    is_terminal: bool,
}

impl TextOutput {
    fn new() -> Self {
        Self {
            pending: Vec::new(),
            is_terminal: io::stdout().is_terminal(),
        }
    }

    fn push(&mut self, byte: u8) -> Result<(), CliError> {
        self.pending.push(byte);
        let text = complete(&mut self.pending);
        self.write(&text)
    }

    /// Writes what is left, and a line end on a terminal.
    fn finish(&mut self) -> Result<(), CliError> {
        let mut text = String::from_utf8_lossy(&self.pending).into_owned();
        if self.is_terminal {
            text.push('\n');
        }
        self.write(&text)
    }

    fn write(&self, text: &str) -> Result<(), CliError> {
        let visible = |letter: char| match letter {
            '\n' | '\t' => letter,
            letter if self.is_terminal && letter.is_control() => char::REPLACEMENT_CHARACTER,
            letter => letter,
        };
        let text: String = text.chars().map(visible).collect();
        let mut stdout = io::stdout().lock();
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush())
            .map_err(|source| CliError::Output { source })
    }
}

/// Takes out of `pending` all that no further byte can change, broken sequences replaced.
fn complete(pending: &mut Vec<u8>) -> String {
    let mut text = String::new();
    let mut rest = pending.as_slice();
    loop {
        match std::str::from_utf8(rest) {
            Ok(valid) => {
                text.push_str(valid);
                pending.clear();
                return text;
            }
            Err(error) => {
                let (valid, broken) = rest.split_at(error.valid_up_to());
                text.push_str(&String::from_utf8_lossy(valid));
                let Some(length) = error.error_len() else {
                    *pending = broken.to_vec();
                    return text;
                };
                text.push(char::REPLACEMENT_CHARACTER);
                rest = &broken[length..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_when_it_comes_byte_by_byte_equals_the_lossy_whole() {
        let cases: [&[u8]; 5] = [
            "fn état() { \"日本\" }".as_bytes(),
            b"a\xffb",
            b"\xe6\x97x",
            b"\xf0\x9f\x98",
            b"",
        ];
        for bytes in cases {
            let mut pending = Vec::new();
            let mut text = String::new();
            for byte in bytes {
                pending.push(*byte);
                text.push_str(&complete(&mut pending));
            }
            text.push_str(&String::from_utf8_lossy(&pending));
            assert_eq!(text, String::from_utf8_lossy(bytes));
        }
    }
}
