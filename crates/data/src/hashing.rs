//! SHA-256 as text.

use std::io::{self, Read, Write};

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256, as text, of all bytes that `feed` hands to the function it is given.
pub fn fingerprint(feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> String {
    let mut hash = Sha256::new();
    feed(&mut |bytes| hash.update(bytes));
    hex(&hash.finalize())
}

/// Copies a stream, and returns its length and SHA-256. Reading ends one byte behind `limit`.
pub(crate) fn copy_hashed(
    from: impl Read,
    to: &mut dyn Write,
    limit: u64,
) -> io::Result<(u64, String)> {
    let mut from = from.take(limit.saturating_add(1));
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    let mut length = 0;
    loop {
        let read = match from.read(&mut buffer) {
            Ok(0) => return Ok((length, hex(&hash.finalize()))),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
        length += read as u64;
    }
}
