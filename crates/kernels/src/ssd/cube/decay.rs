//! Decay exponents: sums of dt a inside each chunk.
//!
//! The sums are kept in f64 where the device has it: after a few strong steps they are large, and
//! differences of neighbours must still be exact to f32.

use cubecl::prelude::*;

/// Positions that are read together; divides every chunk.
const AHEAD: usize = 16;

/// `sums` and `steps`, [batch, head, chunk, position], the last chunk filled up with dt = 0.
#[cube(launch)]
pub(super) fn chunk_sums<A: Float, W: Float>(
    dt: &[A],
    a: &[A],
    sums: &mut [W],
    steps: &mut [A],
    len: usize,
    heads: usize,
    chunks: usize,
    total: usize,
    #[comptime] chunk: usize,
    #[define(A, W)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let head = ABSOLUTE_POS % heads;
        let rest = ABSOLUTE_POS / heads;
        let index = rest % chunks;
        let row = rest / chunks;
        let rate = W::cast_from(a[head]);
        let start = ((row * heads + head) * chunks + index) * chunk;
        let mut sum = W::from_int(0);
        for part in 0..comptime!(chunk / AHEAD) {
            // All reads first: they wait for device memory together.
            let mut ahead = Array::<A>::new(AHEAD);
            #[unroll]
            for i in 0..AHEAD {
                let t = index * chunk + part * AHEAD + i;
                let mut step = A::from_int(0);
                if t < len {
                    step = dt[(row * len + t) * heads + head];
                }
                ahead[i] = step;
            }
            #[unroll]
            for i in 0..AHEAD {
                let at = start + part * AHEAD + i;
                sum += W::cast_from(ahead[i]) * rate;
                sums[at] = sum;
                steps[at] = ahead[i];
            }
        }
    }
}

/// Where a cube stands.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    /// Batch row.
    pub row: usize,
    /// First position of the chunk.
    pub first: usize,
    /// Positions of the chunk that exist.
    pub count: usize,
}

/// Decay factors of one chunk in shared memory.
#[derive(CubeType)]
pub(super) struct Decay<A: Float, W: Float, I: Numeric> {
    /// Sum of exponents up to and including each position.
    pub sums: Shared<[W]>,
    /// Step sizes.
    pub steps: Shared<[A]>,
    /// Sequence of each position; unused unless packed.
    pub ids: Shared<[I]>,
    /// From the state before the chunk to each position.
    pub into: Shared<[A]>,
    /// From each position to the state after the chunk.
    pub out: Shared<[A]>,
    /// The same times the step size: what becomes of x B^T.
    pub moved: Shared<[A]>,
    /// From the state before the chunk to the state after it.
    pub through: Shared<[A]>,
}

/// What a unit needs of a chunk to make its first factors, read before shared memory is free for them.
#[derive(CubeType)]
pub(super) struct Ahead<A: Float, W: Float> {
    pub sum: W,
    pub step: A,
    /// The sum of the whole chunk.
    pub last: W,
}

#[cube]
impl<A: Float, W: Float> Ahead<A, W> {
    /// Of the chunk whose positions begin at `start`.
    pub(super) fn read(
        sums: &[W],
        steps: &[A],
        start: usize,
        #[comptime] chunk: usize,
    ) -> Ahead<A, W> {
        let mut at = UNIT_POS as usize;
        if at >= chunk {
            at = comptime!(chunk - 1).runtime();
        }
        Ahead::<A, W> {
            sum: sums[start + at],
            step: steps[start + at],
            last: sums[start + comptime!(chunk - 1)],
        }
    }
}

#[cube]
impl<A: Float, W: Float, I: Numeric> Decay<A, W, I> {
    /// Room for chunks of `chunk` positions.
    pub(super) fn new(#[comptime] chunk: usize, #[comptime] packed: bool) -> Self {
        Decay::<A, W, I> {
            sums: Shared::<[W]>::new_slice(chunk),
            steps: Shared::<[A]>::new_slice(chunk),
            ids: Shared::<[I]>::new_slice(comptime!(if packed { chunk } else { 1 })),
            into: Shared::<[A]>::new_slice(chunk),
            out: Shared::<[A]>::new_slice(chunk),
            moved: Shared::<[A]>::new_slice(chunk),
            through: Shared::<[A]>::new_slice(1usize),
        }
    }

    /// Reads the chunk; the cube must synchronise before anyone uses it. `ahead` is what
    /// [`Ahead::read`] found.
    pub(super) fn load(
        &mut self,
        ahead: &Ahead<A, W>,
        sums: &[W],
        steps: &[A],
        seq_idx: &[I],
        place: &Place,
        start: usize,
        len: usize,
        #[comptime] chunk: usize,
        #[comptime] units: usize,
        #[comptime] packed: bool,
    ) {
        let zero = A::from_int(0);
        let last = ahead.last;
        let base = place.row * len;
        let mut i = UNIT_POS as usize;
        while i < chunk {
            let mut sum = ahead.sum;
            let mut step = ahead.step;
            if i >= units {
                sum = sums[start + i];
                step = steps[start + i];
            }
            self.sums[i] = sum;
            self.steps[i] = step;
            let mut into = A::cast_from(sum).exp();
            let mut out = A::cast_from(last - sum).exp();
            let mut through = A::cast_from(last).exp();
            if comptime!(packed) {
                let mut at = i;
                if at >= place.count {
                    at = place.count - 1;
                }
                let mut before = place.first;
                if place.first > 0 {
                    before = place.first - 1;
                }
                let id = seq_idx[base + place.first + at];
                let carried = seq_idx[base + before];
                let closing = seq_idx[base + place.first + place.count - 1];
                self.ids[i] = id;
                if id != carried {
                    into = zero;
                }
                if id != closing {
                    out = zero;
                }
                if carried != closing {
                    through = zero;
                }
            }
            self.into[i] = into;
            self.out[i] = out;
            self.moved[i] = out * step;
            if i == 0 {
                self.through[0] = through;
            }
            i += units;
        }
    }

    /// Decay from position `j` to position `i >= j`, and the same times the step size at `j`; zero
    /// where `j > i` or the sequences differ, whatever (NaN, say) stands at `j` then. Only exponents
    /// that are not positive are exponentiated.
    pub(super) fn between(&self, i: usize, j: usize, #[comptime] packed: bool) -> (A, A) {
        let mut kept = A::from_int(0);
        let mut moved = A::from_int(0);
        let mut reached = j <= i;
        if comptime!(packed) {
            reached = reached && self.ids[i] == self.ids[j];
        }
        if reached {
            kept = A::cast_from(self.sums[i] - self.sums[j]).exp();
            moved = kept * self.steps[j];
        }
        (kept, moved)
    }
}
