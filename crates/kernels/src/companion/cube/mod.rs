//! CubeCL body: series as long as the result by [`crate::series::cube`], those as short as the state by
//! sums, all in f64.
//!
//! Sums over the state cost 2 state^2 multiply-adds per row forward and 6 backward: at 512 rows of 64
//! states 4 M and 13 M, nothing beside a launch. The resolvents of the channels start with 4,096 terms at
//! 64 states (2,048 at 128) in shared memory, state multiply-adds each; at 512 channels that is 0.13 G, 8 us
//! at 17 T/s, of which shared memory lets a sixth through. From there they double by two products,
//! O(len log len). Then forward makes one product per row; backward makes the resolvents again, the adjoint
//! of that product, and two products per channel. Device memory holds two rows in f64 forward, three
//! backward: at 512 rows of 8,192 positions 67 and 101 MB, 22 and 34 us per pass at 3 TB/s.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod kernels;

use super::CompanionShape;
use super::ops::{CompanionBackward, CompanionGradients, CompanionOps, CompanionSaved};
use crate::cube::{buffer, contiguous, element, empty, grid, part_sums, zeros};
use crate::series::cube::{Order, Rows, Series};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;
use kernels::SizesLaunch;

/// One call with rows, positions and states, ready to launch.
struct Call {
    a: CubeTensor,
    b: CubeTensor,
    c: CubeTensor,
    shape: CompanionShape,
    series: Series,
}

impl Call {
    fn new(saved: CompanionSaved<CubeBackend>) -> Self {
        Self {
            series: Series::new(&saved.a, saved.shape.channels),
            a: contiguous(saved.a),
            b: contiguous(saved.b),
            c: contiguous(saved.c),
            shape: saved.shape,
        }
    }

    fn client(&self) -> &Client {
        &self.a.client
    }

    fn buffer(&self, tensor: &CubeTensor) -> BufferArg {
        buffer(tensor, &self.a)
    }

    fn element(&self) -> ElemType {
        element(self.a.dtype)
    }

    /// A tensor of a row's states, [row, state].
    fn states(&self, dtype: DType) -> CubeTensor {
        empty(&self.a, &[self.shape.rows, self.shape.state], dtype)
    }

    /// Units for the elements of [row, state].
    fn total(&self) -> usize {
        self.shape.rows * self.shape.state
    }

    /// Terms of r_ca rev(b) that reach the result.
    fn terms(&self) -> usize {
        (2 * self.shape.state - 1).min(self.shape.len - 1)
    }

    fn sizes(&self, total: usize) -> SizesLaunch {
        let CompanionShape {
            channels,
            state,
            len,
            ..
        } = self.shape;
        SizesLaunch::new(channels, state, len, self.terms(), total)
    }

    /// 1 / (1 - z rev(a)), [channel, len].
    fn resolvent(&self) -> CubeTensor {
        let len = self.shape.len;
        self.series.resolvent(&self.a, Order::Reversed, len)
    }

    /// r_cb and r_ca, [row, state].
    fn correlations(&self) -> [CubeTensor; 2] {
        let [r_cb, r_ca] = [0, 1].map(|_| self.states(DType::F64));
        let (count, dim) = grid(self.client(), self.total());
        kernels::correlations::launch(
            self.client(),
            count,
            dim,
            self.buffer(&self.a),
            self.buffer(&self.b),
            self.buffer(&self.c),
            self.buffer(&r_cb),
            self.buffer(&r_ca),
            self.sizes(self.total()),
            self.element(),
        );
        [r_cb, r_ca]
    }

    /// z r_ca rev(b), [set, len, channel].
    fn numerators(&self, r_ca: &CubeTensor) -> CubeTensor {
        let CompanionShape {
            rows,
            channels,
            len,
            ..
        } = self.shape;
        let top = zeros(&self.a, &[rows / channels, len, channels], DType::F64);
        let total = rows * self.terms();
        if total > 0 {
            let (count, dim) = grid(self.client(), total);
            kernels::numerators::launch(
                self.client(),
                count,
                dim,
                self.buffer(&self.b),
                self.buffer(r_ca),
                self.buffer(&top),
                self.sizes(total),
                self.element(),
            );
        }
        top
    }

