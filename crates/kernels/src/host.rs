//! Flex tensors as slices and back.

use crate::float::Real;
use burn::tensor::{Bytes, Shape};
use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;
use std::mem::MaybeUninit;

/// A contiguous copy (or the tensor itself) whose elements can be borrowed as a slice.
pub(crate) struct Host(FlexTensor);

impl Host {
    /// Makes the tensor contiguous if it is not.
    ///
    /// A contiguous part of something larger stays where it lies, which `to_contiguous` would copy.
    pub(crate) fn new(tensor: &FlexTensor) -> Self {
        Self(match tensor.is_contiguous() {
            true => tensor.clone(),
            false => tensor.to_contiguous(),
        })
    }

    /// The elements in row-major order.
    pub(crate) fn slice<T: Real>(&self) -> &[T] {
        let start = self.0.layout().start_offset();
        let count = self.0.layout().num_elements();
        &self.0.storage::<T>()[start..start + count]
    }

    /// Integer elements widened to `i64`: the width is a setting of the device, or the caller's.
    pub(crate) fn integers(&self) -> Vec<i64> {
        self.0.clone().into_data().iter::<i64>().collect()
    }
}

/// A new tensor that owns `data`.
pub(crate) fn tensor<T: Real>(data: Vec<T>, shape: &[usize]) -> FlexTensor {
    debug_assert_eq!(data.len(), shape.iter().product::<usize>());
    FlexTensor::new(
        Bytes::from_elems(data),
        Layout::contiguous(Shape::from(shape.to_vec())),
        T::dtype(),
    )
}

/// Elements from which zeros are written by all cores: half a megabyte of f32.
const SHARED: usize = 1 << 17;

/// `count` zeros.
///
/// Large results are allocated for every operation, and one core that clears them (and meets the pages that
/// the system clears before) keeps the others waiting.
pub(crate) fn zeros<T: Real>(count: usize) -> Vec<T> {
    if count < SHARED {
        return vec![T::zero(); count];
    }
    let mut zeros = Vec::with_capacity(count);
    let parts = zeros.spare_capacity_mut()[..count].par_chunks_mut(SHARED);
    parts.for_each(|part| {
        part.fill(MaybeUninit::new(T::zero()));
    });
    #[allow(unsafe_code)]
    // SAFETY: the loop above has written the first `count` elements.
    unsafe {
        zeros.set_len(count);
    }
    zeros
}

/// All elements in f64: for small parameters whose mathematics wants that precision.
pub(crate) fn widen<T: Real>(tensor: &FlexTensor) -> Vec<f64> {
    let host = Host::new(tensor);
    host.slice::<T>().iter().map(|v| v.into_f64()).collect()
}

#[cfg(test)]
mod tests {
    use super::{SHARED, zeros};

    #[test]
    fn zeros_when_few_or_many_are_all_zero() {
        for count in [0, 1, SHARED - 1, SHARED, 3 * SHARED + 5] {
            // What lay there before must not shine through.
            drop(vec![1.0_f32; count]);
            let values = zeros::<f32>(count);
            assert_eq!(values.len(), count);
            assert!(values.iter().all(|value| *value == 0.0));
        }
    }
}
