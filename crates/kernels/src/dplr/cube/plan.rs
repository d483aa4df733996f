//! How the work of one call is cut: chunk length, block of values, units of a cube.

use crate::cube::product::{MATRIX_STEP, Operand, Tile};
use crate::cube::tiles::WIDTH;
use crate::cube::{ElementBytes, Offer, accumulator};
use crate::dplr::DplrShape;
use burn::tensor::DType;

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
    /// Largest exponent on either side of a chunk's middle that one product takes.
    pub reach: usize,
    /// Whether short loops are unrolled.
    pub unroll: bool,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether products run on matrix units.
    pub matrix: bool,
    /// Whether rows of all tensors are whole vectors of [`WIDTH`] elements.
    pub wide: bool,
    /// Elements between the end of one row in shared memory and the start of the next, which keep
    /// the rows of a column in different banks.
    pub pad: usize,
}

/// The same in f32 rows that are read by four.
const FOUR: usize = 4;

/// Positions of a chunk; the shorter where shared memory is short or the caller asked for it.
/// Longer ones would not fit a column of a chunk into registers.
const CHUNKS: [usize; 2] = [32, 16];

/// Most values in one cube, by ordinary arithmetic.
const BLOCKS: [usize; 3] = [64, 32, 16];

/// The same with matrix units: the wider where that still gives every multiprocessor a cube, since
/// every block reads the chunk's factors again.
const MATRIX_BLOCKS: [usize; 2] = [128, 64];

/// Cubes that keep a large GPU busy.
const BUSY: usize = 128;

/// Elements of the state that one cube keeps in registers.
const STATE: usize = 128 * 128;

impl Plan {
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

    /// [chunk, key] of a cube that works on one chunk.
    pub(super) fn solved_keys(self) -> Tile {
        self.staying(self.chunk, self.keys)
    }

