//! The scan in three kernels: what segments make out of zero, what enters them, the scan itself.

use super::task::{Plan, Run, Sizes, Task, joined, position};
use cubecl::prelude::*;

/// `ends` [batch, segment, 4, channel]: the state a segment makes out of zero, and the product of
/// its factors; real and imaginary parts. What does not pass a boundary has no product.
#[cube(launch)]
pub(super) fn segment_ends<E: Float, F: Float, A: Float, I: Numeric>(
    x: &[E],
    a_re: &[F],
    a_im: &[F],
    seq_idx: &[I],
    ends: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, F, A, I)] _types: [ElemType; 4],
) {
    if ABSOLUTE_POS < sizes.total {
        let task = Task::of_unit(&sizes, plan);
        let mut run = Run::<A>::new(plan);
        let mut h_re = A::from_int(0);
        let mut h_im = A::from_int(0);
        let mut p_re = A::from_int(1);
        let mut p_im = A::from_int(0);
        for r in 0..sizes.segment_runs {
            let first = task.begin + r * comptime!(plan.run);
            if first < sizes.len {
                run.load::<E, F>(x, a_re, a_im, &task, &sizes, first, plan);
                #[unroll(plan.unroll)]
                for k in 0..comptime!(plan.run) {
                    if first + k < sizes.len {
                        let a_re = run.a_re[k];
                        let a_im = run.a_im[k];
                        let old_re = h_re;
                        let old_p = p_re;
                        h_re = a_re * old_re - a_im * h_im + run.x_re[k];
                        h_im = a_re * h_im + a_im * old_re + run.x_im[k];
                        p_re = a_re * old_p - a_im * p_im;
                        p_im = a_re * p_im + a_im * old_p;
                        if !joined::<I>(seq_idx, &sizes, task.row, first + k, plan) {
                            h_re = run.x_re[k];
                            h_im = run.x_im[k];
                        }
                    }
                }
            }
        }
        ends[task.part(&sizes, 0usize.runtime(), 4usize)] = h_re;
        ends[task.part(&sizes, 1usize.runtime(), 4usize)] = h_im;
        ends[task.part(&sizes, 2usize.runtime(), 4usize)] = p_re;
        ends[task.part(&sizes, 3usize.runtime(), 4usize)] = p_im;
    }
}

/// `entering` [batch, segment, 2, channel] from `ends` and the first states [batch, channel].
#[cube(launch)]
pub(super) fn carry<A: Float, I: Numeric>(
    ends: &[A],
    first_re: &[A],
    first_im: &[A],
    seq_idx: &[I],
    entering: &mut [A],
    sizes: Sizes,
    total: usize,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let channel = ABSOLUTE_POS % sizes.channels;
        let row = ABSOLUTE_POS / sizes.channels;
        let mut h_re = A::from_int(0);
        let mut h_im = A::from_int(0);
        if comptime!(!plan.adjoint) {
            h_re = first_re[ABSOLUTE_POS];
            h_im = first_im[ABSOLUTE_POS];
        }
        for segment in 0..sizes.segments {
            let part = row * sizes.segments + segment;
            let to = part * 2 * sizes.channels + channel;
            entering[to] = h_re;
            entering[to + sizes.channels] = h_im;
            let from = part * 4 * sizes.channels + channel;
            let end_re = ends[from];
            let end_im = ends[from + sizes.channels];
            if passes::<I>(seq_idx, &sizes, row, segment, plan) {
                let p_re = ends[from + 2 * sizes.channels];
                let p_im = ends[from + 3 * sizes.channels];
                let old_re = h_re;
                h_re = p_re * old_re - p_im * h_im + end_re;
                h_im = p_re * h_im + p_im * old_re + end_im;
            } else {
                h_re = end_re;
                h_im = end_im;
            }
        }
    }
}

/// Whether a state passes through the segment. Indices are ordered, so the ends decide.
#[cube]
fn passes<I: Numeric>(
    seq_idx: &[I],
    sizes: &Sizes,
    row: usize,
    segment: usize,
    #[comptime] plan: Plan,
) -> bool {
    let mut same = true;
    if comptime!(plan.packed) {
        let length = sizes.segment_runs * comptime!(plan.run);
        let mut before = segment * length;
        let mut last = before + length - 1;
        if before > 0 {
            before -= 1;
        }
        if last >= sizes.len {
            last = sizes.len - 1;
        }
        let base = row * sizes.len;
        let from = base + position(sizes, before, plan);
        same = seq_idx[from] == seq_idx[base + position(sizes, last, plan)];
    }
    same
}

/// `entering` [batch, segment, 2, channel].
#[cube(launch)]
pub(super) fn scan<E: Float, F: Float, A: Float, I: Numeric>(
    x: &[E],
    a_re: &[F],
    a_im: &[F],
    entering: &[A],
    seq_idx: &[I],
    h: &mut [E],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, F, A, I)] _types: [ElemType; 4],
) {
    if ABSOLUTE_POS < sizes.total {
        let task = Task::of_unit(&sizes, plan);
        let mut run = Run::<A>::new(plan);
        let mut h_re = entering[task.part(&sizes, 0usize.runtime(), 2usize)];
        let mut h_im = entering[task.part(&sizes, 1usize.runtime(), 2usize)];
        for r in 0..sizes.segment_runs {
            let first = task.begin + r * comptime!(plan.run);
            if first < sizes.len {
                run.load::<E, F>(x, a_re, a_im, &task, &sizes, first, plan);
                #[unroll(plan.unroll)]
                for k in 0..comptime!(plan.run) {
                    let i = first + k;
                    if i < sizes.len {
                        let old_re = h_re;
                        h_re = run.a_re[k] * old_re - run.a_im[k] * h_im + run.x_re[k];
                        h_im = run.a_re[k] * h_im + run.a_im[k] * old_re + run.x_im[k];
                        if !joined::<I>(seq_idx, &sizes, task.row, i, plan) {
                            h_re = run.x_re[k];
                            h_im = run.x_im[k];
                        }
                        let at = task.at(&sizes, position(&sizes, i, plan));
                        h[at] = E::cast_from(h_re);
                        h[at + sizes.channels] = E::cast_from(h_im);
                    }
                }
            }
        }
    }
}
