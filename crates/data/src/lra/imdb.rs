//! LRA Text: the IMDB reviews, byte by byte.

use std::path::Path;

use super::append_texts;
use crate::error::DataError;
use crate::sequences::LabelledSequences;

/// Reads the folder `aclImdb`: the training part and the test part, 25,000 reviews each as published.
///
/// Label 1 is a good review. There is no published validation part, and the field reports the best epoch
/// on the test part; hold a tenth of the training part out instead
/// ([`LabelledSequences::hold_out`]).
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`], [`DataError::Malformed`] for a folder without texts.
pub fn read_imdb(folder: &Path) -> Result<[LabelledSequences; 2], DataError> {
    let part = |name: &str| {
        let mut set = LabelledSequences::empty("imdb", 256, 2);
        for (label, kind) in ["neg", "pos"].into_iter().enumerate() {
            append_texts(
                &mut set,
                &folder.join(name).join(kind),
                label as u32,
                |text| text,
            )?;
        }
        Ok(set)
    };
    Ok([part("train")?, part("test")?])
}
