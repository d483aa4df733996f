//! Kernels of the depthwise convolution. A unit walks along a run of positions of one vector of
//! channels; neighbouring units have neighbouring channels, so that they read whole lines.

use cubecl::prelude::*;

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Taps K.
    pub taps: usize,
    /// Positions before the present one that the first tap reaches.
    pub left: usize,
    /// Positions of one run.
    pub run: usize,
    /// Whether inputs before the first position come from the carried ones.
    pub causal: bool,
    /// Whether the activation is SiLU.
    pub silu: bool,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether loops over taps are unrolled.
    pub unroll: bool,
}

/// Sizes; channels count vectors.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub len: usize,
    pub channels: usize,
    /// Runs of one row.
    pub runs: usize,
    /// Units with work.
    pub total: usize,
}

/// Whether positions `s` and `t` of the row that starts at `first` belong to one sequence.
#[cube]
fn joined<I: Numeric>(
    seq_idx: &[I],
    first: usize,
    s: usize,
    t: usize,
    #[comptime] packed: bool,
) -> bool {
    let mut same = true;
    if comptime!(packed) {
        same = seq_idx[first + s] == seq_idx[first + t];
    }
    same
}

/// Input that the tap reaching `shifted - left` contributes at position `t`.
#[cube]
fn input<E: Float, A: Float, I: Numeric, N: Size>(
    x: &[Vector<E, N>],
    initial: &[Vector<A, N>],
    seq_idx: &[I],
    sizes: &Sizes,
    row: usize,
    channel: usize,
    t: usize,
    shifted: usize,
    #[comptime] plan: Plan,
) -> Vector<A, N> {
    let first = row * sizes.len;
    let left = comptime!(plan.left).runtime();
    let mut value = Vector::<A, N>::new(A::from_int(0));
    if shifted < left {
        if comptime!(plan.causal) && joined::<I>(seq_idx, first, 0usize.runtime(), t, plan.packed) {
            let at = row * comptime!(plan.taps - 1) + shifted;
            value = initial[at * sizes.channels + channel];
        }
    } else {
        let s = shifted - left;
        if s < sizes.len && joined::<I>(seq_idx, first, s, t, plan.packed) {
            value = Vector::cast_from(x[(first + s) * sizes.channels + channel]);
        }
    }
    value
}

/// Logistic function of every lane.
#[cube]
fn sigmoid<A: Float, N: Size>(z: Vector<A, N>) -> Vector<A, N> {
    let one = Vector::<A, N>::new(A::from_int(1));
    one / (one + (-z).exp())
}

#[cube(launch)]
pub(super) fn forward<E: Float, A: Float, I: Numeric, N: Size>(
    x: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    bias: &[Vector<A, N>],
    initial: &[Vector<A, N>],
    seq_idx: &[I],
    y: &mut [Vector<E, N>],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, A, I)] _types: [ElemType; 3],
) {
    if ABSOLUTE_POS < sizes.total {
        let channel = ABSOLUTE_POS % sizes.channels;
        let rest = ABSOLUTE_POS / sizes.channels;
        let row = rest / sizes.runs;
        let start = (rest % sizes.runs) * comptime!(plan.run);
        for i in 0..comptime!(plan.run) {
            let t = start + i;
            if t < sizes.len {
                let mut z = bias[channel];
                #[unroll(plan.unroll)]
                for k in 0..comptime!(plan.taps) {
                    let tap = input::<E, A, I, N>(
                        x,
                        initial,
                        seq_idx,
                        &sizes,
                        row,
                        channel,
                        t,
                        t + k,
                        plan,
                    );
                    z += weight[k * sizes.channels + channel] * tap;
                }
                if comptime!(plan.silu) {
                    z = z * sigmoid::<A, N>(z);
                }
                y[(row * sizes.len + t) * sizes.channels + channel] = Vector::cast_from(z);
            }
        }
    }
}

