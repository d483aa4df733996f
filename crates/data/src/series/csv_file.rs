//! Series from delimited text.

mod layout;

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::missing::{Origin, fill};
use super::{MAX_VALUES, MissingPolicy, Series};
use crate::error::DataError;
use crate::sequences::PackedBytes;
use layout::{Layout, number};

/// How much of a file is looked at to find delimiter and header, in bytes.
const SAMPLE: u64 = 256 << 10;
/// The longest file accepted, in bytes after unpacking.
const MAX_BYTES: u64 = 16 << 30;
/// The most columns of a table.
const MAX_COLUMNS: usize = 100_000;

/// How a table is to be read; the default finds out by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CsvOptions {
    /// What stands between fields; none: the one of `,` `;` tab `|` that gives every line the same
    /// number of fields, the most fields winning.
    pub delimiter: Option<u8>,
    /// Whether the first row holds names.
    pub header: HeaderRow,
    /// Which column holds the time.
    pub time: TimeColumn,
    /// The columns to read, by name or by position from 1; none: all but the time.
    pub columns: Vec<String>,
    /// What becomes of missing values: empty fields, `?`, `NA`, `N/A`, `NaN`, `null`, `none`.
    pub missing: MissingPolicy,
}

/// Whether the first row holds names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderRow {
    /// It does when some field is no number where the second row has one.
    #[default]
    Detect,
    /// It does.
    Present,
    /// It holds values; columns are called `column 1`, `column 2`, ...
    Absent,
}

/// Which column holds the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TimeColumn {
    /// The leading columns that hold no numbers, or one called date, time, datetime, timestamp or ds, or a year
    /// that grows from row to row.
    #[default]
    Detect,
    /// None: every column holds values.
    Absent,
    /// The column of this name, or of this position from 1.
    Named(String),
}

/// Reads a table of numbers, plain or packed with gzip or xz, as one stream.
///
/// Rows count as equally spaced in time: the time column is kept as text and not interpreted.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`]; [`DataError::Malformed`] naming line and column: a
/// field that is no number, an infinite value, a missing one under [`MissingPolicy::Reject`], a row with
/// more or fewer fields, a column that does not exist, an empty table.
pub fn read_csv(path: &Path, options: &CsvOptions) -> Result<Series, DataError> {
    let unreadable = || DataError::unreadable(path);
    let file = File::open(path).map_err(unreadable())?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(unreadable())?;
    if start.starts_with(&[0x1f, 0x8b]) {
        read(flate2::bufread::MultiGzDecoder::new(file), path, options)
    } else if start.starts_with(b"\xfd7zXZ\0") {
        read(
            liblzma::bufread::XzDecoder::new_multi_decoder(file),
            path,
            options,
        )
    } else {
        read(file, path, options)
    }
}

/// Reads a table from memory; `path` serves in messages only.
///
/// # Errors
/// As for [`read_csv`].
pub fn parse_csv(bytes: &[u8], path: &Path, options: &CsvOptions) -> Result<Series, DataError> {
    read(bytes, path, options)
}

fn read(mut stream: impl Read, path: &Path, options: &CsvOptions) -> Result<Series, DataError> {
    let mut sample = Vec::new();
    let taken = stream.by_ref().take(SAMPLE).read_to_end(&mut sample);
    taken.map_err(DataError::unreadable(path))?;
    if let Some(rest) = sample.strip_prefix(b"\xef\xbb\xbf") {
        sample = rest.to_vec();
    }
    let layout = Layout::find(&sample, path, options)?;
    let whole = Cursor::new(sample).chain(stream).take(MAX_BYTES);
    let mut rows = ReaderBuilder::new()
        .delimiter(layout.delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(whole);
    let mut table = Table::new(layout, path);
    let mut record = ByteRecord::new();
    let mut position = 0;
    loop {
        match rows.read_byte_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                let place = format!("line {}", rows.position().line());
                return Err(DataError::malformed(path, place, error.to_string()));
            }
        }
        if position > 0 || !table.layout.has_header {
            let line = record.position().map_or(0, csv::Position::line);
            table.row(&record, line)?;
        }
        position += 1;
    }
    table.finish(options.missing)
}

/// A table during reading.
struct Table<'a> {
    layout: Layout,
    path: &'a Path,
    values: Vec<f64>,
    times: PackedBytes,
    first_line: Option<u64>,
}

impl<'a> Table<'a> {
    fn new(layout: Layout, path: &'a Path) -> Self {
        Self {
            layout,
            path,
            values: Vec::new(),
            times: PackedBytes::default(),
            first_line: None,
        }
    }

    fn row(&mut self, record: &ByteRecord, line: u64) -> Result<(), DataError> {
        self.first_line.get_or_insert(line);
        let bad =
            |place: String, problem: String| Err(DataError::malformed(self.path, place, problem));
        let expected = self.layout.fields;
        if record.len() != expected {
            let problem = format!(
                "{} fields, expected {expected} as in the first row",
                record.len()
            );
            return bad(format!("line {line}"), problem);
        }
        if self.values.len() + self.layout.columns.len() > MAX_VALUES {
            let name = self.path.display().to_string();
            return Err(DataError::TooLarge {
                name,
                limit: 8 * MAX_VALUES as u64,
            });
        }
        for (column, name) in self.layout.columns.iter().zip(&self.layout.names) {
            let field = &record[*column];
            match number(field, self.layout.delimiter) {
                Some(value) if !value.is_infinite() => self.values.push(value),
                found => {
                    let text: String = String::from_utf8_lossy(field).chars().take(30).collect();
                    let problem = match found {
                        Some(_) => format!("{text:?} is infinite; give finite values"),
                        None => format!(
                            "{text:?} is no number; name the columns to read, or the time column"
                        ),
                    };
                    return bad(format!("line {line}, column {name:?}"), problem);
                }
            }
        }
        if !self.layout.time.is_empty() {
            let fields: Vec<&[u8]> = self.layout.time.iter().map(|&it| &record[it]).collect();
            self.times.push("time column", &fields.join(&b' '))?;
        }
        Ok(())
    }

    fn finish(mut self, missing: MissingPolicy) -> Result<Series, DataError> {
        let Some(first_line) = self.first_line else {
            return Err(DataError::malformed(
                self.path,
                "table",
                "it holds no row of values",
            ));
        };
        let names = self.layout.names;
        let origin = Origin {
            path: self.path,
            names: &names,
            first_line,
        };
        let filled = fill(&mut self.values, missing, &origin)?;
        Ok(Series {
            values: self.values,
            times: (!self.layout.time.is_empty()).then_some(self.times),
            filled,
            names,
        })
    }
}
