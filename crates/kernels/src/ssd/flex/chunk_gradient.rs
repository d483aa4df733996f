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

use super::decay::Decay;
use super::forward::Chunk;
use super::states::SpanStates;
use crate::float::{Real, dot, vectorised};
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
    scores: Vec<T>,
    dscores: Vec<T>,
    products: Vec<T>,
    weights: Vec<T>,
    mask: Vec<T>,
    carried: Vec<T>,
    entering: Vec<T>,
    /// [block * head_dim, chunk], like `scaled_dy`: the products with the states then read rows.
    scaled_x: Vec<T>,
    scaled_dy: Vec<T>,
    /// What dB gets of the states, [state, chunk].
    db: Vec<T>,
    /// The same of dC.
    dc: Vec<T>,
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
    /// Of the chunk in its span.
    pub index: usize,
}

/// A block of heads.
#[derive(Clone, Copy)]
struct Block<'a, T> {
    first: usize,
    /// States before the chunk, [state, block * head_dim].
    states: &'a [T],
    /// Gradients of the states after it.
    gradients: &'a [T],
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
                    states: self.states.of(self.chunk.row, self.index, lane),
                    gradients: self.gradients.of(self.chunk.row, self.index, lane),
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

    /// One head; returns its contributions to the gradients of `a` and `d`.
    fn head(
        &self,
        head: usize,
        block: Block<'_, T>,
        runs: &[usize],
        task: &mut Task<'_, T>,
        scratch: &mut Scratch<T>,
    ) -> (f64, f64) {
        let chunk = &self.chunk;
        let plan = chunk.plan;
        let len = chunk.range.len();
        let decay = Decay::new(plan, chunk.input, chunk.row, head, &chunk.range);
        let dy = chunk.head_values(self.dy, head);
        let x = chunk.head_values(chunk.input.x, head);
        let p = plan.shape.head_dim;
        let first = (head - block.first) * p;
        let turned_x = &mut scratch.scaled_x[first * len..][..p * len];
        turn(x, turned_x);
        let turned_x = Mat::rows(turned_x, p, len, len);
        gemm(&mut scratch.products, len, Into::Store, dy, turned_x);
        let d = scratch.products.iter().step_by(len + 1);
        let d = d.map(|product| product.into_f64()).sum();
        let mut terms = Terms::new(len);
        weigh(self, &decay, head, runs, scratch, &mut terms);
        gemm(
            &mut task.dx[head * plan.shape.head_dim..],
            plan.width,
            Into::Store,
            Mat::rows(&scratch.weights, len, len, len).t(),
            dy,
        );
        positions(self, &decay, (head, first), task, scratch, &mut terms);
        let columns = (first, p, plan.block_width());
        let kept = kept(block.states, block.gradients, columns).into_f64();
        let kept = kept * decay.through.into_f64();
        (self.steps(head, kept, &terms, task), d)
    }

    /// Quadratic part: weights of dx, gradient of C B^T, row and column sums of E.
    #[inline(always)]
    fn weigh(
        &self,
        decay: &Decay<T>,
        head: usize,
        runs: &[usize],
        scratch: &mut Scratch<T>,
        terms: &mut Terms<T>,
    ) {
        let len = self.chunk.range.len();
        let steps: Vec<T> = (0..len).map(|j| self.chunk.step_size(head, j)).collect();
        let mut lead = vec![T::zero(); len];
        for i in 0..len {
            let first = runs[i];
            let row = i * len..(i + 1) * len;
            decay.mask_row(i, first, &mut lead, &mut scratch.mask);
            let weights = &mut scratch.weights[row.clone()];
            weights[..first].fill(T::zero());
            weights[i + 1..].fill(T::zero());
            let span = first..i + 1;
            let mask = &scratch.mask[span.clone()];
            let scores = &scratch.scores[row.clone()][span.clone()];
            let products = &mut scratch.products[row.clone()][span.clone()];
            let dscores = &mut scratch.dscores[row][span.clone()];
            let weights = &mut weights[span.clone()];
            let columns = &mut terms.columns[span.clone()];
            let steps = &steps[span.clone()];
            let diagonal = mask.len() - 1;
            terms.diagonal[i] = scores[diagonal] * products[diagonal]; // M_ii = 1
            for j in 0..diagonal {
                columns[j] += mask[j] * scores[j] * products[j];
            }
            for j in 0..mask.len() {
                let scaled = products[j] * steps[j];
                let weight = mask[j] * scores[j];
                weights[j] = weight * steps[j];
                dscores[j] += mask[j] * scaled;
                products[j] = weight * scaled;
            }
            let mut row = 0.0;
            for (leaving, product) in terms.leaving[span].iter_mut().zip(&products[..diagonal]) {
                let product = product.into_f64();
                *leaving += product;
                row += product;
            }
            terms.rows[i] = row;
        }
    }

    /// Linear part, position by position: finishes dx and prepares the operands of dB and dC. `first` is
    /// the head's first channel in its block.
    #[inline(always)]
    fn positions(
        &self,
        decay: &Decay<T>,
        head: usize,
        first: usize,
        task: &mut Task<'_, T>,
        scratch: &mut Scratch<T>,
        terms: &mut Terms<T>,
    ) {
        let plan = self.chunk.plan;
        let p = plan.shape.head_dim;
        let block_width = plan.block_width();
        let len = self.chunk.range.len();
        let scaled_x = &mut scratch.scaled_x[first * len..][..p * len];
        let scaled_dy = &mut scratch.scaled_dy[first * len..][..p * len];
        let d = self.chunk.input.d[head];
        for i in 0..len {
            let at = (self.chunk.at() + i) * plan.width + head * p;
            let local = i * block_width + first;
            let x = &self.chunk.input.x[at..at + p];
            let dy = &self.dy[at..at + p];
            let entering = &scratch.entering[local..local + p];
            let carried = &scratch.carried[local..local + p];
            let into = decay.into[i];
            let out = decay.out[i] * self.chunk.step_size(head, i);
            terms.moved[i] = out;
            terms.into[i] = into * dot(dy, carried);
            terms.out[i] = decay.out[i] * dot(x, entering);
            let dx = &mut task.dx[i * plan.width + head * p..][..p];
            for j in 0..p {
                dx[j] += out * entering[j] + d * dy[j];
            }
            for j in 0..p {
                scaled_dy[j * len + i] = into * dy[j];
            }
        }
        // x lies there already.
        for row in scaled_x.chunks_exact_mut(len) {
            for (x, out) in row.iter_mut().zip(&terms.moved) {
                *x = *x * *out;
            }
        }
    }

    /// Gradient of the step sizes from the sums gathered so far; returns that of `a`.
    #[inline(always)]
    fn steps(&self, head: usize, kept: f64, terms: &Terms<T>, task: &mut Task<'_, T>) -> f64 {
        let heads = self.chunk.plan.shape.heads;
        let a = self.chunk.input.a[head].into_f64();
        let len = self.chunk.range.len();
        let step = |i: usize| self.chunk.step_size(head, i).into_f64();
        let mut suffix = kept
            + (0..len)
                .map(|i| terms.out[i].into_f64() * step(i))
                .sum::<f64>();
        let mut da = 0.0;
        for i in (0..len).rev() {
            let dt = step(i);
            let out = terms.out[i].into_f64();
            let (column, diagonal) = (terms.columns[i].into_f64(), terms.diagonal[i].into_f64());
            suffix += terms.rows[i] - terms.leaving[i] + terms.into[i].into_f64() - dt * out;
            task.ddt[i * heads + head] = T::from_f64(column + diagonal + out + a * suffix);
            da += suffix * dt;
        }
        da
    }
}

