//! One piece in reverse: the adjoint of the scan, state by state.
//!
//! With g the gradient of y before the gate, q_t the gradient of h_t and decay_t = exp(dt_t A):
//!
//! ```text
//! q_t = decay_{t+1} q_{t+1} + C_t g_t          dC_t += g_t h_t         (sum over channels)
//! w_t = q_t decay_t h_{t-1}                     dB_t += q_t dt_t x_t    (sum over channels)
//! s_t = sum_n q_t B_t                           dA   += dt_t w_t        (sum over positions)
//! dx_t = dt_t s_t + D g_t                       ddt_t = x_t s_t + sum_n A w_t
//! ```

use super::adjoint::Adjoint;
use super::block::Block;
use super::plan::{LANES, PIECE, STATES};
use super::span::Span;
use crate::float::{Vector, sum_lanes};
use pulp::Simd;

/// States and decays of up to four states of one register of channels, and the sums over channels
/// that wait for all blocks.
pub(super) struct Kept<T> {
    /// [position + 1, state, register]: the state before each position and after the last.
    h: Vec<T>,
    /// [position, state, register].
    decay: Vec<T>,
    /// [register of a block, position, state, lane of the register].
    b: Vec<T>,
    /// As `b`.
    c: Vec<T>,
}

impl<T: Vector> Kept<T> {
    pub(super) fn new() -> Self {
        let zeros = |positions: usize| vec![T::zero(); positions * STATES * LANES];
        Self {
            h: zeros(PIECE + 1),
            decay: zeros(PIECE),
            b: zeros(PIECE),
            c: zeros(PIECE),
        }
    }
}

/// One piece of a tile in reverse.
pub(super) struct Reverse<'a, T> {
    pub span: &'a Span<'a, T>,
    pub blocks: &'a [Block<T>],
    /// States before the piece, [block, state, lane].
    pub states: &'a [T],
    pub adjoints: &'a mut [Adjoint<T>],
    /// Gradient of the states after the piece, then of those before it, [block, state, lane].
    pub dh: &'a mut [T],
    pub kept: &'a mut Kept<T>,
    /// First state of the group that is being worked on.
    pub first: usize,
    /// States of a channel.
    pub count: usize,
}

