//! Forward pass: states stay in registers over a piece of the length.

use super::super::SelectiveScanShape;
use super::Slices;
use super::block::{Block, Patch, from_lanes, into_lanes};
use super::plan::{LANES, PIECE_ELEMENTS, Plan, STATES, Tile};
use super::span::Span;
use super::step::step;
use crate::float::Vector;
use crate::host::zeros;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Returns the packed result [y, final state].
pub(super) fn forward<T: Vector>(input: Slices<'_, T>, shape: SelectiveScanShape) -> Vec<T> {
    let plan = Plan::new(shape);
    let mut packed = zeros(shape.packed_elements());
    let (y, state) = packed.split_at_mut(shape.y_elements());
    if shape.len == 1 {
        step(&plan, &input, y, state);
        return packed;
    }
    let tiles = plan.tiles.len();
    plan.tile_rows(y)
        .into_par_iter()
        .zip(plan.tile_states(state))
        .enumerate()
        .for_each(|(index, (y, state))| {
            Arch::new().dispatch(Task {
                plan: &plan,
                input: &input,
                row: index / tiles,
                tile: plan.tiles[index % tiles],
                y,
                state,
            });
        });
    packed
}

/// One tile of one batch row.
struct Task<'a, T> {
    plan: &'a Plan,
    input: &'a Slices<'a, T>,
    row: usize,
    tile: Tile,
    y: Vec<&'a mut [T]>,
    state: &'a mut [T],
}

impl<T: Vector> WithSimd for Task<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let shape = self.plan.shape;
        let blocks = Block::of_tile(self.plan, self.input, &self.tile);
        let mut states = initial_states(self.plan, self.input, self.row, &self.tile);
        let mut buffers = Buffers::new();
        for piece in self.plan.pieces(self.input.seq_idx, self.row) {
            if piece.fresh {
                states.fill(T::zero());
            }
            let span = Span::new(self.plan, self.input, self.row, &self.tile, &piece);
            for (index, block) in blocks.iter().enumerate() {
                let state = &mut states[index * shape.state * LANES..][..shape.state * LANES];
                let patch = Patch {
                    plan: self.plan,
                    input: self.input,
                    block,
                    span: &span,
                };
                buffers.fill(simd, &patch);
                advance_all::<S, T, true>(simd, &patch, state, &mut buffers);
                if shape.gated {
                    buffers.gate(simd, &patch);
                }
                block.scatter(&buffers.y[..patch.elements()], &piece, &mut self.y);
            }
        }
        if shape.final_state {
            store_states(&states, shape.state, self.state);
        }
    }
}

/// States [block, state, lane] of a tile before the first position.
pub(super) fn initial_states<T: Vector>(
    plan: &Plan,
    input: &Slices<'_, T>,
    row: usize,
    tile: &Tile,
) -> Vec<T> {
    let SelectiveScanShape {
        channels, state, ..
    } = plan.shape;
    let first = (row * channels + tile.first) * state;
    load_states(&input.initial[first..first + tile.count * state], state)
}

/// [channel, state] to [block, state, lane].
pub(super) fn load_states<T: Vector>(values: &[T], state: usize) -> Vec<T> {
    let blocks = values.len().div_ceil((LANES * state).max(1));
    let mut lanes = vec![T::zero(); blocks * state * LANES];
    let rows = values.chunks((LANES * state).max(1));
    for (rows, lanes) in rows.zip(lanes.chunks_mut((state * LANES).max(1))) {
        into_lanes(rows, state, lanes);
    }
    lanes
}

/// [block, state, lane] to [channel, state].
pub(super) fn store_states<T: Vector>(lanes: &[T], state: usize, out: &mut [T]) {
    let rows = out.chunks_mut((LANES * state).max(1));
    for (rows, lanes) in rows.zip(lanes.chunks((state * LANES).max(1))) {
        from_lanes(lanes, state, rows);
    }
}