vectorised! {
    fn weigh<T>(
        local: &Local<'_, T>,
        decay: &Decay<T>,
        head: usize,
        runs: &[usize],
        scratch: &mut Scratch<T>,
        terms: &mut Terms<T>,
    ) {
        local.weigh(decay, head, runs, scratch, terms);
    }
}

vectorised! {
    fn positions<T>(
        local: &Local<'_, T>,
        decay: &Decay<T>,
        heads: (usize, usize),
        task: &mut Task<'_, T>,
        scratch: &mut Scratch<T>,
        terms: &mut Terms<T>,
    ) {
        local.positions(decay, heads.0, heads.1, task, scratch, terms);
    }
}

vectorised! {
    /// Writes the transpose of a matrix with contiguous rows.
    fn turn<T>(from: Mat<'_, T>, to: &mut [T]) {
        let len = from.row_count();
        for i in 0..len {
            for (j, value) in from.row(i).iter().enumerate() {
                to[j * len + i] = *value;
            }
        }
    }
}

vectorised! {
    /// Sum of the products over the `columns` (first, count) of rows of `width`.
    fn kept<T>(states: &[T], gradients: &[T], columns: (usize, usize, usize)) -> T {
        let (first, count, width) = columns;
        let mut sum = T::zero();
        let rows = states.chunks_exact(width.max(1));
        for (states, gradients) in rows.zip(gradients.chunks_exact(width.max(1))) {
            sum += dot(&states[first..first + count], &gradients[first..first + count]);
        }
        sum
    }
}

/// Sums over one head of one chunk, by local position.
struct Terms<T> {
    /// sum_{j < i} E_ij dt_j. In f64, like `leaving`: the two cancel over long stretches.
    rows: Vec<f64>,
    /// sum_{i > j} E_ij dt_j.
    leaving: Vec<f64>,
    /// sum_{i > j} E_ij.
    columns: Vec<T>,
    /// E_ii.
    diagonal: Vec<T>,
    /// into_i dy_i . S C_i.
    into: Vec<T>,
    /// out_j x_j . R B_j.
    out: Vec<T>,
    /// out_j dt_j.
    moved: Vec<T>,
}

impl<T: Real> Terms<T> {
    fn new(len: usize) -> Self {
        let zeros = || vec![T::zero(); len];
        Self {
            rows: vec![0.0; len],
            leaving: vec![0.0; len],
            columns: zeros(),
            diagonal: zeros(),
            into: zeros(),
            out: zeros(),
            moved: zeros(),
        }
    }
}
