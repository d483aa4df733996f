//! How strongly the positions of a chunk act on each other.
//!
//! With G_i the cumulative log decay, the scores of the rows [a_{i+1}; r_i] against the columns
//! [b_s; k_s], s <= i, are sum_j row_ij col_sj exp(G_i - G_s)_j. The exponent is not positive, but it
//! belongs to the pair, and a product of matrices wants a factor per row and one per column.
//!
//! Where no channel decays beyond exp(-reach) between the middle of the chunk and its ends, these are
//! exp(G_i - G_mid) and exp(G_mid - G_s): one product. Elsewhere every pair i > s belongs to the one
//! level at which a boundary m between halves of a block of 2, 4, 8, ... positions separates it, and
//! exp(G_i - G_m) and exp(G_m - G_s) are both at most one: a product per level and one for i = s.
//! So any decay is exact, and no factor is a difference of large sums.

use super::mask::Mask;
use super::plan::Plan;
use crate::cube::product::{cleared, col, holds, multiply, row};
use crate::cube::tiles::Window;
use cubecl::prelude::*;

/// The log decay below which nothing is left; it keeps sums finite where decay is total.
const TOTAL: i64 = -10_000;

/// Element (`t`, `j`) of a window, zero outside of it.
#[cube]
pub(super) fn read<E: Float, A: Float>(source: &[E], window: &Window, t: usize, j: usize) -> A {
    // Without a branch: it stands in loops that are unrolled.
    let inside = t < window.rows && j < window.cols;
    let at = select(inside, window.base + t * window.stride + j, window.base);
    select(inside, A::cast_from(source[at]), A::from_int(0))
}

/// Log decay at position `t` in channel `j`, zero after the end.
#[cube]
pub(super) fn log_decay<G: Float, A: Float>(g: &[G], window: &Window, t: usize, j: usize) -> A {
    let value = read::<G, A>(g, window, t, j);
    let total = A::from_int(TOTAL);
    select(value < total, total, value)
}

/// Rows and columns with their factors around the middle of the chunk.
#[cube]
fn fill_around_middle<E: Float, G: Float, S: Float, A: Float>(
    rows: &mut [S],
    cols: &mut [S],
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    window: &Window,
    scale: A,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.pitch(plan.keys));
    let mut j = UNIT_POS as usize;
    while j < comptime!(plan.keys) {
        let mut sum = A::from_int(0);
        for i in 1..comptime!(plan.chunk / 2 + 1) {
            sum -= log_decay::<G, A>(g, window, i, j);
        }
        for i in 0..chunk {
            if i > 0 {
                sum += log_decay::<G, A>(g, window, i, j);
            }
            let up = sum.exp();
            let down = (A::from_int(0) - sum).exp();
            rows[i * pitch + j] = S::cast_from(read::<E, A>(a, window, i + 1, j) * up);
            rows[(chunk + i) * pitch + j] =
                S::cast_from(read::<E, A>(r, window, i, j) * scale * up);
            cols[i * pitch + j] = S::cast_from(read::<E, A>(b, window, i, j) * down);
            cols[(chunk + i) * pitch + j] = S::cast_from(read::<E, A>(k, window, i, j) * down);
        }
        j += comptime!(plan.column_units);
    }
}

/// Rows in second and columns in first halves of blocks of 2 `half` positions, with their factors
/// against the boundary between; zeros elsewhere. All of them, without factors, where `half` is 0.
#[cube]
fn fill_halves<E: Float, G: Float, S: Float, A: Float>(
    rows: &mut [S],
    cols: &mut [S],
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    window: &Window,
    scale: A,
    half: usize,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.pitch(plan.keys));
    let mut width = half;
    if half == 0 {
        width = 1usize.runtime();
    }
    let mut j = UNIT_POS as usize;
    while j < comptime!(plan.keys) {
        let mut sum = A::from_int(0);
        for i in 0..chunk {
            if i % width == 0 {
                sum = A::from_int(0);
            }
            sum += log_decay::<G, A>(g, window, i, j);
            let mut up = A::from_int(0);
            if half == 0 {
                up = A::from_int(1);
            } else if i / width % 2 == 1 {
                up = sum.exp();
            }
            rows[i * pitch + j] = S::cast_from(read::<E, A>(a, window, i + 1, j) * up);
            rows[(chunk + i) * pitch + j] =
                S::cast_from(read::<E, A>(r, window, i, j) * scale * up);
        }
        let mut sum = A::from_int(0);
        for back in 0..chunk {
            let s = comptime!(plan.chunk - 1) - back;
            if (s + 1) % width == 0 {
                sum = A::from_int(0);
            }
            let mut down = A::from_int(0);
            if half == 0 {
                down = A::from_int(1);
            } else if s / width % 2 == 0 {
                down = sum.exp();
            }
            cols[s * pitch + j] = S::cast_from(read::<E, A>(b, window, s, j) * down);
            cols[(chunk + s) * pitch + j] = S::cast_from(read::<E, A>(k, window, s, j) * down);
            sum += log_decay::<G, A>(g, window, s, j);
        }
        j += comptime!(plan.column_units);
    }
}

