//! Sixteen channels side by side: the layout in which states advance.
//!
//! Tensors have the state axis innermost; here lanes are channels, so that no sum over states ever
//! crosses lanes. Lanes beyond the last channel hold zeros and are never written back.

use super::Slices;
use super::plan::{LANES, Piece, Plan, Tile};
use super::span::Span;
use crate::float::{Real, Vector};
use pulp::Simd;

/// Channels of one block and their parameters in lanes.
pub(super) struct Block<T> {
    /// First channel.
    pub first: usize,
    /// Offset of the first channel in its tile.
    pub offset: usize,
    /// Channels, at most [`LANES`].
    pub count: usize,
    /// A log2(e), [state, lane]: decays are powers of two.
    pub a: Vec<T>,
    /// D, `[lane]`.
    pub d: Vec<T>,
    /// Bias of the step size, `[lane]`.
    pub bias: Vec<T>,
}

/// [channel, state] of up to sixteen channels to [state, lane].
pub(super) fn into_lanes<T: Real>(values: &[T], states: usize, out: &mut [T]) {
    for (lane, row) in values.chunks(states.max(1)).enumerate() {
        for (n, &value) in row.iter().enumerate() {
            out[n * LANES + lane] = value;
        }
    }
}

/// [state, lane] back to [channel, state].
pub(super) fn from_lanes<T: Real>(lanes: &[T], states: usize, out: &mut [T]) {
    for (lane, row) in out.chunks_mut(states.max(1)).enumerate() {
        for (n, value) in row.iter_mut().enumerate() {
            *value = lanes[n * LANES + lane];
        }
    }
}

/// One value per channel, padded with zeros.
fn padded<T: Real>(values: &[T]) -> Vec<T> {
    let mut out = values.to_vec();
    out.resize(LANES, T::zero());
    out
}

impl<T: Real> Block<T> {
    /// The blocks of a tile.
    pub(super) fn of_tile(plan: &Plan, input: &Slices<'_, T>, tile: &Tile) -> Vec<Self> {
        let states = plan.shape.state;
        let log2_e = T::from_f64(std::f64::consts::LOG2_E);
        (0..tile.count)
            .step_by(LANES)
            .map(|offset| {
                let (first, count) = (tile.first + offset, LANES.min(tile.count - offset));
                let mut a = vec![T::zero(); states * LANES];
                into_lanes(
                    &input.a[first * states..(first + count) * states],
                    states,
                    &mut a,
                );
                for value in &mut a {
                    *value = *value * log2_e;
                }
                Self {
                    first,
                    offset,
                    count,
                    a,
                    d: padded(&input.d[first..first + count]),
                    bias: padded(&input.bias[first..first + count]),
                }
            })
            .collect()
    }

    /// Copies [position, lane] into the rows of this block's tile.
    #[inline(always)]
    pub(super) fn scatter(&self, lanes: &[T], piece: &Piece, rows: &mut [&mut [T]]) {
        for (lanes, row) in lanes
            .chunks_exact(LANES)
            .zip(&mut rows[piece.start..piece.end])
        {
            let row = &mut row[self.offset..self.offset + self.count];
            if self.count == LANES {
                row.copy_from_slice(lanes);
            } else {
                row.copy_from_slice(&lanes[..self.count]);
            }
        }
    }
}

/// One block of channels over one piece of the length, and where its inputs lie.
#[derive(Clone, Copy)]
pub(super) struct Patch<'a, T> {
    pub plan: &'a Plan,
    pub input: &'a Slices<'a, T>,
    pub block: &'a Block<T>,
    pub span: &'a Span<'a, T>,
}

impl<T: Real> Patch<'_, T> {
    /// Elements of [position, lane].
    pub(super) fn elements(&self) -> usize {
        self.span.len * LANES
    }

    /// Copies this patch of [batch, len, channel] into [position, lane].
    #[inline(always)]
    pub(super) fn gather(&self, source: &[T], out: &mut [T]) {
        let (channels, count) = (self.plan.shape.channels, self.block.count);
        for (t, lanes) in out[..self.elements()].chunks_exact_mut(LANES).enumerate() {
            let row = &source[(self.span.at + t) * channels + self.block.first..];
            match row.first_chunk::<LANES>() {
                Some(whole) if count == LANES => lanes.copy_from_slice(whole),
                _ => {
                    lanes[..count].copy_from_slice(&row[..count]);
                    lanes[count..].fill(T::zero());
                }
            }
        }
    }
}

impl<T: Vector> Block<T> {
    /// raw += bias, then dt = softplus(raw) or raw.
    #[inline(always)]
    pub(super) fn step_sizes<S: Simd>(&self, simd: S, softplus: bool, raw: &mut [T], dt: &mut [T]) {
        let bias = T::cast::<S>(&self.bias);
        let rows = T::cast_mut::<S>(raw).chunks_exact_mut(bias.len());
        for (raw, dt) in rows.zip(T::cast_mut::<S>(dt).chunks_exact_mut(bias.len())) {
            for ((raw, dt), &bias) in raw.iter_mut().zip(dt).zip(bias) {
                *raw = T::v_add(simd, *raw, bias);
                *dt = match softplus {
                    true => T::v_softplus(simd, *raw),
                    false => *raw,
                };
            }
        }
    }

    /// u = dt x, y = D x.
    #[inline(always)]
    pub(super) fn inputs<S: Simd>(&self, simd: S, x: &[T], dt: &[T], u: &mut [T], y: &mut [T]) {
        let d = T::cast::<S>(&self.d);
        let (x, dt) = (T::cast::<S>(x), T::cast::<S>(dt));
        let (u, y) = (T::cast_mut::<S>(u), T::cast_mut::<S>(y));
        for (at, (u, y)) in u.iter_mut().zip(y).enumerate() {
            *u = T::v_mul(simd, dt[at], x[at]);
            *y = T::v_mul(simd, d[at % d.len()], x[at]);
        }
    }
}
