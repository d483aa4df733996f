//! Gradients of one channel of a chunk, by one unit, in registers.
//!
//! With dM from [`super::gradients`] and all decays taken step by step, so that any decay is exact:
//!
//! ```text
//! forwards   b_s, k_s decayed to i:          dr_i, da_{i+1} += sum_s dM_is (b_s, k_s) exp(G_i - G_s)
//! backwards  what reaches s from i, decayed: db_s, dk_s += sum_i dM_is (r_i, a_{i+1}) exp(G_i - G_s)
//! dg_u = sum_{i >= u} (r_i dr_i + a_{i+1} da_{i+1}) - sum_{s >= u} (b_s db_s + k_s dk_s)
//!        + what leaves the chunk from before u
//! ```
//!
//! The terms i = s, and what leaves the chunk from its last position, carry no decay; they are left
//! out of dg, in which they would cancel only up to rounding.

use super::gradients::over_blocks;
use super::mask::Mask;
use super::plan::Plan;
use super::scores::{log_decay, read};
use super::task::{Place, Sizes};
use crate::cube::tiles::Window;
use cubecl::prelude::*;

/// Writes element (`t`, `j`) of a gradient, if it exists.
#[cube]
fn write<E: Float, A: Float>(target: &mut [E], window: &Window, t: usize, j: usize, value: A) {
    if t < window.rows && j < window.cols {
        target[window.base + t * window.stride + j] = E::cast_from(value);
    }
}

#[cube]
pub(super) fn column_gradients<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    dleaving: &[S],
    dthrough: &[A],
    dr: &mut [E],
    dg: &mut [G],
    dk: &mut [E],
    da: &mut [E],
    db: &mut [E],
    tile_d: &Shared<[S]>,
    dm: &Shared<[A]>,
    mask: &Mask<I>,
    place: &Place,
    scale: A,
    j: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let window = place.keyed(sizes);
    let mut net = Array::<A>::new(plan.chunk);
    read_gradients::<E, G, S, A, I>(
        &mut net, r, g, k, a, b, dr, da, tile_d, dm, mask, &window, scale, j, plan,
    );
    let carried = carried::<E, G, S, A, I>(
        g, k, b, dleaving, dthrough, mask, place, &window, j, sizes, plan,
    );
    write_gradients::<E, G, S, A, I>(
        &net, carried, r, g, k, a, b, dleaving, dg, dk, db, dm, mask, place, &window, scale, j,
        sizes, plan,
    );
}

/// Forwards: dr and da, and in `net` what they add to the gradient of G_i, without i = s.
#[cube]
fn read_gradients<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    net: &mut Array<A>,
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    dr: &mut [E],
    da: &mut [E],
    tile_d: &Shared<[S]>,
    dm: &Shared<[A]>,
    mask: &Mask<I>,
    window: &Window,
    scale: A,
    j: usize,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.pitch(plan.solved()));
    let dm = dm.as_vectorized().with_vector_size::<Const<4>>();
    let mut from_b = Array::<A>::new(chunk);
    let mut from_k = Array::<A>::new(chunk);
    let mut sum = A::from_int(0);
    let mut first = A::from_int(0);
    if mask.enters(0usize.runtime(), plan.chunk, plan.packed) {
        first = A::cast_from(tile_d[j]);
    }
    write::<E, A>(da, window, 0usize.runtime(), j, first);
    #[unroll(plan.unroll)]
    for i in 0..chunk {
        let step = log_decay::<G, A>(g, window, i, j);
        sum += step;
        let decay = step.exp();
        let mut to_a = A::from_int(0);
        let mut to_r = A::from_int(0);
        #[unroll(plan.unroll)]
        for s in 0..i {
            let d = dm[i * chunk + s];
            let decayed_b = from_b[s] * decay;
            let decayed_k = from_k[s] * decay;
            from_b[s] = decayed_b;
            from_k[s] = decayed_k;
            to_a += d.extract(0usize) * decayed_b + d.extract(1usize) * decayed_k;
            to_r += d.extract(2usize) * decayed_b + d.extract(3usize) * decayed_k;
        }
        let b_i = read::<E, A>(b, window, i, j);
        let k_i = read::<E, A>(k, window, i, j);
        from_b[i] = b_i;
        from_k[i] = k_i;
        let entered = sum.exp();
        let zero = A::from_int(0);
        let from_state = entered * A::cast_from(tile_d[(chunk + i) * pitch + j]);
        to_r += select(mask.enters(i, plan.chunk, plan.packed), from_state, zero);
        let a_next = read::<E, A>(a, window, i + 1, j);
        let follows = i + 1 < chunk;
        let next = select(follows, i + 1, i);
        let from_state = entered * A::cast_from(tile_d[next * pitch + j]);
        let enters = follows && mask.enters(next, plan.chunk, plan.packed);
        to_a += select(enters, from_state, zero);
        let r_i = read::<E, A>(r, window, i, j) * scale;
        net[i] = r_i * to_r + a_next * to_a;
        let d = dm[i * chunk + i];
        to_a += d.extract(0usize) * b_i + d.extract(1usize) * k_i;
        to_r += d.extract(2usize) * b_i + d.extract(3usize) * k_i;
        write::<E, A>(dr, window, i, j, to_r * scale);
        write::<E, A>(da, window, i + 1, j, to_a);
    }
}

