//! Launching the kernels of one call.

use super::forward::Output;
use super::step::StepPlan;
use super::task::SizesLaunch;
use super::{Call, forward, gradients, prepare, reverse, step};
use crate::cube::{buffer, contiguous, cube_units, element, empty, unrolls, zeros};
use crate::dplr::ops::DplrGradients;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::{AddressType, ElemType};
use cubecl::prelude::*;

/// What [`super::prepare`] writes, or the gradients of that, by block of values.
struct Factors {
    entering: CubeTensor,
    leaving: CubeTensor,
    within: CubeTensor,
    through: CubeTensor,
}

/// What a walk writes; what it was not asked for is a stand-in.
struct Walked {
    packed: CubeTensor,
    checkpoints: CubeTensor,
    corrections: CubeTensor,
}

impl Call {
    /// The format of the packed result: that of v, but f32 (or f64) with a state in it.
    fn packed_dtype(&self) -> DType {
        match self.shape.final_state {
            true => self.work(),
            false => self.v.dtype,
        }
    }

    /// Chunks of all heads.
    fn pieces(&self) -> usize {
        self.shape.batch * self.shape.heads * self.chunks()
    }

    fn cubes(&self) -> usize {
        self.shape.batch * self.shape.heads * self.plan.blocks
    }

    fn sizes(&self) -> SizesLaunch {
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
    fn addresses(&self) -> AddressType {
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

    fn new_tensor(&self, shape: &[usize], dtype: DType) -> CubeTensor {
        empty(&self.v, shape, dtype)
    }

    fn spare(&self) -> CubeTensor {
        self.new_tensor(&[1], self.work())
    }

    /// Tensors of `parts` per chunk.
    fn factors(&self, parts: usize) -> Factors {
        let (pieces, keys, chunk) = (self.pieces(), self.shape.keys, self.plan.chunk);
        let tiles = self.tiles();
        Factors {
            entering: self.new_tensor(&[pieces, parts, 2 * chunk, keys], tiles),
            leaving: self.new_tensor(&[pieces, parts, 2 * chunk, keys], tiles),
            within: self.new_tensor(&[pieces, parts, 2 * chunk, chunk], tiles),
            through: self.new_tensor(&[pieces, parts, keys], self.work()),
        }
    }

    fn scale(&self) -> InputScalar {
        InputScalar::new(self.shape.scale, element(self.work()))
    }

    fn column_types(&self) -> [ElemType; 5] {
        [
            self.v.dtype,
            self.tiles(),
            self.work(),
            self.seq_idx.dtype,
            self.g.dtype,
        ]
        .map(element)
    }

    fn walk_types(&self) -> [ElemType; 4] {
        [self.v.dtype, self.tiles(), self.work(), self.packed_dtype()].map(element)
    }

    /// The factors of all chunks and, if asked for, their pairs.
    fn prepare(&self, keeps_pairs: bool) -> (Factors, CubeTensor) {
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

    fn walk(&self, output: Output, factors: &Factors) -> Walked {
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

    /// A single position in one launch.
    fn step(&self) -> CubeTensor {
        let shape = self.shape;
        let client = &self.v.client;
        let hardware = &client.properties().hardware;
        let units = cube_units(client, 256);
        let lanes = match hardware.plane_size_min == hardware.plane_size_max {
            true => (hardware.plane_size_max as usize).clamp(1, units),
            false => 1,
        };
        let abreast = units / lanes;
        let plan = StepPlan {
            keys: shape.keys,
            lanes,
            abreast,
            rows: 4 * abreast,
            state_wanted: shape.final_state,
            unroll: unrolls(client) && shape.keys <= 16 * lanes,
        };
        let blocks = shape.values.div_ceil(plan.rows);
        let packed = self.new_tensor(&[shape.packed_elements()], self.packed_dtype());
        step::step::launch(
            client,
            count(shape.batch * shape.heads * blocks),
            CubeDim::new_1d(units as u32),
            buffer(&self.r, &self.v),
            buffer(&self.g, &self.v),
            buffer(&self.k, &self.v),
            buffer(&self.v, &self.v),
            buffer(&self.a, &self.v),
            buffer(&self.b, &self.v),
            buffer(&self.initial, &self.v),
            buffer(&packed, &packed),
            shape.values,
            blocks,
            shape.y_elements(),
            self.scale(),
            plan,
            [self.v.dtype, self.work(), self.packed_dtype(), self.g.dtype].map(element),
        );
        packed
    }

    pub(super) fn backward(&self, grad: CubeTensor) -> DplrGradients<CubeBackend> {
        let shape = self.shape;
        let keyed = [shape.batch, shape.len, shape.heads, shape.keys];
        let valued = [shape.batch, shape.len, shape.heads, shape.values];
        let state = [shape.batch, shape.heads, shape.values, shape.keys];
        let (dtype, work) = (self.v.dtype, self.work());
        if shape.state_elements() == 0 {
            let keys = || zeros(&self.v, &keyed, dtype);
            return DplrGradients {
                r: keys(),
                g: zeros(&self.v, &keyed, self.g.dtype),
                k: keys(),
                v: zeros(&self.v, &valued, dtype),
                a: keys(),
                b: keys(),
                initial: zeros(&self.v, &state, work),
            };
        }
        let keys = || self.new_tensor(&keyed, dtype);
        let out = DplrGradients {
            r: keys(),
            g: self.new_tensor(&keyed, self.g.dtype),
            k: keys(),
            v: self.new_tensor(&valued, dtype),
            a: keys(),
            b: keys(),
            initial: self.new_tensor(&state, work),
        };
        let (factors, pairs) = self.prepare(true);
        let gradients = self.reverse(&factors, contiguous(grad), &out);
        self.gradients(&factors, &pairs, &gradients, &out);
        out
    }

    /// Writes the gradients of v and of the initial state; returns those of the factors.
    fn reverse(
        &self,
        factors: &Factors,
        grad: CubeTensor,
        out: &DplrGradients<CubeBackend>,
    ) -> Factors {
        let walked = self.walk(Output::Checkpoints, factors);
        let gradients = self.factors(self.plan.blocks);
        let spare = self.spare();
        reverse::reverse::launch(
            &self.v.client,
            count(self.cubes()),
            CubeDim::new_1d(self.plan.units as u32),
            self.addresses(),
            buffer(&self.v, &spare),
            buffer(&factors.entering, &spare),
            buffer(&factors.leaving, &spare),
            buffer(&factors.within, &spare),
            buffer(&factors.through, &spare),
            buffer(&walked.checkpoints, &spare),
            buffer(&walked.corrections, &spare),
            buffer(&grad, &spare),
            buffer(&out.v, &spare),
            buffer(&out.initial, &spare),
            buffer(&gradients.entering, &spare),
            buffer(&gradients.leaving, &spare),
            buffer(&gradients.within, &spare),
            buffer(&gradients.through, &spare),
            self.sizes(),
            self.shape.final_state,
            self.plan,
            self.walk_types(),
        );
        gradients
    }

    /// Writes the gradients of r, g, k, a and b.
    fn gradients(
        &self,
        factors: &Factors,
        pairs: &CubeTensor,
        gradients: &Factors,
        out: &DplrGradients<CubeBackend>,
    ) {
        if self.pieces() == 0 {
            return;
        }
        let spare = self.spare();
        gradients::gradients::launch(
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
            buffer(&factors.within, &spare),
            buffer(pairs, &spare),
            buffer(&gradients.entering, &spare),
            buffer(&gradients.leaving, &spare),
            buffer(&gradients.within, &spare),
            buffer(&gradients.through, &spare),
            buffer(&out.r, &spare),
            buffer(&out.g, &spare),
            buffer(&out.k, &spare),
            buffer(&out.a, &spare),
            buffer(&out.b, &spare),
            self.scale(),
            self.sizes(),
            self.plan,
            self.column_types(),
        );
    }
}

fn count(cubes: usize) -> CubeCount {
    CubeCount::Static(cubes as u32, 1, 1)
}
