//! The head of a `.ts` file.

use std::path::Path;

use crate::error::DataError;

/// What stands behind the last `:` of a case.
#[derive(Debug)]
pub(super) enum Target {
    /// Nothing: all of the line is series.
    None,
    /// A class, one of these unless the list is empty.
    Classes(Vec<String>),
    /// A number.
    Number,
}

/// What the head says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) dimensions: Option<usize>,
    pub(super) equal_length: bool,
    pub(super) series_length: Option<usize>,
    pub(super) target: Target,
}

impl Header {
    /// Takes lines up to and including `@data`.
    pub(super) fn parse<'a>(
        lines: &mut impl Iterator<Item = (usize, &'a str)>,
        path: &Path,
    ) -> Result<Self, DataError> {
        let mut header = Self {
            name: String::new(),
            dimensions: None,
            equal_length: false,
            series_length: None,
            target: Target::None,
        };
        for (number, line) in lines {
            let line = line.trim_start_matches('\u{feff}');
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad =
                |problem: String| DataError::malformed(path, format!("line {number}"), problem);
            let Some(entry) = line.strip_prefix('@') else {
                let start: String = line.chars().take(30).collect();
                return Err(bad(format!(
                    "{start:?} before @data; a .ts file's head has lines with @ or #"
                )));
            };
            let (key, value) = entry.split_once(char::is_whitespace).unwrap_or((entry, ""));
            let key = key.to_ascii_lowercase();
            if key == "data" {
                return Ok(header);
            }
            header.set(&key, value.trim()).map_err(bad)?;
        }
        Err(DataError::malformed(path, "head", "@data is missing"))
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "problemname" => value.clone_into(&mut self.name),
            "timestamps" if truth(key, value)? => {
                return Err("@timeStamps true is not read; write equally spaced values".into());
            }
            "univariate" if truth(key, value)? => self.dimensions = Some(1),
            "timestamps" | "univariate" | "missing" => drop(truth(key, value)?),
            "dimension" | "dimensions" => self.dimensions = Some(size(key, value)?),
            "equallength" => self.equal_length = truth(key, value)?,
            "serieslength" if value.starts_with(['0', '-', '?']) => self.series_length = None,
            "serieslength" => self.series_length = Some(size(key, value)?),
            "classlabel" => {
                let mut words = value.split_whitespace();
                if truth(key, words.next().unwrap_or(""))? {
                    self.target = Target::Classes(words.map(str::to_owned).collect());
                }
            }
            "targetlabel" if truth(key, value)? => self.target = Target::Number,
            // The archives add keys of their own from time to time; they do not change the data.
            _ => {}
        }
        Ok(())
    }
}

fn truth(key: &str, value: &str) -> Result<bool, String> {
    let word = value.split_whitespace().next().unwrap_or("");
    match word.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("@{key} {word:?}, expected true or false")),
    }
}

fn size(key: &str, value: &str) -> Result<usize, String> {
    let number = value
        .parse::<usize>()
        .ok()
        .filter(|it| (1..=1 << 30).contains(it));
    number.ok_or_else(|| format!("@{key} {value:?}, expected a whole number of at least 1"))
}
