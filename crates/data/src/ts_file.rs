//! `.ts` files: the form of the UEA and UCR archives, as sktime and aeon read it.
//!
//! ```text
//! # a comment
//! @problemName JapaneseVowels
//! @dimensions 12
//! @equalLength false
//! @classLabel true 1 2 3 4 5 6 7 8 9
//! @data
//! 1.86,1.89,1.93:-0.2,-0.2,?: ... :3
//! ```
//!
//! A line behind `@data` is one case: channels by `:`, values by `,`, the label last. Keys may be written
//! in any letter case, files may be Latin-1, cases and channels may differ in length, `?` and `NaN` are
//! missing values (NaN here). Nothing is padded or filled in. Time stamps in brackets are refused.

mod header;

use std::path::Path;

use crate::error::DataError;
use crate::files;
use header::{Header, Target};

/// The longest file accepted, in bytes.
const MAX_BYTES: u64 = 2 << 30;

/// Labelled series of one or several channels, of equal length or not.
#[derive(Clone, Debug, PartialEq)]
pub struct TsFile {
    /// The name in the file's head.
    pub name: String,
    /// Channels of a case.
    pub channels: usize,
    /// The names of the classes, in the order of the head; empty without classes.
    pub classes: Vec<String>,
    /// What each case belongs to.
    pub targets: TsTargets,
    /// How many values are missing.
    pub missing: usize,
    values: Vec<f64>,
    ends: Vec<usize>,
}

/// What a `.ts` file says about its cases.
#[derive(Clone, Debug, PartialEq)]
pub enum TsTargets {
    /// Nothing.
    None,
    /// `[case]`: a position in the list of classes.
    Classes(Vec<u32>),
    /// `[case]`: a number to predict.
    Numbers(Vec<f64>),
}

impl TsFile {
    /// The number of cases.
    pub fn len(&self) -> usize {
        self.ends.len() / self.channels
    }

    /// Never true: a file without cases is refused.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The values of one channel of one case; NaN where one is missing.
    ///
    /// # Panics
    /// When there are fewer cases or channels.
    pub fn series(&self, case: usize, channel: usize) -> &[f64] {
        assert!(
            channel < self.channels,
            "there are {} channels",
            self.channels
        );
        let at = case * self.channels + channel;
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.values[start..self.ends[at]]
    }

    /// The length of every channel of every case, when it is the same.
    pub fn equal_length(&self) -> Option<usize> {
        let (shortest, longest) = self.lengths();
        (shortest == longest).then_some(longest)
    }

    /// The shortest and the longest length of a channel.
    pub fn lengths(&self) -> (usize, usize) {
        let starts = std::iter::once(&0).chain(&self.ends);
        let lengths = || {
            starts
                .clone()
                .zip(&self.ends)
                .map(|(start, end)| end - start)
        };
        (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0))
    }
}

/// Reads a `.ts` file.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`], [`DataError::Malformed`] naming the line.
pub fn read_ts(path: &Path) -> Result<TsFile, DataError> {
    parse_ts(&files::decode(files::read_unpacked(path, MAX_BYTES)?), path)
}

/// Parses the text of a `.ts` file; `path` serves in messages only.
///
/// # Errors
/// [`DataError::Malformed`] naming the line: a value that is no number, a label that the head does not
/// list, a case whose channels or lengths are not those of the head, an infinite value.
pub fn parse_ts(text: &str, path: &Path) -> Result<TsFile, DataError> {
    let mut lines = text
        .lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.trim()));
    let header = Header::parse(&mut lines, path)?;
    let mut reading = Reading::new(header, path);
    for (number, line) in lines {
        if !line.is_empty() && !line.starts_with('#') {
            reading.case(number, line)?;
        }
    }
    reading.finish()
}

/// A file during reading.
struct Reading<'a> {
    header: Header,
    path: &'a Path,
    channels: Option<usize>,
    values: Vec<f64>,
    ends: Vec<usize>,
    labels: Vec<String>,
    numbers: Vec<f64>,
    missing: usize,
}

