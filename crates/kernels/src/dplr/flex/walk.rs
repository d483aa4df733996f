//! Walks the length of every head, tile by tile.

use super::super::DplrShape;
use super::Slices;
use super::chunk::{self, Chunk};
use super::chunk_gradient;
use super::recurrent::{self, Advance};
use super::tile::{Plan, Source, Tile, TileGradients};
use crate::float::Vector;
use crate::host::zeros;
use rayon::prelude::*;

/// Gradients as row-major vectors, shaped like their inputs.
pub(super) struct Gradients<T> {
    pub r: Vec<T>,
    pub g: Vec<T>,
    pub k: Vec<T>,
    pub v: Vec<T>,
    pub a: Vec<T>,
    pub b: Vec<T>,
    pub initial: Vec<T>,
}

/// Buffers of one thread.
#[derive(Default)]
struct Workspace<T> {
    tile: Tile<T>,
    chunk: Chunk<T>,
    state: Vec<T>,
    buffer: Vec<T>,
    y: Vec<T>,
    dy: Vec<T>,
    checkpoints: Vec<T>,
    grads: TileGradients<T>,
    recurrent: recurrent::Scratch<T>,
    chunked: chunk_gradient::Scratch<T>,
}

/// The rows of `values` [batch, len, head, width], gathered by (batch row, head).
fn by_head<'a, T>(values: &'a mut [T], shape: &DplrShape, width: usize) -> Vec<Vec<&'a mut [T]>> {
    let mut heads: Vec<Vec<&mut [T]>> = (0..shape.batch * shape.heads)
        .map(|_| Vec::with_capacity(shape.len))
        .collect();
    for (index, part) in values.chunks_exact_mut(width).enumerate() {
        let row = index / (shape.heads * shape.len);
        heads[row * shape.heads + index % shape.heads].push(part);
    }
    heads
}

impl<T: Vector> Workspace<T> {
    /// Advances `state` over the loaded tile, leaving y in `self.y`. `first` is the state before the
    /// tile where it does not stand in `state`.
    fn advance(&mut self, plan: &Plan, first: Option<&[T]>, state: &mut [T]) {
        let tile = &self.tile;
        if plan.chunk > 1 && self.chunk.prepare(tile) {
            if let Some(first) = first {
                state.copy_from_slice(first);
            }
            chunk::advance(tile, state, &mut self.chunk);
            self.y.clear();
            self.y
                .extend_from_slice(&self.chunk.out[tile.len * tile.values..]);
        } else {
            self.y.resize(tile.len * tile.values, T::zero());
            let pass = Advance {
                tile,
                first,
                state,
                y: &mut self.y,
            };
            recurrent::advance(pass, &mut self.buffer);
        }
    }
}

/// Returns the packed result [y, final state].
pub(super) fn forward<T: Vector>(input: Slices<'_, T>, shape: DplrShape) -> Vec<T> {
    let plan = Plan::new(shape);
    let mut packed = zeros(shape.packed_elements());
    let (y, last) = packed.split_at_mut(shape.y_elements());
    if shape.len == 0 || shape.state_elements() == 0 {
        last.copy_from_slice(&input.initial[..last.len()]);
        return packed;
    }
    let mut slots: Vec<&mut [T]> = last.chunks_exact_mut(shape.values * shape.keys).collect();
    slots.resize_with(shape.batch * shape.heads, || &mut []);
    by_head(y, &shape, shape.values)
        .into_par_iter()
        .zip(slots)
        .enumerate()
        .for_each_init(Workspace::default, |work, (index, (y, slot))| {
            forward_head(&plan, &input, index, (y, slot), work);
        });
    packed
}

/// One head; `slot` receives the final state unless it is empty.
fn forward_head<T: Vector>(
    plan: &Plan,
    input: &Slices<'_, T>,
    index: usize,
    (y, slot): (Vec<&mut [T]>, &mut [T]),
    work: &mut Workspace<T>,
) {
    let shape = &plan.shape;
    let size = shape.values * shape.keys;
    let initial = &input.initial[index * size..(index + 1) * size];
    let in_place = plan.is_whole() && !slot.is_empty();
    let mut padded = std::mem::take(&mut work.state);
    padded.resize(plan.state(), T::zero());
    let (mut first, state) = if in_place {
        (Some(initial), &mut *slot)
    } else {
        plan.pad_state(initial, &mut padded);
        (None, &mut padded[..])
    };
    let mut y = y.into_iter();
    for range in plan.tiles() {
        let count = range.len();
        let at = (index / shape.heads, index % shape.heads);
        work.tile.load(plan, input, at, range);
        work.advance(plan, first.take(), state);
        let rows = work.y.chunks_exact(plan.values);
        for (to, from) in y.by_ref().take(count).zip(rows) {
            to.copy_from_slice(&from[..to.len()]);
        }
    }
    if !in_place && !slot.is_empty() {
        plan.trim_state(&padded, slot);
    }
    work.state = padded;
}

