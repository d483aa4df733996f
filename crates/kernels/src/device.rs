//! Which devices and number formats the operations have bodies for.

use crate::error::KernelError;
use burn::backend::DispatchDevice;
use burn::tensor::{DType, Device, FloatDType, Tensor};

/// Whether operations with a CPU body alone run on this device.
pub(crate) fn has_cpu_body(device: &Device) -> bool {
    matches!(
        device.clone().inner().as_dispatch(),
        DispatchDevice::Flex(_)
    )
}

/// Whether operations with bodies for the CPU and in CubeCL run on this device.
pub(crate) fn has_body(device: &Device) -> bool {
    match device.clone().inner().as_dispatch() {
        #[cfg(any(feature = "cuda", feature = "cube-cpu"))]
        DispatchDevice::Cube(_) => true,
        _ => has_cpu_body(device),
    }
}

/// Refuses a device that has no body of an operation, before burn would panic.
pub(crate) fn require_body(op: &'static str, device: &Device) -> Result<(), KernelError> {
    match has_body(device) {
        true => Ok(()),
        false => Err(KernelError::Device {
            op,
            device: format!("{:?}", device.clone().inner().as_dispatch()),
        }),
    }
}

/// The CubeCL client of a device whose operations have their bodies in CubeCL.
#[cfg(feature = "cube")]
pub(crate) fn cube_client(device: &Device) -> Option<cubecl::prelude::Client> {
    match device.clone().inner().as_dispatch() {
        #[cfg(any(feature = "cuda", feature = "cube-cpu"))]
        DispatchDevice::Cube(device) => Some(device.client()),
        _ => None,
    }
}

/// Whether the single steps of whole layers have a body for these tensors: one format, f32 or f64, on a
/// CubeCL device, outside the graph of gradients.
pub(crate) fn has_step_body(x: &Tensor<2>, weight: &Tensor<2>, state: DType) -> bool {
    let on_cube = match x.device().as_dispatch() {
        #[cfg(any(feature = "cuda", feature = "cube-cpu"))]
        DispatchDevice::Cube(_) => true,
        _ => false,
    };
    on_cube
        && matches!(x.dtype(), DType::F32 | DType::F64)
        && weight.dtype() == x.dtype()
        && state == x.dtype()
        && !x.is_autodiff()
}

/// Refuses formats that no body computes in.
pub(crate) fn require_float(
    op: &'static str,
    tensor: &'static str,
    dtype: DType,
) -> Result<(), KernelError> {
    match dtype {
        DType::F32 | DType::F64 | DType::F16 | DType::BF16 => Ok(()),
        other => Err(KernelError::Dtype {
            op,
            tensor,
            got: format!("{other:?}"),
        }),
    }
}

/// The format a body computes in: half precision is widened, the others stay.
pub(crate) fn working_dtype(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// The format in which a body reads the tensors that make up its traffic: CubeCL bodies read half
/// precision as it is, since a widened copy would cost more than the operation.
pub(crate) fn storage_dtype(dtype: DType, device: &Device) -> DType {
    match device.clone().inner().as_dispatch() {
        #[cfg(any(feature = "cuda", feature = "cube-cpu"))]
        DispatchDevice::Cube(_) => dtype,
        _ => working_dtype(dtype),
    }
}

/// Casts only where the format differs: a cast is a copy and a node of the autodiff graph.
pub(crate) fn in_dtype<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    if tensor.dtype() == dtype {
        return tensor;
    }
    match dtype {
        DType::F64 => tensor.cast(FloatDType::F64),
        DType::F16 => tensor.cast(FloatDType::F16),
        DType::BF16 => tensor.cast(FloatDType::BF16),
        _ => tensor.cast(FloatDType::F32),
    }
}

/// Zeros, also of shapes without elements.
///
/// Tensors without elements come from `Tensor::empty`, here and wherever one stands for an absent
/// input: with fusion, burn 0.22.1 joins `zeros` and arithmetic on them with neighbouring operations,
/// and then computes none of these.
pub(crate) fn zeros<const D: usize>(shape: [usize; D], options: (&Device, DType)) -> Tensor<D> {
    match shape.contains(&0) {
        true => Tensor::empty(shape, options),
        false => Tensor::zeros(shape, options),
    }
}

/// Reshapes, also to shapes without elements: burn reads a zero in the new shape as "keep this axis".
pub fn reshape<const D: usize, const E: usize>(tensor: Tensor<D>, shape: [usize; E]) -> Tensor<E> {
    if shape.contains(&0) {
        return zeros(shape, (&tensor.device(), tensor.dtype()));
    }
    tensor.reshape(shape)
}
