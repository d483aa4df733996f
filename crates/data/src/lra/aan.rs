//! LRA Retrieval: does one paper of the ACL Anthology Network cite the other?

use std::path::Path;

use crate::error::DataError;
use crate::sequences::{LabelledPairs, PackedBytes};

/// The longest file accepted, in bytes.
const MAX_BYTES: u64 = 16 << 30;

/// Reads `new_aan_pairs.train.tsv` (or `.eval`, `.test`): 147,086 / 18,090 / 17,437 pairs as published.
///
/// A line is label, two identifiers, two texts, separated by tabs, without a header. Of each text at most
/// `length` bytes are kept; LRA takes 4,000.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`], [`DataError::Malformed`] naming the line.
pub fn read_aan(path: &Path, length: usize) -> Result<LabelledPairs, DataError> {
    use std::io::{BufRead, BufReader, Read};
    let file = std::fs::File::open(path).map_err(DataError::unreadable(path))?;
    let mut lines = BufReader::new(file.take(MAX_BYTES));
    let mut pairs = empty();
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        // One line at a time: the published file is larger than what is kept of it.
        let read = (&mut lines)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line);
        if read.map_err(DataError::unreadable(path))? == 0 {
            break;
        }
        push(&mut pairs, &line, length, path, number)?;
    }
    not_empty(pairs, path)
}

/// The longest line accepted, in bytes.
const MAX_LINE_BYTES: u64 = 64 << 20;

/// Parses the text of such a file; `path` serves in messages only.
///
/// # Errors
/// [`DataError::Malformed`] naming the line, [`DataError::TooLarge`].
pub fn parse_aan(bytes: &[u8], length: usize, path: &Path) -> Result<LabelledPairs, DataError> {
    let mut pairs = empty();
    for (i, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        push(&mut pairs, line, length, path, i + 1)?;
    }
    not_empty(pairs, path)
}

fn empty() -> LabelledPairs {
    LabelledPairs {
        name: "aan".into(),
        classes: 2,
        first: PackedBytes::default(),
        second: PackedBytes::default(),
        labels: Vec::new(),
    }
}

fn not_empty(pairs: LabelledPairs, path: &Path) -> Result<LabelledPairs, DataError> {
    if pairs.labels.is_empty() {
        return Err(DataError::malformed(
            path,
            "line 1",
            "the file holds no pair",
        ));
    }
    Ok(pairs)
}

fn push(
    pairs: &mut LabelledPairs,
    line: &[u8],
    length: usize,
    path: &Path,
    number: usize,
) -> Result<(), DataError> {
    let line = line.trim_ascii_end();
    if line.is_empty() {
        return Ok(());
    }
    let bad = |problem: String| DataError::malformed(path, format!("line {number}"), problem);
    let columns: Vec<&[u8]> = line.splitn(5, |byte| *byte == b'\t').collect();
    let &[label, _, _, first, second] = &columns[..] else {
        let found = columns.len();
        return Err(bad(format!(
            "{found} columns, expected label, two identifiers and two texts by tabs"
        )));
    };
    let label = match label {
        b"0" | b"0.0" => 0,
        b"1" | b"1.0" => 1,
        other => {
            let found = String::from_utf8_lossy(&other[..other.len().min(20)]);
            return Err(bad(format!("label {found:?}, expected 0 or 1")));
        }
    };
    let kept = |text: &[u8]| text.len().min(length);
    pairs.first.push("aan", &first[..kept(first)])?;
    pairs.second.push("aan", &second[..kept(second)])?;
    pairs.labels.push(label);
    Ok(())
}
