//! Grey images with labels: the readers' common form.

mod cifar;
mod idx;

pub use cifar::{CifarBatch, parse_cifar, read_cifar10_grey};
pub use idx::{Idx, parse_idx, read_idx, read_idx_images};

use crate::error::DataError;

/// The most bytes of pixels that one set may hold.
pub const MAX_PIXELS: usize = 4 << 30;

/// Images of one size with labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GreyImages {
    /// The name in reports.
    pub name: String,
    /// Rows of an image.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// The number of values a label takes.
    pub classes: usize,
    /// `[image, height, width]`, row-major, 0 to 255.
    pub pixels: Vec<u8>,
    /// `[image]`, each below `classes`.
    pub labels: Vec<u32>,
}

impl GreyImages {
    /// A set without images.
    pub fn empty(name: impl Into<String>, height: usize, width: usize, classes: usize) -> Self {
        Self {
            name: name.into(),
            height,
            width,
            classes,
            pixels: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels `[height, width]` and the label of image `index`.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn image(&self, index: usize) -> (&[u8], u32) {
        let size = self.height * self.width;
        (
            &self.pixels[index * size..(index + 1) * size],
            self.labels[index],
        )
    }

    /// The images at these positions, in this order.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] naming the first position that does not exist.
    pub fn select(&self, positions: &[usize]) -> Result<Self, DataError> {
        let mut chosen = Self::empty(self.name.as_str(), self.height, self.width, self.classes);
        for &position in positions {
            if position >= self.len() {
                let expected = format!("below {}", self.len());
                return Err(DataError::out_of_range(
                    "image position",
                    position,
                    expected,
                ));
            }
            let (pixels, label) = self.image(position);
            chosen.push(pixels, label);
        }
        Ok(chosen)
    }

    pub(crate) fn push(&mut self, pixels: &[u8], label: u32) {
        self.pixels.extend_from_slice(pixels);
        self.labels.push(label);
    }

    pub(crate) fn check_room(&self, more: u64) -> Result<(), DataError> {
        let size = (self.height * self.width) as u64;
        let bytes = size
            .saturating_mul(more)
            .saturating_add(self.pixels.len() as u64);
        if bytes > MAX_PIXELS as u64 {
            let name = self.name.clone();
            return Err(DataError::TooLarge {
                name,
                limit: MAX_PIXELS as u64,
            });
        }
        Ok(())
    }
}

/// The published split of images that come without one: the first 80 %, the next 10 %, the rest.
pub fn contiguous_split(count: usize) -> [std::ops::Range<usize>; 3] {
    let train = count / 10 * 8 + count % 10 * 8 / 10;
    let validation = train + count / 10 + count % 10 / 10;
    [0..train, train..validation, validation..count]
}
