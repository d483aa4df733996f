//! CubeCL body: sums over the poles in f64, without tables in device memory.
//!
//! Compute-bound in f64, of which a data-centre GPU has half its f32 rate: forward makes about 7
//! multiply-adds per row, pole and position, backward 9. At 256 rows of 32 poles and 16,384 positions
//! that is 0.9 and 1.2 G, or 0.06 and 0.07 ms at 17 T/s; at 2,048 positions launches cost more.

mod evaluate;
mod kernels;
mod moments;
mod pole;
mod sums;

pub(crate) use pole::{Pole, PoleRule};
pub(crate) use sums::PowerSums;

use super::VandermondeShape;
use super::ops::{VandermondeBackward, VandermondeGradients, VandermondeOps, VandermondeSaved};
use crate::cube::{buffer, contiguous, element, empty, grid, part_sums, row_sums};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use kernels::SizesLaunch;

/// One call, ready to launch.
struct Call {
    a: [CubeTensor; 2],
    dt: CubeTensor,
    c: [CubeTensor; 2],
    shape: VandermondeShape,
    /// Stands in for tensors without elements.
    spare: CubeTensor,
}

impl Call {
    fn new(saved: VandermondeSaved<CubeBackend>) -> Self {
        Self {
            spare: empty(&saved.dt, &[1], DType::F64),
            a: [saved.a_re, saved.a_im].map(contiguous),
            dt: contiguous(saved.dt),
            c: [saved.c_re, saved.c_im].map(contiguous),
            shape: saved.shape,
        }
    }

    fn dtype(&self) -> DType {
        self.dt.dtype
    }

    /// Poles of all rows.
    fn total(&self) -> usize {
        self.shape.rows * self.shape.state
    }

    fn rule(&self) -> PoleRule {
        PoleRule::new(self.shape.options.rule, self.shape.options.gain)
    }

    fn grid(&self) -> (CubeCount, CubeDim) {
        grid(&self.spare.client, self.total())
    }

    fn sizes(&self) -> SizesLaunch {
        let VandermondeShape {
            channels, state, ..
        } = self.shape;
        SizesLaunch::new(channels, state, self.total(), self.shape.options.offset)
    }

    fn sums(&self) -> PowerSums {
        PowerSums {
            rows: self.shape.rows,
            channels: self.shape.channels,
            state: self.shape.state,
            len: self.shape.options.len,
            reversed: false,
            seq_idx: empty(&self.spare, &[0], DType::I32),
        }
    }

    /// z [2, channel, state] and s c gain z^offset [2, row, state], in f64.
    fn prepare(&self) -> (CubeTensor, CubeTensor) {
        let VandermondeShape {
            rows,
            channels,
            state,
            ..
        } = self.shape;
        let factors = empty(&self.spare, &[2, channels, state], DType::F64);
        let weights = empty(&self.spare, &[2, rows, state], DType::F64);
        if self.total() > 0 {
            let (count, dim) = self.grid();
            kernels::prepare::launch(
                &self.spare.client,
                count,
                dim,
                buffer(&self.a[0], &self.spare),
                buffer(&self.a[1], &self.spare),
                buffer(&self.dt, &self.spare),
                buffer(&self.c[0], &self.spare),
                buffer(&self.c[1], &self.spare),
                buffer(&factors, &self.spare),
                buffer(&weights, &self.spare),
                self.sizes(),
                self.shape.scale(),
                self.rule(),
                element(self.dtype()),
            );
        }
        (factors, weights)
    }

    fn forward(&self) -> CubeTensor {
        let (factors, weights) = self.prepare();
        self.sums().evaluate(&factors, &weights, self.dtype())
    }

    fn backward(&self, grad: CubeTensor) -> VandermondeGradients<CubeBackend> {
        let VandermondeShape {
            rows,
            channels,
            state,
            ..
        } = self.shape;
        let (factors, _) = self.prepare();
        let moments = self.sums().moments(&factors, &contiguous(grad), true);
        let [da_re, da_im, ddt] = [0, 1, 2].map(|_| empty(&self.spare, &[rows, state], DType::F64));
        let [c_re, c_im] = [0, 1].map(|_| empty(&self.spare, &[rows, state], self.dtype()));
        if self.total() > 0 {
            let (count, dim) = self.grid();
            kernels::gradients::launch(
                &self.spare.client,
                count,
                dim,
                buffer(&self.a[0], &self.spare),
                buffer(&self.a[1], &self.spare),
                buffer(&self.dt, &self.spare),
                buffer(&self.c[0], &self.spare),
                buffer(&self.c[1], &self.spare),
                buffer(&moments, &self.spare),
                buffer(&da_re, &self.spare),
                buffer(&da_im, &self.spare),
                buffer(&ddt, &self.spare),
                buffer(&c_re, &self.spare),
                buffer(&c_im, &self.spare),
                self.sizes(),
                self.shape.scale(),
                self.rule(),
                element(self.dtype()),
            );
        }
        let sets = rows.checked_div(channels).unwrap_or(0);
        let of_poles = |parts, dtype| part_sums(parts, sets, &[channels, state], dtype);
        VandermondeGradients {
            a_re: of_poles(da_re, self.dtype()),
            a_im: of_poles(da_im, self.dtype()),
            dt: row_sums(of_poles(ddt, DType::F64), self.dtype()),
            c_re,
            c_im,
        }
    }
}

impl VandermondeOps for CubeBackend {
    fn vandermonde(
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        shape: VandermondeShape,
    ) -> FloatTensor<Self> {
        let saved = VandermondeSaved::<Self> {
            a_re,
            a_im,
            dt,
            c_re,
            c_im,
            shape,
        };
        Call::new(saved).forward()
    }
}

impl VandermondeBackward for CubeBackend {
    fn vandermonde_backward(
        saved: VandermondeSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> VandermondeGradients<Self> {
        Call::new(saved).backward(grad)
    }
}
