//! Gradients of one chunk of one batch row.
//!
//! For one head and one chunk, with M_ij = exp(s_i - s_j), K = C B^T, u_j = dt_j x_j, S the state
//! before the chunk and R the gradient of the state after it:
//!
//! ```text
//! W_ij  = M_ij K_ij                 E_ij = W_ij (dy_i . x_j)
//! dx_j  = dt_j sum_i W_ij dy_i + dt_j out_j R B_j + d dy_j
//! ddt_j = sum_i E_ij + out_j x_j . R B_j + a da_j          (da: gradient of dt a)
//! dK_ij = M_ij dt_j (dy_i . x_j)
//! dC_i  = sum_j dK_ij B_j + into_i S^T dy_i
//! dB_j  = sum_i dK_ij C_i + out_j R^T u_j
//! da_t  = sum_{j < t <= i} E_ij dt_j + sum_{i >= t} into_i dy_i . S C_i
//!         + sum_{j < t} out_j u_j . R B_j + through <R, S>
//! ```
//!
//! The double sum of da is the suffix sum of (row sum - column sum) of E_ij dt_j. Its diagonal
//! cancels, and is left out of both: with strong decay it would be all there is, and what should
//! cancel would survive as rounding.

use super::forward::Chunk;
use super::states::SpanStates;
use crate::float::Real;
use crate::gemm::{Into, Mat, gemm};

/// Destination slices of one chunk of one batch row.
pub(super) struct Task<'a, T> {
    pub row: usize,
    pub index: usize,
    pub dx: &'a mut [T],
    pub ddt: &'a mut [T],
    pub db: &'a mut [T],
    pub dc: &'a mut [T],
}

/// Contributions of one chunk to the gradients of `a` and `d`.
pub(super) struct HeadSums {
    pub a: Vec<f64>,
    pub d: Vec<f64>,
}

/// Buffers of one thread.
#[derive(Default)]
pub(super) struct Scratch<T> {
    pub(super) scores: Vec<T>,
    pub(super) dscores: Vec<T>,
    pub(super) products: Vec<T>,
    pub(super) weights: Vec<T>,
    pub(super) mask: Vec<T>,
    pub(super) carried: Vec<T>,
    pub(super) entering: Vec<T>,
    /// [block * head_dim, chunk], like `scaled_dy`: the products with the states then read rows.
    pub(super) scaled_x: Vec<T>,
    pub(super) scaled_dy: Vec<T>,
    /// What dB gets of the states, [state, chunk].
    pub(super) db: Vec<T>,
    /// The same of dC.
    pub(super) dc: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn resize(&mut self, len: usize, block_width: usize, state: usize) {
        for square in [
            &mut self.scores,
            &mut self.dscores,
            &mut self.products,
            &mut self.weights,
        ] {
            square.resize(len * len, T::zero());
        }
        self.mask.resize(len, T::zero());
        for wide in [
            &mut self.carried,
            &mut self.entering,
            &mut self.scaled_x,
            &mut self.scaled_dy,
        ] {
            wide.resize(len * block_width, T::zero());
        }
        self.db.resize(len * state, T::zero());
        self.dc.resize(len * state, T::zero());
    }
}

/// What the gradients of one chunk are computed from.
pub(super) struct Local<'a, T> {
    pub chunk: Chunk<'a, T>,
    pub dy: &'a [T],
    pub states: &'a SpanStates<T>,
    pub gradients: &'a SpanStates<T>,
}

/// A block of heads.
#[derive(Clone, Copy)]
pub(super) struct Block<'a, T> {
    pub first: usize,
    /// States before the chunk, [state, block * head_dim].
    pub states: &'a [T],
    /// Gradients of the states after it.
    pub gradients: &'a [T],
}

impl<T: Real> Local<'_, T> {
    pub(super) fn run(&self, task: &mut Task<'_, T>, scratch: &mut Scratch<T>) -> HeadSums {
        let plan = self.chunk.plan;
        let shape = plan.shape;
        let len = self.chunk.range.len();
        scratch.resize(len, plan.block_width(), shape.state);
        let runs = self.chunk.run_starts();
        let mut sums = HeadSums {
            a: vec![0.0; shape.heads],
            d: vec![0.0; shape.heads],
        };
        for group in 0..shape.groups {
            self.chunk.scores(group, &mut scratch.scores);
            scratch.dscores.fill(T::zero());
            scratch.db.fill(T::zero());
            scratch.dc.fill(T::zero());
            let first = group * plan.group_heads;
            for first in (first..first + plan.group_heads).step_by(plan.block) {
                let lane = first / plan.block;
                let block = Block {
                    first,
                    states: self.states.of(task.row, task.index, lane),
                    gradients: self.gradients.of(task.row, task.index, lane),
                };
                self.block(block, group, &runs, task, scratch, &mut sums);
            }
            self.projections(group, task, scratch);
        }
        sums
    }

    /// The heads of one block, and what dB and dC get of their states.
    fn block(
        &self,
        block: Block<'_, T>,
        group: usize,
        runs: &[usize],
        task: &mut Task<'_, T>,
        scratch: &mut Scratch<T>,
        sums: &mut HeadSums,
    ) {
        let plan = self.chunk.plan;
        let (len, width) = (self.chunk.range.len(), plan.block_width());
        let of_state = |data| Mat::rows(data, plan.shape.state, width, width);
        let (states, gradients) = (of_state(block.states), of_state(block.gradients));
        let b = self.chunk.projection(self.chunk.input.b, group);
        let c = self.chunk.projection(self.chunk.input.c, group);
        gemm(&mut scratch.carried, width, Into::Store, c, states);
        gemm(&mut scratch.entering, width, Into::Store, b, gradients);
        for head in block.first..block.first + plan.block {
            (sums.a[head], sums.d[head]) = self.head(head, block, runs, task, scratch);
        }
        let turned = |data| Mat::rows(data, width, len, len);
        let (dy, x) = (turned(&scratch.scaled_dy), turned(&scratch.scaled_x));
        gemm(&mut scratch.dc, len, Into::Add, states, dy);
        gemm(&mut scratch.db, len, Into::Add, gradients, x);
    }

    /// dB and dC of one group.
    fn projections(&self, group: usize, task: &mut Task<'_, T>, scratch: &Scratch<T>) {
        let shape = self.chunk.plan.shape;
        let len = self.chunk.range.len();
        let b = self.chunk.projection(self.chunk.input.b, group);
        let c = self.chunk.projection(self.chunk.input.c, group);
        let dscores = Mat::rows(&scratch.dscores, len, len, len);
        let stride = shape.groups * shape.state;
        let at = (group * shape.state).min(task.db.len());
        gemm(&mut task.dc[at..], stride, Into::Store, dscores, b);
        gemm(&mut task.db[at..], stride, Into::Store, dscores.t(), c);
        for (to, from) in [(&mut *task.dc, &scratch.dc), (&mut *task.db, &scratch.db)] {
            for (i, row) in to[at..].chunks_mut(stride.max(1)).enumerate() {
                for (n, value) in row.iter_mut().take(shape.state).enumerate() {
                    *value += from[n * len + i];
                }
            }
        }
    }
}
