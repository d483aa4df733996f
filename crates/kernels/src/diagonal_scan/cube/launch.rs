//! Launching the kernels of one call.

use super::{Call, adjoint, kernels};
use crate::cube::{buffer, column_sums, contiguous, empty, zeros};
use crate::diagonal_scan::DiagonalScanShape;
use crate::diagonal_scan::ops::DiagonalScanGradients;
use burn::tensor::{DType, Shape};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::{cast, slice};
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;

impl Call {
    /// The states that enter the segments of a scan of `x`.
    fn entering(&self, x: &CubeTensor, adjoint: bool) -> CubeTensor {
        let ends = self.parts(4);
        let entering = self.parts(2);
        let plan = self.plan(adjoint);
        let [_, _, work, index] = self.types();
        if self.segments > 1 {
            let (count, dim) = self.grid(self.total());
            kernels::segment_ends::launch(
                self.client(),
                count,
                dim,
                buffer(x, &self.spare),
                buffer(&self.a[0], &self.spare),
                buffer(&self.a[1], &self.spare),
                buffer(&self.seq_idx, &self.spare),
                buffer(&ends, &self.spare),
                self.sizes(),
                plan,
                self.types(),
            );
        }
        let states = self.shape.batch * self.shape.channels;
        let (count, dim) = self.grid(states);
        kernels::carry::launch(
            self.client(),
            count,
            dim,
            buffer(&ends, &self.spare),
            buffer(&self.initial[0], &self.spare),
            buffer(&self.initial[1], &self.spare),
            buffer(&self.seq_idx, &self.spare),
            buffer(&entering, &self.spare),
            self.sizes(),
            states,
            plan,
            [work, index],
        );
        entering
    }

    pub(super) fn forward(&self, x: CubeTensor) -> CubeTensor {
        let x = contiguous(x);
        let DiagonalScanShape {
            batch,
            len,
            channels,
            ..
        } = self.shape;
        let h = empty(&x, &[batch, len, 2 * channels], self.stored);
        if self.total() > 0 {
            let entering = self.entering(&x, false);
            let (count, dim) = self.grid(self.total());
            kernels::scan::launch(
                self.client(),
                count,
                dim,
                buffer(&x, &self.spare),
                buffer(&self.a[0], &self.spare),
                buffer(&self.a[1], &self.spare),
                buffer(&entering, &self.spare),
                buffer(&self.seq_idx, &self.spare),
                buffer(&h, &self.spare),
                self.sizes(),
                self.plan(false),
                self.types(),
            );
        }
        h
    }

    pub(super) fn backward(
        &self,
        h: CubeTensor,
        grad: CubeTensor,
    ) -> DiagonalScanGradients<CubeBackend> {
        let (h, grad) = (contiguous(h), contiguous(grad));
        let DiagonalScanShape {
            batch,
            len,
            channels,
            varying,
            ..
        } = self.shape;
        let factor = self.a[0].dtype;
        if self.total() == 0 {
            let factors: &[usize] = if varying {
                &[batch, len, channels]
            } else {
                &[channels]
            };
            let [a_re, a_im] = [0, 1].map(|_| zeros(&h, factors, factor));
            let states = [0, 1].map(|_| zeros(&h, &[batch, channels], self.work()));
            let [initial_re, initial_im] = states;
            return DiagonalScanGradients {
                x: empty(&h, &[batch, len, 2 * channels], self.stored),
                a_re,
                a_im,
                initial_re,
                initial_im,
            };
        }
        let dx = empty(&h, &[batch, len, 2 * channels], self.stored);
        let factors: &[usize] = if varying {
            &[batch, len, channels]
        } else {
            &[1]
        };
        let da = [0, 1].map(|_| empty(&h, factors, factor));
        let sums = self.parts(2);
        let dinitial = [0, 1].map(|_| empty(&h, &[batch, channels], self.work()));
        let entering = self.entering(&grad, true);
        let (count, dim) = self.grid(self.total());
        adjoint::adjoint::launch(
            self.client(),
            count,
            dim,
            buffer(&grad, &self.spare),
            buffer(&self.a[0], &self.spare),
            buffer(&self.a[1], &self.spare),
            buffer(&self.initial[0], &self.spare),
            buffer(&self.initial[1], &self.spare),
            buffer(&h, &self.spare),
            buffer(&entering, &self.spare),
            buffer(&self.seq_idx, &self.spare),
            buffer(&dx, &self.spare),
            buffer(&da[0], &self.spare),
            buffer(&da[1], &self.spare),
            buffer(&sums, &self.spare),
            buffer(&dinitial[0], &self.spare),
            buffer(&dinitial[1], &self.spare),
            self.sizes(),
            self.plan(true),
            self.types(),
        );
        let [a_re, a_im] = match varying {
            true => da,
            false => self.fixed(sums, factor),
        };
        let [initial_re, initial_im] = dinitial;
        DiagonalScanGradients {
            x: dx,
            a_re,
            a_im,
            initial_re,
            initial_im,
        }
    }

    /// The gradient of factors that all positions share, from every segment's contribution.
    fn fixed(&self, sums: CubeTensor, factor: DType) -> [CubeTensor; 2] {
        let channels = self.shape.channels;
        let both = column_sums(sums, self.shape.batch * self.segments, 2 * channels);
        [0, 1].map(|part| {
            let own = part * channels..(part + 1) * channels;
            let own = slice(both.clone(), std::slice::from_ref(&own));
            let own = reshape(contiguous(own), Shape::from(vec![channels]));
            cast(own, factor)
        })
    }
}