/// Where the gradients of one head go.
struct HeadGradients<'a, T> {
    /// r, g, k, a, b.
    keyed: [Vec<&'a mut [T]>; 5],
    v: Vec<&'a mut [T]>,
    initial: &'a mut [T],
}

impl<T: Vector> HeadGradients<'_, T> {
    /// Copies the gradients of the tile that starts at `start`, without their padding.
    fn store(&mut self, plan: &Plan, grads: &TileGradients<T>, start: usize) {
        let from = [&grads.r, &grads.g, &grads.k, &grads.a, &grads.b];
        for (to, from) in self.keyed.iter_mut().zip(from) {
            for (to, from) in to[start..].iter_mut().zip(from.chunks_exact(plan.keys)) {
                to.copy_from_slice(&from[..to.len()]);
            }
        }
        let values = grads.v.chunks_exact(plan.values);
        for (to, from) in self.v[start..].iter_mut().zip(values) {
            to.copy_from_slice(&from[..to.len()]);
        }
        let scale = T::from_f64(plan.shape.scale);
        for row in &mut self.keyed[0][start..start + grads.r.len() / plan.keys] {
            for value in row.iter_mut() {
                *value = *value * scale;
            }
        }
    }
}

/// `grad` is the gradient of the packed result [y, final state].
pub(super) fn backward<T: Vector>(
    input: Slices<'_, T>,
    grad: &[T],
    shape: DplrShape,
) -> Gradients<T> {
    let plan = Plan::new(shape);
    let (dy, dfinal) = grad.split_at(shape.y_elements());
    let keyed = shape.key_elements();
    let mut out = Gradients {
        r: zeros(keyed),
        g: zeros(keyed),
        k: zeros(keyed),
        v: zeros(shape.y_elements()),
        a: zeros(keyed),
        b: zeros(keyed),
        initial: zeros(shape.state_elements()),
    };
    if shape.final_state {
        out.initial.copy_from_slice(dfinal);
    }
    if shape.len == 0 || shape.state_elements() == 0 {
        return out;
    }
    tasks(&mut out, &shape)
        .into_par_iter()
        .enumerate()
        .for_each_init(Workspace::default, |work, (index, task)| {
            backward_head(&plan, &input, (index, dy), task, work);
        });
    out
}

fn tasks<'a, T: Vector>(out: &'a mut Gradients<T>, shape: &DplrShape) -> Vec<HeadGradients<'a, T>> {
    let Gradients {
        r,
        g,
        k,
        v,
        a,
        b,
        initial,
    } = out;
    let mut keyed = [r, g, k, a, b].map(|values| by_head(values, shape, shape.keys).into_iter());
    let size = shape.values * shape.keys;
    by_head(v, shape, shape.values)
        .into_iter()
        .zip(initial.chunks_exact_mut(size))
        .map(|(v, initial)| HeadGradients {
            keyed: keyed.each_mut().map(|all| all.next().unwrap_or_default()),
            v,
            initial,
        })
        .collect()
}

/// One head: states before every tile, then the tiles in reverse.
fn backward_head<T: Vector>(
    plan: &Plan,
    input: &Slices<'_, T>,
    (index, dy): (usize, &[T]),
    mut task: HeadGradients<'_, T>,
    work: &mut Workspace<T>,
) {
    let shape = &plan.shape;
    let at = (index / shape.heads, index % shape.heads);
    let size = shape.values * shape.keys;
    let initial = &input.initial[index * size..(index + 1) * size];
    let mut state = std::mem::take(&mut work.state);
    state.resize(plan.state(), T::zero());
    plan.pad_state(initial, &mut state);
    work.checkpoints.clear();
    for range in plan.tiles() {
        work.checkpoints.extend_from_slice(&state);
        if range.end < shape.len {
            work.tile.load(plan, input, at, range);
            work.advance(plan, None, &mut state);
        }
    }
    plan.pad_state(task.initial, &mut state);
    for (range, before) in plan
        .tiles()
        .zip(work.checkpoints.chunks_exact(plan.state()))
        .rev()
    {
        let start = range.start;
        let source = Source::new(shape, at, &range);
        source.copy(dy, shape.values, plan.values, &mut work.dy);
        work.tile.load(plan, input, at, range);
        let (tile, grads) = (&work.tile, &mut work.grads);
        if plan.chunk > 1 && work.chunk.prepare(tile) {
            let pair = (tile, &mut work.chunk);
            let out = (grads, &mut work.chunked);
            chunk_gradient::reverse(pair, before, &work.dy, &mut state, out);
        } else {
            let out = (grads, &mut work.recurrent);
            recurrent::reverse(tile, before, &work.dy, &mut state, out);
        }
        task.store(plan, &work.grads, start);
    }
    plan.trim_state(&state, task.initial);
    work.state = state;
}
