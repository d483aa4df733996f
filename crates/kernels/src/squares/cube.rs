//! CubeCL body: a cube per part. Memory-bound: it reads every value once.

use super::PART;
use super::ops::SquaresOps;
use crate::cube::{
    buffer, contiguous, cube_sum, cube_units, element, elements, lane_sum, vector_width,
};
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use cubecl::prelude::*;

#[cube(launch)]
fn part_squares<A: Float, N: Size>(
    values: &[Vector<A, N>],
    slots: &mut [A],
    first: usize,
    total: usize,
    #[comptime] part: usize,
    #[comptime] units: usize,
    #[define(A)] _type: ElemType,
) {
    let mut shared = Shared::<[A]>::new_slice(units);
    let start = CUBE_POS * part;
    let mut end = start + part;
    if end > total {
        end = total;
    }
    let mut at = start + UNIT_POS as usize;
    let mut sum = A::from_int(0);
    while at < end {
        let value = values[at];
        sum += lane_sum::<A, N>(value * value);
        at += units;
    }
    let sum = cube_sum::<A>(sum, &mut shared, units);
    if UNIT_POS == 0 {
        slots[first + CUBE_POS] = sum;
    }
}

impl SquaresOps for CubeBackend {
    fn squares(
        slots: FloatTensor<Self>,
        values: FloatTensor<Self>,
        first: usize,
    ) -> FloatTensor<Self> {
        let values = contiguous(values);
        let client = &values.client;
        let count = elements(&values);
        let width = vector_width(count, values.dtype);
        let units = cube_units(client, PART / width);
        part_squares::launch(
            client,
            CubeCount::Static(count.div_ceil(PART) as u32, 1, 1),
            CubeDim::new_1d(units as u32),
            width,
            buffer(&values, &values),
            buffer(&slots, &slots),
            first,
            count / width,
            PART / width,
            units,
            element(values.dtype),
        );
        slots
    }
}
