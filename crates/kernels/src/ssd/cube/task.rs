//! Which part of the work is a cube's, and where it lies in the tensors.

use super::decay::Place;
use super::plan::Plan;
use crate::cube::tiles::Window;
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub len: usize,
    pub heads: usize,
    pub head_dim: usize,
    pub groups: usize,
    pub state: usize,
    /// Chunks of one row.
    pub chunks: usize,
    /// Head blocks of one head.
    pub blocks: usize,
    /// Elements of dt.
    pub steps: usize,
    /// Elements of y, behind which the packed result holds the state.
    pub y_elements: usize,
    /// First batch row of this pass, and of its checkpoints.
    pub first: usize,
    /// First batch row of the contributions to dB and dC.
    pub contributed: usize,
}

/// What one cube works on.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Task {
    pub row: usize,
    pub head: usize,
    pub group: usize,
    pub block: usize,
    /// First channel of the block.
    pub channel: usize,
    /// Channels of the block that exist.
    pub width: usize,
}

#[cube]
impl Task {
    /// The task of this cube.
    pub(super) fn of_cube(sizes: &Sizes, #[comptime] plan: Plan) -> Task {
        let block = CUBE_POS % sizes.blocks;
        let rest = CUBE_POS / sizes.blocks;
        let head = rest % sizes.heads;
        let channel = block * comptime!(plan.block);
        let mut width = sizes.head_dim - channel;
        if width > comptime!(plan.block) {
            width = comptime!(plan.block).runtime();
        }
        Task {
            row: sizes.first + rest / sizes.heads,
            head,
            group: head / (sizes.heads / sizes.groups),
            block,
            channel,
            width,
        }
    }

    /// The chunk with this index.
    pub(super) fn place(&self, index: usize, sizes: &Sizes, #[comptime] plan: Plan) -> Place {
        let first = index * comptime!(plan.chunk);
        let mut count = sizes.len - first;
        if count > comptime!(plan.chunk) {
            count = comptime!(plan.chunk).runtime();
        }
        Place {
            row: self.row,
            first,
            count,
        }
    }

    /// Its rows of x, y or their gradients.
    pub(super) fn values(&self, place: &Place, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.len + place.first) * sizes.heads + self.head;
        Window {
            base: at * sizes.head_dim + self.channel,
            stride: sizes.heads * sizes.head_dim,
            rows: place.count,
            cols: self.width,
        }
    }

    /// Its rows of B or C.
    pub(super) fn projections(&self, place: &Place, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.len + place.first) * sizes.groups + self.group;
        Window {
            base: at * sizes.state,
            stride: sizes.groups * sizes.state,
            rows: place.count,
            cols: sizes.state,
        }
    }

    /// Its rows of this head block's contributions to dB or dC, [batch, len, head, block, state].
    pub(super) fn contribution(&self, place: &Place, sizes: &Sizes) -> Window {
        let row = self.row - sizes.contributed;
        let at = (row * sizes.len + place.first) * sizes.heads + self.head;
        Window {
            base: (at * sizes.blocks + self.block) * sizes.state,
            stride: sizes.heads * sizes.blocks * sizes.state,
            rows: place.count,
            cols: sizes.state,
        }
    }

    /// Its block of a state [batch, head, head_dim, state] that starts at element `from`.
    pub(super) fn state(&self, from: usize, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.heads + self.head) * sizes.head_dim + self.channel;
        Window {
            base: from + at * sizes.state,
            stride: sizes.state,
            rows: self.width,
            cols: sizes.state,
        }
    }

    /// Its block of the state before a chunk in checkpoints [batch, chunk, head, head_dim, state].
    pub(super) fn checkpoint(&self, index: usize, sizes: &Sizes) -> Window {
        let row = self.row - sizes.first;
        let at = (row * sizes.chunks + index) * sizes.heads + self.head;
        Window {
            base: (at * sizes.head_dim + self.channel) * sizes.state,
            stride: sizes.state,
            rows: self.width,
            cols: sizes.state,
        }
    }

    /// First element of a chunk in [batch, head, chunk, position].
    pub(super) fn positions(&self, index: usize, sizes: &Sizes, #[comptime] chunk: usize) -> usize {
        ((self.row * sizes.heads + self.head) * sizes.chunks + index) * chunk
    }
}
