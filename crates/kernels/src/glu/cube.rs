//! CubeCL body: a unit per vector of channels, forward of one row, backward of several, whose
//! contributions to the gradient of the bias it adds up.

use super::ops::{GluBackward, GluGradients, GluOps};
use crate::cube::{
    accumulator, buffer, column_sums, contiguous, element, elements, empty, grid, vector_width,
};
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Rows of a unit in the backward pass.
const ROWS: usize = 16;

/// Logistic function of every lane; saturates without NaN.
#[cube]
fn sigmoid<A: Float, N: Size>(z: Vector<A, N>) -> Vector<A, N> {
    let one = Vector::<A, N>::new(A::from_int(1));
    one / (one + (-z).exp())
}

/// `channels` counts vectors.
#[cube(launch)]
fn forward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    bias: &[Vector<A, N>],
    y: &mut [Vector<E, N>],
    channels: usize,
    total: usize,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let channel = ABSOLUTE_POS % channels;
        let at = ABSOLUTE_POS / channels * 2 * channels + channel;
        let value = Vector::<A, N>::cast_from(x[at]) + bias[channel];
        let gate = Vector::<A, N>::cast_from(x[at + channels]) + bias[channels + channel];
        y[ABSOLUTE_POS] = Vector::cast_from(value * sigmoid::<A, N>(gate));
    }
}

/// `dbias` [row block, 2 channel] receives each unit's contribution.
#[cube(launch)]
fn backward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    bias: &[Vector<A, N>],
    dy: &[Vector<E, N>],
    dx: &mut [Vector<E, N>],
    dbias: &mut [Vector<A, N>],
    rows: usize,
    channels: usize,
    total: usize,
    #[comptime] block_rows: usize,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let channel = ABSOLUTE_POS % channels;
        let block = ABSOLUTE_POS / channels;
        let one = Vector::<A, N>::new(A::from_int(1));
        let mut values = Vector::<A, N>::new(A::from_int(0));
        let mut gates = Vector::<A, N>::new(A::from_int(0));
        for r in 0..block_rows {
            let row = block * block_rows + r;
            if row < rows {
                let at = row * 2 * channels + channel;
                let value = Vector::<A, N>::cast_from(x[at]) + bias[channel];
                let gate = Vector::<A, N>::cast_from(x[at + channels]) + bias[channels + channel];
                let gate = sigmoid::<A, N>(gate);
                let dvalue = Vector::<A, N>::cast_from(dy[row * channels + channel]) * gate;
                let dgate = dvalue * value * (one - gate);
                dx[at] = Vector::cast_from(dvalue);
                dx[at + channels] = Vector::cast_from(dgate);
                values += dvalue;
                gates += dgate;
            }
        }
        dbias[block * 2 * channels + channel] = values;
        dbias[block * 2 * channels + channels + channel] = gates;
    }
}

/// x and bias as the kernels read them.
struct Call {
    x: CubeTensor,
    bias: CubeTensor,
    rows: usize,
    channels: usize,
    vector: usize,
}

impl Call {
    fn new(x: CubeTensor, bias: CubeTensor) -> Self {
        let (x, bias) = (contiguous(x), contiguous(bias));
        let channels = elements(&bias) / 2;
        Self {
            rows: elements(&x).checked_div(2 * channels).unwrap_or(0),
            vector: vector_width(channels, x.dtype),
            channels,
            x,
            bias,
        }
    }

    fn forward(&self) -> CubeTensor {
        let y = empty(&self.x, &[self.rows, self.channels], self.x.dtype);
        let channels = self.channels / self.vector;
        let total = self.rows * channels;
        if total > 0 {
            let client = &self.x.client;
            let (count, dim) = grid(client, total);
            forward::launch(
                client,
                count,
                dim,
                self.vector,
                buffer(&self.x, &self.x),
                buffer(&self.bias, &self.bias),
                buffer(&y, &y),
                channels,
                total,
                [self.x.dtype, self.bias.dtype].map(element),
            );
        }
        y
    }

    fn backward(&self, grad: CubeTensor) -> GluGradients<CubeBackend> {
        let grad = contiguous(grad);
        let width = 2 * self.channels;
        let work = accumulator(self.x.dtype);
        let dx = empty(&self.x, &[self.rows, width], self.x.dtype);
        let blocks = self.rows.div_ceil(ROWS);
        let dbias = empty(&self.x, &[blocks, width], work);
        let channels = self.channels / self.vector;
        let total = blocks * channels;
        if total > 0 {
            let client = &self.x.client;
            let (count, dim) = grid(client, total);
            backward::launch(
                client,
                count,
                dim,
                self.vector,
                buffer(&self.x, &self.x),
                buffer(&self.bias, &self.bias),
                buffer(&grad, &grad),
                buffer(&dx, &dx),
                buffer(&dbias, &dbias),
                self.rows,
                channels,
                total,
                ROWS,
                [self.x.dtype, work].map(element),
            );
        }
        GluGradients {
            x: dx,
            bias: column_sums(dbias, blocks, width),
        }
    }
}

impl GluOps for CubeBackend {
    fn glu(x: FloatTensor<Self>, bias: FloatTensor<Self>) -> FloatTensor<Self> {
        Call::new(x, bias).forward()
    }
}

impl GluBackward for CubeBackend {
    fn glu_backward(
        x: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> GluGradients<Self> {
        Call::new(x, bias).backward(grad)
    }
}
