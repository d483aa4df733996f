//! B and C of one piece: what all blocks of a tile share.

use super::super::SelectiveScanShape;
use super::Slices;
use super::plan::{Piece, Plan, Tile};

/// B and C of one piece and one group.
pub(super) struct Span<'a, T> {
    /// Position of the piece's start in [batch, len].
    pub at: usize,
    /// Positions.
    pub len: usize,
    b: &'a [T],
    c: &'a [T],
    stride: usize,
}

impl<'a, T> Span<'a, T> {
    pub(super) fn new(
        plan: &Plan,
        input: &Slices<'a, T>,
        row: usize,
        tile: &Tile,
        piece: &Piece,
    ) -> Self {
        let SelectiveScanShape {
            len, groups, state, ..
        } = plan.shape;
        let at = row * len + piece.start;
        let first = (at * groups + tile.group) * state;
        Self {
            at,
            len: piece.len(),
            b: &input.b[first..],
            c: &input.c[first..],
            stride: groups * state,
        }
    }

    /// B and C of `N` states from `first` at position `t` of the piece.
    #[inline(always)]
    pub(super) fn projections<const N: usize>(&self, t: usize, first: usize) -> (&[T], &[T]) {
        let at = t * self.stride + first;
        (&self.b[at..at + N], &self.c[at..at + N])
    }
}
