//! IDX files, the form of MNIST and Fashion-MNIST, plain or packed with gzip.
//!
//! ```text
//! 0 0 TYPE RANK | RANK sizes, 4 bytes big-endian each | the values, row-major
//! ```
//!
//! Only unsigned bytes (type 8) are read: the images and labels of these sets have no other.

use std::path::Path;

use super::{GreyImages, MAX_PIXELS};
use crate::error::DataError;
use crate::files;

/// The code of unsigned bytes.
const BYTES: u8 = 8;

/// An array of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idx {
    /// The size of each axis.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<u8>,
}

/// Reads an IDX file, packed or not.
///
/// # Errors
/// [`DataError::Unreadable`], [`DataError::TooLarge`], [`DataError::Malformed`] naming the byte.
pub fn read_idx(path: &Path) -> Result<Idx, DataError> {
    parse_idx(&files::read_unpacked(path, MAX_PIXELS as u64)?, path)
}

/// Parses an unpacked IDX file; `path` serves in messages only.
///
/// # Errors
/// [`DataError::Malformed`] naming the byte.
pub fn parse_idx(bytes: &[u8], path: &Path) -> Result<Idx, DataError> {
    let bad = |byte: usize, problem: String| {
        Err(DataError::malformed(path, format!("byte {byte}"), problem))
    };
    let Some((&[zero, also_zero, kind, rank], mut rest)) = bytes.split_first_chunk::<4>() else {
        return bad(bytes.len(), "the file ends within the first 4 bytes".into());
    };
    if (zero, also_zero) != (0, 0) {
        return bad(
            0,
            format!("{zero} {also_zero}, expected 0 0 at the start of an IDX file"),
        );
    }
    if kind != BYTES {
        return bad(2, format!("value type {kind}, expected 8 (unsigned bytes)"));
    }
    let mut shape = Vec::with_capacity(usize::from(rank));
    let mut count: usize = 1;
    for axis in 0..usize::from(rank) {
        let place = 4 + 4 * axis;
        let Some((size, tail)) = rest.split_first_chunk::<4>() else {
            return bad(
                bytes.len(),
                format!("the file ends within the sizes of its {rank} axes"),
            );
        };
        let size = u32::from_be_bytes(*size) as usize;
        let Some(product) = count.checked_mul(size).filter(|it| *it <= MAX_PIXELS) else {
            return bad(
                place,
                format!("size {size} makes more than {MAX_PIXELS} values"),
            );
        };
        (count, rest) = (product, tail);
        shape.push(size);
    }
    if rest.len() != count {
        let found = rest.len();
        return bad(
            bytes.len(),
            format!("{found} values follow the header, expected {count} for {shape:?}"),
        );
    }
    Ok(Idx {
        shape,
        values: rest.to_vec(),
    })
}

/// Reads a set of images and its labels.
///
/// # Errors
/// As for [`read_idx`]; [`DataError::Malformed`] when the images do not have three axes, the labels not
/// one, the counts differ, or a label is not below `classes`.
pub fn read_idx_images(
    name: &str,
    images: &Path,
    labels: &Path,
    classes: usize,
) -> Result<GreyImages, DataError> {
    let pixels = read_idx(images)?;
    let &[count, height, width] = &pixels.shape[..] else {
        let problem = format!("shape {:?}, expected [image, height, width]", pixels.shape);
        return Err(DataError::malformed(images, "header", problem));
    };
    let marks = read_idx(labels)?;
    if marks.shape != [count] {
        let problem = format!(
            "shape {:?}, expected [{count}] for as many images",
            marks.shape
        );
        return Err(DataError::malformed(labels, "header", problem));
    }
    if let Some(at) = marks
        .values
        .iter()
        .position(|label| usize::from(*label) >= classes)
    {
        let problem = format!("label {}, expected below {classes}", marks.values[at]);
        return Err(DataError::malformed(
            labels,
            format!("byte {}", 8 + at),
            problem,
        ));
    }
    Ok(GreyImages {
        name: name.to_owned(),
        height,
        width,
        classes,
        pixels: pixels.values,
        labels: marks.values.into_iter().map(u32::from).collect(),
    })
}
