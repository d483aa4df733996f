//! Decay factors of one head inside one chunk.

use super::Slices;
use super::plan::Plan;
use crate::float::{Real, vectorised};
use crate::segments::Row;
use std::ops::Range;

/// Rows of a mask that share the exponentials before them.
const TOGETHER: usize = 16;

/// Factors of one head over the positions of one chunk.
///
/// With s_i the inclusive cumulative sum of dt a inside the chunk (kept in f64: differences of f32
/// sums lose digits once a few strong decays have gone by):
pub(super) struct Decay<T> {
    /// s_i.
    pub sums: Vec<f64>,
    /// exp(s_i): what is left at i of the state before the chunk; 0 beyond a sequence boundary.
    pub into: Vec<T>,
    /// exp(s_last - s_i): what is left at the end of what enters at i; 0 before a boundary.
    pub out: Vec<T>,
    /// exp(s_last): what is left at the end of the state before the chunk; 0 across a boundary.
    pub through: T,
}

impl<T: Real> Decay<T> {
    pub(super) fn new(
        plan: &Plan,
        input: &Slices<'_, T>,
        row: usize,
        head: usize,
        range: &Range<usize>,
    ) -> Self {
        let heads = plan.shape.heads;
        let a = input.a[head].into_f64();
        let mut sum = 0.0;
        let sums: Vec<f64> = range
            .clone()
            .map(|t| {
                sum += input.dt[(row * plan.shape.len + t) * heads + head].into_f64() * a;
                sum
            })
            .collect();
        let mut decay = Self {
            into: vec![T::zero(); sums.len()],
            out: vec![T::zero(); sums.len()],
            through: T::from_f64(sum.exp()),
            sums,
        };
        factors(&decay.sums, &mut decay.into, &mut decay.out);
        if !input.seq_idx.is_empty() {
            decay.cut(Row::new(input.seq_idx, row, plan.shape.len), range);
        }
        decay
    }

    /// Zeros where a sequence boundary lies in between.
    ///
    /// The state before the chunk belongs to the sequence of the position before it; before the first
    /// position it is the initial state, which belongs to the first sequence.
    fn cut(&mut self, indices: Row<'_>, range: &Range<usize>) {
        let (owner, last) = (range.start.saturating_sub(1), range.end - 1);
        for (i, t) in range.clone().enumerate() {
            if !indices.joined(owner, t) {
                self.into[i] = T::zero();
            }
            if !indices.joined(t, last) {
                self.out[i] = T::zero();
            }
        }
        if !indices.joined(owner, last) {
            self.through = T::zero();
        }
    }

    /// Fills `row[j] = exp(s_i - s_j)` for j in `first..=i`; only exponents <= 0 are evaluated. Called for
    /// i = 0, 1, ... with one `lead` as long as the chunk, which holds exp(s_r - s_j) for j before the
    /// last multiple r of [`TOGETHER`]: most of a row is then a product instead of an exponential.
    #[inline(always)]
    pub(super) fn mask_row(&self, i: usize, first: usize, lead: &mut [T], row: &mut [T]) {
        let r = i - i % TOGETHER;
        if i == r {
            exponentials(self.sums[r], &self.sums[..r], &mut lead[..r]);
        }
        let here = self.sums[i];
        if first < r {
            let factor = T::from_f64(here - self.sums[r]).exp_fast();
            for (value, lead) in row[first..r].iter_mut().zip(&lead[first..r]) {
                *value = factor * *lead;
            }
        }
        let near = first.max(r);
        exponentials(here, &self.sums[near..=i], &mut row[near..=i]);
    }
}

/// exp(here - sum) of every sum.
#[inline(always)]
fn exponentials<T: Real>(here: f64, sums: &[f64], out: &mut [T]) {
    for (out, sum) in out.iter_mut().zip(sums) {
        *out = T::from_f64(here - *sum).exp_fast();
    }
}

vectorised! {
    /// exp(s_i) and exp(s_last - s_i).
    fn factors<T>(sums: &[f64], into: &mut [T], out: &mut [T]) {
        let last = sums.last().copied().unwrap_or(0.0);
        for ((sum, into), out) in sums.iter().zip(into).zip(out) {
            *into = T::from_f64(*sum).exp_fast();
            *out = T::from_f64(last - *sum).exp_fast();
        }
    }
}
