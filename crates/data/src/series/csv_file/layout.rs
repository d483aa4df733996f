//! Which delimiter, header and columns a table has.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::{CsvOptions, HeaderRow, MAX_COLUMNS, SAMPLE, TimeColumn};
use crate::error::DataError;

/// The delimiters that are tried, in the order of preference.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Rows that are looked at.
const ROWS: usize = 50;
/// Names of time columns.
const TIMES: [&str; 6] = ["date", "time", "datetime", "timestamp", "ds", "date_time"];
/// Fields that stand for a missing value, in small letters.
const MISSING: [&str; 7] = ["", "?", "na", "n/a", "nan", "null", "none"];

/// How the rows of a table are cut up.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) delimiter: u8,
    pub(super) has_header: bool,
    /// Fields of every row.
    pub(super) fields: usize,
    /// The fields that make up the time.
    pub(super) time: Vec<usize>,
    /// The fields that hold values.
    pub(super) columns: Vec<usize>,
    /// Their names.
    pub(super) names: Vec<String>,
}

impl Layout {
    /// Finds the layout of a table from its beginning.
    pub(super) fn find(
        sample: &[u8],
        path: &Path,
        options: &CsvOptions,
    ) -> Result<Self, DataError> {
        let bad = |problem: String| DataError::malformed(path, "table", problem);
        let delimiter = match options.delimiter {
            Some(delimiter) if delimiter.is_ascii() && !b"\n\r\"".contains(&delimiter) => delimiter,
            Some(other) => {
                let expected = "an ASCII character other than a quote or a line end";
                return Err(DataError::out_of_range(
                    "delimiter",
                    char::from(other),
                    expected,
                ));
            }
            None => detect(sample),
        };
        let rows = first_rows(sample, delimiter);
        let Some(first) = rows
            .first()
            .filter(|row| row.iter().any(|field| !field.is_empty()))
        else {
            return Err(bad("the file is empty".into()));
        };
        if first.len() > MAX_COLUMNS {
            return Err(bad(format!(
                "{} columns, more than {MAX_COLUMNS}",
                first.len()
            )));
        }
        let has_header = match options.header {
            HeaderRow::Present => true,
            HeaderRow::Absent => false,
            HeaderRow::Detect => is_header(&rows, delimiter),
        };
        let name = |(i, field): (usize, &[u8])| {
            let text = String::from_utf8_lossy(field).trim().to_owned();
            let is_name = has_header && !text.is_empty();
            if is_name {
                text
            } else {
                format!("column {}", i + 1)
            }
        };
        let names: Vec<String> = first.iter().enumerate().map(name).collect();
        let values = &rows[usize::from(has_header)..];
        let time = time_columns(options, &names, values, delimiter).map_err(bad)?;
        let columns = value_columns(options, &names, &time).map_err(bad)?;
        Ok(Self {
            delimiter,
            has_header,
            fields: first.len(),
            names: columns.iter().map(|&it| names[it].clone()).collect(),
            time,
            columns,
        })
    }
}

/// The number in a field, NaN for a missing one, nothing for other text.
///
/// A comma may stand for the decimal point where it does not separate fields.
pub(super) fn number(field: &[u8], delimiter: u8) -> Option<f64> {
    let text = std::str::from_utf8(field).ok()?.trim();
    if let Ok(number) = text.parse::<f64>() {
        return Some(number);
    }
    if MISSING.iter().any(|it| it.eq_ignore_ascii_case(text)) {
        return Some(f64::NAN);
    }
    if delimiter == b',' || text.contains('.') || text.matches(',').count() != 1 {
        return None;
    }
    text.replace(',', ".").parse().ok()
}

fn first_rows(sample: &[u8], delimiter: u8) -> Vec<ByteRecord> {
    let is_whole = (sample.len() as u64) < SAMPLE;
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(sample);
    let mut rows: Vec<ByteRecord> = reader
        .byte_records()
        .take(ROWS)
        .map_while(Result::ok)
        .collect();
    // The last row of a part of a file may be cut short.
    if !is_whole && rows.len() < ROWS && rows.len() > 1 {
        rows.pop();
    }
    rows
}

