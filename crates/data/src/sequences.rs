//! Sequences of bytes of unequal length with labels: the text readers' common form.

mod characters;

pub use characters::CharacterVocabulary;

use sha2::{Digest, Sha256};

use crate::error::DataError;
use crate::rng;

/// The most bytes that one set may hold.
pub const MAX_SEQUENCE_BYTES: usize = 4 << 30;

/// The vocabulary of byte tokens: every byte plus one, and 0 for padding.
pub const PADDED_BYTES: usize = 257;

/// Byte strings one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedBytes {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl PackedBytes {
    /// The number of strings.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// String `index`.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn get(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.bytes[start..self.ends[index]]
    }

    /// The strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The length of all strings together.
    pub fn total(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn push(&mut self, name: &str, string: &[u8]) -> Result<(), DataError> {
        if self.bytes.len().saturating_add(string.len()) > MAX_SEQUENCE_BYTES {
            let (name, limit) = (name.to_owned(), MAX_SEQUENCE_BYTES as u64);
            return Err(DataError::TooLarge { name, limit });
        }
        self.bytes.extend_from_slice(string);
        self.ends.push(self.bytes.len());
        Ok(())
    }
}

/// Sequences with labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledSequences {
    /// The name in reports.
    pub name: String,
    /// The number of values a byte takes; 256 for text.
    pub vocabulary: usize,
    /// The number of values a label takes.
    pub classes: usize,
    /// The sequences.
    pub items: PackedBytes,
    /// `[sequence]`, each below `classes`.
    pub labels: Vec<u32>,
}

impl LabelledSequences {
    /// A set without sequences.
    pub fn empty(name: impl Into<String>, vocabulary: usize, classes: usize) -> Self {
        Self {
            name: name.into(),
            vocabulary,
            classes,
            items: PackedBytes::default(),
            labels: Vec::new(),
        }
    }

    /// The number of sequences.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes and label of sequence `index`.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn get(&self, index: usize) -> (&[u8], u32) {
        (self.items.get(index), self.labels[index])
    }

    /// Two parts: what stays, and about `share` of the sequences held out.
    ///
    /// A sequence's side depends on its content and the seed alone, so equal sequences stay together.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] unless the share lies strictly between 0 and 1.
    pub fn hold_out(&self, share: f64, seed: u64) -> Result<[Self; 2], DataError> {
        if !(share > 0.0 && share < 1.0) {
            return Err(DataError::out_of_range(
                "held-out share",
                share,
                "between 0 and 1",
            ));
        }
        let empty = || Self::empty(self.name.as_str(), self.vocabulary, self.classes);
        let mut parts = [empty(), empty()];
        for (item, label) in self.items.iter().zip(&self.labels) {
            let content = crate::hashing::hex(&Sha256::digest(item));
            let held_out = rng::unit_hash(seed, &content) < share;
            parts[usize::from(held_out)].push(item, *label)?;
        }
        Ok(parts)
    }

    pub(crate) fn push(&mut self, sequence: &[u8], label: u32) -> Result<(), DataError> {
        self.items.push(&self.name, sequence)?;
        self.labels.push(label);
        Ok(())
    }
}

/// Pairs of sequences with labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelledPairs {
    /// The name in reports.
    pub name: String,
    /// The number of values a label takes.
    pub classes: usize,
    /// The first of each pair.
    pub first: PackedBytes,
    /// The second of each pair.
    pub second: PackedBytes,
    /// `[pair]`, each below `classes`.
    pub labels: Vec<u32>,
}

/// Text as LRA's byte tokens: every byte plus one, at most `length` of them; 0 is left for padding.
pub fn byte_tokens(text: &[u8], length: usize) -> Vec<u16> {
    text.iter()
        .take(length)
        .map(|&byte| u16::from(byte) + 1)
        .collect()
}
