//! Everything of a chunk that does not depend on the state, one cube per chunk.
//!
//! Writes, per chunk: [W; P], what the state before it is read with; [X; Q], what its values are
//! mixed with; [b; k] decayed to its end, which the state after it is written with; and the decay
//! through it.

use super::levels::{log_decay, read};
use super::mask::Mask;
use super::plan::Plan;
use super::scores::scores;
use super::solve::substitute;
use super::task::{Place, Sizes};
use crate::cube::tiles::{Window, tile_slice};
use cubecl::prelude::*;

/// `entering` [.., 2 chunk, key], `leaving` [.., 2 chunk, key], `within` [.., 2 chunk, chunk],
/// `through` [.., key], each over [batch, head, chunk]; with `keeps_pairs` also `pairs`
/// [.., 2 chunk, chunk]: M_ab and M_rb as the backward pass reads them.
#[cube(launch, address_type = "dynamic")]
pub(super) fn prepare<E: Float, S: Float, A: Float, I: Numeric, G: Float>(
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    seq_idx: &[I],
    entering: &mut [S],
    leaving: &mut [S],
    within: &mut [S],
    through: &mut [A],
    pairs: &mut [A],
    scale: InputScalar,
    sizes: Sizes,
    #[comptime] keeps_pairs: bool,
    #[comptime] plan: Plan,
    #[define(E, S, A, I, G)] _types: [ElemType; 5],
) {
    let place = Place::of_cube(&sizes, plan);
    let window = place.keyed(&sizes);
    let scale = scale.get::<A>();
    let mut mask = Mask::<I>::new(plan.chunk, plan.packed);
    mask.load(
        seq_idx,
        &place,
        sizes.len,
        plan.chunk,
        plan.column_units,
        plan.packed,
    );
    let mut squares = tile_slice::<A>(comptime!(2 * plan.chunk * plan.sum_pitch(2 * plan.chunk)));
    scores::<E, G, S, A, I>(&mut squares, r, g, k, a, b, &window, &mask, scale, plan);
    sync_cube();
    let mut j = UNIT_POS as usize;
    while j < sizes.keys {
        leave::<E, G, S, A, I>(
            leaving, through, g, k, b, &window, &place, &mask, j, &sizes, plan,
        );
        j += comptime!(plan.column_units);
    }
    let mut column = UNIT_POS as usize;
    while column < sizes.keys + comptime!(plan.chunk) {
        let mut w = Array::<A>::new(plan.chunk);
        let mut p = Array::<A>::new(plan.chunk);
        if column < sizes.keys {
            enter::<E, G, A, I>(&mut w, &mut p, r, g, a, &window, &mask, column, scale, plan);
        } else {
            let s = column - sizes.keys;
            let pitch = comptime!(plan.sum_pitch(2 * plan.chunk));
            let chunk = comptime!(plan.chunk);
            #[unroll(plan.unroll)]
            for t in 0..chunk {
                w[t] = squares[t * pitch + chunk + s];
                p[t] = squares[(chunk + t) * pitch + chunk + s];
            }
        }
        substitute::<A>(&mut w, &mut p, &squares, plan);
        if column < sizes.keys {
            put::<S, A>(entering, &w, &p, place.index, column, sizes.keys, plan);
        } else {
            let s = column - sizes.keys;
            put::<S, A>(within, &w, &p, place.index, s, plan.chunk.runtime(), plan);
        }
        column += comptime!(plan.column_units);
    }
    if comptime!(keeps_pairs) {
        keep::<A>(pairs, &squares, place.index, plan);
    }
}

/// a exp(G_{t-1}) and scale r exp(G_t) of one channel.
#[cube]
fn enter<E: Float, G: Float, A: Float, I: Numeric>(
    w: &mut Array<A>,
    p: &mut Array<A>,
    r: &[E],
    g: &[G],
    a: &[E],
    window: &Window,
    mask: &Mask<I>,
    j: usize,
    scale: A,
    #[comptime] plan: Plan,
) {
    let mut sum = A::from_int(0);
    #[unroll(plan.unroll)]
    for t in 0..comptime!(plan.chunk) {
        let before = sum;
        sum += log_decay::<G, A>(g, window, t, j);
        let zero = A::from_int(0);
        let enters = mask.enters(t, plan.chunk, plan.packed);
        let entering = read::<E, A>(a, window, t, j) * before.exp();
        let reading = read::<E, A>(r, window, t, j) * scale * sum.exp();
        let entering = select(enters, entering, zero);
        let reading = select(enters, reading, zero);
        w[t] = entering;
        p[t] = reading;
    }
}

/// Writes b exp(G_L - G_s), k exp(G_L - G_s) and exp(G_L) of channel `j`.
#[cube]
fn leave<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    leaving: &mut [S],
    through: &mut [A],
    g: &[G],
    k: &[E],
    b: &[E],
    window: &Window,
    place: &Place,
    mask: &Mask<I>,
    j: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let base = place.index * comptime!(2 * plan.chunk) * sizes.keys + j;
    let mut sum = A::from_int(0);
    for back in 0..chunk {
        let s = comptime!(plan.chunk - 1) - back;
        let mut from_b = A::from_int(0);
        let mut from_k = A::from_int(0);
        if mask.leaves(s, plan.chunk, plan.packed) {
            let kept = sum.exp();
            from_b = read::<E, A>(b, window, s, j) * kept;
            from_k = read::<E, A>(k, window, s, j) * kept;
        }
        leaving[base + s * sizes.keys] = S::cast_from(from_b);
        leaving[base + (chunk + s) * sizes.keys] = S::cast_from(from_k);
        sum += log_decay::<G, A>(g, window, s, j);
    }
    let mut kept = A::from_int(0);
    if mask.passes(plan.chunk, plan.packed) {
        kept = sum.exp();
    }
    through[place.index * sizes.keys + j] = kept;
}

/// Writes one column of a part [2 chunk, width].
#[cube]
fn put<S: Float, A: Float>(
    target: &mut [S],
    upper: &Array<A>,
    lower: &Array<A>,
    index: usize,
    column: usize,
    width: usize,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let base = index * comptime!(2 * plan.chunk) * width + column;
    #[unroll(plan.unroll)]
    for t in 0..chunk {
        target[base + t * width] = S::cast_from(upper[t]);
        target[base + (chunk + t) * width] = S::cast_from(lower[t]);
    }
}

/// Writes M_ab and M_rb, transposed and with both indices running backwards.
#[cube]
fn keep<A: Float>(pairs: &mut [A], squares: &Shared<[A]>, index: usize, #[comptime] plan: Plan) {
    let chunk = comptime!(plan.chunk);
    let last = comptime!(plan.chunk - 1);
    let pitch = comptime!(plan.sum_pitch(2 * plan.chunk));
    let base = index * comptime!(2 * plan.chunk * plan.chunk);
    let mut at = UNIT_POS as usize;
    while at < comptime!(2 * plan.chunk * plan.chunk) {
        let row = at / chunk;
        let t = last - at % chunk;
        let s = last - row % chunk;
        let from = row / chunk * chunk + t;
        pairs[base + at] = squares[from * pitch + s];
        at += comptime!(plan.column_units);
    }
}