/// What passes through the whole chunk, and what leaves it from before its last position.
#[cube]
fn carried<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    g: &[G],
    k: &[E],
    b: &[E],
    dleaving: &[S],
    dthrough: &[A],
    mask: &Mask<I>,
    place: &Place,
    window: &Window,
    j: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) -> A {
    let chunk = comptime!(plan.chunk);
    let last = comptime!(plan.chunk - 1);
    let size = comptime!(2 * plan.chunk) * sizes.keys;
    let mut sum = A::from_int(0);
    let mut total = A::from_int(0);
    for back in 0..chunk {
        let s = last - back;
        if s + 1 < place.count && mask.leaves(s, plan.chunk, plan.packed) {
            let at = s * sizes.keys + j;
            let d_b = over_blocks::<S, A>(dleaving, place, at, size, plan);
            let at = (chunk + s) * sizes.keys + j;
            let d_k = over_blocks::<S, A>(dleaving, place, at, size, plan);
            let inner = read::<E, A>(b, window, s, j) * d_b + read::<E, A>(k, window, s, j) * d_k;
            total += sum.exp() * inner;
        }
        sum += log_decay::<G, A>(g, window, s, j);
    }
    if mask.passes(plan.chunk, plan.packed) {
        total += sum.exp() * over_blocks::<A, A>(dthrough, place, j, sizes.keys, plan);
    }
    total
}

/// Backwards: db, dk and dg.
#[cube]
fn write_gradients<E: Float, G: Float, S: Float, A: Float, I: Numeric>(
    net: &Array<A>,
    carried: A,
    r: &[E],
    g: &[G],
    k: &[E],
    a: &[E],
    b: &[E],
    dleaving: &[S],
    dg: &mut [G],
    dk: &mut [E],
    db: &mut [E],
    dm: &Shared<[A]>,
    mask: &Mask<I>,
    place: &Place,
    window: &Window,
    scale: A,
    j: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let last = comptime!(plan.chunk - 1);
    let size = comptime!(2 * plan.chunk) * sizes.keys;
    let dm = dm.as_vectorized().with_vector_size::<Const<4>>();
    // Indexed by distance from the end.
    let mut to_b = Array::<A>::new(chunk);
    let mut to_k = Array::<A>::new(chunk);
    #[unroll(plan.unroll)]
    for back in 0..chunk {
        to_b[back] = A::from_int(0);
        to_k[back] = A::from_int(0);
    }
    let mut slope = carried;
    let mut sum = A::from_int(0);
    let mut decay = A::from_int(1);
    #[unroll(plan.unroll)]
    for back in 0..chunk {
        let u = last - back;
        let r_u = read::<E, A>(r, window, u, j) * scale;
        let a_next = read::<E, A>(a, window, u + 1, j);
        let b_u = read::<E, A>(b, window, u, j);
        let k_u = read::<E, A>(k, window, u, j);
        slope += net[u] - b_u * (to_b[back] * decay) - k_u * (to_k[back] * decay);
        #[unroll(plan.unroll)]
        for other in back..chunk {
            let d = dm[u * chunk + last - other];
            to_b[other] =
                to_b[other] * decay + (d.extract(0usize) * a_next + d.extract(2usize) * r_u);
            to_k[other] =
                to_k[other] * decay + (d.extract(1usize) * a_next + d.extract(3usize) * r_u);
        }
        let mut d_b = to_b[back];
        let mut d_k = to_k[back];
        let zero = A::from_int(0);
        let leaves = mask.leaves(u, plan.chunk, plan.packed);
        let kept = select(leaves, sum.exp(), zero);
        let at = u * sizes.keys + j;
        let left_b = kept * over_blocks::<S, A>(dleaving, place, at, size, plan);
        let at = (chunk + u) * sizes.keys + j;
        let left_k = kept * over_blocks::<S, A>(dleaving, place, at, size, plan);
        d_b += left_b;
        d_k += left_k;
        slope -= select(u + 1 < place.count, b_u * left_b + k_u * left_k, zero);
        write::<G, A>(dg, window, u, j, slope);
        write::<E, A>(db, window, u, j, d_b);
        write::<E, A>(dk, window, u, j, d_k);
        let step = log_decay::<G, A>(g, window, u, j);
        sum += step;
        decay = step.exp();
    }
}
