//! Sums in a fixed order: no atomics, so that two runs give the same bits. And the largest of many.

use super::{buffer, element, elements, empty, grid};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Rows that one unit adds up.
const SEGMENT: usize = 32;

/// Sum of `value` over the units of the cube, given to all of them; `units` is a power of two.
///
/// Every unit must call it: it synchronises the cube.
#[cube]
pub(crate) fn cube_sum<A: Float>(
    value: A,
    shared: &mut Shared<[A]>,
    #[comptime] units: usize,
) -> A {
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut stride = comptime!(units / 2).runtime();
    while stride > 0 {
        if unit < stride {
            let other = shared[unit + stride];
            shared[unit] += other;
        }
        sync_cube();
        stride /= 2;
    }
    let total = shared[0];
    sync_cube();
    total
}

/// Largest of `value` over the units of the cube, given to all of them; `units` is a power of two.
///
/// Every unit must call it: it synchronises the cube.
#[cube]
pub(crate) fn cube_largest<A: Float>(
    value: A,
    shared: &mut Shared<[A]>,
    #[comptime] units: usize,
) -> A {
    let unit = UNIT_POS as usize;
    shared[unit] = value;
    sync_cube();
    let mut stride = comptime!(units / 2).runtime();
    while stride > 0 {
        if unit < stride {
            let other = shared[unit + stride];
            if other > shared[unit] {
                shared[unit] = other;
            }
        }
        sync_cube();
        stride /= 2;
    }
    let most = shared[0];
    sync_cube();
    most
}

#[cube(launch)]
fn segment_sums<A: Float>(
    input: &[A],
    output: &mut [A],
    rows: usize,
    columns: usize,
    total: usize,
    #[comptime] length: usize,
    #[define(A)] _type: ElemType,
) {
    let index = ABSOLUTE_POS;
    if index < total {
        let column = index % columns;
        let segment = index / columns;
        let mut sum = A::from_int(0);
        for i in 0..length {
            let row = segment * length + i;
            if row < rows {
                sum += input[row * columns + column];
            }
        }
        output[index] = sum;
    }
}

/// Sums of the columns of `rows` x `columns` values, as a flat tensor; zeros when there is no row.
pub(crate) fn column_sums(mut values: CubeTensor, rows: usize, columns: usize) -> CubeTensor {
    debug_assert_eq!(elements(&values), rows * columns);
    let dtype = values.dtype;
    if rows == 0 || columns == 0 {
        return super::zeros(&values, &[columns], dtype);
    }
    let client = values.client.clone();
    let mut rows = rows;
    while rows > 1 {
        let segments = rows.div_ceil(SEGMENT);
        let total = segments * columns;
        let output = empty(&values, &[total], dtype);
        let (count, dim) = grid(&client, total);
        segment_sums::launch(
            &client,
            count,
            dim,
            buffer(&values, &values),
            buffer(&output, &output),
            rows,
            columns,
            total,
            SEGMENT,
            element(dtype),
        );
        values = output;
        rows = segments;
    }
    CubeTensor::new_contiguous(
        client,
        values.device.clone(),
        burn::tensor::Shape::from(vec![columns]),
        values.handle.clone(),
        dtype,
    )
}
