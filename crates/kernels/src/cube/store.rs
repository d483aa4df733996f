//! Results on their way to device memory.
//!
//! Matrix units leave a unit two neighbours of a row at a time, and the eight elements of a fragment's row in
//! four neighbouring units. In a 16-bit format such a pair is four bytes, and a fragment's row half a sector
//! of the memory. So the four units trade: of four fragments side by side each takes one and writes its row in
//! sixteen bytes; of two, half a one in eight.

use super::product::{Tile, col, holds, row};
use super::tiles::{Window, pair};
use cubecl::prelude::*;

/// Units that hold a fragment's row.
const SHARERS: usize = 4;

/// Writes a result to the window; `wide` as in [`super::tiles::load`].
#[cube]
pub(crate) fn store<A: Float, E: Float>(
    result: &Array<A>,
    target: &mut [E],
    window: &Window,
    #[comptime] wide: bool,
    #[comptime] tile: Tile,
) {
    let bytes = E::size();
    if comptime!(tile.matrix && wide && bytes == 2 && tile.wide().is_multiple_of(4)) {
        store_fours::<A, E>(result, target, window, tile);
    } else if comptime!(tile.matrix && wide && bytes == 2 && tile.wide().is_multiple_of(2)) {
        store_twos::<A, E>(result, target, window, tile);
    } else if comptime!(tile.matrix && wide) {
        store_pairs::<A, E>(result, target, window, tile);
    } else {
        #[unroll(tile.unroll)]
        for e in 0..comptime!(tile.share()) {
            if holds(e, tile) {
                let r = row(e, tile);
                let c = col(e, tile);
                if r < window.rows && c < window.cols {
                    target[window.base + r * window.stride + c] = E::cast_from(result[e]);
                }
            }
        }
    }
}

/// As the units hold them.
#[cube]
fn store_pairs<A: Float, E: Float>(
    result: &Array<A>,
    target: &mut [E],
    window: &Window,
    #[comptime] tile: Tile,
) {
    let target = target
        .as_vectorized_mut()
        .with_vector_size_mut::<Const<2>>();
    #[unroll]
    for half in 0..comptime!(tile.share() / 2) {
        let e = half * 2;
        let r = row(e, tile);
        let c = col(e, tile);
        if r < window.rows && c < window.cols {
            target[(window.base + r * window.stride + c) / 2] = pair::<A, E>(result, e);
        }
    }
}

/// Two fragments at a time.
#[cube]
fn store_twos<A: Float, E: Float>(
    result: &Array<A>,
    target: &mut [E],
    window: &Window,
    #[comptime] tile: Tile,
) {
    let target = target
        .as_vectorized_mut()
        .with_vector_size_mut::<Const<4>>();
    let unit = UNIT_POS as usize % SHARERS;
    #[unroll]
    for part in 0..comptime!(tile.share() / 4) {
        let e = comptime!(first_element(part, 2, tile));
        sync_plane();
        let (left, right) = trade(
            word::<A, E>(result, e),
            word::<A, E>(result, comptime!(e + 4)),
            1u32,
        );
        // The columns of this unit's pair, moved into its fragment and to an even pair.
        let r = row(e, tile);
        let c = col(e, tile) + unit % 2 * 8 - unit % 2 * 2;
        if r < window.rows && c < window.cols {
            let mut both = Vector::<u32, Const<2>>::empty();
            both.insert(0usize, left);
            both.insert(1usize, right);
            target[(window.base + r * window.stride + c) / 4] =
                Vector::<E, Const<4>>::reinterpret(both);
        }
    }
}

/// Four fragments at a time.
#[cube]
fn store_fours<A: Float, E: Float>(
    result: &Array<A>,
    target: &mut [E],
    window: &Window,
    #[comptime] tile: Tile,
) {
    let target = target
        .as_vectorized_mut()
        .with_vector_size_mut::<Const<8>>();
    let unit = UNIT_POS as usize % SHARERS;
    #[unroll]
    for part in 0..comptime!(tile.share() / 8) {
        let e = comptime!(first_element(part, 4, tile));
        sync_plane();
        let (a, b) = trade(
            word::<A, E>(result, e),
            word::<A, E>(result, comptime!(e + 4)),
            1u32,
        );
        let (c, d) = trade(
            word::<A, E>(result, comptime!(e + 8)),
            word::<A, E>(result, comptime!(e + 12)),
            1u32,
        );
        let (first, third) = trade(a, c, 2u32);
        let (second, fourth) = trade(b, d, 2u32);
        let r = row(e, tile);
        let column = col(e, tile) + unit * 8 - unit * 2;
        if r < window.rows && column < window.cols {
            let mut all = Vector::<u32, Const<4>>::empty();
            all.insert(0usize, first);
            all.insert(1usize, second);
            all.insert(2usize, third);
            all.insert(3usize, fourth);
            target[(window.base + r * window.stride + column) / 8] =
                Vector::<E, Const<8>>::reinterpret(all);
        }
    }
}

/// First element of the `part`th row of `fragments` side by side: of every fragment a unit holds two pairs,
/// eight rows apart.
fn first_element(part: usize, fragments: usize, tile: Tile) -> usize {
    let groups = tile.wide() / fragments;
    let (half, group) = (part % 2, part / 2 % groups);
    let down = part / 2 / groups;
    (down * tile.wide() + group * fragments) * 4 + half * 2
}

/// Elements `e` and `e + 1` as they lie in memory.
#[cube]
fn word<A: Float, E: Float>(result: &Array<A>, #[comptime] e: usize) -> u32 {
    u32::reinterpret(pair::<A, E>(result, e))
}

/// Of two neighbours that differ in bit `mask`, the lower gets both left words and the upper both right ones,
/// the lower unit's first.
#[cube]
fn trade(left: u32, right: u32, #[comptime] mask: u32) -> (u32, u32) {
    let is_upper = UNIT_POS & mask != 0;
    let got = plane_shuffle_xor(select(is_upper, left, right), mask);
    (select(is_upper, got, left), select(is_upper, right, got))
}
