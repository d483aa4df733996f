//! Packed sequences: what passes from where to where inside a chunk, into it and out of it.

use super::task::Place;
use cubecl::prelude::*;

/// Sequence indices of a chunk; without packed sequences everything passes.
#[derive(CubeType)]
pub(super) struct Mask<I: Numeric> {
    /// One per position, then that of the position before the chunk, then that of its last.
    ids: Shared<[I]>,
}

#[cube]
impl<I: Numeric> Mask<I> {
    pub(super) fn new(#[comptime] chunk: usize, #[comptime] packed: bool) -> Self {
        Mask::<I> {
            ids: Shared::<[I]>::new_slice(comptime!(if packed { chunk + 2 } else { 1 })),
        }
    }

    /// Reads the chunk; the cube must synchronise before anyone uses it.
    pub(super) fn load(
        &mut self,
        seq_idx: &[I],
        place: &Place,
        len: usize,
        #[comptime] chunk: usize,
        #[comptime] units: usize,
        #[comptime] packed: bool,
    ) {
        if comptime!(packed) {
            let base = place.row * len;
            let closing = place.first + place.count - 1;
            let mut i = UNIT_POS as usize;
            while i < comptime!(chunk + 2) {
                let mut at = place.first + i;
                if at > closing {
                    at = closing;
                }
                if i == chunk {
                    at = place.first;
                    if at > 0 {
                        at -= 1;
                    }
                }
                self.ids[i] = seq_idx[base + at];
                i += units;
            }
        }
    }

    /// Whether the state before the chunk reaches position `t`.
    pub(super) fn enters(
        &self,
        t: usize,
        #[comptime] chunk: usize,
        #[comptime] packed: bool,
    ) -> bool {
        let mut yes = true;
        if comptime!(packed) {
            yes = self.ids[t] == self.ids[chunk];
        }
        yes
    }

    /// Whether position `s` reaches the state after the chunk.
    pub(super) fn leaves(
        &self,
        s: usize,
        #[comptime] chunk: usize,
        #[comptime] packed: bool,
    ) -> bool {
        let mut yes = true;
        if comptime!(packed) {
            yes = self.ids[s] == self.ids[comptime!(chunk + 1)];
        }
        yes
    }

    /// Whether the state before the chunk reaches the state after it.
    pub(super) fn passes(&self, #[comptime] chunk: usize, #[comptime] packed: bool) -> bool {
        let mut yes = true;
        if comptime!(packed) {
            yes = self.ids[chunk] == self.ids[comptime!(chunk + 1)];
        }
        yes
    }

    /// Whether two positions belong to one sequence.
    pub(super) fn joined(&self, t: usize, s: usize, #[comptime] packed: bool) -> bool {
        let mut yes = true;
        if comptime!(packed) {
            yes = self.ids[t] == self.ids[s];
        }
        yes
    }
}