impl<'a> Reading<'a> {
    fn new(header: Header, path: &'a Path) -> Self {
        Self {
            channels: header.dimensions,
            header,
            path,
            values: Vec::new(),
            ends: Vec::new(),
            labels: Vec::new(),
            numbers: Vec::new(),
            missing: 0,
        }
    }

    fn bad(&self, line: usize, problem: impl Into<String>) -> DataError {
        DataError::malformed(self.path, format!("line {line}"), problem)
    }

    fn case(&mut self, line: usize, text: &str) -> Result<(), DataError> {
        if text.starts_with('(') {
            return Err(self.bad(
                line,
                "time stamps in brackets are not read; write equally spaced values",
            ));
        }
        let (series, label) = match self.header.target {
            Target::None => (text, None),
            _ => match text.rsplit_once(':') {
                Some((series, label)) => (series, Some(label.trim())),
                None => {
                    return Err(self.bad(line, "no `:` before a label, which the head announces"));
                }
            },
        };
        let mut channels = 0;
        for channel in series.split(':') {
            channels += 1;
            self.channel(line, channels, channel)?;
        }
        let expected = *self.channels.get_or_insert(channels);
        if channels != expected {
            return Err(self.bad(line, format!("{channels} channels, expected {expected}")));
        }
        match (&self.header.target, label) {
            (Target::Number, Some(label)) => match label.parse::<f64>() {
                Ok(number) if number.is_finite() => self.numbers.push(number),
                _ => {
                    return Err(self.bad(
                        line,
                        format!("target {:?} is no finite number", short(label)),
                    ));
                }
            },
            (_, Some(label)) => self.labels.push(label.to_owned()),
            (_, None) => {}
        }
        Ok(())
    }

    fn channel(&mut self, line: usize, channel: usize, text: &str) -> Result<(), DataError> {
        let before = self.values.len();
        for value in text.split(',') {
            let value = value.trim();
            let number = match value {
                "?" => f64::NAN,
                _ => value.parse::<f64>().map_err(|_| {
                    let at = self.values.len() - before + 1;
                    let found = short(value);
                    self.bad(
                        line,
                        format!("channel {channel}, value {at}: {found:?} is no number"),
                    )
                })?,
            };
            if number.is_infinite() {
                return Err(self.bad(line, format!("channel {channel} holds an infinite value")));
            }
            self.missing += usize::from(number.is_nan());
            self.values.push(number);
        }
        let length = self.values.len() - before;
        let announced = self
            .header
            .series_length
            .filter(|_| self.header.equal_length);
        if let Some(expected) = announced.filter(|it| *it != length) {
            let problem =
                format!("channel {channel} has {length} values, the head says {expected}");
            return Err(self.bad(line, problem));
        }
        self.ends.push(self.values.len());
        Ok(())
    }

    fn finish(self) -> Result<TsFile, DataError> {
        let Some(channels) = self.channels.filter(|_| !self.ends.is_empty()) else {
            return Err(DataError::malformed(self.path, "@data", "no case follows"));
        };
        let mut classes = match &self.header.target {
            Target::Classes(classes) => classes.clone(),
            _ => Vec::new(),
        };
        if classes.is_empty() {
            classes = self.labels.clone();
            classes.sort();
            classes.dedup();
        }
        let targets = match self.header.target {
            Target::None => TsTargets::None,
            Target::Number => TsTargets::Numbers(self.numbers),
            Target::Classes(_) => {
                let mut positions = Vec::with_capacity(self.labels.len());
                for (case, label) in self.labels.iter().enumerate() {
                    let Some(position) = classes.iter().position(|it| it == label) else {
                        let problem = format!(
                            "label {:?}, expected one of {}",
                            short(label),
                            classes.join(", ")
                        );
                        return Err(DataError::malformed(
                            self.path,
                            format!("case {}", case + 1),
                            problem,
                        ));
                    };
                    positions.push(position as u32);
                }
                TsTargets::Classes(positions)
            }
        };
        Ok(TsFile {
            name: self.header.name,
            channels,
            classes,
            targets,
            missing: self.missing,
            values: self.values,
            ends: self.ends,
        })
    }
}

/// At most the first characters of a text, for messages.
fn short(text: &str) -> String {
    text.chars().take(30).collect()
}
