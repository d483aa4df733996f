//! The choice of a plan.

use super::plan::Plan;
use crate::cube::product::MATRIX_STEP;
use crate::cube::tiles::WIDTH;
use crate::cube::{ElementBytes, Offer, accumulator};
use crate::dplr::DplrShape;
use burn::tensor::DType;

/// Positions of a chunk; the shorter where shared memory is short or the caller asked for it.
/// Longer ones would not fit a column of a chunk into registers.
const CHUNKS: [usize; 2] = [32, 16];

/// Most values in one cube, by ordinary arithmetic.
const BLOCKS: [usize; 3] = [64, 32, 16];

/// The same with matrix units: the wider where that still gives every multiprocessor a cube, since
/// every block reads the chunk's factors again.
const MATRIX_BLOCKS: [usize; 2] = [128, 64];

/// Channels at a time by ordinary arithmetic; with matrix units [`MATRIX_STEP`].
const ORDINARY_CHANNELS: usize = 32;

/// Cubes that keep a large GPU busy.
const BUSY: usize = 128;

/// Elements of the state that one cube keeps in registers.
const STATE: usize = 128 * 128;

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
                column_units: offer.units,
                gradient_units: offer.units,
                channels: ORDINARY_CHANNELS,
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
        gradient_units: 256,
        channels: MATRIX_STEP,
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
    fn choose_when_a_head_is_usual_lets_two_walks_share_a_multiprocessor() {
        for keys in [32, 64, 100, 128] {
            let shape = shape(keys, keys);
            let plan = choose(&shape, DType::BF16, true, &H100).unwrap();
            assert!(plan.matrix, "{keys} keys");
            let of = ElementBytes { tile: 2, sum: 4 };
            let bytes = plan.walk_bytes(of);
            assert!(2 * bytes < 226 * 1024, "{bytes} bytes");
            assert!(plan.bytes(of) < 226 * 1024);
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

    #[test]
    fn choose_when_matrix_units_are_used_cuts_every_tile_into_whole_blocks() {
        for (keys, values) in [
            (32, 32),
            (64, 64),
            (100, 128),
            (128, 64),
            (128, 128),
            (192, 64),
        ] {
            let plan = choose(&shape(keys, values), DType::BF16, false, &H100).unwrap();
            assert!(plan.matrix, "{keys} keys, {values} values");
            // One that does not divide panics, in the middle of a launch.
            for plan in [plan, plan.of_gradients()] {
                let tiles = [
                    plan.scores(),
                    plan.score_gradients(),
                    plan.channel_tile(),
                    plan.solved_keys(),
                    plan.solved_squares(),
                    plan.values(),
                    plan.value_pairs(),
                    plan.key_pairs(),
                    plan.squares(),
                    plan.states(),
                ];
                assert!(tiles.iter().all(|tile| tile.even()), "{keys} keys");
            }
        }
    }
}
