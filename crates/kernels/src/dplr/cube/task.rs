//! Which part of the work is a cube's, and where it lies in the tensors.

use super::plan::Plan;
use crate::cube::tiles::Window;
use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub len: usize,
    pub heads: usize,
    pub keys: usize,
    pub values: usize,
    /// Chunks of one row.
    pub chunks: usize,
    /// Blocks of values of one head.
    pub blocks: usize,
    /// Elements of y, behind which the packed result holds the state.
    pub y_elements: usize,
}

/// One chunk of one head.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Place {
    pub row: usize,
    pub head: usize,
    /// Its index in tensors [batch, head, chunk, ...].
    pub index: usize,
    /// First position.
    pub first: usize,
    /// Positions that exist.
    pub count: usize,
}

#[cube]
impl Place {
    /// Chunk `chunk` of the head `head` of row `row`.
    pub(super) fn new(
        row: usize,
        head: usize,
        chunk: usize,
        sizes: &Sizes,
        #[comptime] plan: Plan,
    ) -> Place {
        let first = chunk * comptime!(plan.chunk);
        let mut count = sizes.len - first;
        if count > comptime!(plan.chunk) {
            count = comptime!(plan.chunk).runtime();
        }
        Place {
            row,
            head,
            index: (row * sizes.heads + head) * sizes.chunks + chunk,
            first,
            count,
        }
    }

    /// The chunk of this cube, of those [batch, head, chunk].
    pub(super) fn of_cube(sizes: &Sizes, #[comptime] plan: Plan) -> Place {
        let rest = CUBE_POS / sizes.chunks;
        Place::new(
            rest / sizes.heads,
            rest % sizes.heads,
            CUBE_POS % sizes.chunks,
            sizes,
            plan,
        )
    }

    /// Its rows of r, g, k, a, b or their gradients.
    pub(super) fn keyed(&self, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.len + self.first) * sizes.heads + self.head;
        Window {
            base: at * sizes.keys,
            stride: sizes.heads * sizes.keys,
            rows: self.count,
            cols: sizes.keys,
        }
    }

    /// The first rows of its part of a tensor [batch, head, chunk, height, width].
    pub(super) fn part(&self, height: usize, width: usize, rows: usize) -> Window {
        Window {
            base: self.index * height * width,
            stride: width,
            rows,
            cols: width,
        }
    }
}

/// The head and the block of values that a cube walks along.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Walk {
    pub row: usize,
    pub head: usize,
    pub block: usize,
    /// First value of the block.
    pub value: usize,
    /// Values of the block that exist.
    pub width: usize,
}

#[cube]
impl Walk {
    /// The task of this cube.
    pub(super) fn of_cube(sizes: &Sizes, #[comptime] plan: Plan) -> Walk {
        let block = CUBE_POS % sizes.blocks;
        let rest = CUBE_POS / sizes.blocks;
        let value = block * comptime!(plan.block);
        let mut width = sizes.values - value;
        if width > comptime!(plan.block) {
            width = comptime!(plan.block).runtime();
        }
        Walk {
            row: rest / sizes.heads,
            head: rest % sizes.heads,
            block,
            value,
            width,
        }
    }

    /// Its rows of v, y or their gradients.
    pub(super) fn values(&self, place: &Place, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.len + place.first) * sizes.heads + self.head;
        Window {
            base: at * sizes.values + self.value,
            stride: sizes.heads * sizes.values,
            rows: place.count,
            cols: self.width,
        }
    }

    /// Its rows of the corrections U, [batch, head, chunk, position, value].
    pub(super) fn corrections(
        &self,
        place: &Place,
        sizes: &Sizes,
        #[comptime] plan: Plan,
    ) -> Window {
        Window {
            base: place.index * comptime!(plan.chunk) * sizes.values + self.value,
            stride: sizes.values,
            rows: comptime!(plan.chunk).runtime(),
            cols: self.width,
        }
    }

    /// Its block of a state [batch, head, value, key] that starts at element `from`.
    pub(super) fn state(&self, from: usize, sizes: &Sizes) -> Window {
        let at = (self.row * sizes.heads + self.head) * sizes.values + self.value;
        Window {
            base: from + at * sizes.keys,
            stride: sizes.keys,
            rows: self.width,
            cols: sizes.keys,
        }
    }

    /// Its block of the state before a chunk in checkpoints [batch, head, chunk, value, key].
    pub(super) fn checkpoint(&self, place: &Place, sizes: &Sizes) -> Window {
        Window {
            base: (place.index * sizes.values + self.value) * sizes.keys,
            stride: sizes.keys,
            rows: self.width,
            cols: sizes.keys,
        }
    }

    /// Its part of a gradient [batch, head, chunk, block, height, width].
    pub(super) fn share(
        &self,
        place: &Place,
        sizes: &Sizes,
        height: usize,
        width: usize,
    ) -> Window {
        Window {
            base: (place.index * sizes.blocks + self.block) * height * width,
            stride: width,
            rows: height,
            cols: width,
        }
    }
}
