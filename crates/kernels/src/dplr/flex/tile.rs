//! One chunk of one head, copied into whole vectors, and the gradients of the same shape.

use super::super::DplrShape;
use super::Slices;
use crate::float::{Real, vectorise};
use crate::segments::Row;
use std::ops::Range;

/// Elements that one vector operation covers; keys are padded to a multiple of it.
pub(super) const LANES: usize = 16;
/// Rows of the state that advance together; values are padded to a multiple of it.
pub(super) const ROWS: usize = 4;
/// Positions per tile when the chunk is 1: the inputs of so many fit into the first-level cache.
const STEPS: usize = 16;
/// Key size from which the chunked form is the faster one (its products then outweigh their
/// overhead), and its best chunk there. Measured with forward and backward pass on x86-64 with
/// AVX-512, one thread: step by step takes 0.4 to 0.9 times as long for 16, 32 and 64 keys, 1.1 times as
/// long for 128, 1.4 times as long for 256.
const LARGE: usize = 128;
const LARGE_CHUNK: usize = 32;

/// Padded sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub shape: DplrShape,
    /// Positions per chunk; 1 is step by step.
    pub chunk: usize,
    /// Keys, padded with zeros.
    pub keys: usize,
    /// Values, padded with zeros.
    pub values: usize,
    /// Positions per tile.
    pub tile: usize,
}

impl Plan {
    pub(super) fn new(shape: DplrShape) -> Self {
        let chunk = shape.chunk.unwrap_or(match shape.keys {
            LARGE.. => LARGE_CHUNK,
            _ => 1,
        });
        let tile = if chunk == 1 { STEPS } else { chunk };
        Self {
            shape,
            chunk,
            keys: shape.keys.next_multiple_of(LANES),
            values: shape.values.next_multiple_of(ROWS),
            tile: tile.min(shape.len.max(1)),
        }
    }

    /// The tiles in order; only the last may be shorter.
    pub(super) fn tiles(
        &self,
    ) -> impl DoubleEndedIterator<Item = Range<usize>> + ExactSizeIterator + use<> {
        let (len, tile) = (self.shape.len, self.tile);
        (0..len.div_ceil(tile)).map(move |i| i * tile..((i + 1) * tile).min(len))
    }

    /// Elements of one padded state.
    pub(super) fn state(&self) -> usize {
        self.values * self.keys
    }

    /// Whether a state of one head can be used where it lies.
    pub(super) fn is_whole(&self) -> bool {
        self.keys == self.shape.keys && self.values == self.shape.values
    }

    /// Copies one head's state [value, key] into `padded`.
    pub(super) fn pad_state<T: Real>(&self, state: &[T], padded: &mut [T]) {
        padded.fill(T::zero());
        for (to, from) in padded
            .chunks_mut(self.keys)
            .zip(state.chunks(self.shape.keys))
        {
            to[..from.len()].copy_from_slice(from);
        }
    }

    /// The inverse of `pad_state`.
    pub(super) fn trim_state<T: Real>(&self, padded: &[T], state: &mut [T]) {
        for (to, from) in state
            .chunks_mut(self.shape.keys)
            .zip(padded.chunks(self.keys))
        {
            to.copy_from_slice(&from[..to.len()]);
        }
    }
}

/// The inputs of one chunk of one head; rows of `Plan::keys` or `Plan::values` elements.
#[derive(Debug, Default)]
pub(super) struct Tile<T> {
    pub len: usize,
    pub keys: usize,
    pub values: usize,
    /// Receptance times scale.
    pub r: Vec<T>,
    /// Log decay.
    pub g: Vec<T>,
    /// exp(g).
    pub w: Vec<T>,
    pub k: Vec<T>,
    pub a: Vec<T>,
    pub b: Vec<T>,
    pub v: Vec<T>,
    /// Whether a packed sequence begins at the position, so that the state is zeroed before it.
    pub begins: Vec<bool>,
}

impl<T: Real> Tile<T> {
    /// Copies the positions `range` of one head.
    pub(super) fn load(
        &mut self,
        plan: &Plan,
        input: &Slices<'_, T>,
        (row, head): (usize, usize),
        range: Range<usize>,
    ) {
        let shape = plan.shape;
        (self.len, self.keys, self.values) = (range.len(), plan.keys, plan.values);
        let at = Source::new(&shape, (row, head), &range);
        at.copy(input.r, shape.keys, plan.keys, &mut self.r);
        at.copy(input.g, shape.keys, plan.keys, &mut self.g);
        at.copy(input.k, shape.keys, plan.keys, &mut self.k);
        at.copy(input.a, shape.keys, plan.keys, &mut self.a);
        at.copy(input.b, shape.keys, plan.keys, &mut self.b);
        at.copy(input.v, shape.values, plan.values, &mut self.v);
        self.w.resize(self.g.len(), T::zero());
        let scale = T::from_f64(shape.scale);
        vectorise(|| {
            for (w, &g) in self.w.iter_mut().zip(&self.g) {
                *w = g.exp_fast();
            }
            for r in &mut self.r {
                *r = *r * scale;
            }
        });
        let indices = Row::new(input.seq_idx, row, shape.len);
        self.begins.clear();
        self.begins
            .extend(range.map(|t| t > 0 && !indices.joined(t - 1, t)));
    }
}

/// Where the positions of one tile of one head lie in [batch, len, head, ..].
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    first: usize,
    stride: usize,
    count: usize,
}

impl Source {
    pub(super) fn new(
        shape: &DplrShape,
        (row, head): (usize, usize),
        range: &Range<usize>,
    ) -> Self {
        Self {
            first: (row * shape.len + range.start) * shape.heads + head,
            stride: shape.heads,
            count: range.len(),
        }
    }

    /// Copies rows of `width` elements into rows of `padded` elements.
    pub(super) fn copy<T: Real>(self, from: &[T], width: usize, padded: usize, to: &mut Vec<T>) {
        // What lies beyond `width` is zero from the start and never written.
        if to.len() != self.count * padded {
            to.clear();
            to.resize(self.count * padded, T::zero());
        }
        for (i, to) in to.chunks_mut(padded).enumerate() {
            let at = (self.first + i * self.stride) * width;
            to[..width].copy_from_slice(&from[at..at + width]);
        }
    }
}

/// Gradients of one tile, padded like the tile.
#[derive(Debug, Default)]
pub(super) struct TileGradients<T> {
    pub r: Vec<T>,
    /// Of the log decay.
    pub g: Vec<T>,
    pub k: Vec<T>,
    pub v: Vec<T>,
    pub a: Vec<T>,
    pub b: Vec<T>,
}

impl<T: Real> TileGradients<T> {
    pub(super) fn zero(&mut self, tile: &Tile<T>) {
        for keyed in [
            &mut self.r,
            &mut self.g,
            &mut self.k,
            &mut self.a,
            &mut self.b,
        ] {
            keyed.clear();
            keyed.resize(tile.len * tile.keys, T::zero());
        }
        self.v.clear();
        self.v.resize(tile.len * tile.values, T::zero());
    }
}
