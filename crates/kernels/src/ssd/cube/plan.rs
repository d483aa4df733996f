//! How the work of one call is cut: chunk length, head block, units of a cube.

use crate::cube::product::{MATRIX_STEP, Operand, Tile};
use crate::cube::tiles::WIDTH;
use crate::cube::{ElementBytes, Offer, accumulator};
use crate::ssd::SsdShape;
use burn::tensor::DType;

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Positions of a chunk.
    pub chunk: usize,
    /// Channels of a head that one cube works on.
    pub block: usize,
    /// State size.
    pub state: usize,
    /// Units of a cube.
    pub units: usize,
    /// Whether short loops are unrolled.
    pub unroll: bool,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether products run on matrix units.
    pub matrix: bool,
    /// Whether rows of x, B and C are whole vectors of [`WIDTH`] elements.
    pub wide: bool,
    /// Elements between the end of one row in shared memory and the start of the next, which keep
    /// the rows of a column in different banks.
    pub pad: usize,
}

/// Most positions of a chunk; fewer where shared memory is short or the caller asked for fewer.
const CHUNKS: [usize; 3] = [64, 32, 16];

/// Most channels of a head in one cube.
const BLOCKS: [usize; 4] = [128, 64, 32, 16];

impl Plan {
    fn tile(self, rows: usize, cols: usize) -> Tile {
        Tile::new((rows, cols), self.units, self.unroll, self.matrix)
    }

    /// [chunk, chunk].
    pub(super) fn scores(self) -> Tile {
        self.tile(self.chunk, self.chunk)
    }

    /// [chunk, block].
    pub(super) fn values(self) -> Tile {
        self.tile(self.chunk, self.block)
    }

    /// [chunk, state].
    pub(super) fn projections(self) -> Tile {
        self.tile(self.chunk, self.state)
    }

    /// [block, state].
    pub(super) fn states(self) -> Tile {
        self.tile(self.block, self.state)
    }

    /// Distance between rows of `cols` elements in shared memory.
    pub(super) fn pitch(self, cols: usize) -> usize {
        cols + self.pad
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

    /// Bytes of shared memory of the forward kernel: C, B, x, the state, the weights.
    pub(super) fn forward_bytes(self, of: ElementBytes) -> usize {
        let Self {
            chunk,
            block,
            state,
            ..
        } = self;
        let tiles = 2 * self.area(chunk, state)
            + self.area(chunk, block)
            + self.area(block, state)
            + self.area(chunk, chunk);
        tiles * of.tile + self.line_bytes()
    }

    /// Bytes of shared memory of the reverse kernel: C, B, x, dy, the state and its gradient, two chunk
    /// squares; without matrix units also a third square and a staging area, both of sums.
    pub(super) fn reverse_bytes(self, of: ElementBytes) -> usize {
        let Self {
            chunk,
            block,
            state,
            ..
        } = self;
        let tiles = 2 * self.area(chunk, state)
            + 2 * self.area(chunk, block)
            + 2 * self.area(block, state)
            + 2 * self.area(chunk, chunk);
        let sums = match self.matrix {
            true => 0,
            false => self.area(chunk, chunk) + self.area(chunk, state.max(block)),
        };
        tiles * of.tile + sums * of.sum + self.line_bytes()
    }

    /// Elements in which units leave parts of sums; with matrix units one per plane for every row of a
    /// chunk's square and for every column.
    pub(super) fn part_elements(self) -> usize {
        let scores = self.scores();
        match self.matrix {
            true => self
                .units
                .max(self.chunk * (scores.across + scores.below())),
            false => self.units.max(self.chunk),
        }
    }

    /// Bytes of everything with one element per position or unit.
    fn line_bytes(self) -> usize {
        72 * self.chunk + 8 * self.part_elements() + 64
    }
}

/// What a kernel needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Most channels of a head in one cube.
    pub block: usize,
    /// Units of a cube with matrix units, 256 or 512.
    pub matrix_units: usize,
    /// Bytes of an element of x.
    pub stored: usize,
    /// Bytes of an element of a sum, and of a tile without matrix units.
    pub work: usize,
    /// Bytes of shared memory.
    pub bytes: fn(Plan, ElementBytes) -> usize,
}

impl Need {
    /// For inputs of format `dtype`, blocks of at most `block` channels and `matrix_units` units.
    pub(super) fn new(
        dtype: DType,
        packed: bool,
        (block, matrix_units): (usize, usize),
        bytes: fn(Plan, ElementBytes) -> usize,
    ) -> Self {
        Self {
            packed,
            block,
            matrix_units,
            stored: dtype.size(),
            work: accumulator(dtype).size(),
            bytes,
        }
    }
}

/// With matrix units, if the device has them and they fit; else the widest block, then the largest
/// chunk, that fit.
///
/// # Errors
/// The bytes that the smallest plan needs, when not even that fits.
pub(super) fn choose(shape: SsdShape, offer: Offer, need: Need) -> Result<Plan, usize> {
    if offer.matrix {
        let plan = by_matrix(shape, offer, need);
        let of = ElementBytes {
            tile: need.stored,
            sum: need.work,
        };
        if offer.holds((need.bytes)(plan, of)) {
            return Ok(plan);
        }
    }
    let asked = shape.chunk.next_power_of_two().max(16);
    let pad = if offer.shared.is_none() { WIDTH } else { 1 };
    let plans = BLOCKS.into_iter().flat_map(|block| {
        CHUNKS
            .into_iter()
            .filter(|chunk| *chunk <= asked)
            .map(move |chunk| Plan {
                chunk,
                block: block.min(shape.head_dim.max(1)),
                state: shape.state.max(1),
                units: offer.units,
                unroll: offer.unroll,
                packed: need.packed,
                matrix: false,
                wide: pad == WIDTH && in_vectors(shape),
                pad,
            })
    });
    let of = ElementBytes {
        tile: need.work,
        sum: need.work,
    };
    let mut needed = 0;
    for plan in plans.filter(|plan| plan.block <= need.block) {
        needed = (need.bytes)(plan, of);
        if offer.holds(needed) {
            return Ok(plan);
        }
    }
    Err(needed)
}

/// Chunks of 64, the head and the state padded to whole steps of the matrix units.
fn by_matrix(shape: SsdShape, offer: Offer, need: Need) -> Plan {
    let step = |length: usize| length.max(1).next_multiple_of(MATRIX_STEP);
    Plan {
        chunk: 64,
        block: step(shape.head_dim).min(need.block),
        state: step(shape.state),
        units: need.matrix_units,
        unroll: offer.unroll,
        packed: need.packed,
        matrix: true,
        wide: in_vectors(shape),
        pad: WIDTH,
    }
}

/// Whether rows of x, B and C are whole vectors, wherever a block starts.
fn in_vectors(shape: SsdShape) -> bool {
    shape.head_dim.is_multiple_of(WIDTH) && shape.state.is_multiple_of(WIDTH)
}
