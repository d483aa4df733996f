//! CubeCL body: a unit per vector of elements, everything in one kernel.
//!
//! Memory-bound: four reads and three writes, 28 bytes a parameter in f32; 9.3 ms for a thousand
//! million parameters at 3 TB/s. Moments are replaced in place where nothing else holds them: that saves
//! no traffic, but a search for free memory at every step, of which a small model has hundreds.

use super::AdamwStep;
use super::ops::AdamwOps;
use crate::cube::{buffer, contiguous, element, elements, empty, grid, vector_width, writable};
use burn::backend::tensor::FloatTensor;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// Constants of the step, so that no step compiles a kernel of its own.
#[derive(CubeType, CubeLaunch)]
struct Constants {
    beta_1: InputScalar,
    /// 1 - beta_1.
    rest_1: InputScalar,
    beta_2: InputScalar,
    /// 1 - beta_2.
    rest_2: InputScalar,
    keep: InputScalar,
    rate: InputScalar,
    correction_2: InputScalar,
    epsilon: InputScalar,
}

#[cube(launch)]
fn update<A: Float, N: Size>(
    parameter: &[Vector<A, N>],
    gradient: &[Vector<A, N>],
    moment_1: &mut [Vector<A, N>],
    moment_2: &mut [Vector<A, N>],
    next_parameter: &mut [Vector<A, N>],
    constants: Constants,
    total: usize,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < total {
        let g = gradient[ABSOLUTE_POS];
        let m = Vector::<A, N>::new(constants.beta_1.get::<A>()) * moment_1[ABSOLUTE_POS]
            + Vector::<A, N>::new(constants.rest_1.get::<A>()) * g;
        let v = Vector::<A, N>::new(constants.beta_2.get::<A>()) * moment_2[ABSOLUTE_POS]
            + Vector::<A, N>::new(constants.rest_2.get::<A>()) * g * g;
        let root = (v * Vector::<A, N>::new(constants.correction_2.get::<A>())).sqrt();
        let step = m / (root + Vector::<A, N>::new(constants.epsilon.get::<A>()));
        moment_1[ABSOLUTE_POS] = m;
        moment_2[ABSOLUTE_POS] = v;
        next_parameter[ABSOLUTE_POS] = Vector::<A, N>::new(constants.keep.get::<A>())
            * parameter[ABSOLUTE_POS]
            - Vector::<A, N>::new(constants.rate.get::<A>()) * step;
    }
}

impl AdamwOps for CubeBackend {
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let inputs = [parameter, gradient].map(contiguous);
        let moments = [moment_1, moment_2].map(writable);
        let parameter = &inputs[0];
        let shape: Vec<usize> = parameter.meta.shape().iter().copied().collect();
        let next = empty(parameter, &shape, parameter.dtype);
        if elements(parameter) > 0 {
            launch(&inputs, &moments, &next, step);
        }
        let [moment_1, moment_2] = moments;
        (next, moment_1, moment_2)
    }
}

fn launch(inputs: &[CubeTensor; 2], moments: &[CubeTensor; 2], next: &CubeTensor, step: AdamwStep) {
    let kind = element(next.dtype);
    let client = &next.client;
    let count = elements(next);
    let vector = vector_width(count, next.dtype);
    let total = count / vector;
    let (cubes, dim) = grid(client, total);
    let [parameter, gradient] = inputs.each_ref().map(|t| buffer(t, t));
    let [moment_1, moment_2] = moments.each_ref().map(|t| buffer(t, t));
    let factors = step.factors();
    let [
        beta_1,
        rest_1,
        beta_2,
        rest_2,
        keep,
        rate,
        correction_2,
        epsilon,
    ] = [
        step.beta_1,
        1.0 - step.beta_1,
        step.beta_2,
        1.0 - step.beta_2,
        factors.keep,
        factors.rate,
        factors.correction_2,
        step.epsilon,
    ]
    .map(|value| InputScalar::new(value, kind));
    update::launch(
        client,
        cubes,
        dim,
        vector,
        parameter,
        gradient,
        moment_1,
        moment_2,
        buffer(next, next),
        ConstantsLaunch::new(
            beta_1,
            rest_1,
            beta_2,
            rest_2,
            keep,
            rate,
            correction_2,
            epsilon,
        ),
        total,
        kind,
    );
}
