//! How the work is cut: tiles of channels, pieces of the length.

use super::super::SelectiveScanShape;
use crate::segments::Row;

/// Channels whose states advance together: one AVX-512 register of f32, two of AVX2.
pub(super) const LANES: usize = 16;
/// Channels per task. Fixed, so that sums over tasks do not depend on the number of threads.
const TILE: usize = 8 * LANES;
/// Positions per piece: what the backward pass keeps of one group of states stays in the L1 cache.
pub(super) const PIECE: usize = 32;
/// Elements of one array [position, lane] of a piece.
pub(super) const PIECE_ELEMENTS: usize = PIECE * LANES;
/// States of one channel that a pass holds in registers at once.
pub(super) const STATES: usize = 4;

/// Consecutive channels of one group: what one task works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tile {
    pub group: usize,
    pub first: usize,
    pub count: usize,
}

/// Consecutive positions of one packed sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub start: usize,
    pub end: usize,
    /// Whether a new sequence starts here, inside the row: no state enters.
    pub fresh: bool,
}

impl Piece {
    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }
}

/// Sizes derived from [`SelectiveScanShape`] once per call.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub shape: SelectiveScanShape,
    /// In the order of the channels.
    pub tiles: Vec<Tile>,
}

impl Plan {
    pub(super) fn new(shape: SelectiveScanShape) -> Self {
        let width = shape.channels_per_group();
        let tiles = (0..shape.groups)
            .flat_map(|group| {
                (0..width).step_by(TILE).map(move |offset| Tile {
                    group,
                    first: group * width + offset,
                    count: TILE.min(width - offset),
                })
            })
            .collect();
        Self { shape, tiles }
    }

    /// Pieces of one batch row in order; none for length zero.
    pub(super) fn pieces(&self, seq_idx: &[i64], row: usize) -> Vec<Piece> {
        let len = self.shape.len;
        let indices = Row::new(seq_idx, row, len);
        let mut pieces: Vec<Piece> = Vec::with_capacity(len.div_ceil(PIECE));
        for t in 0..len {
            let fresh = t > 0 && !indices.joined(t - 1, t);
            match pieces.last_mut() {
                Some(piece) if !fresh && piece.len() < PIECE => piece.end = t + 1,
                _ => pieces.push(Piece {
                    start: t,
                    end: t + 1,
                    fresh,
                }),
            }
        }
        pieces
    }

    /// Cuts [batch, len, channel] into one list of rows per task: (batch row, tile) in order.
    pub(super) fn tile_rows<'a, T>(&self, values: &'a mut [T]) -> Vec<Vec<&'a mut [T]>> {
        let (len, tiles) = (self.shape.len, self.tiles.len());
        let mut tasks: Vec<Vec<&mut [T]>> = (0..self.shape.batch * tiles)
            .map(|_| Vec::with_capacity(len))
            .collect();
        for (position, mut rest) in values.chunks_mut(self.shape.channels.max(1)).enumerate() {
            for (tile, rows) in self.tiles.iter().zip(&mut tasks[position / len * tiles..]) {
                let (part, tail) = rest.split_at_mut(tile.count);
                rows.push(part);
                rest = tail;
            }
        }
        tasks
    }

    /// Cuts [batch, channel, state] into one slice per task; empty slices if `values` is empty.
    pub(super) fn tile_states<'a, T>(&self, values: &'a mut [T]) -> Vec<&'a mut [T]> {
        let absent = values.is_empty();
        let mut rest = values;
        let mut tasks = Vec::with_capacity(self.shape.batch * self.tiles.len());
        for _ in 0..self.shape.batch {
            for tile in &self.tiles {
                let count = if absent {
                    0
                } else {
                    tile.count * self.shape.state
                };
                let (part, tail) = rest.split_at_mut(count);
                tasks.push(part);
                rest = tail;
            }
        }
        tasks
    }
}
