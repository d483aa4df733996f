//! Series between rows and columns, a unit per result.

use cubecl::prelude::*;

/// Sizes of a launch.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub channels: usize,
    /// Positions of columns.
    pub positions: usize,
    /// Positions of rows.
    pub width: usize,
    /// Positions of columns left out.
    pub skip: usize,
    /// Units with work.
    pub total: usize,
}

/// `columns` [set, position, channel] from `values` [row, position]; zeros beyond `width`.
#[cube(launch)]
pub(super) fn columns<A: Float>(
    values: &[A],
    columns: &mut [f64],
    sizes: Sizes,
    #[comptime] reversed: bool,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let channel = ABSOLUTE_POS % sizes.channels;
        let rest = ABSOLUTE_POS / sizes.channels;
        let position = rest % sizes.positions;
        let row = rest / sizes.positions * sizes.channels + channel;
        let mut value = f64::cast_from(0u32);
        if position < sizes.width {
            let mut at = position;
            if comptime!(reversed) {
                at = sizes.width - 1 - position;
            }
            value = f64::cast_from(values[row * sizes.width + at]);
        }
        columns[ABSOLUTE_POS] = value;
    }
}

/// `values` [row, position] from `columns` [set, position, channel], plus `head` [row, `head_width`].
#[cube(launch)]
pub(super) fn rows<A: Float>(
    columns: &[f64],
    head: &[f64],
    values: &mut [A],
    sizes: Sizes,
    head_width: usize,
    #[comptime] reversed: bool,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let at = ABSOLUTE_POS % sizes.width;
        let row = ABSOLUTE_POS / sizes.width;
        let position = at + sizes.skip;
        let mut value = f64::cast_from(0u32);
        if position < sizes.positions {
            let mut from = position;
            if comptime!(reversed) {
                from = sizes.positions - 1 - position;
            }
            let set = row / sizes.channels;
            let channel = row % sizes.channels;
            value = columns[(set * sizes.positions + from) * sizes.channels + channel];
        }
        if at < head_width {
            value += head[row * head_width + at];
        }
        values[ABSOLUTE_POS] = A::cast_from(value);
    }
}

/// The values behind the first `skip`.
#[cube(launch)]
pub(super) fn behind(values: &[f64], out: &mut [f64], skip: usize, total: usize) {
    if ABSOLUTE_POS < total {
        out[ABSOLUTE_POS] = values[skip + ABSOLUTE_POS];
    }
}

/// `joined` [channel, position]: `width` positions of `first` [channel, position], then those of
/// `second` [position, channel].
#[cube(launch)]
pub(super) fn joined(first: &[f64], second: &[f64], joined: &mut [f64], sizes: Sizes) {
    if ABSOLUTE_POS < sizes.total {
        let position = ABSOLUTE_POS % sizes.positions;
        let channel = ABSOLUTE_POS / sizes.positions;
        if position < sizes.width {
            joined[ABSOLUTE_POS] = first[channel * sizes.width + position];
        } else {
            joined[ABSOLUTE_POS] = second[(position - sizes.width) * sizes.channels + channel];
        }
    }
}
