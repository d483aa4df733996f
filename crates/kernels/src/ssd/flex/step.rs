//! A single position: one pass over the state.

use super::Slices;
use crate::float::{Real, sum_lanes, vectorised};
use crate::ssd::SsdShape;
use rayon::prelude::*;

/// State elements below which starting threads costs more than it saves.
const SERIAL: usize = 1 << 18;
const LANES: usize = 16;

/// One head at one position.
struct Head<'a, T> {
    x: &'a [T],
    b: &'a [T],
    c: &'a [T],
    /// exp(dt A).
    decay: T,
    dt: T,
    direct: T,
}

vectorised! {
    /// S' = decay S + dt x B^T, y = S' C + D x; S' is kept where `next` is not empty.
    fn advance<T>(head: &Head<'_, T>, state: &[T], next: &mut [T], y: &mut [T]) {
        let size = head.b.len();
        let (b_blocks, b_rest) = head.b.as_chunks::<LANES>();
        let (c_blocks, c_rest) = head.c.as_chunks::<LANES>();
        let keep = !next.is_empty();
        for (channel, (x, y)) in head.x.iter().zip(y).enumerate() {
            let write = head.dt * *x;
            let from = channel * size;
            let (old, old_rest) = state[from..from + size].as_chunks::<LANES>();
            let to = if keep { from..from + size } else { 0..0 };
            let (new, new_rest) = next[to].as_chunks_mut::<LANES>();
            let mut sums = [T::zero(); LANES];
            for (at, old) in old.iter().enumerate() {
                let mut moved = [T::zero(); LANES];
                for lane in 0..LANES {
                    moved[lane] = head.decay * old[lane] + write * b_blocks[at][lane];
                    sums[lane] += moved[lane] * c_blocks[at][lane];
                }
                if keep {
                    new[at] = moved;
                }
            }
            let mut sum = sum_lanes(&sums);
            for (at, old) in old_rest.iter().enumerate() {
                let moved = head.decay * *old + write * b_rest[at];
                sum += moved * c_rest[at];
                if keep {
                    new_rest[at] = moved;
                }
            }
            *y = sum + head.direct * *x;
        }
    }
}

/// The packed result [y, state] of one position.
pub(super) fn step<T: Real>(input: Slices<'_, T>, shape: SsdShape) -> Vec<T> {
    let SsdShape {
        batch,
        heads,
        head_dim,
        groups,
        state,
        ..
    } = shape;
    let mut packed = vec![T::zero(); shape.packed_elements()];
    let (y, next) = packed.split_at_mut(shape.y_elements());
    let elements = head_dim * state;
    let run = |(index, (y, next)): (usize, (&mut [T], &mut [T]))| {
        let (row, head) = (index / heads, index % heads);
        let group = (row * groups + head / (heads / groups)) * state;
        let dt = input.dt[index];
        let one = Head {
            x: &input.x[index * head_dim..][..head_dim],
            b: &input.b[group..][..state],
            c: &input.c[group..][..state],
            decay: (dt * input.a[head]).exp(),
            dt,
            direct: input.d[head],
        };
        advance(
            &one,
            &input.initial[index * elements..][..elements],
            next,
            y,
        );
    };
    if elements == 0 {
        // Without states only the direct term is left; without channels nothing.
        for (index, (y, x)) in y.iter_mut().zip(input.x).enumerate() {
            *y = input.d[index / head_dim % heads] * *x;
        }
        return packed;
    }
    // States that nobody wants are empty parts.
    let mut parts: Vec<&mut [T]> = next.chunks_exact_mut(elements).collect();
    parts.resize_with(batch * heads, Default::default);
    let tasks = y.chunks_exact_mut(head_dim).zip(parts).enumerate();
    if batch * heads * elements < SERIAL {
        tasks.for_each(run);
    } else {
        tasks.collect::<Vec<_>>().into_par_iter().for_each(run);
    }
    packed
}
