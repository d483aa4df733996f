//! One position: what its taps read, and the sums over them with the channels in registers.

use super::super::{Activation, Padding};
use super::Inputs;
use crate::float::{Real, sigmoid};
use crate::segments::Row;

/// Channels handled at once: four AVX-512 registers of f32.
const LANES: usize = 64;

/// Where a tap reads.
#[derive(Clone, Copy)]
pub(super) enum Source {
    /// Position of x.
    Input(usize),
    /// Position of the carried inputs.
    Carried(usize),
}

impl<T: Real> Inputs<'_, T> {
    fn tap(&self, tap: usize) -> &[T] {
        &self.weight[tap * self.shape.channels..][..self.shape.channels]
    }

    /// Where the input lies that `tap` reads at position `t`, if it reads any.
    #[inline(always)]
    pub(super) fn source(&self, row: usize, t: usize, tap: usize) -> Option<Source> {
        let indices = Row::new(self.seq_idx, row, self.shape.len);
        let shifted = t + tap;
        let left = self.shape.left();
        if shifted >= left {
            let at = shifted - left;
            return (at < self.shape.len && indices.joined(at, t)).then_some(Source::Input(at));
        }
        let carried = self.shape.padding == Padding::Causal && indices.joined(0, t);
        carried.then_some(Source::Carried(shifted))
    }

    /// The position that reads input `at` through `tap`, if there is one.
    #[inline(always)]
    pub(super) fn reader(&self, row: usize, at: usize, tap: usize) -> Option<usize> {
        let indices = Row::new(self.seq_idx, row, self.shape.len);
        let t = (at + self.shape.left()).checked_sub(tap)?;
        (t < self.shape.len && indices.joined(at, t)).then_some(t)
    }

    /// All channels at `source`.
    #[inline(always)]
    fn channels(&self, row: usize, source: Source) -> &[T] {
        let width = self.shape.channels;
        match source {
            Source::Input(at) => &self.x[(row * self.shape.len + at) * width..][..width],
            Source::Carried(at) => {
                &self.initial[(row * (self.shape.taps - 1) + at) * width..][..width]
            }
        }
    }

    /// What each tap reads at position `t`: a row of inputs, or zeros.
    #[inline(always)]
    pub(super) fn window<'b>(&'b self, row: usize, t: usize, rows: &mut Vec<&'b [T]>) {
        rows.clear();
        rows.extend(
            (0..self.shape.taps).map(|tap| match self.source(row, t, tap) {
                Some(source) => self.channels(row, source),
                None => &self.zeros,
            }),
        );
    }

    /// sum_k weight_k rows_k over N channels from `first`.
    #[inline(always)]
    fn weighted<const N: usize>(&self, rows: &[&[T]], first: usize, mut sum: [T; N]) -> [T; N] {
        for (tap, row) in rows.iter().enumerate() {
            let weight = &self.tap(tap)[first..first + N];
            let row = &row[first..first + N];
            for lane in 0..N {
                sum[lane] += weight[lane] * row[lane];
            }
        }
        sum
    }

    /// z over N channels from `first`.
    #[inline(always)]
    fn convolved<const N: usize>(&self, rows: &[&[T]], first: usize) -> [T; N] {
        let mut bias = [T::zero(); N];
        bias.copy_from_slice(&self.bias[first..first + N]);
        self.weighted(rows, first, bias)
    }

    #[inline(always)]
    fn output_lanes<const N: usize>(&self, rows: &[&[T]], first: usize, y: &mut [T]) {
        let mut z = self.convolved::<N>(rows, first);
        if self.shape.activation == Activation::Silu {
            for value in &mut z {
                *value = *value * sigmoid(*value);
            }
        }
        y[first..first + N].copy_from_slice(&z);
    }

    /// y of one position from its window.
    #[inline(always)]
    pub(super) fn output(&self, rows: &[&[T]], y: &mut [T]) {
        for first in wide(y.len()) {
            self.output_lanes::<LANES>(rows, first, y);
        }
        for first in narrow(y.len()) {
            self.output_lanes::<1>(rows, first, y);
        }
    }

    #[inline(always)]
    fn gradient_lanes<const N: usize>(&self, rows: &[&[T]], first: usize, dy: &[T], dz: &mut [T]) {
        let z = self.convolved::<N>(rows, first);
        let (dy, dz) = (&dy[first..first + N], &mut dz[first..first + N]);
        for lane in 0..N {
            let s = sigmoid(z[lane]);
            dz[lane] = dy[lane] * s * (T::one() + z[lane] * (T::one() - s));
        }
    }

    /// dz = dy silu'(z) of one position from its window.
    #[inline(always)]
    pub(super) fn gradient(&self, rows: &[&[T]], dy: &[T], dz: &mut [T]) {
        if self.shape.activation == Activation::Identity {
            dz.copy_from_slice(dy);
            return;
        }
        for first in wide(dz.len()) {
            self.gradient_lanes::<LANES>(rows, first, dy, dz);
        }
        for first in narrow(dz.len()) {
            self.gradient_lanes::<1>(rows, first, dy, dz);
        }
    }

    #[inline(always)]
    fn spread_lanes<const N: usize>(&self, rows: &[&[T]], first: usize, dx: &mut [T]) {
        let sum = self.weighted(rows, first, [T::zero(); N]);
        dx[first..first + N].copy_from_slice(&sum);
    }

    /// dx of one input from the dz rows of its readers (zeros where a tap has none).
    #[inline(always)]
    pub(super) fn spread(&self, rows: &[&[T]], dx: &mut [T]) {
        for first in wide(dx.len()) {
            self.spread_lanes::<LANES>(rows, first, dx);
        }
        for first in narrow(dx.len()) {
            self.spread_lanes::<1>(rows, first, dx);
        }
    }

    /// dx += weight_tap dz, for the carried inputs.
    #[inline(always)]
    pub(super) fn spread_one(&self, tap: usize, dz: &[T], dx: &mut [T]) {
        for ((dx, &dz), &weight) in dx.iter_mut().zip(dz).zip(self.tap(tap)) {
            *dx += dz * weight;
        }
    }
}

/// Starts of the full blocks of [`LANES`] channels.
fn wide(channels: usize) -> impl Iterator<Item = usize> {
    (0..channels - channels % LANES).step_by(LANES)
}

/// The channels behind the full blocks.
fn narrow(channels: usize) -> std::ops::Range<usize> {
    channels - channels % LANES..channels
}
