//! The walk back: forward once more, storing every few positions' state, then stretch by stretch
//! forward into shared memory and back.

use super::plan::Plan;
use super::state::{State, inner};
use super::stretch::{Stretch, stored};
use super::system::{Sizes, System, Task, group_sum, room};
use cubecl::prelude::*;

/// Walks forward from `state`, storing the state before every stretch.
#[cube]
fn walk<A: Float, I: Numeric>(
    x: &[A],
    seq_idx: &[I],
    kept: &mut [A],
    system: &System<A>,
    state: &mut State<A>,
    shared: &mut Shared<[A]>,
    task: &Task,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    state.read(system, shared, plan);
    let mut run = Array::<A>::new(comptime!(plan.run));
    for r in 0..sizes.len.div_ceil(comptime!(plan.run)) {
        let first = r * comptime!(plan.run);
        if first % comptime!(plan.stretch) == 0 && task.exists {
            let stretch = first / comptime!(plan.stretch);
            #[unroll(plan.unroll)]
            for k in 0..comptime!(plan.width()) {
                kept[stored(task, sizes, stretch, k, plan)] = state.h[k];
            }
        }
        task.fetch::<A>(x, &mut run, sizes, first, plan);
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.run) {
            if first + k < sizes.len {
                if task.starts::<I>(seq_idx, sizes, first + k, plan) {
                    state.clear(plan);
                }
                state.step(system, run[k], plan);
                state.read(system, shared, plan);
            }
        }
    }
}

/// What the output, of gradient `dy`, and the input `u` of a position add to the gradient `l` of its
/// state and to `g`.
#[cube]
fn add_position<A: Float>(
    l: &mut Array<A>,
    state: &State<A>,
    system: &System<A>,
    g: &mut System<A>,
    dy: A,
    u: A,
    #[comptime] plan: Plan,
) {
    #[unroll(plan.unroll)]
    for k in 0..comptime!(plan.share) {
        let (re, im) = (2 * k, 2 * k + 1);
        l[re] += system.c[re] * dy;
        l[im] -= system.c[im] * dy;
        g.c[re] += state.h[re] * dy;
        g.c[im] -= state.h[im] * dy;
        g.b[re] += l[re] * u;
        g.b[im] += l[im] * u;
    }
}

/// From the gradient `l` of a position's state, with `spread` its sums over beta, to that of the state
/// before it, adding to `g`. Without `joined` nothing came from before.
#[cube]
fn back_step<A: Float>(
    l: &mut Array<A>,
    before: &State<A>,
    spread: &Array<A>,
    system: &System<A>,
    g: &mut System<A>,
    joined: bool,
    #[comptime] plan: Plan,
) {
    #[unroll(plan.unroll)]
    for k in 0..comptime!(plan.share) {
        let (re, im) = (2 * k, 2 * k + 1);
        let (l_re, l_im) = (l[re], l[im]);
        let (h_re, h_im) = (before.h[re], before.h[im]);
        let mut new_re = A::from_int(0);
        let mut new_im = A::from_int(0);
        if joined {
            g.alpha[re] += l_re * h_re + l_im * h_im;
            g.alpha[im] += l_im * h_re - l_re * h_im;
            new_re = system.alpha[re] * l_re + system.alpha[im] * l_im;
            new_im = system.alpha[re] * l_im - system.alpha[im] * l_re;
            #[unroll(plan.unroll)]
            for i in 0..comptime!(plan.rank) {
                let at = i * comptime!(plan.width());
                g.beta[at + re] -= l_re * before.reads[i];
                g.beta[at + im] -= l_im * before.reads[i];
                g.kappa[at + re] -= h_re * spread[i];
                g.kappa[at + im] += h_im * spread[i];
                new_re -= system.kappa[at + re] * spread[i];
                new_im += system.kappa[at + im] * spread[i];
            }
        }
        l[re] = new_re;
        l[im] = new_im;
    }
}

