//! Sums over parts of a cube, for work too small to occupy all of its units.

use cubecl::prelude::*;

/// Sum of `value` over each aligned block of `units` units, given to all units of the block;
/// `units` is a power of two, `shared` has an element per unit of the cube.
///
/// Every unit of the cube must call it: it synchronises the cube.
#[cube]
pub(crate) fn block_sum<A: Float>(
    value: A,
    shared: &mut Shared<[A]>,
    #[comptime] units: usize,
) -> A {
    let unit = UNIT_POS as usize;
    let place = unit % units;
    shared[unit] = value;
    sync_cube();
    let mut stride = comptime!(units / 2).runtime();
    while stride > 0 {
        if place < stride {
            let other = shared[unit + stride];
            shared[unit] += other;
        }
        sync_cube();
        stride /= 2;
    }
    let total = shared[unit - place];
    sync_cube();
    total
}

/// Sum of `value` over the units that are `apart` units from each other, given to all of them; `apart`
/// and `units` are powers of two, `shared` has an element per unit of the cube.
///
/// Every unit of the cube must call it: it synchronises the cube.
#[cube]
pub(crate) fn strided_sum<A: Float>(
    value: A,
    shared: &mut Shared<[A]>,
    #[comptime] apart: usize,
    #[comptime] units: usize,
) -> A {
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut stride = comptime!(units / 2).runtime();
    while stride >= apart {
        if unit < stride {
            let other = shared[unit + stride];
            shared[unit] += other;
        }
        sync_cube();
        stride /= 2;
    }
    let total = shared[unit % apart];
    sync_cube();
    total
}
