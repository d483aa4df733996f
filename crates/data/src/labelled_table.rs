//! Labelled series in delimited text: one case per row, its values in the columns, its label in one of
//! them.
//!
//! Empty fields at the end of a row make its series shorter; elsewhere empty fields, `?`, `NA` and `NaN`
//! are missing values (NaN here). Values are of one channel.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::error::DataError;
use crate::files;

/// The longest file accepted, in bytes after unpacking.
const MAX_BYTES: u64 = 2 << 30;

/// Rows of a table as labelled series of one channel.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledTable {
    /// `[case]`: the text of the label; empty fields are kept as they are.
    pub labels: Vec<String>,
    values: Vec<f64>,
    ends: Vec<usize>,
}

impl LabelledTable {
    /// The number of cases.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never true: a table without cases is refused.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The values of a case; NaN where one is missing.
    ///
    /// # Panics
    /// When there are fewer cases.
    pub fn series(&self, case: usize) -> &[f64] {
        let start = if case == 0 { 0 } else { self.ends[case - 1] };
        &self.values[start..self.ends[case]]
    }
}

/// Reads a table, plain or packed with gzip or xz; `label` is the name of the label's column or its
/// position from 1, none for the last.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`]; [`DataError::Malformed`] naming line and column: a
/// field that is no number, an infinite value, rows of unequal width, a label column that does not
/// exist, a table or a row without values.
pub fn read_labelled_table(path: &Path, label: Option<&str>) -> Result<LabelledTable, DataError> {
    parse_labelled_table(&files::read_unpacked(path, MAX_BYTES)?, path, label)
}

/// Parses such a table; `path` serves in messages only.
///
/// # Errors
/// As for [`read_labelled_table`].
pub fn parse_labelled_table(
    bytes: &[u8],
    path: &Path,
    label: Option<&str>,
) -> Result<LabelledTable, DataError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let bad =
        |line: u64, problem: String| DataError::malformed(path, format!("line {line}"), problem);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(bytes))
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut rows = Vec::new();
    for row in reader.byte_records() {
        let row = row.map_err(|error| bad(rows.len() as u64 + 1, error.to_string()))?;
        rows.push(row);
    }
    let Some(first) = rows.first() else {
        return Err(bad(1, "the file holds no row".into()));
    };
    let column = column(first, label).map_err(|problem| bad(1, problem))?;
    let named = label.is_some_and(|it| position(it, first).is_none());
    let width = first.len();
    let header = named || is_header(first, column);
    let mut table = LabelledTable {
        labels: Vec::new(),
        values: Vec::new(),
        ends: Vec::new(),
    };
    for row in &rows[usize::from(header)..] {
        let line = row.position().map_or(0, csv::Position::line);
        if row.len() != width {
            let problem = format!(
                "{} fields, expected {width} as in the first line",
                row.len()
            );
            return Err(bad(line, problem));
        }
        table
            .row(row, column)
            .map_err(|problem| bad(line, problem))?;
    }
    match table.is_empty() {
        true => Err(bad(1, "no case follows the header".into())),
        false => Ok(table),
    }
}

impl LabelledTable {
    fn row(&mut self, row: &ByteRecord, label: usize) -> Result<(), String> {
        let fields = row.iter().enumerate().filter(|(at, _)| *at != label);
        let fields: Vec<(usize, String)> = fields.map(|(at, it)| (at, text(it))).collect();
        let kept = fields.iter().rposition(|(_, it)| !it.is_empty());
        let Some(kept) = kept else {
            return Err("the row holds no value".into());
        };
        for (at, field) in &fields[..=kept] {
            let value = match missing(field) {
                true => f64::NAN,
                false => field.parse::<f64>().map_err(|_| {
                    let shown: String = field.chars().take(30).collect();
                    format!("column {}: {shown:?} is no number", at + 1)
                })?,
            };
            if value.is_infinite() {
                return Err(format!("column {} holds an infinite value", at + 1));
            }
            self.values.push(value);
        }
        self.ends.push(self.values.len());
        self.labels.push(text(&row[label]));
        Ok(())
    }
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).trim().to_owned()
}

fn missing(field: &str) -> bool {
    field.is_empty()
        || field == "?"
        || ["na", "n/a", "nan", "null", "none"].contains(&field.to_lowercase().as_str())
}

/// The delimiter that the first line has most of.
fn delimiter(bytes: &[u8]) -> u8 {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let count = |wanted: u8| line.iter().filter(|byte| **byte == wanted).count();
    // The first of equals wins, as `max_by_key` takes the last.
    let all = [b'|', b'\t', b';', b','];
    all.into_iter().max_by_key(|it| count(*it)).unwrap_or(b',')
}

fn column(first: &ByteRecord, label: Option<&str>) -> Result<usize, String> {
    let Some(label) = label else {
        return Ok(first.len() - 1);
    };
    let named = || first.iter().position(|field| text(field) == label);
    position(label, first).or_else(named).ok_or_else(|| {
        let last = first.len();
        format!(
            "no column {label:?} for the labels; give a name of the header or a position from 1 to {last}"
        )
    })
}

/// The column at a position from 1; a number is never a name, as it may be a value of the first row.
fn position(label: &str, first: &ByteRecord) -> Option<usize> {
    let position = label.parse::<usize>().ok()?;
    (1..=first.len()).contains(&position).then(|| position - 1)
}

/// A first row in which some value is neither a number nor missing holds names.
fn is_header(first: &ByteRecord, label: usize) -> bool {
    let mut fields = first.iter().enumerate().filter(|(at, _)| *at != label);
    fields.any(|(_, field)| {
        let field = text(field);
        !missing(&field) && field.parse::<f64>().is_err()
    })
}
