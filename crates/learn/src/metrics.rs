//! The metrics stream: one JSON record per line, appended after every step.
//!
//! A run that was interrupted and resumed leaves the same lines as one that was not, apart from the
//! `seconds` of the steps: on resuming, the records after the checkpoint's step are cut off and
//! written anew.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::LearnError;

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    /// A training step.
    Step(StepRecord),
    /// An evaluation on held-out data, after the step of that number; 0 is the untrained model.
    Evaluation(EvaluationRecord),
}

impl Record {
    /// The step that the record belongs to.
    pub fn step(&self) -> usize {
        match self {
            Self::Step(record) => record.step,
            Self::Evaluation(record) => record.step,
        }
    }
}

/// What is known after a training step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Number of the step, from 1.
    pub step: usize,
    /// Training loss before the update, averaged over the micro-batches, in nats per token for
    /// likelihood objectives.
    pub loss: f64,
    /// The loss in bits per byte, where that has a meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_byte: Option<f64>,
    /// The schedule's learning rate of this update.
    pub learning_rate: f64,
    /// Global gradient norm before clipping.
    pub grad_norm: f64,
    /// Tokens seen since the run began.
    pub tokens: u64,
    /// Seconds of training since the run began, evaluations and checkpoints included, pauses
    /// between interruption and resumption not.
    pub seconds: f64,
}

/// What an evaluation measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    /// The step after which the model was evaluated.
    pub step: usize,
    /// Measures by name, as the experiment gave them.
    pub values: BTreeMap<String, f64>,
}

/// An open metrics file.
#[derive(Debug)]
pub struct MetricsWriter {
    path: PathBuf,
    file: File,
}

impl MetricsWriter {
    /// Starts an empty file.
    ///
    /// # Errors
    /// [`LearnError::Io`].
    pub fn create(path: &Path) -> Result<Self, LearnError> {
        let file = File::create(path).map_err(io("create", path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Opens the file of an interrupted run, cuts it off after the records of `step`, and returns
    /// what is left.
    ///
    /// A last line that a killed process left unfinished is cut off too. A missing file is started
    /// anew, with a warning, because a lost curve is no reason to lose the model.
    ///
    /// # Errors
    /// [`LearnError::Metrics`] for a line that is no record, [`LearnError::Io`].
    pub fn resume(path: &Path, step: usize) -> Result<(Self, Vec<Record>), LearnError> {
        if !path.exists() {
            tracing::warn!("{} is gone; starting a new one", path.display());
            return Ok((Self::create(path)?, Vec::new()));
        }
        let text = fs::read_to_string(path).map_err(io("read", path))?;
        let mut length = 0;
        let mut kept = Vec::new();
        for (end, record) in records(&text, path)? {
            if record.step() > step {
                break;
            }
            length = end as u64;
            kept.push(record);
        }
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(io("open", path))?;
        file.set_len(length).map_err(io("shorten", path))?;
        let path = path.to_owned();
        Ok((Self { path, file }, kept))
    }

    /// Appends one record; the line reaches the operating system before this returns.
    ///
    /// # Errors
    /// [`LearnError::Io`], for instance when the disk is full.
    pub fn append(&mut self, record: &Record) -> Result<(), LearnError> {
        let mut line = serde_json::to_string(record)
            .map_err(std::io::Error::from)
            .map_err(io("append to", &self.path))?;
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .map_err(io("append to", &self.path))
    }

    /// Forces the records to disk, as is done before every checkpoint.
    ///
    /// # Errors
    /// [`LearnError::Io`].
    pub fn sync(&mut self) -> Result<(), LearnError> {
        self.file
            .sync_data()
            .map_err(io("force to disk", &self.path))
    }
}

/// Reads all records of a file; an unfinished last line is left out.
///
/// # Errors
/// [`LearnError::Metrics`] for a line that is no record, [`LearnError::Io`].
pub fn read(path: &Path) -> Result<Vec<Record>, LearnError> {
    let text = fs::read_to_string(path).map_err(io("read", path))?;
    let records = records(&text, path)?;
    Ok(records.into_iter().map(|(_, record)| record).collect())
}

/// The records of `text`, each with the offset at which its line ends.
fn records(text: &str, path: &Path) -> Result<Vec<(usize, Record)>, LearnError> {
    let mut end = 0;
    let mut records = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') {
            break;
        }
        end += line.len();
        let record = serde_json::from_str(line).map_err(|error| LearnError::Metrics {
            path: path.to_owned(),
            line: index + 1,
            message: error.to_string(),
        })?;
        records.push((end, record));
    }
    Ok(records)
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LearnError {
    let path = path.to_owned();
    move |source| LearnError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: usize) -> Record {
        Record::Step(StepRecord {
            step,
            loss: 5.5,
            bits_per_byte: Some(8.0),
            learning_rate: 1e-3,
            grad_norm: 0.1,
            tokens: 2048 * step as u64,
            seconds: 0.25,
        })
    }

    fn evaluation(step: usize) -> Record {
        Record::Evaluation(EvaluationRecord {
            step,
            values: BTreeMap::from([("bits_per_byte".to_owned(), 2.5)]),
        })
    }

    #[test]
    fn records_when_read_back_are_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let written = [evaluation(0), step(1), step(2), evaluation(2)];
        let mut writer = MetricsWriter::create(&path).unwrap();
        for record in &written {
            writer.append(record).unwrap();
        }
        assert_eq!(read(&path).unwrap(), written);
        let first = fs::read_to_string(&path).unwrap();
        assert!(
            first.starts_with(r#"{"kind":"evaluation","step":0,"values":{"#),
            "{first}"
        );
    }

    #[test]
    fn file_when_resumed_ends_with_the_checkpoint_step_and_no_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::create(&path).unwrap();
        for record in [step(1), step(2), evaluation(2), step(3)] {
            writer.append(&record).unwrap();
        }
        let mut torn = OpenOptions::new().append(true).open(&path).unwrap();
        torn.write_all(b"{\"kind\":\"st").unwrap();
        let (mut writer, kept) = MetricsWriter::resume(&path, 2).unwrap();
        assert_eq!(kept, [step(1), step(2), evaluation(2)]);
        writer.append(&step(3)).unwrap();
        let expected = [step(1), step(2), evaluation(2), step(3)];
        assert_eq!(read(&path).unwrap(), expected);
    }

    #[test]
    fn line_when_it_is_no_record_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(
            &path,
            "{\"kind\":\"evaluation\",\"step\":0,\"values\":{}}\nnonsense\n",
        )
        .unwrap();
        let error = MetricsWriter::resume(&path, 5).unwrap_err().to_string();
        assert!(error.contains("line 2: not a metrics record"), "{error}");
    }
}
