//! Launching the kernels of one call.

use super::forward::Output;
use super::task::SizesLaunch;
use super::{Call, forward, prepare};
use crate::cube::{buffer, element, empty, zeros};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{AddressType, ElemType};
use cubecl::prelude::*;

/// What [`super::prepare`] writes, or the gradients of that, by block of values.
pub(super) struct Factors {
    pub entering: CubeTensor,
    pub leaving: CubeTensor,
    pub within: CubeTensor,
    pub through: CubeTensor,
}

/// What a walk writes; what it was not asked for is a stand-in.
pub(super) struct Walked {
    pub packed: CubeTensor,
    pub checkpoints: CubeTensor,
    pub corrections: CubeTensor,
}

impl Call {
    /// The format of the packed result: that of v, but f32 (or f64) with a state in it.
    pub(super) fn packed_dtype(&self) -> DType {
        match self.shape.final_state {
            true => self.work(),
            false => self.v.dtype,
        }
    }

    /// Chunks of all heads.
    pub(super) fn pieces(&self) -> usize {
        self.shape.batch * self.shape.heads * self.chunks()
    }

    pub(super) fn cubes(&self) -> usize {
        self.shape.batch * self.shape.heads * self.plan.blocks
    }

    pub(super) fn sizes(&self) -> SizesLaunch {
        let shape = self.shape;
        SizesLaunch::new(
            shape.len,
            shape.heads,
            shape.keys,
            shape.values,
            self.chunks(),
            self.plan.blocks,
            shape.y_elements(),
        )
    }

    /// 64-bit indices only where a tensor needs them.
    pub(super) fn addresses(&self) -> AddressType {
        let shape = self.shape;
        let double = 2 * self.plan.chunk;
        let parts = self.plan.blocks * double * shape.keys.max(self.plan.chunk);
        let piece = parts.max(shape.values * shape.keys.max(self.plan.chunk));
        let most = (self.pieces() * piece).max(shape.packed_elements());
        match u32::try_from(most) {
            Ok(_) => AddressType::U32,
            Err(_) => AddressType::U64,
        }
    }

    pub(super) fn new_tensor(&self, shape: &[usize], dtype: DType) -> CubeTensor {
        empty(&self.v, shape, dtype)
    }

    pub(super) fn spare(&self) -> CubeTensor {
        self.new_tensor(&[1], self.work())
    }

    /// Tensors of `parts` per chunk.
    pub(super) fn factors(&self, parts: usize) -> Factors {
        let (pieces, keys, chunk) = (self.pieces(), self.shape.keys, self.plan.chunk);
        let tiles = self.tiles();
        Factors {
            entering: self.new_tensor(&[pieces, parts, 2 * chunk, keys], tiles),
            leaving: self.new_tensor(&[pieces, parts, 2 * chunk, keys], tiles),
            within: self.new_tensor(&[pieces, parts, 2 * chunk, chunk], tiles),
            through: self.new_tensor(&[pieces, parts, keys], self.work()),
        }
    }

    pub(super) fn scale(&self) -> InputScalar {
        InputScalar::new(self.shape.scale, element(self.work()))
    }

    pub(super) fn column_types(&self) -> [ElemType; 5] {
        [
            self.v.dtype,
            self.tiles(),
            self.work(),
            self.seq_idx.dtype,
            self.g.dtype,
        ]
        .map(element)
    }

    pub(super) fn walk_types(&self) -> [ElemType; 4] {
        [self.v.dtype, self.tiles(), self.work(), self.packed_dtype()].map(element)
    }

    /// The factors of all chunks and, if asked for, their pairs.
    pub(super) fn prepare(&self, keeps_pairs: bool) -> (Factors, CubeTensor) {
        let factors = self.factors(1);
        let chunk = self.plan.chunk;
        let pairs = match keeps_pairs {
            true => self.new_tensor(&[self.pieces(), 2 * chunk, chunk], self.work()),
            false => self.spare(),
        };
        if self.pieces() > 0 {
            let spare = self.spare();
            prepare::prepare::launch(
                &self.v.client,
                count(self.pieces()),
                CubeDim::new_1d(self.plan.column_units as u32),
                self.addresses(),
                buffer(&self.r, &spare),
                buffer(&self.g, &spare),
                buffer(&self.k, &spare),
                buffer(&self.a, &spare),
                buffer(&self.b, &spare),
                buffer(&self.seq_idx, &spare),
                buffer(&factors.entering, &spare),
                buffer(&factors.leaving, &spare),
                buffer(&factors.within, &spare),
                buffer(&factors.through, &spare),
                buffer(&pairs, &spare),
                self.scale(),
                self.sizes(),
                keeps_pairs,
                self.plan,
                self.column_types(),
            );
        }
        (factors, pairs)
    }

    pub(super) fn walk(&self, output: Output, factors: &Factors) -> Walked {
        let shape = self.shape;
        let (pieces, tiles) = (self.pieces(), self.tiles());
        let walked = match output {
            Output::Checkpoints => Walked {
                packed: self.new_tensor(&[1], self.packed_dtype()),
                checkpoints: self.new_tensor(&[pieces, shape.values, shape.keys], tiles),
                corrections: self.new_tensor(&[pieces, self.plan.chunk, shape.values], tiles),
            },
            _ => Walked {
                packed: self.new_tensor(&[shape.packed_elements()], self.packed_dtype()),
                checkpoints: self.spare(),
                corrections: self.spare(),
            },
        };
        let spare = self.spare();
        forward::forward::launch(
            &self.v.client,
            count(self.cubes()),
            CubeDim::new_1d(self.plan.units as u32),
            self.addresses(),
            buffer(&self.v, &spare),
            buffer(&self.initial, &spare),
            buffer(&factors.entering, &spare),
            buffer(&factors.leaving, &spare),
            buffer(&factors.within, &spare),
            buffer(&factors.through, &spare),
            buffer(&walked.packed, &spare),
            buffer(&walked.checkpoints, &spare),
            buffer(&walked.corrections, &spare),
            self.sizes(),
            output,
            self.plan,
            self.walk_types(),
        );
        walked
    }

    pub(super) fn forward(&self) -> CubeTensor {
        let shape = self.shape;
        if shape.state_elements() == 0 {
            return zeros(&self.v, &[shape.packed_elements()], self.packed_dtype());
        }
        if shape.len == 1 {
            return self.step();
        }
        let (factors, _) = self.prepare(false);
        let output = match shape.final_state {
            true => Output::ValuesAndState,
            false => Output::Values,
        };
        self.walk(output, &factors).packed
    }
}

pub(super) fn count(cubes: usize) -> CubeCount {
    CubeCount::Static(cubes as u32, 1, 1)
}