/// `grad` like the result of forward. Gradients of parameters are per row: [batch, 2, channel, state] and
/// [batch, 2, rank, channel, state].
#[cube(launch)]
pub(super) fn backward<A: Float, I: Numeric>(
    x: &[A],
    alpha: &[A],
    beta: &[A],
    kappa: &[A],
    b: &[A],
    c: &[A],
    initial: &[A],
    seq_idx: &[I],
    grad: &[A],
    kept: &mut [A],
    dx: &mut [A],
    dalpha: &mut [A],
    dbeta: &mut [A],
    dkappa: &mut [A],
    db: &mut [A],
    dc: &mut [A],
    dinitial: &mut [A],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(A, I)] _types: [ElemType; 2],
) {
    let task = Task::of_unit(&sizes, plan);
    let mut shared = room::<A>(plan);
    let mut stretch = Stretch::<A>::new(plan);
    let mut system = System::<A>::new(plan);
    system.load(alpha, beta, kappa, b, c, &task, &sizes, plan);
    let mut g = System::<A>::new(plan);
    g.clear(plan);
    let count = sizes.batch * sizes.channels;
    let first = 0usize.runtime();
    let mut state = State::<A>::new(plan);
    let mut l = Array::<A>::new(comptime!(plan.width()));
    let mut spread = Array::<A>::new(comptime!(plan.rank.max(1)));
    let mut inputs = Array::<A>::new(comptime!(plan.run));
    let mut upstream = Array::<A>::new(comptime!(plan.run));
    task.load::<A>(
        initial,
        task.series,
        count,
        &sizes,
        &mut state.h,
        first,
        plan,
    );
    walk::<A, I>(
        x,
        seq_idx,
        kept,
        &system,
        &mut state,
        &mut shared,
        &task,
        &sizes,
        plan,
    );
    let y_elements = count * sizes.len;
    #[unroll(plan.unroll)]
    for k in 0..comptime!(plan.share) {
        let n = k * comptime!(plan.lanes) + task.lane;
        let mut re = A::from_int(0);
        let mut im = A::from_int(0);
        if n < sizes.state {
            let at = y_elements + task.series * sizes.state + n;
            re = grad[at];
            im = grad[at + count * sizes.state];
        }
        l[2 * k] = re;
        l[2 * k + 1] = im;
    }
    for s in 0..sizes.stretches {
        let index = sizes.stretches - 1 - s;
        let start = index * comptime!(plan.stretch);
        let mut steps = sizes.len - start;
        if steps > comptime!(plan.stretch) {
            steps = comptime!(plan.stretch).runtime();
        }
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.width()) {
            state.h[k] = kept[stored(&task, &sizes, index, k, plan)];
        }
        state.read(&system, &mut shared, plan);
        stretch.keep_state(first, &state.h, plan);
        let runs = steps.div_ceil(comptime!(plan.run));
        for r in 0..runs {
            task.fetch::<A>(
                x,
                &mut inputs,
                &sizes,
                start + r * comptime!(plan.run),
                plan,
            );
            #[unroll(plan.unroll)]
            for k in 0..comptime!(plan.run) {
                let i = r * comptime!(plan.run) + k;
                if i < steps {
                    if task.starts::<I>(seq_idx, &sizes, start + i, plan) {
                        state.clear(plan);
                    }
                    stretch.keep_reads(i, &state.reads, plan);
                    state.step(&system, inputs[k], plan);
                    stretch.keep_state(i + 1, &state.h, plan);
                    state.read(&system, &mut shared, plan);
                }
            }
        }
        // The state stands behind position i throughout.
        for r in 0..runs {
            let from = (runs - 1 - r) * comptime!(plan.run);
            task.fetch::<A>(x, &mut inputs, &sizes, start + from, plan);
            task.fetch::<A>(grad, &mut upstream, &sizes, start + from, plan);
            #[unroll(plan.unroll)]
            for back in 0..comptime!(plan.run) {
                let k = comptime!(plan.run - 1) - back;
                let i = from + k;
                if i < steps {
                    let (dy, u) = (upstream[k], inputs[k]);
                    add_position::<A>(&mut l, &state, &system, &mut g, dy, u, plan);
                    let own = inner::<A>(&system.b, first, &l, plan);
                    let input = group_sum::<A>(own, &mut shared, plan);
                    if task.lane == 0 && task.exists {
                        dx[task.at(&sizes, start + i)] = input;
                    }
                    stretch.load(i, &mut state, plan);
                    #[unroll(plan.unroll)]
                    for p in 0..comptime!(plan.rank) {
                        let sum = inner::<A>(&system.beta, p, &l, plan);
                        spread[p] = group_sum::<A>(sum, &mut shared, plan);
                    }
                    let joined = !task.starts::<I>(seq_idx, &sizes, start + i, plan);
                    back_step::<A>(&mut l, &state, &spread, &system, &mut g, joined, plan);
                }
            }
        }
    }
    let own = task.row * 2 * sizes.channels + task.channel;
    task.store::<A>(
        dalpha,
        first,
        own,
        sizes.channels,
        &sizes,
        &g.alpha,
        first,
        plan,
    );
    task.store::<A>(db, first, own, sizes.channels, &sizes, &g.b, first, plan);
    task.store::<A>(dc, first, own, sizes.channels, &sizes, &g.c, first, plan);
    let vectors = comptime!(plan.rank) * sizes.channels;
    #[unroll(plan.unroll)]
    for i in 0..comptime!(plan.rank) {
        let own = task.row * 2 * vectors + i * sizes.channels + task.channel;
        task.store::<A>(dbeta, first, own, vectors, &sizes, &g.beta, i, plan);
        task.store::<A>(dkappa, first, own, vectors, &sizes, &g.kappa, i, plan);
    }
    task.store::<A>(dinitial, first, task.series, count, &sizes, &l, first, plan);
}