impl<T: Vector> Reverse<'_, T> {
    /// All states, and the piece's gradients of B and C, [position, state].
    ///
    /// The outer loop runs over groups of states, so that the sums over channels stay in the cache
    /// while all blocks add to them.
    #[inline(always)]
    pub(super) fn run_all<S: Simd>(mut self, simd: S, b: &mut [T], c: &mut [T]) {
        let whole = self.count - self.count % STATES;
        for first in (0..whole).step_by(STATES) {
            self.first = first;
            self.run::<S, STATES>(simd, b, c);
        }
        for first in whole..self.count {
            self.first = first;
            self.run::<S, 1>(simd, b, c);
        }
    }

    /// `N` states: forward and back, block by block, then the sums over channels.
    #[inline(always)]
    fn run<S: Simd, const N: usize>(&mut self, simd: S, b: &mut [T], c: &mut [T]) {
        let end = self.span.len * N * LANES;
        self.kept.b[..end].fill(T::zero());
        self.kept.c[..end].fill(T::zero());
        for block in 0..self.blocks.len() {
            for column in 0..LANES / T::lanes::<S>() {
                self.forward::<S, N>(simd, block, column);
                self.reverse::<S, N>(simd, block, column);
            }
        }
        self.sum_channels::<S, N>(b, c);
    }

    /// Adds the sums over the channels of all blocks to the gradients of B and C.
    #[inline(always)]
    fn sum_channels<S: Simd, const N: usize>(&self, b: &mut [T], c: &mut [T]) {
        let width = T::lanes::<S>();
        let column = self.span.len * N * width;
        for (out, lanes) in [(b, &self.kept.b), (c, &self.kept.c)] {
            for (t, out) in out.chunks_exact_mut(self.count).enumerate() {
                for (i, out) in out[self.first..self.first + N].iter_mut().enumerate() {
                    let at = (t * N + i) * width;
                    let channels: [T; LANES] = std::array::from_fn(|channel| {
                        lanes[channel / width * column + at + channel % width]
                    });
                    *out += sum_lanes(&channels);
                }
            }
        }
    }

    /// Index of a register of state `i` of `block` in [block, state, lane].
    #[inline(always)]
    fn register(&self, per: usize, block: usize, column: usize, i: usize) -> usize {
        (block * self.count + self.first + i) * per + column
    }

    /// Runs the scan from the checkpoint, keeping states and decays.
    #[inline(always)]
    fn forward<S: Simd, const N: usize>(&mut self, simd: S, block: usize, column: usize) {
        let per = LANES / T::lanes::<S>();
        let a = T::cast::<S>(&self.blocks[block].a);
        let a: [T::V<S>; N] = std::array::from_fn(|i| a[(self.first + i) * per + column]);
        let states = T::cast::<S>(self.states);
        let mut h: [T::V<S>; N] =
            std::array::from_fn(|i| states[self.register(per, block, column, i)]);
        let buffers = &mut self.adjoints[block].forward;
        let (dt, u) = (T::cast::<S>(&buffers.dt), T::cast::<S>(&buffers.u));
        let y = T::cast_mut::<S>(&mut buffers.y);
        let len = self.span.len;
        let (dt, u, y) = (&dt[..len * per], &u[..len * per], &mut y[..len * per]);
        let kept_h = &mut T::cast_mut::<S>(&mut self.kept.h).as_chunks_mut::<N>().0[..=len];
        let kept_decay = T::cast_mut::<S>(&mut self.kept.decay);
        let kept_decay = &mut kept_decay.as_chunks_mut::<N>().0[..len];
        kept_h[0] = h;
        for t in 0..len {
            let (b, c) = self.span.projections::<N>(t, self.first);
            let (dt, u) = (dt[t * per + column], u[t * per + column]);
            let mut sum = y[t * per + column];
            for i in 0..N {
                let decay = T::v_exp2(simd, T::v_mul(simd, dt, a[i]));
                let input = T::v_mul(simd, u, T::v_splat(simd, b[i]));
                h[i] = T::v_fma(simd, decay, h[i], input);
                sum = T::v_fma(simd, h[i], T::v_splat(simd, c[i]), sum);
                kept_decay[t][i] = decay;
            }
            kept_h[t + 1] = h;
            y[t * per + column] = sum;
        }
    }

    /// Runs the adjoint back over what [`Self::forward`] kept.
    #[inline(always)]
    fn reverse<S: Simd, const N: usize>(&mut self, simd: S, block: usize, column: usize) {
        let per = LANES / T::lanes::<S>();
        let a = T::cast::<S>(&self.blocks[block].a);
        let a: [T::V<S>; N] = std::array::from_fn(|i| a[(self.first + i) * per + column]);
        let registers: [usize; N] = std::array::from_fn(|i| self.register(per, block, column, i));
        let dh = T::cast_mut::<S>(self.dh);
        let mut q: [T::V<S>; N] = std::array::from_fn(|i| dh[registers[i]]);
        let adjoint = &mut self.adjoints[block];
        let da = T::cast_mut::<S>(&mut adjoint.a);
        let mut slopes = [T::v_splat(simd, T::zero()); N];
        let [dt, u, g] = [&adjoint.forward.dt, &adjoint.forward.u, &adjoint.g];
        let [dt, u, g] = [dt, u, g].map(|values| T::cast::<S>(values));
        let (s, w) = (
            T::cast_mut::<S>(&mut adjoint.s),
            T::cast_mut::<S>(&mut adjoint.w),
        );
        let len = self.span.len;
        let [dt, u, g] = [dt, u, g].map(|values| &values[..len * per]);
        let (s, w) = (&mut s[..len * per], &mut w[..len * per]);
        let h = &T::cast::<S>(&self.kept.h).as_chunks::<N>().0[..=len];
        let decay = &T::cast::<S>(&self.kept.decay).as_chunks::<N>().0[..len];
        let db = T::cast_mut::<S>(&mut self.kept.b).as_chunks_mut::<N>().0;
        let dc = T::cast_mut::<S>(&mut self.kept.c).as_chunks_mut::<N>().0;
        let (db, dc) = (
            &mut db[column * len..][..len],
            &mut dc[column * len..][..len],
        );
        for t in (0..len).rev() {
            let (b, c) = self.span.projections::<N>(t, self.first);
            let at = t * per + column;
            let (dt, u, g) = (dt[at], u[at], g[at]);
            let (mut s_sum, mut w_sum) = (s[at], w[at]);
            for i in 0..N {
                q[i] = T::v_fma(simd, T::v_splat(simd, c[i]), g, q[i]);
                dc[t][i] = T::v_fma(simd, g, h[t + 1][i], dc[t][i]);
                db[t][i] = T::v_fma(simd, q[i], u, db[t][i]);
                s_sum = T::v_fma(simd, q[i], T::v_splat(simd, b[i]), s_sum);
                q[i] = T::v_mul(simd, q[i], decay[t][i]);
                let moved = T::v_mul(simd, q[i], h[t][i]);
                w_sum = T::v_fma(simd, a[i], moved, w_sum);
                slopes[i] = T::v_fma(simd, dt, moved, slopes[i]);
            }
            (s[at], w[at]) = (s_sum, w_sum);
        }
        for i in 0..N {
            dh[registers[i]] = q[i];
            let at = (self.first + i) * per + column;
            da[at] = T::v_add(simd, da[at], slopes[i]);
        }
    }
}
