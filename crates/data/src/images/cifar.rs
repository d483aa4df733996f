//! LRA Image: CIFAR-10 in grey, 1,024 pixels, from the published binary files.
//!
//! A row of `data_batch_1.bin` ... `data_batch_5.bin`, `test_batch.bin` is one label and 32 x 32 red,
//! green and blue values, plane after plane. Grey is Pillow's luma, (19595 R + 38470 G + 7471 B) / 65536
//! rounded, which the loaders of the S4 line use. S4 then subtracts 122.6/255 and divides by 61/255; LRA
//! takes the 256 values as tokens.

use std::path::Path;

use super::GreyImages;
use crate::error::DataError;
use crate::files;
use crate::rng;

/// Pixels of an image.
const PIXELS: usize = 32 * 32;
/// Bytes of a row.
const ROW: usize = 1 + 3 * PIXELS;
/// Rows of a published file.
const ROWS: usize = 10_000;

/// Train, validation and test part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CifarBatch {
    /// 45,000 images.
    pub train: GreyImages,
    /// 5,000 of the published training images, chosen by a seed.
    pub validation: GreyImages,
    /// 10,000 images.
    pub test: GreyImages,
}

/// Reads the folder `cifar-10-batches-bin`, and holds a tenth of the training images out for validation.
///
/// # Errors
/// [`DataError::Unreadable`] (a folder of the Python version has no `.bin` files: take the binary
/// version), [`DataError::Malformed`] naming file and row.
pub fn read_cifar10_grey(folder: &Path, seed: u64) -> Result<CifarBatch, DataError> {
    let mut all = GreyImages::empty("cifar10-grey", 32, 32, 10);
    for batch in 1..=5 {
        read_into(&mut all, &folder.join(format!("data_batch_{batch}.bin")))?;
    }
    let mut test = GreyImages::empty("cifar10-grey", 32, 32, 10);
    read_into(&mut test, &folder.join("test_batch.bin"))?;
    let key = |position: &usize| rng::unit_hash(seed, &format!("cifar validation {position}"));
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let held_out = all.len() / 10;
    let (validation, train) = order.split_at_mut(held_out);
    validation.sort_unstable();
    train.sort_unstable();
    Ok(CifarBatch {
        train: all.select(train)?,
        validation: all.select(validation)?,
        test,
    })
}

fn read_into(images: &mut GreyImages, path: &Path) -> Result<(), DataError> {
    let bytes = files::read_unpacked(path, (ROWS * ROW) as u64)?;
    let read = parse_cifar(&bytes, path)?;
    images.pixels.extend(read.pixels);
    images.labels.extend(read.labels);
    Ok(())
}

/// Parses one binary file; `path` serves in messages only.
///
/// # Errors
/// [`DataError::Malformed`] naming the row.
pub fn parse_cifar(bytes: &[u8], path: &Path) -> Result<GreyImages, DataError> {
    let mut images = GreyImages::empty("cifar10-grey", 32, 32, 10);
    let rows = bytes.chunks_exact(ROW);
    let left = rows.remainder().len();
    if left != 0 {
        let problem = format!(
            "{left} bytes left behind the last row of {ROW}; take the binary version of CIFAR-10"
        );
        return Err(DataError::malformed(
            path,
            format!("row {}", bytes.len() / ROW),
            problem,
        ));
    }
    for (i, row) in rows.enumerate() {
        if row[0] > 9 {
            let problem = format!("label {}, expected 0 to 9", row[0]);
            return Err(DataError::malformed(path, format!("row {i}"), problem));
        }
        let (red, rest) = row[1..].split_at(PIXELS);
        let (green, blue) = rest.split_at(PIXELS);
        let planes = red.iter().zip(green).zip(blue);
        images
            .pixels
            .extend(planes.map(|((r, g), b)| luma(*r, *g, *b)));
        images.labels.push(u32::from(row[0]));
    }
    Ok(images)
}

fn luma(red: u8, green: u8, blue: u8) -> u8 {
    let weighted = 19595 * u32::from(red) + 38470 * u32::from(green) + 7471 * u32::from(blue);
    ((weighted + 0x8000) >> 16) as u8
}
