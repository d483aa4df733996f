//! Decay factors of one head inside one chunk.

use super::Slices;
use super::plan::Plan;
use crate::float::Real;
use crate::segments::Row;
use std::ops::Range;

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
        let indices = Row::new(input.seq_idx, row, plan.shape.len);
        // The state before the chunk belongs to the sequence of the position before it; before the
        // first position it is the initial state, which belongs to the first sequence.
        let owner = range.start.saturating_sub(1);
        let last = range.end - 1;
        let keep = |joined: bool, exponent: f64| {
            if joined {
                T::from_f64(exponent.exp())
            } else {
                T::zero()
            }
        };
        Self {
            into: range
                .clone()
                .map(|t| keep(indices.joined(owner, t), sums[t - range.start]))
                .collect(),
            out: range
                .clone()
                .map(|t| keep(indices.joined(t, last), sum - sums[t - range.start]))
                .collect(),
            through: keep(indices.joined(owner, last), sum),
            sums,
        }
    }

    /// Fills `row[j] = exp(s_i - s_j)` for j in `first..=i`; only exponents <= 0 are evaluated.
    #[inline(always)]
    pub(super) fn mask_row(&self, i: usize, first: usize, row: &mut [T]) {
        let here = self.sums[i];
        for (value, &sum) in row[first..=i].iter_mut().zip(&self.sums[first..=i]) {
            *value = T::from_f64(here - sum).exp_fast();
        }
    }
}
