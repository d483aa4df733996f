//! Backward pass: states from checkpoints at piece boundaries, then the pieces in reverse.
//!
//! One task is a tile of channels of one batch row, so that gradients of x, dt, z and the initial
//! state have one writer; those of A, D, the bias, B and C are sums over tasks in a fixed order.

use super::super::SelectiveScanShape;
use super::Slices;
use super::adjoint::Adjoint;
use super::block::{Block, Patch};
use super::forward::{Buffers, advance_all, initial_states, load_states, store_states};
use super::plan::{LANES, Piece, Plan, Tile};
use super::reverse::{Kept, Reverse};
use super::span::Span;
use crate::float::Vector;
use crate::host::zeros;
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Gradients as row-major vectors, shaped like their inputs.
pub(super) struct Gradients<T> {
    pub x: Vec<T>,
    pub dt: Vec<T>,
    pub a: Vec<T>,
    pub b: Vec<T>,
    pub c: Vec<T>,
    pub d: Vec<T>,
    pub bias: Vec<T>,
    pub z: Vec<T>,
    pub initial: Vec<T>,
}

/// `grad` is the gradient of the packed result [y, final state].
pub(super) fn backward<T: Vector>(
    input: Slices<'_, T>,
    grad: &[T],
    shape: SelectiveScanShape,
) -> Gradients<T> {
    let plan = Plan::new(shape);
    let (dy, dfinal) = grad.split_at(shape.y_elements());
    let like = |input: &[T]| zeros(input.len());
    let mut out = Gradients {
        x: like(input.x),
        dt: like(input.dt),
        a: like(input.a),
        b: like(input.b),
        c: like(input.c),
        d: like(input.d),
        bias: like(input.bias),
        z: like(input.z),
        initial: like(input.initial),
    };
    let tiles = plan.tiles.len();
    let rows = plan.tile_rows(&mut out.x).into_par_iter();
    let sums: Vec<Sums<T>> = rows
        .zip(plan.tile_rows(&mut out.dt))
        .zip(gate_rows(&plan, &mut out.z))
        .zip(plan.tile_states(&mut out.initial))
        .enumerate()
        .map(|(index, (((dx, ddt), dz), dinitial))| {
            Arch::new().dispatch(Task {
                plan: &plan,
                input: &input,
                dy,
                dfinal,
                row: index / tiles,
                tile: plan.tiles[index % tiles],
                dx,
                ddt,
                dz,
                dinitial,
            })
        })
        .collect();
    add_up(&plan, &sums, &mut out);
    out
}

/// The rows of the gate's gradient; empty lists without a gate.
fn gate_rows<'a, T>(plan: &Plan, values: &'a mut [T]) -> Vec<Vec<&'a mut [T]>> {
    match plan.shape.gated {
        true => plan.tile_rows(values),
        false => (0..plan.shape.batch * plan.tiles.len())
            .map(|_| Vec::new())
            .collect(),
    }
}

/// Adds the sums of all tasks, in the order of the tasks whichever finished first.
fn add_up<T: Vector>(plan: &Plan, sums: &[Sums<T>], out: &mut Gradients<T>) {
    let SelectiveScanShape {
        len, groups, state, ..
    } = plan.shape;
    let add = |to: &mut [T], from: &[T]| {
        for (to, &from) in to.iter_mut().zip(from) {
            *to += from;
        }
    };
    let tiles = plan.tiles.len().max(1);
    for (sums, tile) in sums.iter().zip(plan.tiles.iter().cycle()) {
        add(&mut out.a[tile.first * state..], &sums.a);
        add(&mut out.d[tile.first..], &sums.d);
        add(&mut out.bias[tile.first..], &sums.bias);
    }
    let row = (len * groups * state).max(1);
    let rows = out.b.par_chunks_mut(row).zip(out.c.par_chunks_mut(row));
    rows.zip(sums.par_chunks(tiles)).for_each(|((b, c), sums)| {
        for (sums, tile) in sums.iter().zip(&plan.tiles) {
            for t in 0..len {
                let at = (t * groups + tile.group) * state;
                add(&mut b[at..at + state], &sums.b[t * state..][..state]);
                add(&mut c[at..at + state], &sums.c[t * state..][..state]);
            }
        }
    });
}

/// What one task contributes to gradients that several tasks share.
struct Sums<T> {
    /// [channel, state] of the tile.
    a: Vec<T>,
    /// `[channel]` of the tile.
    d: Vec<T>,
    /// `[channel]` of the tile.
    bias: Vec<T>,
    /// [len, state].
    b: Vec<T>,
    /// [len, state].
    c: Vec<T>,
}

/// One tile of one batch row.
struct Task<'a, T> {
    plan: &'a Plan,
    input: &'a Slices<'a, T>,
    dy: &'a [T],
    dfinal: &'a [T],
    row: usize,
    tile: Tile,
    dx: Vec<&'a mut [T]>,
    ddt: Vec<&'a mut [T]>,
    dz: Vec<&'a mut [T]>,
    dinitial: &'a mut [T],
}

