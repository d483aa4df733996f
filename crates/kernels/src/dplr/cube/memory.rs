//! Shared memory that a plan takes.

use super::plan::Plan;
use crate::cube::ElementBytes;

impl Plan {
    fn level_bytes(self, of: ElementBytes) -> usize {
        let (factors, decays) = (2 * self.chunk, self.chunk);
        2 * self.area(factors, self.channels) * of.tile
            + 2 * self.area(decays, self.channels) * of.sum
    }

    fn prepare_bytes(self, of: ElementBytes) -> usize {
        self.level_bytes(of) + 2 * self.chunk * self.sum_pitch(2 * self.chunk) * of.sum
    }

    fn forward_bytes(self, of: ElementBytes) -> usize {
        let double = 2 * self.chunk;
        let tiles = 2 * self.area(double, self.keys)
            + self.area(double, self.chunk)
            + self.area(double, self.block)
            + self.area(self.block, self.keys);
        tiles * of.tile + self.keys * of.sum
    }

    fn reverse_bytes(self, of: ElementBytes) -> usize {
        let double = 2 * self.chunk;
        let tiles = self.area(double, self.keys)
            + self.area(double, self.chunk)
            + 2 * self.area(double, self.block)
            + self.area(self.block, self.keys);
        tiles * of.tile + (1 + self.column_parts()) * self.keys * of.sum
    }

    fn gradient_bytes(self, of: ElementBytes) -> usize {
        let double = 2 * self.chunk;
        let systems = 3 * self.area(self.chunk, self.solved()) * of.tile
            + double * self.sum_pitch(self.chunk) * of.sum;
        let scores = 2 * self.area(double, double) * of.tile + 4 * self.chunk * of.sum;
        let channels = self.level_bytes(of)
            + (2 * self.area(self.chunk, self.channels) + self.channels) * of.sum;
        systems + scores + channels
    }

    /// Indices of sequences and flags.
    fn line_bytes(self) -> usize {
        8 * (self.chunk + 2) + 64
    }

    /// Bytes of shared memory of the hungrier kernel that walks along the length.
    pub(super) fn walk_bytes(self, of: ElementBytes) -> usize {
        self.forward_bytes(of).max(self.reverse_bytes(of)) + self.line_bytes()
    }

    /// Bytes of shared memory of the hungriest kernel of both passes.
    pub(super) fn bytes(self, of: ElementBytes) -> usize {
        let chunk = self.prepare_bytes(of).max(self.gradient_bytes(of));
        self.walk_bytes(of).max(chunk + self.line_bytes())
    }
}
