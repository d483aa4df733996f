//! Gradients from the adjoint scan l of the gradient of h: dx_t = l_t, da_t = l_t conj(h_before),
//! dinitial = conj(a_first) l_first.

use super::task::{Plan, Run, Sizes, Task, joined, position};
use cubecl::prelude::*;

/// The state that entered the position of step `i` of the adjoint, zero where none did.
#[cube]
fn before<E: Float, A: Float, I: Numeric>(
    h: &[E],
    initial_re: &[A],
    initial_im: &[A],
    seq_idx: &[I],
    task: &Task,
    sizes: &Sizes,
    i: usize,
    #[comptime] plan: Plan,
) -> (A, A) {
    let mut re = A::from_int(0);
    let mut im = A::from_int(0);
    if i + 1 >= sizes.len {
        let at = task.row * sizes.channels + task.channel;
        re = initial_re[at];
        im = initial_im[at];
    } else if joined::<I>(seq_idx, sizes, task.row, i + 1, plan) {
        let at = task.at(sizes, position(sizes, i + 1, plan));
        re = A::cast_from(h[at]);
        im = A::cast_from(h[at + sizes.channels]);
    }
    (re, im)
}

/// `entering` [batch, segment, 2, channel]. `da_re` and `da_im` are [batch, len, channel] where
/// factors vary; where they are fixed, `sums` [batch, segment, 2, channel] receives contributions.
#[cube(launch)]
pub(super) fn adjoint<E: Float, F: Float, A: Float, I: Numeric>(
    grad: &[E],
    a_re: &[F],
    a_im: &[F],
    initial_re: &[A],
    initial_im: &[A],
    h: &[E],
    entering: &[A],
    seq_idx: &[I],
    dx: &mut [E],
    da_re: &mut [F],
    da_im: &mut [F],
    sums: &mut [A],
    dinitial_re: &mut [A],
    dinitial_im: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, F, A, I)] _types: [ElemType; 4],
) {
    if ABSOLUTE_POS < sizes.total {
        let task = Task::of_unit(&sizes, plan);
        let mut run = Run::<A>::new(plan);
        let mut l_re = entering[task.part(&sizes, 0usize.runtime(), 2usize)];
        let mut l_im = entering[task.part(&sizes, 1usize.runtime(), 2usize)];
        let mut sum_re = A::from_int(0);
        let mut sum_im = A::from_int(0);
        for r in 0..sizes.segment_runs {
            let first = task.begin + r * comptime!(plan.run);
            if first < sizes.len {
                run.load::<E, F>(grad, a_re, a_im, &task, &sizes, first, plan);
                #[unroll(plan.unroll)]
                for k in 0..comptime!(plan.run) {
                    let i = first + k;
                    if i < sizes.len {
                        let old_re = l_re;
                        l_re = run.a_re[k] * old_re - run.a_im[k] * l_im + run.x_re[k];
                        l_im = run.a_re[k] * l_im + run.a_im[k] * old_re + run.x_im[k];
                        if i == 0 || !joined::<I>(seq_idx, &sizes, task.row, i, plan) {
                            l_re = run.x_re[k];
                            l_im = run.x_im[k];
                        }
                        let t = position(&sizes, i, plan);
                        let at = task.at(&sizes, t);
                        dx[at] = E::cast_from(l_re);
                        dx[at + sizes.channels] = E::cast_from(l_im);
                        let (h_re, h_im) = before::<E, A, I>(
                            h, initial_re, initial_im, seq_idx, &task, &sizes, i, plan,
                        );
                        let re = l_re * h_re + l_im * h_im;
                        let im = l_im * h_re - l_re * h_im;
                        let own = task.factor(&sizes, t, plan);
                        if comptime!(plan.varying) {
                            da_re[own] = F::cast_from(re);
                            da_im[own] = F::cast_from(im);
                        } else {
                            sum_re += re;
                            sum_im += im;
                        }
                        if i + 1 == sizes.len {
                            let own_re = A::cast_from(a_re[own]);
                            let own_im = A::cast_from(a_im[own]);
                            let state = task.row * sizes.channels + task.channel;
                            dinitial_re[state] = own_re * l_re + own_im * l_im;
                            dinitial_im[state] = own_re * l_im - own_im * l_re;
                        }
                    }
                }
            }
        }
        if comptime!(!plan.varying) {
            sums[task.part(&sizes, 0usize.runtime(), 2usize)] = sum_re;
            sums[task.part(&sizes, 1usize.runtime(), 2usize)] = sum_im;
        }
    }
}