    fn forward(&self) -> CubeTensor {
        let [r_cb, r_ca] = self.correlations();
        let kernel = self
            .series
            .product(&self.numerators(&r_ca), &self.resolvent());
        self.series.rows(
            &kernel,
            &Rows {
                order: Order::Forward,
                skip: 0,
                len: self.shape.len,
                head: Some(&r_cb),
                dtype: self.a.dtype,
            },
        )
    }

    /// With h = 1 / Q and S = top h: dtop = g correlated with h, dh = g correlated with top, and dQ =
    /// -(dh correlated with h, twice).
    fn backward(&self, grad: CubeTensor) -> CompanionGradients<CubeBackend> {
        let len = self.shape.len;
        let grad = contiguous(grad);
        let resolvent = self.resolvent();
        let [_, r_ca] = self.correlations();
        let top = self.numerators(&r_ca);
        let columns = self.series.columns(&grad, len, Order::Forward);
        let [dtop, dh] = self.series.adjoint(&top, &resolvent, columns);
        // A correlation is a product from behind.
        let dh = self.series.columns(&dh, len, Order::Reversed);
        let once = self.series.product(&dh, &resolvent);
        let lags = self.series.product(&once, &resolvent);
        // The series without its factor z.
        let dtop = self.series.rows(
            &dtop,
            &Rows {
                order: Order::Forward,
                skip: 1,
                len: self.terms(),
                head: None,
                dtype: DType::F64,
            },
        );
        self.gradients(&grad, &r_ca, &dtop, &lags)
    }

    fn gradients(
        &self,
        grad: &CubeTensor,
        r_ca: &CubeTensor,
        dtop: &CubeTensor,
        lags: &CubeTensor,
    ) -> CompanionGradients<CubeBackend> {
        let dtype = self.a.dtype;
        let [dr_ca, da] = [0, 1].map(|_| self.states(DType::F64));
        let [b, c] = [0, 1].map(|_| self.states(dtype));
        let (count, dim) = grid(self.client(), self.total());
        kernels::cotangents::launch(
            self.client(),
            count.clone(),
            dim,
            self.buffer(&self.b),
            self.buffer(dtop),
            self.buffer(&dr_ca),
            self.sizes(self.total()),
            self.element(),
        );
        kernels::gradients::launch(
            self.client(),
            count,
            dim,
            self.buffer(&self.a),
            self.buffer(&self.b),
            self.buffer(&self.c),
            self.buffer(grad),
            self.buffer(r_ca),
            self.buffer(&dr_ca),
            self.buffer(dtop),
            self.buffer(lags),
            self.buffer(&da),
            self.buffer(&b),
            self.buffer(&c),
            self.sizes(self.total()),
            self.element(),
        );
        let CompanionShape {
            rows,
            channels,
            state,
            ..
        } = self.shape;
        CompanionGradients {
            a: part_sums(da, rows / channels, &[channels, state], dtype),
            b,
            c,
        }
    }
}

/// Whether there is nothing to compute.
fn is_empty(shape: CompanionShape) -> bool {
    shape.rows * shape.len * shape.state == 0
}

impl CompanionOps for CubeBackend {
    fn companion(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        shape: CompanionShape,
    ) -> FloatTensor<Self> {
        if is_empty(shape) {
            return zeros(&b, &[shape.rows, shape.len], b.dtype);
        }
        Call::new(CompanionSaved { a, b, c, shape }).forward()
    }
}

impl CompanionBackward for CubeBackend {
    fn companion_backward(
        saved: CompanionSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> CompanionGradients<Self> {
        let CompanionShape {
            rows,
            channels,
            state,
            ..
        } = saved.shape;
        if is_empty(saved.shape) {
            let new = |rows| zeros(&saved.a, &[rows, state], saved.a.dtype);
            return CompanionGradients {
                a: new(channels),
                b: new(rows),
                c: new(rows),
            };
        }
        Call::new(saved).backward(grad)
    }
}
