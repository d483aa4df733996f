//! How the work of one call is cut: chunk length, block of values, units of a cube.

use crate::cube::product::{Operand, Tile};

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Positions of a chunk L.
    pub chunk: usize,
    /// Key size, padded to what products need.
    pub keys: usize,
    /// Values that one cube of a walk works on.
    pub block: usize,
    /// Blocks of values of one head.
    pub blocks: usize,
    /// Units of a cube that walks along the length.
    pub units: usize,
    /// Units of a cube that works on one chunk.
    pub column_units: usize,
    /// The same for the kernel of gradients; see [`Plan::of_gradients`].
    pub gradient_units: usize,
    /// Channels that such a cube works on at a time.
    pub channels: usize,
    /// Largest exponent on either side of a chunk's middle that one product takes.
    pub reach: usize,
    /// Whether short loops are unrolled.
    pub unroll: bool,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether products run on matrix units.
    pub matrix: bool,
    /// Whether rows of all tensors are whole vectors of [`crate::cube::tiles::WIDTH`] elements.
    pub wide: bool,
    /// Elements between the end of one row in shared memory and the start of the next, which keep
    /// the rows of a column in different banks.
    pub pad: usize,
}

/// The same in f32 rows that are read by four.
const FOUR: usize = 4;

impl Plan {
    /// The plan as the kernel of gradients reads it.
    pub(super) fn of_gradients(self) -> Self {
        Self {
            column_units: self.gradient_units,
            ..self
        }
    }

    fn walking(self, rows: usize, cols: usize) -> Tile {
        Tile::new((rows, cols), self.units, self.unroll, self.matrix)
    }

    fn staying(self, rows: usize, cols: usize) -> Tile {
        Tile::new((rows, cols), self.column_units, self.unroll, self.matrix)
    }

    /// [2 chunk, 2 chunk] of a cube that works on one chunk.
    pub(super) fn scores(self) -> Tile {
        self.staying(2 * self.chunk, 2 * self.chunk)
    }

    /// [2 chunk, chunk] of a cube that works on one chunk.
    pub(super) fn score_gradients(self) -> Tile {
        self.staying(2 * self.chunk, self.chunk)
    }

    /// [chunk, channel] of a cube that works on one chunk.
    pub(super) fn channel_tile(self) -> Tile {
        self.staying(self.chunk, self.channels)
    }

    /// The same, dealt out so that neighbouring units have neighbouring channels.
    pub(super) fn dealt(self) -> Tile {
        let size = (self.chunk, self.channels);
        Tile::new(size, self.column_units, self.unroll, false)
    }

    /// [chunk, key] of a cube that works on one chunk; it takes part in no product.
    pub(super) fn solved_keys(self) -> Tile {
        let size = (self.chunk, self.keys);
        Tile::new(size, self.column_units, self.unroll, false)
    }

    /// [chunk, chunk], likewise.
    pub(super) fn solved_squares(self) -> Tile {
        let size = (self.chunk, self.chunk);
        Tile::new(size, self.column_units, self.unroll, false)
    }

    /// [chunk, value].
    pub(super) fn values(self) -> Tile {
        self.walking(self.chunk, self.block)
    }

    /// [2 chunk, value].
    pub(super) fn value_pairs(self) -> Tile {
        self.walking(2 * self.chunk, self.block)
    }

    /// [2 chunk, key].
    pub(super) fn key_pairs(self) -> Tile {
        self.walking(2 * self.chunk, self.keys)
    }

    /// [2 chunk, chunk].
    pub(super) fn squares(self) -> Tile {
        self.walking(2 * self.chunk, self.chunk)
    }

    /// [value, key].
    pub(super) fn states(self) -> Tile {
        self.walking(self.block, self.keys)
    }

    /// Columns that a chunk's triangular system is solved for: keys and positions.
    pub(super) fn solved(self) -> usize {
        self.keys + self.chunk
    }

    /// Distance between rows of `cols` elements in shared memory.
    pub(super) fn pitch(self, cols: usize) -> usize {
        cols + self.pad
    }

    /// Distance between rows of `cols` sums in shared memory that are read by four.
    pub(super) fn sum_pitch(self, cols: usize) -> usize {
        cols + FOUR
    }

    /// Rows of `cols` elements in shared memory.
    pub(super) fn by_rows(self, cols: usize) -> Operand {
        Operand {
            pitch: self.pitch(cols),
            transposed: false,
        }
    }

    /// Their transposed view.
    pub(super) fn by_cols(self, cols: usize) -> Operand {
        Operand {
            pitch: self.pitch(cols),
            transposed: true,
        }
    }

    /// Elements of shared memory that `rows` rows of `cols` elements take.
    pub(super) fn area(self, rows: usize, cols: usize) -> usize {
        rows * self.pitch(cols)
    }

    /// Parts in which the units add up a column of the state.
    pub(super) fn column_parts(self) -> usize {
        (self.units / self.keys).max(1)
    }
}
