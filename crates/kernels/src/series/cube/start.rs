//! The first terms of resolvents in shared memory, a cube per channel, doubling from one term on.

use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Units of a cube, a power of two.
    pub units: usize,
    /// Terms that shared memory holds.
    pub room: usize,
    /// Whether the last tap comes first.
    pub reversed: bool,
}

/// h = 1 / (1 - z taps) up to `len`; `taps` [channel, order], `out` [channel, len].
#[cube(launch)]
pub(super) fn start<A: Float>(
    taps: &[A],
    out: &mut [f64],
    order: usize,
    len: usize,
    #[comptime] plan: Plan,
    #[define(A)] _type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let first = CUBE_POS * order;
    let mut h = Shared::<[f64]>::new_slice(comptime!(plan.room));
    let mut fed = Shared::<[f64]>::new_slice(comptime!(plan.room.div_ceil(2)));
    if unit == 0 {
        h[0] = f64::cast_from(1u32);
    }
    sync_cube();
    let mut done = 1usize.runtime();
    while done < len {
        let mut more = len - done;
        if more > done {
            more = done;
        }
        // fed_i: term done + i of z taps h, of the terms that are done.
        let mut i = unit;
        while i < more {
            let mut count = 0usize.runtime();
            if i < order {
                count = order - i;
            }
            if count > done {
                count = done;
            }
            let mut sum = f64::cast_from(0u32);
            for s in 0..count {
                let mut at = i + s;
                if comptime!(plan.reversed) {
                    at = order - 1 - at;
                }
                sum += f64::cast_from(taps[first + at]) * h[done - 1 - s];
            }
            fed[i] = sum;
            i += comptime!(plan.units);
        }
        sync_cube();
        let mut i = unit;
        while i < more {
            let mut count = i + 1;
            if count > order {
                count = order;
            }
            let mut sum = f64::cast_from(0u32);
            for s in 0..count {
                sum += h[i - s] * fed[s];
            }
            h[done + i] = sum;
            i += comptime!(plan.units);
        }
        sync_cube();
        done *= 2;
    }
    let mut i = unit;
    while i < len {
        out[CUBE_POS * len + i] = h[i];
        i += comptime!(plan.units);
    }
}
