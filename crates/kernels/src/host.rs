//! Flex tensors as slices and back.

use crate::float::Real;
use burn::tensor::{Bytes, Shape};
use burn_flex::{FlexTensor, Layout};

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

/// All elements in f64: for small parameters whose mathematics wants that precision.
pub(crate) fn widen<T: Real>(tensor: &FlexTensor) -> Vec<f64> {
    let host = Host::new(tensor);
    host.slice::<T>().iter().map(|v| v.into_f64()).collect()
}
