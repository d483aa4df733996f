//! A look at a safetensors header before anything is allocated for it.
//!
//! A JSON parser spends tens of bytes on a value that takes two in the text (`0,`), so a header of a few
//! megabytes could make it allocate a hundred. This pass counts the values without allocating and refuses
//! headers whose parsed form would exceed the file's own size by far.

/// Upper estimate of what the parser spends per JSON value, in bytes: a 32-byte node, doubled by the growth
/// of its vector, plus the old copy while growing.
const BYTES_PER_VALUE: u64 = 96;

/// Below this estimate a header is accepted whatever the file's size: small files are nearly all header.
const ALWAYS_ACCEPTED: u64 = 1 << 20;

/// Refuses a header whose parsed form is estimated above twice the size of `file` (and above 1 MiB).
///
/// The file's bytes and the copies of its tensors take another two sizes: together four.
///
/// Too short or inconsistent files pass: the parser proper reports those.
pub(super) fn check_header(file: &[u8]) -> Result<(), String> {
    let Some((prefix, rest)) = file.split_first_chunk::<8>() else {
        return Ok(());
    };
    let announced = usize::try_from(u64::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
    let header = &rest[..announced.min(rest.len())];
    let values = count_values(header);
    let estimate = values.saturating_mul(BYTES_PER_VALUE);
    let limit = ALWAYS_ACCEPTED.max(2 * file.len() as u64);
    if estimate <= limit {
        return Ok(());
    }
    Err(format!(
        "its header of {} bytes holds {values} JSON values, too many for a file of {} bytes",
        header.len(),
        file.len()
    ))
}

/// Counts an upper bound of the values and keys of a JSON text: one per `,`, `:`, `[` and `{` outside strings.
fn count_values(header: &[u8]) -> u64 {
    let mut values = 0;
    let mut inside_string = false;
    let mut escaped = false;
    for &byte in header {
        if inside_string {
            inside_string = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
        } else {
            inside_string = byte == b'"';
            values += u64::from(matches!(byte, b',' | b':' | b'[' | b'{'));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn count_values_when_separators_stand_in_strings_skips_them() {
        assert_eq!(count_values(br#"{"a,[\",":[1,2]}"#), 4);
    }
}
