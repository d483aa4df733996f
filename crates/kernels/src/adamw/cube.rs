//! CubeCL body: a unit per vector of elements, everything in one kernel.
//!
//! Memory-bound: four reads and three writes, 28 bytes a parameter in f32; 9.3 ms for a thousand
//! million parameters at 3 TB/s. The results are new tensors: writing in place would save no traffic.

use super::AdamwStep;
use super::ops::AdamwOps;
use crate::cube::{buffer, contiguous, element, elements, empty, grid, vector_width};
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
    moment_1: &[Vector<A, N>],
    moment_2: &[Vector<A, N>],
    next_parameter: &mut [Vector<A, N>],
    next_1: &mut [Vector<A, N>],
    next_2: &mut [Vector<A, N>],
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
        next_1[ABSOLUTE_POS] = m;
        next_2[ABSOLUTE_POS] = v;
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
        let inputs = [parameter, gradient, moment_1, moment_2].map(contiguous);
        let parameter = &inputs[0];
        let shape: Vec<usize> = parameter.meta.shape().iter().copied().collect();
        let count = elements(parameter);
        let [p, m, v] = [0, 1, 2].map(|_| empty(parameter, &shape, parameter.dtype));
        if count > 0 {
            launch(&inputs, [&p, &m, &v], count, step);
        }
        (p, m, v)
    }
}

fn launch(inputs: &[CubeTensor; 4], outputs: [&CubeTensor; 3], count: usize, step: AdamwStep) {
    let kind = element(inputs[0].dtype);
    let client = &inputs[0].client;
    let vector = vector_width(count, inputs[0].dtype);
    let total = count / vector;
    let (cubes, dim) = grid(client, total);
    let [parameter, gradient, moment_1, moment_2] = inputs.each_ref().map(|t| buffer(t, t));
    let [p, m, v] = outputs.map(|tensor| buffer(tensor, tensor));
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
        p,
        m,
        v,
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
