//! CubeCL body: a cube per row, which it reads twice: for the largest logit, and for the sum.
//!
//! Memory-bound: the second reading comes from the cache unless a row is longer than it.

use super::ops::{CrossEntropyBackward, CrossEntropyOps};
use crate::cube::{
    accumulator, buffer, contiguous, cube_largest, cube_sum, cube_units, element, empty, lane_sum,
    vector_width,
};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

/// Units of a cube, at most.
const UNITS: usize = 256;

/// The largest logit of the row of `width` vectors from `start` on, and the sum of exp(z - largest).
#[cube]
fn largest_and_sum<E: Float, A: Float, N: Size>(
    logits: &[Vector<E, N>],
    start: usize,
    width: usize,
    shared: &mut Shared<[A]>,
    #[comptime] units: usize,
) -> (A, A) {
    // The row's first to begin with, which a unit without logits of its own keeps.
    let mut most = A::cast_from(logits[start].extract(0_usize));
    let mut at = UNIT_POS as usize;
    while at < width {
        let values = Vector::<A, N>::cast_from(logits[start + at]);
        #[unroll]
        for lane in 0..N::value() {
            let value = values.extract(lane);
            if value > most {
                most = value;
            }
        }
        at += units;
    }
    let most = cube_largest::<A>(most, shared, units);
    let mut sum = Vector::<A, N>::new(A::from_int(0));
    let mut at = UNIT_POS as usize;
    while at < width {
        let values = Vector::<A, N>::cast_from(logits[start + at]);
        sum += (values - Vector::new(most)).exp();
        at += units;
    }
    let sum = cube_sum::<A>(lane_sum::<A, N>(sum), shared, units);
    (most, sum)
}

#[cube(launch)]
fn forward<E: Float, A: Float, I: Numeric, N: Size>(
    logits: &[Vector<E, N>],
    targets: &[I],
    losses: &mut [E],
    width: usize,
    #[comptime] units: usize,
    #[define(E, A, I)] _types: [ElemType; 3],
) {
    let mut shared = Shared::<[A]>::new_slice(units);
    let row = CUBE_POS;
    let start = row * width;
    let (most, sum) = largest_and_sum::<E, A, N>(logits, start, width, &mut shared, units);
    if UNIT_POS == 0 {
        let mut loss = A::from_int(0);
        let target = targets[row];
        if target >= I::from_int(0) {
            let class = usize::cast_from(target);
            // NaN where there is no such class: zero by zero.
            let zero = A::from_int(0);
            let mut own = zero / (sum * zero);
            if class < width * N::value() {
                let vector = logits[start + class / N::value()];
                #[unroll]
                for lane in 0..N::value() {
                    if class % N::value() == lane {
                        own = A::cast_from(vector.extract(lane));
                    }
                }
            }
            loss = sum.ln() - (own - most);
        }
        losses[row] = E::cast_from(loss);
    }
}

#[cube(launch)]
fn backward<E: Float, A: Float, I: Numeric, N: Size>(
    logits: &[Vector<E, N>],
    targets: &[I],
    grads: &[E],
    out: &mut [Vector<E, N>],
    width: usize,
    #[comptime] units: usize,
    #[define(E, A, I)] _types: [ElemType; 3],
) {
    let mut shared = Shared::<[A]>::new_slice(units);
    let row = CUBE_POS;
    let start = row * width;
    let (most, sum) = largest_and_sum::<E, A, N>(logits, start, width, &mut shared, units);
    let target = targets[row];
    let counts = target >= I::from_int(0);
    let mut grad = A::from_int(0);
    let mut class = width * N::value();
    if counts {
        grad = A::cast_from(grads[row]);
        class = usize::cast_from(target);
    }
    let scale = Vector::<A, N>::new(grad / sum);
    let mut at = UNIT_POS as usize;
    while at < width {
        let mut value = Vector::<A, N>::new(A::from_int(0));
        if counts {
            let values = Vector::<A, N>::cast_from(logits[start + at]);
            value = (values - Vector::new(most)).exp() * scale;
            if class / N::value() == at {
                #[unroll]
                for lane in 0..N::value() {
                    if class % N::value() == lane {
                        value.insert(lane, value.extract(lane) - grad);
                    }
                }
            }
        }
        out[start + at] = Vector::cast_from(value);
        at += units;
    }
}

/// One call, ready to launch.
struct Call {
    logits: CubeTensor,
    targets: CubeTensor,
    rows: usize,
    /// Elements of a vector, and vectors of a row.
    vector: usize,
    width: usize,
    units: usize,
}

impl Call {
    fn new(logits: CubeTensor, targets: CubeTensor) -> Self {
        let [rows, classes] = logits.meta.shape().dims();
        let vector = vector_width(classes, logits.dtype);
        let width = classes / vector;
        Self {
            units: cube_units(&logits.client, width.min(UNITS)),
            logits: contiguous(logits),
            targets: contiguous(targets),
            rows,
            vector,
            width,
        }
    }

    fn cubes(&self) -> CubeCount {
        CubeCount::Static(self.rows as u32, 1, 1)
    }

    fn types(&self) -> [ElemType; 3] {
        let dtype = self.logits.dtype;
        [dtype, accumulator(dtype), self.targets.dtype].map(element)
    }
}

impl CrossEntropyOps for CubeBackend {
    fn cross_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self> {
        let call = Call::new(logits, targets);
        let losses = empty(&call.logits, &[call.rows], call.logits.dtype);
        forward::launch(
            &call.logits.client,
            call.cubes(),
            CubeDim::new_1d(call.units as u32),
            call.vector,
            buffer(&call.logits, &call.logits),
            buffer(&call.targets, &call.targets),
            buffer(&losses, &losses),
            call.width,
            call.units,
            call.types(),
        );
        losses
    }
}

impl CrossEntropyBackward for CubeBackend {
    fn cross_entropy_backward(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let call = Call::new(logits, targets);
        let grad = contiguous(grad);
        let shape = [call.rows, call.width * call.vector];
        let out = empty(&call.logits, &shape, call.logits.dtype);
        backward::launch(
            &call.logits.client,
            call.cubes(),
            CubeDim::new_1d(call.units as u32),
            call.vector,
            buffer(&call.logits, &call.logits),
            buffer(&call.targets, &call.targets),
            buffer(&grad, &grad),
            buffer(&out, &out),
            call.width,
            call.units,
            call.types(),
        );
        out
    }
}
