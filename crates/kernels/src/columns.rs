//! Cutting a row-major matrix into blocks that different tasks write.
//!
//! A task of a sequence operation owns some rows and some neighbouring channels; in [row, channel]
//! layout these are not one slice. [`split`] hands out blocks that cannot overlap.

use std::marker::PhantomData;
use std::slice;

/// Rows and columns of a matrix that one task alone may touch.
pub(crate) struct Columns<'a, T> {
    start: *mut T,
    rows: usize,
    stride: usize,
    /// First row in the whole matrix.
    pub first_row: usize,
    /// First column in the whole matrix.
    pub first_col: usize,
    /// Columns of this block.
    pub cols: usize,
    owner: PhantomData<&'a mut [T]>,
}

#[allow(unsafe_code)]
// SAFETY: a block is the only way to its elements while it lives (see `split`), like `&mut [T]`.
unsafe impl<T: Send> Send for Columns<'_, T> {}

impl<T> Columns<'_, T> {
    /// The first `row` rows, and the others.
    pub(crate) fn split_at_row(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows, "row {row} of a block of {}", self.rows);
        // One past the last row may lie beyond the matrix: such a block has no rows, so nothing is
        // ever read there, but the place must be reached without promising that it exists.
        let start = self.start.wrapping_add(row * self.stride);
        let below = Self {
            start,
            rows: self.rows - row,
            first_row: self.first_row + row,
            ..self
        };
        let above = Self { rows: row, ..self };
        (above, below)
    }

    /// Row `row` of the block, counted inside the block.
    #[inline(always)]
    pub(crate) fn row(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row {row} of a block of {}", self.rows);
        #[allow(unsafe_code)]
        // SAFETY: `split` made the block so that `rows` rows of `cols` elements, `stride` apart, lie
        // inside the matrix; the borrow of `self` makes this the only slice of the block.
        unsafe {
            slice::from_raw_parts_mut(self.start.add(row * self.stride), self.cols)
        }
    }
}

/// Cuts `data` [row, width] into blocks of at most `rows` x `cols`, blocks of one row range next to
/// each other. Nothing for an empty matrix.
pub(crate) fn split<T>(
    data: &mut [T],
    width: usize,
    rows: usize,
    cols: usize,
) -> Vec<Columns<'_, T>> {
    let mut blocks = Vec::new();
    if data.is_empty() || width == 0 {
        return blocks;
    }
    let (rows, cols) = (rows.max(1), cols.max(1));
    for (part, data) in data.chunks_mut(rows * width).enumerate() {
        let held = data.len() / width;
        let start = data.as_mut_ptr();
        for first_col in (0..width).step_by(cols) {
            blocks.push(Columns {
                #[allow(unsafe_code)]
                // SAFETY: `first_col` is below `width`, hence inside the first row of the part.
                start: unsafe { start.add(first_col) },
                rows: held,
                stride: width,
                first_row: part * rows,
                first_col,
                cols: cols.min(width - first_col),
                owner: PhantomData,
            });
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn split_when_ragged_covers_every_element_once() {
        for (height, width, rows, cols) in [(5, 7, 2, 3), (1, 1, 4, 4), (6, 4, 3, 2), (0, 3, 1, 1)]
        {
            let mut data = vec![0_u32; height * width];
            for block in &mut split(&mut data, width, rows, cols) {
                let (first, col) = (block.first_row, block.first_col);
                for row in 0..rows.min(height - first) {
                    for (offset, value) in block.row(row).iter_mut().enumerate() {
                        *value += 1 + 10 * ((first + row) * width + col + offset) as u32;
                    }
                }
            }
            for (at, value) in data.iter().enumerate() {
                let want = 1 + 10 * at as u32;
                assert_eq!(*value, want, "element {at} of {height} x {width}");
            }
        }
    }

    #[test]
    fn split_at_row_when_cut_keeps_rows_apart() {
        let mut data: Vec<u32> = (0..12).collect();
        let block = split(&mut data, 3, 4, 2).remove(1);
        let (mut above, below) = block.split_at_row(1);
        let (mut below, none) = below.split_at_row(3);
        assert_eq!((none.rows, none.first_row), (0, 4));
        assert_eq!((above.row(0), below.row(2)), (&mut [2][..], &mut [11][..]));
        assert_eq!(below.first_row, 1);
    }

    #[test]
    #[should_panic(expected = "row 2 of a block of 2")]
    fn split_when_a_row_is_beyond_the_block_refuses() {
        let mut data = [0_u32; 6];
        split(&mut data, 3, 2, 2)[0].row(2);
    }
}
