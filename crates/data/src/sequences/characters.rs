//! Characters as tokens, as the S4 line reads LRA's texts.

use std::collections::HashMap;

use super::PackedBytes;
use crate::error::DataError;

/// A numbering of the characters that are frequent in the training part.
///
/// 0 is padding, 1 an unknown character, 2 the end mark, and from 3 on stand the characters from the most
/// frequent to the rarest, ties in the order of their code points. With the published threshold of 15
/// occurrences IMDB gives about 135 tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharacterVocabulary {
    numbers: HashMap<char, u32>,
}

impl CharacterVocabulary {
    /// The published threshold.
    pub const PUBLISHED_OCCURRENCES: usize = 15;
    /// The padding token.
    pub const PADDING: u32 = 0;
    /// The token of a character that is not in the vocabulary.
    pub const UNKNOWN: u32 = 1;
    /// The token behind the last character.
    pub const END: u32 = 2;

    /// Numbers the characters that occur at least `occurrences` times in these texts; only the training
    /// part may be given. Bytes that are not UTF-8 count as the replacement character.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for a threshold of 0.
    pub fn fit<'a>(
        texts: impl IntoIterator<Item = &'a PackedBytes>,
        occurrences: usize,
    ) -> Result<Self, DataError> {
        if occurrences == 0 {
            return Err(DataError::out_of_range("occurrences", 0, "at least 1"));
        }
        let mut counts: HashMap<char, usize> = HashMap::new();
        for text in texts.into_iter().flat_map(PackedBytes::iter) {
            for character in String::from_utf8_lossy(text).chars() {
                *counts.entry(character).or_default() += 1;
            }
        }
        let mut kept: Vec<(char, usize)> = counts
            .into_iter()
            .filter(|it| it.1 >= occurrences)
            .collect();
        kept.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        let number = |(i, (character, _)): (usize, (char, usize))| (character, 3 + i as u32);
        Ok(Self {
            numbers: kept.into_iter().enumerate().map(number).collect(),
        })
    }

    /// The number of tokens, the three marks included.
    pub fn len(&self) -> usize {
        self.numbers.len() + 3
    }

    /// Never true: the marks are always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// At most `length` tokens, of which the last is the end mark.
    pub fn encode(&self, text: &[u8], length: usize) -> Vec<u32> {
        let text = String::from_utf8_lossy(text);
        let characters = text.chars().take(length.saturating_sub(1));
        let number = |it: char| self.numbers.get(&it).copied().unwrap_or(Self::UNKNOWN);
        let mut tokens: Vec<u32> = characters.map(number).collect();
        if length > 0 {
            tokens.push(Self::END);
        }
        tokens
    }
}
