//! Sums over the contributions of cubes, in a fixed order, rounded once at the end.

use super::{buffer, element, elements, empty, grid, vector_width, zeros};
use burn::tensor::{DType, Shape};
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

#[cube(launch)]
fn sum_parts<A: Float, E: Float, N: Size>(
    parts: &[Vector<A, N>],
    sums: &mut [Vector<E, N>],
    count: usize,
    total: usize,
    #[define(A, E)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let mut sum = Vector::<A, N>::new(A::from_int(0));
        for part in 0..count {
            sum += parts[part * total + ABSOLUTE_POS];
        }
        sums[ABSOLUTE_POS] = Vector::cast_from(sum);
    }
}

/// A tensor of `shape` in `dtype` from `count` tensors of that shape, one behind the other.
pub(crate) fn part_sums(
    parts: CubeTensor,
    count: usize,
    shape: &[usize],
    dtype: DType,
) -> CubeTensor {
    let total = shape.iter().product::<usize>();
    debug_assert_eq!(elements(&parts), count * total);
    if count == 0 || total == 0 {
        return zeros(&parts, shape, dtype);
    }
    if count == 1 && parts.dtype == dtype {
        return reshape(parts, Shape::from(shape.to_vec()));
    }
    let client = parts.client.clone();
    let sums = empty(&parts, shape, dtype);
    let vector = vector_width(total, parts.dtype);
    let total = total / vector;
    let (cubes, dim) = grid(&client, total);
    sum_parts::launch(
        &client,
        cubes,
        dim,
        vector,
        buffer(&parts, &parts),
        buffer(&sums, &sums),
        count,
        total,
        [parts.dtype, dtype].map(element),
    );
    sums
}

#[cube(launch)]
fn sum_rows<A: Float, E: Float>(
    values: &[A],
    sums: &mut [E],
    rows: usize,
    columns: usize,
    #[define(A, E)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < rows {
        let mut sum = A::from_int(0);
        for column in 0..columns {
            sum += values[ABSOLUTE_POS * columns + column];
        }
        sums[ABSOLUTE_POS] = E::cast_from(sum);
    }
}

/// Sums of the rows of a matrix with few columns, one unit each.
pub(crate) fn row_sums(values: CubeTensor, dtype: DType) -> CubeTensor {
    let shape = values.meta.shape();
    let (rows, columns) = (shape[0], shape[1]);
    if rows * columns == 0 {
        return zeros(&values, &[rows], dtype);
    }
    let client = values.client.clone();
    let sums = empty(&values, &[rows], dtype);
    let (cubes, dim) = grid(&client, rows);
    sum_rows::launch(
        &client,
        cubes,
        dim,
        buffer(&values, &values),
        buffer(&sums, &sums),
        rows,
        columns,
        [values.dtype, dtype].map(element),
    );
    sums
}