impl<T: Vector> WithSimd for Task<'_, T> {
    type Output = Sums<T>;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) -> Sums<T> {
        let SelectiveScanShape { len, state, .. } = self.plan.shape;
        let blocks = Block::of_tile(self.plan, self.input, &self.tile);
        let pieces = self.plan.pieces(self.input.seq_idx, self.row);
        let checkpoints = self.checkpoints(simd, &blocks, &pieces);
        let mut dh = self.final_gradient();
        let mut adjoints: Vec<Adjoint<T>> = blocks.iter().map(|_| Adjoint::new(state)).collect();
        let mut kept = Kept::new();
        let (mut b, mut c) = (vec![T::zero(); len * state], vec![T::zero(); len * state]);
        for (piece, states) in pieces.iter().zip(&checkpoints).rev() {
            let span = Span::new(self.plan, self.input, self.row, &self.tile, piece);
            for (block, adjoint) in blocks.iter().zip(&mut adjoints) {
                adjoint.fill(simd, &self.patch(block, &span), self.dy);
            }
            let rows = piece.start * state..piece.end * state;
            let (b, c) = (&mut b[rows.clone()], &mut c[rows]);
            let reverse = Reverse {
                span: &span,
                blocks: &blocks,
                states,
                adjoints: &mut adjoints,
                dh: &mut dh,
                kept: &mut kept,
                first: 0,
                count: state,
            };
            reverse.run_all(simd, b, c);
            for (block, adjoint) in blocks.iter().zip(&mut adjoints) {
                let patch = self.patch(block, &span);
                let end = patch.elements();
                adjoint.finish(simd, &patch);
                block.scatter(&adjoint.s[..end], piece, &mut self.dx);
                block.scatter(&adjoint.w[..end], piece, &mut self.ddt);
                if self.plan.shape.gated {
                    block.scatter(&adjoint.dz[..end], piece, &mut self.dz);
                }
            }
            if piece.fresh {
                dh.fill(T::zero());
            }
        }
        store_states(&dh, state, self.dinitial);
        self.sums(&adjoints, b, c)
    }
}

impl<T: Vector> Task<'_, T> {
    fn patch<'b>(&'b self, block: &'b Block<T>, span: &'b Span<'b, T>) -> Patch<'b, T> {
        Patch {
            plan: self.plan,
            input: self.input,
            block,
            span,
        }
    }

    /// States [block, state, lane] before each piece.
    #[inline(always)]
    fn checkpoints<S: Simd>(&self, simd: S, blocks: &[Block<T>], pieces: &[Piece]) -> Vec<Vec<T>> {
        let width = self.plan.shape.state * LANES;
        let mut buffers = Buffers::new();
        let mut states = initial_states(self.plan, self.input, self.row, &self.tile);
        let mut all = Vec::with_capacity(pieces.len());
        for (index, piece) in pieces.iter().enumerate() {
            if piece.fresh {
                states.fill(T::zero());
            }
            all.push(states.clone());
            if index + 1 == pieces.len() {
                break;
            }
            let span = Span::new(self.plan, self.input, self.row, &self.tile, piece);
            for (index, block) in blocks.iter().enumerate() {
                let state = &mut states[index * width..][..width];
                let patch = self.patch(block, &span);
                buffers.fill(simd, &patch);
                advance_all::<S, T, false>(simd, &patch, state, &mut buffers);
            }
        }
        all
    }

    /// Gradient of the state after the last position, [block, state, lane].
    fn final_gradient(&self) -> Vec<T> {
        let SelectiveScanShape {
            channels,
            state,
            final_state,
            ..
        } = self.plan.shape;
        if !final_state {
            let blocks = self.tile.count.div_ceil(LANES);
            return vec![T::zero(); blocks * state * LANES];
        }
        let first = (self.row * channels + self.tile.first) * state;
        load_states(&self.dfinal[first..first + self.tile.count * state], state)
    }

    fn sums(&self, adjoints: &[Adjoint<T>], b: Vec<T>, c: Vec<T>) -> Sums<T> {
        let state = self.plan.shape.state;
        let count = self.tile.count;
        let mut a = vec![T::zero(); count * state];
        let lanes: Vec<T> = adjoints.iter().flat_map(|s| s.a.iter().copied()).collect();
        store_states(&lanes, state, &mut a);
        let mut d: Vec<T> = adjoints.iter().flat_map(|s| s.d.iter().copied()).collect();
        let mut bias: Vec<T> = adjoints
            .iter()
            .flat_map(|s| s.bias.iter().copied())
            .collect();
        d.truncate(count);
        bias.truncate(count);
        Sums { a, d, bias, b, c }
    }
}
