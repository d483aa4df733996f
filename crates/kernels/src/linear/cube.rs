//! CubeCL body: burn's products, the gradient of the weight cut along the rows.
//!
//! That gradient has as many tiles as the weight, which are few, and sums over all rows: as one product a
//! [256, 128] weight behind 65,536 rows took 4.9 ms on eight of an H200's 132 multiprocessors. In parts,
//! side by side, every multiprocessor has work; the parts are added in a fixed order.

use super::ops::{LinearBackward, LinearOps};
use crate::cube::{accumulator, column_sums, contiguous, part_sums};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape, Slice};
use burn_cubecl::CubeBackend;
use burn_cubecl::kernel::matmul::{MatmulStrategy, matmul};
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;

/// Edge of the tiles that burn's product gives to a cube, more or less.
const TILE: usize = 128;
/// Cubes that fill a device.
const CUBES: usize = 256;
/// Rows of a part, at least.
const LEAST_ROWS: usize = 256;

/// Into how many parts to cut the rows: where possible a divisor of their number.
fn parts(rows: usize, outputs: usize, inputs: usize) -> usize {
    let tiles = outputs.div_ceil(TILE) * inputs.div_ceil(TILE);
    let most = (CUBES / tiles).min(rows / LEAST_ROWS).max(1);
    let divisor = (most.div_ceil(2)..=most)
        .rev()
        .find(|parts| rows.is_multiple_of(*parts));
    divisor.unwrap_or(most)
}

fn axes(tensor: &CubeTensor) -> [usize; 2] {
    tensor.meta.shape().dims()
}

/// Matrix product, over the axes before where there are any; in f64 by the kernel that burn's heuristic
/// chooses, since one of those that `autotune` tries executes an illegal instruction on an H200.
fn product(lhs: CubeTensor, rhs: CubeTensor) -> CubeTensor {
    if lhs.dtype != DType::F64 {
        return CubeBackend::float_matmul(lhs, rhs);
    }
    match matmul(
        lhs.clone(),
        rhs.clone(),
        None,
        MatmulStrategy::Cube,
        DType::F64,
    ) {
        Ok(product) => product,
        Err(_) => CubeBackend::float_matmul(lhs, rhs),
    }
}

/// Rows `from..to`.
fn rows_of(tensor: &CubeTensor, from: usize, to: usize) -> CubeTensor {
    let [_, columns] = axes(tensor);
    let slices = [(from, to), (0, columns)].map(|(from, to)| Slice::from(from..to));
    CubeBackend::float_slice(tensor.clone(), &slices)
}

/// grad^T x.
fn weight_gradient(grad: CubeTensor, x: CubeTensor) -> CubeTensor {
    let ([rows, outputs], [_, inputs]) = (axes(&grad), axes(&x));
    let parts = parts(rows, outputs, inputs);
    // Tensors in f64 are for testing, and burn's tiles of them do not fit CubeCL's CPU runtime.
    if parts == 1 || grad.dtype == DType::F64 {
        return product(CubeBackend::float_swap_dims(grad, 0, 1), x);
    }
    let (grad, x) = (contiguous(grad), contiguous(x));
    let length = rows / parts;
    let even = parts * length;
    let cut = |tensor: &CubeTensor, columns: usize| {
        let whole = match even == rows {
            true => tensor.clone(),
            false => contiguous(rows_of(tensor, 0, even)),
        };
        reshape(whole, Shape::from(vec![parts, length, columns]))
    };
    let products = product(
        CubeBackend::float_swap_dims(cut(&grad, outputs), 1, 2),
        cut(&x, inputs),
    );
    let dtype = products.dtype;
    let sum = part_sums(contiguous(products), parts, &[outputs, inputs], dtype);
    if even == rows {
        return sum;
    }
    let rest = [&grad, &x].map(|tensor| rows_of(tensor, even, rows));
    let [grad, x] = rest;
    CubeBackend::float_add(sum, product(CubeBackend::float_swap_dims(grad, 0, 1), x))
}

impl LinearOps for CubeBackend {
    fn linear(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let y = product(x, CubeBackend::float_swap_dims(weight, 0, 1));
        let count = bias.meta.num_elements();
        match count {
            0 => y,
            _ => Self::float_add(y, reshape(bias, Shape::from(vec![1, count]))),
        }
    }
}

impl LinearBackward for CubeBackend {
    fn linear_input_gradient(
        grad: FloatTensor<Self>,
        weight: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        product(grad, weight)
    }

    fn linear_weight_gradient(grad: FloatTensor<Self>, x: FloatTensor<Self>) -> FloatTensor<Self> {
        weight_gradient(grad, x)
    }

    fn linear_bias_gradient(grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let [rows, outputs] = axes(&grad);
        let (dtype, work) = (grad.dtype, accumulator(grad.dtype));
        let wide = match dtype == work {
            true => grad,
            false => Self::float_cast(grad, work.into()),
        };
        let sums = column_sums(contiguous(wide), rows, outputs);
        match dtype == work {
            true => sums,
            false => Self::float_cast(sums, dtype.into()),
        }
    }
}
