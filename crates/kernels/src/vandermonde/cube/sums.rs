//! Sums of powers and their transpose, shared by the operations on diagonal systems.

use super::{evaluate, moments};
use crate::cube::{buffer, cube_units, element, elements, empty, part_sums, unrolls, zeros};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Units of a cube.
const UNITS: usize = 128;
/// Poles whose tables stand in shared memory.
const TILE: usize = 32;
/// Cubes that keep a large device busy.
const BUSY: usize = 512;

/// How steps follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Order {
    /// Whether step 0 is the last position.
    pub reversed: bool,
    /// Whether positions count only where they belong to the sequence of the last one.
    pub packed: bool,
}

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub rows: usize,
    pub channels: usize,
    pub state: usize,
    pub len: usize,
    /// Cubes along the length.
    pub chunks: usize,
    /// Tiles of poles.
    pub tiles: usize,
}

/// Position of step `l`.
#[cube]
pub(super) fn position(sizes: &Sizes, l: usize, #[comptime] order: Order) -> usize {
    let mut at = l;
    if comptime!(order.reversed) {
        at = sizes.len - 1 - l;
    }
    at
}

/// Whether step `l` counts. `seq_idx` is [row / channels, len].
#[cube]
pub(super) fn counts<I: Numeric>(
    seq_idx: &[I],
    sizes: &Sizes,
    row: usize,
    l: usize,
    #[comptime] order: Order,
) -> bool {
    let mut same = true;
    if comptime!(order.packed) {
        let base = row / sizes.channels * sizes.len;
        same = seq_idx[base + position(sizes, l, order)] == seq_idx[base + sizes.len - 1];
    }
    same
}

/// Sums over the poles of rows; row r belongs to channel r mod channels.
pub(crate) struct PowerSums {
    pub rows: usize,
    pub channels: usize,
    pub state: usize,
    pub len: usize,
    /// Whether step 0 is the last position.
    pub reversed: bool,
    /// [rows / channels, len], or without elements: steps count only in the sequence of the last
    /// position.
    pub seq_idx: CubeTensor,
}

impl PowerSums {
    fn client(&self) -> &Client {
        &self.seq_idx.client
    }

    fn order(&self) -> Order {
        Order {
            reversed: self.reversed,
            packed: elements(&self.seq_idx) > 0,
        }
    }

    fn sizes(&self, chunks: usize, tiles: usize) -> SizesLaunch {
        SizesLaunch::new(
            self.rows,
            self.channels,
            self.state,
            self.len,
            chunks,
            tiles,
        )
    }

    fn evaluate_plan(&self) -> evaluate::Plan {
        let units = cube_units(self.client(), UNITS);
        let unroll = unrolls(self.client());
        let enough = |run: &usize| self.rows * self.len.div_ceil(units * run) >= BUSY;
        let run = match unroll {
            true => [16, 8, 4, 2].into_iter().find(enough).unwrap_or(1),
            false => 4,
        };
        evaluate::Plan {
            units,
            low: 1 << units.ilog2().div_ceil(2),
            run,
            tile: self.state.clamp(1, TILE),
            order: self.order(),
            unroll,
        }
    }

    /// Re sum_n w_n z_n^l at the position of every step l, [row, len] in `dtype`, from factors z
    /// [2, channel, state] and weights w [2, row, state] in f64.
    pub(crate) fn evaluate(
        &self,
        factors: &CubeTensor,
        weights: &CubeTensor,
        dtype: DType,
    ) -> CubeTensor {
        let shape = [self.rows, self.len];
        if self.state == 0 || self.rows * self.len == 0 {
            return zeros(factors, &shape, dtype);
        }
        let out = empty(factors, &shape, dtype);
        let plan = self.evaluate_plan();
        let chunks = self.len.div_ceil(plan.units * plan.run);
        evaluate::evaluate::launch(
            self.client(),
            CubeCount::Static((self.rows * chunks) as u32, 1, 1),
            CubeDim::new_1d(plan.units as u32),
            buffer(factors, factors),
            buffer(weights, factors),
            buffer(&self.seq_idx, factors),
            buffer(&out, factors),
            self.sizes(chunks, self.state.div_ceil(plan.tile)),
            plan,
            [dtype, self.seq_idx.dtype].map(element),
        );
        out
    }

    fn moments_plan(&self, slope: bool) -> moments::Plan {
        let units = cube_units(self.client(), UNITS);
        // On a CPU, a place for tests, a pole must have several units and a row several chunks.
        let (poles, chunk) = match unrolls(self.client()) {
            true => (self.state.next_power_of_two().min(32), 512),
            false => (1, 8),
        };
        moments::Plan {
            units,
            poles: poles.min(units),
            chunk: chunk * units.div_ceil(chunk),
            slope,
            order: self.order(),
        }
    }

    /// sum_l g_l z_n^l and, with `slope`, its derivative, [2 or 4, row, state] in f64: real parts, then
    /// imaginary parts.
    pub(crate) fn moments(
        &self,
        factors: &CubeTensor,
        values: &CubeTensor,
        slope: bool,
    ) -> CubeTensor {
        let plan = self.moments_plan(slope);
        let shape = [plan.parts(), self.rows, self.state];
        if self.rows * self.state * self.len == 0 {
            return zeros(factors, &shape, DType::F64);
        }
        let (chunks, tiles) = (
            self.len.div_ceil(plan.chunk),
            self.state.div_ceil(plan.poles),
        );
        let sums = empty(
            factors,
            &[chunks, plan.parts(), self.rows, self.state],
            DType::F64,
        );
        moments::moments::launch(
            self.client(),
            CubeCount::Static((self.rows * tiles * chunks) as u32, 1, 1),
            CubeDim::new_1d(plan.units as u32),
            buffer(values, factors),
            buffer(factors, factors),
            buffer(&self.seq_idx, factors),
            buffer(&sums, factors),
            self.sizes(chunks, tiles),
            plan,
            [values.dtype, self.seq_idx.dtype].map(element),
        );
        part_sums(sums, chunks, &shape, DType::F64)
    }
}
