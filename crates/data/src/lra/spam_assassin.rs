//! The stand-in for LRA Text: 6,046 e-mails, spam or not.

use std::path::Path;

use super::append_texts;
use crate::error::DataError;
use crate::sequences::LabelledSequences;

/// The folders of the package and their labels: 1 is spam.
const FOLDERS: [(&str, u32); 5] = [
    ("easy-ham-1", 0),
    ("easy-ham-2", 0),
    ("hard-ham-1", 0),
    ("spam-1", 1),
    ("spam-2", 1),
];

/// Reads the folder with `easy-ham-1`, ..., `spam-2` in it; report it as SpamAssassin bytes.
///
/// With `bodies_only` the mail's head is dropped: its dates and hosts give the source folder away.
/// There is no published split; 4,150 messages are ham, 1,896 spam.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`], [`DataError::Malformed`] for a folder without texts.
pub fn read_spam_assassin(
    folder: &Path,
    bodies_only: bool,
) -> Result<LabelledSequences, DataError> {
    let mut set = LabelledSequences::empty("spam-assassin", 256, 2);
    let part_of: fn(&[u8]) -> &[u8] = if bodies_only {
        message_body
    } else {
        |text| text
    };
    for (name, label) in FOLDERS {
        append_texts(&mut set, &folder.join(name), label, part_of)?;
    }
    Ok(set)
}

/// What stands behind the first empty line of a mail; the whole text where there is none.
pub fn message_body(mail: &[u8]) -> &[u8] {
    let ends = |text: &[u8], end: &[u8]| text.windows(end.len()).position(|it| it == end);
    let unix = ends(mail, b"\n\n").map(|at| at + 2);
    let dos = ends(mail, b"\r\n\r\n").map(|at| at + 4);
    let start = [unix, dos].into_iter().flatten().min().unwrap_or(0);
    &mail[start..]
}
