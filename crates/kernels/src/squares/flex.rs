//! CPU body: a task per part.

use super::PART;
use super::ops::SquaresOps;
use crate::float::{Real, dot};
use crate::host::Host;
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

fn squares<T: Real>(mut slots: FlexTensor, values: &FlexTensor, first: usize) -> FlexTensor {
    let host = Host::new(values);
    let parts = host.slice::<T>().par_chunks(PART);
    slots.storage_mut::<T>()[first..]
        .par_iter_mut()
        .zip(parts)
        .for_each(|(slot, part)| *slot = dot(part, part));
    slots
}

impl SquaresOps for Flex {
    fn squares(
        slots: FloatTensor<Self>,
        values: FloatTensor<Self>,
        first: usize,
    ) -> FloatTensor<Self> {
        match slots.dtype() {
            DType::F64 => squares::<f64>(slots, &values, first),
            _ => squares::<f32>(slots, &values, first),
        }
    }
}
