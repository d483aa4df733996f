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

    /// Its systems and its channels take turns in the same memory.
    fn gradient_bytes(self, of: ElementBytes) -> usize {
        let double = 2 * self.chunk;
        let systems = self.area(self.chunk, self.solved()) * of.tile
            + double * self.sum_pitch(self.chunk) * of.sum;
        let channels = self.level_bytes(of)
            + self.area(double, double) * of.tile
            + (2 * self.area(self.chunk, self.channels) + self.channels) * of.sum;
        let both = (self.area(double, self.solved()) + self.area(double, double)) * of.tile
            + 4 * self.chunk * of.sum;
        both + systems.max(channels)
    }

    /// Bytes of shared memory of the hungriest kernel of both passes.
    pub(super) fn bytes(self, of: ElementBytes) -> usize {
        let line = 8 * (self.chunk + 2) + 64;
        let kernels = [
            self.prepare_bytes(of),
            self.forward_bytes(of),
            self.reverse_bytes(of),
            self.gradient_bytes(of),
        ];
        kernels.into_iter().max().unwrap_or(0) + line
    }
}
