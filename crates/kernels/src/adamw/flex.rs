//! CPU body: blocks of fixed size, in place.

use super::AdamwStep;
use super::ops::AdamwOps;
use crate::float::{Real, vectorise};
use crate::host::Host;
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Elements per task.
const BLOCK: usize = 1 << 14;

/// One block of every array.
struct Block<'a, T> {
    parameter: &'a mut [T],
    gradient: &'a [T],
    moment_1: &'a mut [T],
    moment_2: &'a mut [T],
}

#[inline(always)]
fn update_block<T: Real>(block: Block<'_, T>, step: AdamwStep) {
    let factors = step.factors();
    let [beta_1, rest_1] = [step.beta_1, 1.0 - step.beta_1].map(T::from_f64);
    let [beta_2, rest_2] = [step.beta_2, 1.0 - step.beta_2].map(T::from_f64);
    let [keep, rate] = [factors.keep, factors.rate].map(T::from_f64);
    let [correction_2, epsilon] = [factors.correction_2, step.epsilon].map(T::from_f64);
    let moments = block.moment_1.iter_mut().zip(block.moment_2);
    let values = block.parameter.iter_mut().zip(block.gradient);
    for ((p, &g), (m, v)) in values.zip(moments) {
        *m = beta_1 * *m + rest_1 * g;
        *v = beta_2 * *v + rest_2 * g * g;
        *p = keep * *p - rate * *m / ((*v * correction_2).sqrt() + epsilon);
    }
}

/// The tensor without holes, so that its storage can be written.
fn dense(tensor: FlexTensor) -> FlexTensor {
    let whole = tensor.is_contiguous() && tensor.layout().start_offset() == 0;
    let elements = tensor.layout().num_elements();
    match whole && tensor.bytes().len() == elements * tensor.dtype().size() {
        true => tensor,
        // A view of something larger: writing through it would copy all of that.
        false => FlexTensor::from_data(tensor.into_data()),
    }
}

fn update<T: Real>(
    mut parameter: FlexTensor,
    gradient: &FlexTensor,
    moments: (FlexTensor, FlexTensor),
    step: AdamwStep,
) -> (FlexTensor, FlexTensor, FlexTensor) {
    let (mut moment_1, mut moment_2) = moments;
    let gradient = Host::new(gradient);
    let blocks = parameter
        .storage_mut::<T>()
        .par_chunks_mut(BLOCK)
        .zip(gradient.slice::<T>().par_chunks(BLOCK))
        .zip(moment_1.storage_mut::<T>().par_chunks_mut(BLOCK))
        .zip(moment_2.storage_mut::<T>().par_chunks_mut(BLOCK));
    blocks.for_each(|(((parameter, gradient), moment_1), moment_2)| {
        let block = Block {
            parameter,
            gradient,
            moment_1,
            moment_2,
        };
        vectorise(|| update_block(block, step));
    });
    (parameter, moment_1, moment_2)
}

impl AdamwOps for Flex {
    fn adamw(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamwStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let dtype = parameter.dtype();
        let moments = (dense(moment_1), dense(moment_2));
        let run = match dtype {
            DType::F64 => update::<f64>,
            _ => update::<f32>,
        };
        run(dense(parameter), &gradient, moments, step)
    }
}
