//! The published files `basic_train.tsv`, `basic_val.tsv`, `basic_test.tsv`.
//!
//! A header `Source<TAB>Target`, then one expression and its value a line.

use std::path::{Path, PathBuf};

use super::tree::{VOCABULARY, from_text, to_text};
use super::{ListOps, ListOpsToken};
use crate::error::DataError;
use crate::files;
use crate::sequences::LabelledSequences;

/// The longest file accepted, in bytes; the published training set takes about 1 GB.
const MAX_BYTES: u64 = 4 << 30;

/// The names of the three parts' files.
const NAMES: [&str; 3] = ["basic_train.tsv", "basic_val.tsv", "basic_test.tsv"];

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListOpsFile {
    /// The expressions with the end mark behind each, and their values.
    pub sequences: LabelledSequences,
    /// How many words were none of the fifteen symbols, and became [`ListOpsToken::Unknown`].
    pub unknown: usize,
}

/// Writes generated expressions in the published form.
#[derive(Debug)]
pub struct ListOpsWriter<'a> {
    generator: &'a ListOps,
}

impl<'a> ListOpsWriter<'a> {
    /// Writes what this generator makes.
    pub fn new(generator: &'a ListOps) -> Self {
        Self { generator }
    }

    /// Writes the three files with these numbers of samples into a folder, and returns their paths.
    ///
    /// Each file appears under its name when it is complete. `progress` is called with the samples
    /// written over all files; when it returns false the writing ends with [`DataError::Interrupted`].
    ///
    /// # Errors
    /// [`DataError::Unwritable`], and those of [`ListOps::draw`].
    pub fn write(
        &self,
        folder: &Path,
        sizes: [u64; 3],
        progress: &mut dyn FnMut(u64) -> bool,
    ) -> Result<[PathBuf; 3], DataError> {
        std::fs::create_dir_all(folder).map_err(DataError::unwritable(folder))?;
        let paths = NAMES.map(|name| folder.join(name));
        let mut samples = self.generator.iter();
        let mut done = 0;
        for (path, size) in paths.iter().zip(sizes) {
            files::write_atomically(path, |file| {
                writeln!(file, "Source\tTarget").map_err(DataError::unwritable(path))?;
                for _ in 0..size {
                    let Some(sample) = samples.next() else { break };
                    let sample = sample?;
                    let text = to_text(&sample.tokens)?;
                    writeln!(file, "{text}\t{}", sample.value)
                        .map_err(DataError::unwritable(path))?;
                    done += 1;
                    if !progress(done) {
                        return Err(DataError::Interrupted);
                    }
                }
                Ok(())
            })?;
        }
        Ok(paths)
    }
}

/// Reads one of the published files.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`], [`DataError::Malformed`] naming the line.
pub fn read_listops(path: &Path) -> Result<ListOpsFile, DataError> {
    parse_listops(&files::read_text(path, MAX_BYTES)?, path)
}

/// Parses the text of a published file; `path` serves in messages only.
///
/// The expressions are not evaluated: [`super::evaluate`] of one without its last token does that.
///
/// # Errors
/// [`DataError::Malformed`] naming the line.
pub fn parse_listops(text: &str, path: &Path) -> Result<ListOpsFile, DataError> {
    let mut sequences = LabelledSequences::empty("listops", VOCABULARY, 10);
    let mut unknown = 0;
    let mut lines = text.lines().enumerate();
    let bad = |line: usize, problem: String| {
        DataError::malformed(path, format!("line {}", line + 1), problem)
    };
    match lines.next() {
        Some((_, header)) if header.trim_end() == "Source\tTarget" => {}
        other => {
            let found = other
                .map_or("", |it| it.1)
                .chars()
                .take(40)
                .collect::<String>();
            return Err(bad(
                0,
                format!("{found:?}, expected the header \"Source\\tTarget\""),
            ));
        }
    }
    for (i, line) in lines {
        if line.trim().is_empty() {
            continue;
        }
        let columns: Vec<&str> = line.split('\t').collect();
        let &[source, target] = &columns[..] else {
            return Err(bad(
                i,
                format!("{} columns, expected Source and Target", columns.len()),
            ));
        };
        let label = target.trim().parse::<u32>().ok().filter(|it| *it < 10);
        let Some(label) = label else {
            let found: String = target.chars().take(20).collect();
            return Err(bad(i, format!("target {found:?}, expected 0 to 9")));
        };
        let (mut tokens, strange) = from_text(source);
        if tokens.is_empty() {
            return Err(bad(i, "an empty expression".into()));
        }
        unknown += strange;
        tokens.push(ListOpsToken::End as u8);
        sequences.push(&tokens, label)?;
    }
    Ok(ListOpsFile { sequences, unknown })
}