    /// [chunk, chunk] of a cube that works on one chunk.
    pub(super) fn solved_squares(self) -> Tile {
        self.staying(self.chunk, self.chunk)
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

    fn prepare_bytes(self, of: ElementBytes) -> usize {
        let tiles = 2 * self.area(2 * self.chunk, self.keys);
        let sums = 2 * self.chunk * self.sum_pitch(2 * self.chunk);
        tiles * of.tile + sums * of.sum
    }

    fn forward_bytes(self, of: ElementBytes) -> usize {
        let double = 2 * self.chunk;
        let tiles = 2 * self.area(double, self.keys)
            + self.area(double, self.chunk)
            + self.area(double, self.block)
            + self.area(self.block, self.keys);
        tiles * of.tile + self.keys * of.sum
    }

    fn reverse_bytes(self, of: ElementBytes) -> usize {
        let double = 2 * self.chunk;
        let tiles = self.area(double, self.keys)
            + self.area(double, self.chunk)
            + 2 * self.area(double, self.block)
            + self.area(self.block, self.keys);
        tiles * of.tile + (1 + self.column_parts()) * self.keys * of.sum
    }

    fn gradient_bytes(self, of: ElementBytes) -> usize {
        let tiles = 3 * self.area(self.chunk, self.solved());
        let sums = 2 * self.chunk * self.sum_pitch(self.chunk) + 4 * self.chunk * self.chunk;
        tiles * of.tile + sums * of.sum
    }

    /// Bytes of shared memory of the hungriest kernel of both passes.
    pub(super) fn bytes(self, of: ElementBytes) -> usize {
        let line = 8 * (self.chunk + 2) + 64;
        let kernels = [
            self.prepare_bytes(of),
            self.forward_bytes(of),
            self.reverse_bytes(of),
            self.gradient_bytes(of),
        ];
        kernels.into_iter().max().unwrap_or(0) + line
    }
}

/// With matrix units, if the device has them and it fits; else the widest block, then the longest
/// chunk, that fit.
///
/// # Errors
/// The bytes that the smallest plan needs, when not even that fits.
pub(super) fn choose(
    shape: &DplrShape,
    dtype: DType,
    packed: bool,
    offer: &Offer,
) -> Result<Plan, usize> {
    let work = accumulator(dtype).size();
    if offer.matrix {
        let of = ElementBytes {
            tile: dtype.size(),
            sum: work,
        };
        let plan = by_matrix(shape, dtype, packed, offer);
        if offer.holds(plan.bytes(of)) {
            return Ok(plan);
        }
    }
    let of = ElementBytes {
        tile: work,
        sum: work,
    };
    let asked = shape.chunk.unwrap_or(CHUNKS[0]).max(CHUNKS[1]);
    let pad = if offer.shared.is_none() { WIDTH } else { 1 };
    let mut needed = 0;
    for block in BLOCKS {
        for chunk in CHUNKS.into_iter().filter(|chunk| *chunk <= asked) {
            let block = block.min(shape.values.max(1));
            let plan = Plan {
                chunk,
                keys: shape.keys.max(1),
                block,
                blocks: shape.values.div_ceil(block),
                units: offer.units,
                column_units: offer.units.min(128),
                reach: 40,
                unroll: offer.unroll,
                packed,
                matrix: false,
                wide: pad == WIDTH && in_vectors(shape),
                pad,
            };
            needed = plan.bytes(of);
            if offer.holds(needed) {
                return Ok(plan);
            }
        }
    }
    Err(needed)
}

fn by_matrix(shape: &DplrShape, dtype: DType, packed: bool, offer: &Offer) -> Plan {
    let step = |length: usize| length.max(1).next_multiple_of(MATRIX_STEP);
    let (keys, values) = (step(shape.keys), step(shape.values));
    let heads = shape.batch * shape.heads;
    let fits = |block: &usize| {
        *block <= values && block * keys <= STATE && heads * values.div_ceil(*block) >= BUSY
    };
    let block = MATRIX_BLOCKS.into_iter().find(fits).unwrap_or(MATRIX_STEP);
    Plan {
        chunk: CHUNKS[0],
        keys,
        block,
        blocks: shape.values.div_ceil(block),
        units: 256,
        column_units: 128,
        // e^6 times an input and e^-6 times an input both keep their digits in f16.
        reach: if dtype == DType::F16 { 6 } else { 40 },
        unroll: offer.unroll,
        packed,
        matrix: true,
        wide: in_vectors(shape),
        pad: WIDTH,
    }
}

/// Whether rows of all tensors are whole vectors, wherever a block starts.
fn in_vectors(shape: &DplrShape) -> bool {
    shape.keys.is_multiple_of(WIDTH) && shape.values.is_multiple_of(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(keys: usize, values: usize) -> DplrShape {
        DplrShape {
            batch: 8,
            len: 100,
            heads: 32,
            keys,
            values,
            chunk: None,
            final_state: false,
            scale: 1.0,
        }
    }

    const H100: Offer = Offer {
        shared: Some(227 * 1024),
        units: 256,
        unroll: true,
        matrix: true,
    };

    #[test]
    fn choose_when_a_head_is_usual_lets_two_cubes_share_a_multiprocessor() {
        for keys in [32, 64, 100, 128] {
            let shape = shape(keys, keys);
            let plan = choose(&shape, DType::BF16, true, &H100).unwrap();
            assert!(plan.matrix, "{keys} keys");
            let of = ElementBytes { tile: 2, sum: 4 };
            assert!(2 * plan.bytes(of) < 226 * 1024, "{} bytes", plan.bytes(of));
            assert!(plan.block * plan.keys <= STATE);
        }
    }

    #[test]
    fn choose_when_a_head_is_large_takes_ordinary_units_or_says_what_it_needs() {
        let plan = choose(&shape(600, 64), DType::BF16, false, &H100);
        assert!(!plan.unwrap().matrix);
        let needed = choose(&shape(5000, 64), DType::F32, false, &H100).unwrap_err();
        assert!(needed > 227 * 1024);
    }
}
