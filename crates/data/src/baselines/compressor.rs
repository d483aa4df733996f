//! A strong general compressor at its best setting: LZMA2 as in `xz -9e`.

use std::io;

use liblzma::stream::{Action, Check, Filters, LzmaOptions, PRESET_EXTREME, Status, Stream};

use crate::corpus::Corpus;
use crate::error::DataError;

/// The largest dictionary used, in bytes. `xz -9` has 64 MiB; twice that lets the held-out text refer to
/// more training text. The compressor takes about twelve times the dictionary in memory.
pub const MAX_DICTIONARY_BYTES: usize = 128 << 20;

/// How much is compressed between two calls of the progress callback, in bytes.
const CHUNK: usize = 128 << 10;

/// The size of `held_out` after `xz -9e`, container included, over its size before.
///
/// `progress` is called with the bytes done and in all.
///
/// # Units
/// Bits per byte.
///
/// # Errors
/// [`DataError::EmptyCorpus`], [`DataError::Compressor`] (out of memory).
pub fn xz_bits_per_byte(
    held_out: &Corpus,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<f64, DataError> {
    let text = text_of(held_out)?;
    let compressed = compress(&[&text], progress)?;
    Ok(8.0 * compressed[0] as f64 / text.len() as f64)
}

/// As [`xz_bits_per_byte`], but the compressor has seen the training text: the bytes it adds for `held_out`
/// when `train` has gone before through the same dictionary.
///
/// The compressor is flushed after `train`, and only what it emits from then on counts. That is
/// size(train + held-out) - size(train) in one pass instead of two.
///
/// # Units
/// Bits per byte.
///
/// # Errors
/// As for [`xz_bits_per_byte`].
///
/// # Cost
/// One to three megabytes per second over both texts; twelve bytes of memory per byte of text, up to
/// twelve times [`MAX_DICTIONARY_BYTES`].
pub fn xz_primed_bits_per_byte(
    train: &Corpus,
    held_out: &Corpus,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<f64, DataError> {
    let text = text_of(held_out)?;
    let compressed = compress(&[&text_of(train)?, &text], progress)?;
    Ok(8.0 * compressed[1] as f64 / text.len() as f64)
}

fn text_of(corpus: &Corpus) -> Result<Vec<u8>, DataError> {
    let text = corpus.concatenated();
    if text.is_empty() {
        return Err(DataError::EmptyCorpus {
            name: corpus.name.clone(),
            omitted: corpus.omissions.to_string(),
        });
    }
    Ok(text)
}

/// Compresses `parts` one after the other as one stream; returns the bytes emitted for each.
fn compress(parts: &[&[u8]], progress: &mut dyn FnMut(u64, u64)) -> Result<Vec<u64>, DataError> {
    let bytes = parts.iter().map(|part| part.len()).sum();
    let failed = |source: io::Error| DataError::Compressor { bytes, source };
    let mut stream = encoder(bytes).map_err(failed)?;
    let mut sizes = Vec::with_capacity(parts.len());
    for (i, part) in parts.iter().enumerate() {
        let before = stream.total_out();
        for chunk in part.chunks(CHUNK) {
            feed(&mut stream, chunk, Action::Run).map_err(failed)?;
            progress(stream.total_in(), bytes as u64);
        }
        let last = i + 1 == parts.len();
        let action = if last {
            Action::Finish
        } else {
            Action::SyncFlush
        };
        feed(&mut stream, &[], action).map_err(failed)?;
        sizes.push(stream.total_out() - before);
    }
    Ok(sizes)
}

fn encoder(bytes: usize) -> io::Result<Stream> {
    let mut options = LzmaOptions::new_preset(9 | PRESET_EXTREME)?;
    // A dictionary beyond the text changes nothing but the memory taken; below 4096 bytes is refused.
    let dictionary = bytes.clamp(4096, MAX_DICTIONARY_BYTES);
    options.dict_size(dictionary as u32);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    Ok(Stream::new_stream_encoder(&filters, Check::None)?)
}

/// Runs the encoder until it has taken all of `input` and, unless `action` is `Run`, has emitted all of it.
fn feed(stream: &mut Stream, input: &[u8], action: Action) -> io::Result<()> {
    // Only the counts matter: what is emitted is overwritten.
    let mut scratch = [0; 32 << 10];
    let start = stream.total_in();
    loop {
        let taken = (stream.total_in() - start) as usize;
        if matches!(action, Action::Run) && taken == input.len() {
            return Ok(());
        }
        if stream.process(&input[taken..], &mut scratch, action)? == Status::StreamEnd {
            return Ok(());
        }
    }
}