/// One piece of one block, every array [position, lane].
pub(super) struct Buffers<T> {
    pub x: Vec<T>,
    /// Step size before softplus, bias included.
    pub raw: Vec<T>,
    pub dt: Vec<T>,
    /// dt x.
    pub u: Vec<T>,
    pub y: Vec<T>,
    gate: Vec<T>,
}

impl<T: Vector> Buffers<T> {
    pub(super) fn new() -> Self {
        let one = || vec![T::zero(); PIECE_ELEMENTS];
        Self {
            x: one(),
            raw: one(),
            dt: one(),
            u: one(),
            y: one(),
            gate: one(),
        }
    }

    /// Reads x and dt; y starts as D x.
    #[inline(always)]
    pub(super) fn fill<S: Simd>(&mut self, simd: S, patch: &Patch<'_, T>) {
        let end = patch.elements();
        let (x, raw) = (&mut self.x[..end], &mut self.raw[..end]);
        let (dt, u, y) = (&mut self.dt[..end], &mut self.u[..end], &mut self.y[..end]);
        patch.gather(patch.input.x, x);
        patch.gather(patch.input.dt, raw);
        let softplus = patch.plan.shape.softplus;
        patch.block.step_sizes(simd, softplus, raw, dt);
        patch.block.inputs(simd, x, dt, u, y);
    }

    /// y *= SiLU(z).
    #[inline(always)]
    fn gate<S: Simd>(&mut self, simd: S, patch: &Patch<'_, T>) {
        let gate = &mut self.gate[..patch.elements()];
        patch.gather(patch.input.z, gate);
        let y = T::cast_mut::<S>(&mut self.y);
        for (y, &z) in y.iter_mut().zip(T::cast::<S>(gate)) {
            let silu = T::v_mul(simd, z, T::v_sigmoid(simd, z));
            *y = T::v_mul(simd, *y, silu);
        }
    }
}

/// Moves all states of a block over a piece; with `READ` adds C h to y.
#[inline(always)]
pub(super) fn advance_all<S: Simd, T: Vector, const READ: bool>(
    simd: S,
    patch: &Patch<'_, T>,
    state: &mut [T],
    buffers: &mut Buffers<T>,
) {
    let states = state.len() / LANES;
    let whole = states - states % STATES;
    for column in 0..LANES / T::lanes::<S>() {
        for first in (0..whole).step_by(STATES) {
            advance::<S, T, STATES, READ>(simd, patch, state, buffers, (column, first));
        }
        for first in whole..states {
            advance::<S, T, 1, READ>(simd, patch, state, buffers, (column, first));
        }
    }
}

/// The scan itself: `N` states of one register of channels over a piece.
#[inline(always)]
fn advance<S: Simd, T: Vector, const N: usize, const READ: bool>(
    simd: S,
    patch: &Patch<'_, T>,
    state: &mut [T],
    buffers: &mut Buffers<T>,
    (column, first): (usize, usize),
) {
    let per = LANES / T::lanes::<S>();
    let (dt, u) = (T::cast::<S>(&buffers.dt), T::cast::<S>(&buffers.u));
    let y = T::cast_mut::<S>(&mut buffers.y);
    let at = |i: usize| (first + i) * per + column;
    let a: [T::V<S>; N] = std::array::from_fn(|i| T::cast::<S>(&patch.block.a)[at(i)]);
    let state = T::cast_mut::<S>(state);
    let mut h: [T::V<S>; N] = std::array::from_fn(|i| state[at(i)]);
    for t in 0..patch.span.len {
        let (b, c) = patch.span.projections::<N>(t, first);
        let (dt, u) = (dt[t * per + column], u[t * per + column]);
        let mut sum = y[t * per + column];
        for i in 0..N {
            let decay = T::v_exp2(simd, T::v_mul(simd, dt, a[i]));
            let input = T::v_mul(simd, u, T::v_splat(simd, b[i]));
            h[i] = T::v_fma(simd, decay, h[i], input);
            if READ {
                sum = T::v_fma(simd, h[i], T::v_splat(simd, c[i]), sum);
            }
        }
        if READ {
            y[t * per + column] = sum;
        }
    }
    for i in 0..N {
        state[at(i)] = h[i];
    }
}