/// A unit recomputes z, turns dy into dz and keeps the last K of them, from which the gradients of
/// the inputs of its run follow: dx_s = sum_k w_k dz_{s + left - k}.
///
/// `weights` [run, tap, channel] and `biases` [run, channel] receive each run's contribution.
#[cube(launch)]
pub(super) fn backward<E: Float, A: Float, I: Numeric, N: Size>(
    x: &[Vector<E, N>],
    weight: &[Vector<A, N>],
    bias: &[Vector<A, N>],
    initial: &[Vector<A, N>],
    seq_idx: &[I],
    dy: &[Vector<E, N>],
    dx: &mut [Vector<E, N>],
    dinitial: &mut [Vector<A, N>],
    weights: &mut [Vector<A, N>],
    biases: &mut [Vector<A, N>],
    sizes: Sizes,
    #[comptime] plan: Plan,
    #[define(E, A, I)] _types: [ElemType; 3],
) {
    let keep = comptime!(plan.taps - 1);
    let right = comptime!(plan.taps - 1 - plan.left).runtime();
    let zero = Vector::<A, N>::new(A::from_int(0));
    let one = Vector::<A, N>::new(A::from_int(1));
    if ABSOLUTE_POS < sizes.total {
        let channel = ABSOLUTE_POS % sizes.channels;
        let part = ABSOLUTE_POS / sizes.channels;
        let row = part / sizes.runs;
        let start = (part % sizes.runs) * comptime!(plan.run);
        let first = row * sizes.len;
        let mut recent = Array::<Vector<A, N>>::new(comptime!(plan.taps));
        let mut taps = Array::<Vector<A, N>>::new(comptime!(plan.taps));
        let mut dweight = Array::<Vector<A, N>>::new(comptime!(plan.taps));
        let mut dbias = zero;
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.taps) {
            recent[k] = zero;
            dweight[k] = zero;
        }
        for i in 0..comptime!(plan.run + plan.taps - 1) {
            // Position t = j - right is finished now, and with it the gradient at s = j - keep.
            let j = start + i;
            let mut dz = zero;
            if j >= right {
                let t = j - right;
                if t < sizes.len {
                    let mut z = bias[channel];
                    #[unroll(plan.unroll)]
                    for k in 0..comptime!(plan.taps) {
                        let tap = input::<E, A, I, N>(
                            x,
                            initial,
                            seq_idx,
                            &sizes,
                            row,
                            channel,
                            t,
                            t + k,
                            plan,
                        );
                        taps[k] = tap;
                        z += weight[k * sizes.channels + channel] * tap;
                    }
                    dz = Vector::<A, N>::cast_from(dy[(first + t) * sizes.channels + channel]);
                    if comptime!(plan.silu) {
                        let s = sigmoid::<A, N>(z);
                        dz = dz * s * (one + z * (one - s));
                    }
                    if t >= start && t < start + comptime!(plan.run) {
                        dbias += dz;
                        #[unroll(plan.unroll)]
                        for k in 0..comptime!(plan.taps) {
                            dweight[k] += dz * taps[k];
                        }
                    }
                }
            }
            #[unroll(plan.unroll)]
            for k in 0..keep {
                recent[keep - k] = recent[keep - k - 1];
            }
            recent[0] = dz;
            if j >= keep {
                if i >= keep {
                    let s = j - keep;
                    if s < sizes.len {
                        let mut sum = zero;
                        #[unroll(plan.unroll)]
                        for k in 0..comptime!(plan.taps) {
                            // Beyond either end of the row there is no position to compare with.
                            if j >= right + k
                                && j - right - k < sizes.len
                                && joined::<I>(seq_idx, first, s, j - right - k, plan.packed)
                            {
                                sum += weight[k * sizes.channels + channel] * recent[k];
                            }
                        }
                        dx[(first + s) * sizes.channels + channel] = Vector::cast_from(sum);
                    }
                }
            } else if comptime!(plan.causal) {
                // Before the first position, which only the first run of a row reaches.
                let mut sum = zero;
                #[unroll(plan.unroll)]
                for k in 0..comptime!(plan.taps) {
                    if j >= k
                        && j - k < sizes.len
                        && joined::<I>(seq_idx, first, 0usize.runtime(), j - k, plan.packed)
                    {
                        sum += weight[k * sizes.channels + channel] * recent[k];
                    }
                }
                dinitial[(row * keep + j) * sizes.channels + channel] = sum;
            }
        }
        biases[part * sizes.channels + channel] = dbias;
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.taps) {
            weights[(part * comptime!(plan.taps) + k) * sizes.channels + channel] = dweight[k];
        }
    }
}