/// Whether some channel leaves exp(+-reach) around the middle of the chunk, or is NaN.
///
/// Synchronises the cube.
#[cube]
fn leaves_reach<G: Float, A: Float>(
    g: &[G],
    window: &Window,
    flag: &mut Shared<[u32]>,
    #[comptime] plan: Plan,
) -> bool {
    let middle = comptime!(plan.chunk / 2);
    let reach = A::from_int(comptime!(plan.reach as i64));
    if UNIT_POS == 0 {
        flag[0] = 0u32;
    }
    sync_cube();
    let mut j = UNIT_POS as usize;
    while j < comptime!(plan.keys) {
        let mut inside = true;
        let mut sum = A::from_int(0);
        for i in 1..comptime!(plan.chunk / 2) {
            sum += log_decay::<G, A>(g, window, middle + i, j);
            inside = inside && sum.abs() <= reach;
        }
        sum = A::from_int(0);
        for i in 0..middle {
            sum += log_decay::<G, A>(g, window, middle - i, j);
            inside = inside && sum.abs() <= reach;
        }
        if !inside {
            flag[0] = 1u32;
        }
        j += comptime!(plan.column_units);
    }
    sync_cube();
    flag[0] == 1u32
}

/// Whether the pair (i, s) belongs to the product of `half`.
#[cube]
fn belongs(i: usize, s: usize, half: usize) -> bool {
    let mut yes = i == s;
    if half > 0 {
        yes = i / half % 2 == 1 && s / half % 2 == 0 && i / half / 2 == s / half / 2;
    }
    yes
}

/// Leaves the scores in shared memory, [2 chunk, 2 chunk]: row t holds what reaches the correction
/// at position t (s < t), row chunk + t what reaches its result (s <= t), column s through b, column
/// chunk + s through k. Zero elsewhere and across sequences.
///
/// The cube must synchronise before anyone reads them.
#[cube]
pub(super) fn scores<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    target: &mut Shared<[A]>,
    rows: &mut Shared<[S]>,
    cols: &mut Shared<[S]>,
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    window: &Window,
    mask: &Mask<I>,
    scale: A,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.scores());
    let chunk = comptime!(plan.chunk);
    let mut flag = Shared::<[u32]>::new_slice(1usize);
    let strong = leaves_reach::<G, A>(g, window, &mut flag, plan);
    let mut total = cleared::<A>(tile);
    let mut half = 0usize.runtime();
    let mut more = true;
    while more {
        sync_cube();
        if strong {
            fill_halves::<E, G, S, A>(rows, cols, r, g, k, a, b, window, scale, half, plan);
        } else {
            fill_around_middle::<E, G, S, A>(rows, cols, r, g, k, a, b, window, scale, plan);
        }
        sync_cube();
        let mut part = cleared::<A>(tile);
        multiply::<S, A>(
            &mut part,
            &*rows,
            &*cols,
            plan.keys,
            comptime!(plan.by_rows(plan.keys)),
            comptime!(plan.by_cols(plan.keys)),
            tile,
        );
        #[unroll(plan.unroll)]
        for e in 0..comptime!(tile.share()) {
            if holds(e, tile) {
                let i = row(e, tile) % chunk;
                let s = col(e, tile) % chunk;
                let mut counts = s <= i;
                if strong {
                    counts = belongs(i, s, half);
                }
                if counts {
                    total[e] += part[e];
                }
            }
        }
        half *= 2;
        if half == 0 {
            half = 1usize.runtime();
        }
        more = strong && half < chunk;
    }
    put::<A, I>(target, &total, mask, plan);
}

/// Writes the scores where their readers expect them: the rows of a_{i+1} one further down.
#[cube]
fn put<A: Float, I: Numeric>(
    target: &mut Shared<[A]>,
    total: &Array<A>,
    mask: &Mask<I>,
    #[comptime] plan: Plan,
) {
    let tile = comptime!(plan.scores());
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.sum_pitch(2 * plan.chunk));
    #[unroll(plan.unroll)]
    for e in 0..comptime!(tile.share()) {
        if holds(e, tile) {
            let r = row(e, tile);
            let c = col(e, tile);
            let s = c % chunk;
            let mut t = r % chunk;
            let mut value = total[e];
            let mut at = r;
            if r < chunk {
                t += 1;
                at += 1;
                if t == chunk {
                    t = 0usize.runtime();
                    at = 0usize.runtime();
                    value = A::from_int(0);
                }
            }
            if !mask.joined(t, s, plan.packed) {
                value = A::from_int(0);
            }
            target[at * pitch + c] = value;
        }
    }
}
