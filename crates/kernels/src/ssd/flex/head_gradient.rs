//! Gradients of one head of one chunk: what [`super::chunk_gradient`] names, but for the products that heads
//! share.

use super::chunk_gradient::{Block, Local, Scratch, Task};
use super::decay::Decay;
use crate::float::{Real, dot, vectorised};
use crate::gemm::{Into, Mat, gemm};

impl<T: Real> Local<'_, T> {
    /// One head; returns its contributions to the gradients of `a` and `d`.
    pub(super) fn head(
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
        x.transpose_into(turned_x);
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