/// The delimiter that gives every row the same number of fields, above one; the most fields win.
fn detect(sample: &[u8]) -> u8 {
    let mut best = (1, b',');
    for delimiter in DELIMITERS {
        let rows = first_rows(sample, delimiter);
        let fields = rows.first().map_or(0, ByteRecord::len);
        if fields > best.0 && rows.iter().all(|row| row.len() == fields) {
            best = (fields, delimiter);
        }
    }
    if best.0 > 1 {
        return best.1;
    }
    // Rows are ragged by every reading: let the most frequent one say which row is wrong.
    let count = |delimiter: &u8| {
        first_rows(sample, *delimiter)
            .iter()
            .map(ByteRecord::len)
            .sum::<usize>()
    };
    DELIMITERS
        .into_iter()
        .rev()
        .max_by_key(count)
        .unwrap_or(b',')
}

fn is_header(rows: &[ByteRecord], delimiter: u8) -> bool {
    let is_number = |field: &[u8]| number(field, delimiter).is_some();
    let is_value = |field: &[u8]| number(field, delimiter).is_some_and(|it| !it.is_nan());
    match rows {
        [] => false,
        [only] => !only.iter().any(is_value),
        [first, rest @ ..] => {
            let below = |i: usize| rest.iter().any(|row| row.get(i).is_some_and(is_value));
            first
                .iter()
                .enumerate()
                .any(|(i, field)| !is_number(field) && below(i))
        }
    }
}

fn time_columns(
    options: &CsvOptions,
    names: &[String],
    rows: &[ByteRecord],
    delimiter: u8,
) -> Result<Vec<usize>, String> {
    match &options.time {
        TimeColumn::Absent => Ok(Vec::new()),
        TimeColumn::Named(name) => Ok(vec![position(name, names)?]),
        TimeColumn::Detect => {
            let is_time = |i: usize| {
                TIMES.contains(&names[i].to_ascii_lowercase().as_str())
                    || names[i].eq_ignore_ascii_case("year") && grows(rows, i, delimiter)
            };
            let is_text = |row: &ByteRecord, i: usize| {
                row.get(i).is_some_and(|it| number(it, delimiter).is_none())
            };
            let no_number = |i: usize| !rows.is_empty() && rows.iter().all(|row| is_text(row, i));
            let mut found: Vec<usize> = (0..names.len())
                .take_while(|&i| is_time(i) || no_number(i))
                .collect();
            if found.is_empty() {
                found.extend((0..names.len()).find(|&i| is_time(i)));
            }
            // A table of text alone has no time but a column too many.
            found.truncate(names.len().saturating_sub(1));
            Ok(found)
        }
    }
}

/// Whether every row has a larger number there than the one before: years beside months repeat.
fn grows(rows: &[ByteRecord], column: usize, delimiter: u8) -> bool {
    let values = rows.iter().map(|row| number(row.get(column)?, delimiter));
    let values: Option<Vec<f64>> = values.collect();
    values.is_some_and(|it| it.len() > 1 && it.is_sorted_by(|a, b| a < b))
}

fn value_columns(
    options: &CsvOptions,
    names: &[String],
    time: &[usize],
) -> Result<Vec<usize>, String> {
    if options.columns.is_empty() {
        let columns: Vec<usize> = (0..names.len()).filter(|it| !time.contains(it)).collect();
        if columns.is_empty() {
            return Err("no column is left beside the time".into());
        }
        return Ok(columns);
    }
    options
        .columns
        .iter()
        .map(|name| position(name, names))
        .collect()
}

/// The position of a column given by its name or, where no column is called so, by its number from 1.
fn position(name: &str, names: &[String]) -> Result<usize, String> {
    let mut same = (0..names.len()).filter(|&i| names[i] == name);
    if let Some(found) = same.next() {
        return match same.next() {
            None => Ok(found),
            Some(other) => Err(format!(
                "two columns are called {name:?}; give a number, {} or {}",
                found + 1,
                other + 1
            )),
        };
    }
    let number = name
        .parse::<usize>()
        .ok()
        .filter(|it| (1..=names.len()).contains(it));
    number.map(|it| it - 1).ok_or_else(|| {
        let known: Vec<&str> = names.iter().take(30).map(String::as_str).collect();
        format!("no column {name:?}; there are {}", known.join(", "))
    })
}
