//! Where a unit stands in a scan, and what a run of steps reads.
//!
//! Steps count along a scan's direction; the adjoint scan runs against that of the scan it belongs
//! to, with the conjugated factors by which the states left the positions that come first now.

use cubecl::prelude::*;

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Steps whose inputs are loaded before the first is taken.
    pub run: usize,
    /// Whether every position has its own factors.
    pub varying: bool,
    /// Whether step 0 is the last position.
    pub backwards: bool,
    /// Whether this is the adjoint of a scan.
    pub adjoint: bool,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether short loops are unrolled.
    pub unroll: bool,
}

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub len: usize,
    pub channels: usize,
    /// Segments of one row.
    pub segments: usize,
    /// Runs of one segment.
    pub segment_runs: usize,
    /// Units with work.
    pub total: usize,
}

/// What a unit works on: one channel in one segment of one row.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Task {
    pub row: usize,
    pub segment: usize,
    pub channel: usize,
    /// First step.
    pub begin: usize,
}

#[cube]
impl Task {
    pub(super) fn of_unit(sizes: &Sizes, #[comptime] plan: Plan) -> Task {
        let part = ABSOLUTE_POS / sizes.channels;
        let segment = part % sizes.segments;
        Task {
            row: part / sizes.segments,
            segment,
            channel: ABSOLUTE_POS % sizes.channels,
            begin: segment * sizes.segment_runs * comptime!(plan.run),
        }
    }

    /// Element of [batch, segment, part, channel] of which a segment has `parts`.
    pub(super) fn part(&self, sizes: &Sizes, part: usize, #[comptime] parts: usize) -> usize {
        let segment = self.row * sizes.segments + self.segment;
        (segment * parts + part) * sizes.channels + self.channel
    }

    /// Real part in [batch, len, 2 channel] at position `t`; the imaginary one is `channels` behind.
    pub(super) fn at(&self, sizes: &Sizes, t: usize) -> usize {
        (self.row * sizes.len + t) * 2 * sizes.channels + self.channel
    }

    /// Place of the factors of position `t`.
    pub(super) fn factor(&self, sizes: &Sizes, t: usize, #[comptime] plan: Plan) -> usize {
        let mut at = self.channel;
        if comptime!(plan.varying) {
            at = (self.row * sizes.len + t) * sizes.channels + self.channel;
        }
        at
    }
}

/// Position of step `i`.
#[cube]
pub(super) fn position(sizes: &Sizes, i: usize, #[comptime] plan: Plan) -> usize {
    let mut t = i;
    if comptime!(plan.backwards) {
        t = sizes.len - 1 - i;
    }
    t
}

/// Whether the state behind step `i` - 1 reaches step `i`; true of the first.
#[cube]
pub(super) fn joined<I: Numeric>(
    seq_idx: &[I],
    sizes: &Sizes,
    row: usize,
    i: usize,
    #[comptime] plan: Plan,
) -> bool {
    let mut same = true;
    if comptime!(plan.packed) && i > 0 {
        let base = row * sizes.len;
        let from = base + position(sizes, i - 1, plan);
        same = seq_idx[from] == seq_idx[base + position(sizes, i, plan)];
    }
    same
}

/// Inputs and factors of a run of steps, in registers.
#[derive(CubeType)]
pub(super) struct Run<A: Float> {
    pub x_re: Array<A>,
    pub x_im: Array<A>,
    pub a_re: Array<A>,
    pub a_im: Array<A>,
}

#[cube]
impl<A: Float> Run<A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        Run::<A> {
            x_re: Array::<A>::new(comptime!(plan.run)),
            x_im: Array::<A>::new(comptime!(plan.run)),
            a_re: Array::<A>::new(comptime!(plan.run)),
            a_im: Array::<A>::new(comptime!(plan.run)),
        }
    }

    /// Reads the steps from `first` on; beyond the last step the last again.
    pub(super) fn load<E: Float, F: Float>(
        &mut self,
        x: &[E],
        a_re: &[F],
        a_im: &[F],
        task: &Task,
        sizes: &Sizes,
        first: usize,
        #[comptime] plan: Plan,
    ) {
        #[unroll(plan.unroll)]
        for k in 0..comptime!(plan.run) {
            let mut i = first + k;
            if i >= sizes.len {
                i = sizes.len - 1;
            }
            let at = task.at(sizes, position(sizes, i, plan));
            self.x_re[k] = A::cast_from(x[at]);
            self.x_im[k] = A::cast_from(x[at + sizes.channels]);
            // The first step of an adjoint has no factor, and reads whatever is there.
            let mut from = i;
            if comptime!(plan.adjoint) && i > 0 {
                from = i - 1;
            }
            let at = task.factor(sizes, position(sizes, from, plan), plan);
            self.a_re[k] = A::cast_from(a_re[at]);
            if comptime!(plan.adjoint) {
                self.a_im[k] = -A::cast_from(a_im[at]);
            } else {
                self.a_im[k] = A::cast_from(a_im[at]);
            }
        }
    }
}
