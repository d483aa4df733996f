//! From the flags of `forecast` to a series.

use std::path::{Path, PathBuf};

use resolvent_data::DataError;
use resolvent_data::packages::{Content, DataSet, cached};
use resolvent_data::series::{CsvOptions, HeaderRow, MissingPolicy, Series, TimeColumn, read_csv};
use serde::{Deserialize, Serialize};

use crate::args::Forecast;
use crate::error::CliError;

/// How a table is found and read; stored with the run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TableFlags {
    /// Absolute path.
    pub data: PathBuf,
    /// As `--column`.
    pub columns: Vec<String>,
    /// As `--time-column`.
    pub time_column: Option<String>,
    /// As `--delimiter`.
    pub delimiter: Option<String>,
    /// As `--no-header`.
    pub no_header: bool,
    /// As `--missing`.
    pub missing: String,
}

impl TableFlags {
    /// From the command line.
    pub fn of(options: &Forecast) -> Result<Self, CliError> {
        Ok(Self {
            data: find(options.data.as_deref().unwrap_or_default())?,
            columns: options.columns.clone(),
            time_column: options.time_column.clone(),
            delimiter: options.delimiter.clone(),
            no_header: options.no_header,
            missing: options.missing.clone(),
        })
    }

    /// Reads the table.
    pub fn read(&self) -> Result<Series, CliError> {
        let options = CsvOptions {
            delimiter: self.delimiter()?,
            header: match self.no_header {
                true => HeaderRow::Absent,
                false => HeaderRow::Detect,
            },
            time: match self.time_column.as_deref() {
                None => TimeColumn::Detect,
                Some("none") => TimeColumn::Absent,
                Some(name) => TimeColumn::Named(name.to_owned()),
            },
            columns: self.columns.clone(),
            missing: MissingPolicy::from_name(&self.missing).map_err(|_| CliError::Flag {
                flag: "--missing",
                value: format!("{:?}", self.missing),
                remedy: format!("choose {}", MissingPolicy::NAMES.join(", ")),
            })?,
        };
        Ok(read_csv(&self.data, &options)?)
    }

    fn delimiter(&self) -> Result<Option<u8>, CliError> {
        let Some(text) = &self.delimiter else {
            return Ok(None);
        };
        match (text.as_str(), text.as_bytes()) {
            ("tab" | "\\t", _) => Ok(Some(b'\t')),
            (_, [byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => {
                Ok(Some(*byte))
            }
            _ => Err(CliError::Flag {
                flag: "--delimiter",
                value: format!("{text:?}"),
                remedy: "give one character, as in ',' or ';', or the word tab".to_owned(),
            }),
        }
    }
}

/// The file of this path, or of the fetched data set of this name.
fn find(data: &str) -> Result<PathBuf, CliError> {
    let path = Path::new(data);
    let Ok(data_set) = DataSet::find(data) else {
        return Ok(absolute(path));
    };
    if path.exists() {
        return Ok(absolute(path));
    }
    let refused = |remedy: String| CliError::Flag {
        flag: "--data",
        value: data.to_owned(),
        remedy,
    };
    let Content::Files([file]) = data_set.content else {
        return Err(refused(
            "this data set is no single table; give the path of a table".to_owned(),
        ));
    };
    match cached(data)? {
        Some(folder) => Ok(folder.join(file.name())),
        None => Err(refused(format!(
            "it is not on this machine yet; run `resolvent data fetch {data}`"
        ))),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A missing value found by the reader, in the words of the flags.
pub fn with_flags(error: CliError) -> CliError {
    match error {
        CliError::Data(DataError::Malformed {
            path,
            place,
            problem,
        }) if problem.contains("missing; choose") => CliError::Data(DataError::Malformed {
            path,
            place,
            problem: format!("{problem}: --missing previous or --missing linear"),
        }),
        other => other,
    }
}
