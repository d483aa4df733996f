//! What the CubeCL bodies of all operations share: buffers, number formats, cube sizes.
//!
//! CubeCL compiles one source for NVIDIA (CUDA C++ through NVRTC, feature `cuda`) and for its own
//! CPU runtime (LLVM, feature `cube-cpu`), where the kernels are tested. Kernels read f16 and bf16
//! tensors as they are and compute in f32; f64 tensors, which only the CPU runtime has as inputs, in f64.

mod blocks;
mod complex;
mod conv_step;
mod offer;
mod parts;
pub(crate) mod product;
mod scalars;
pub(crate) mod store;
mod sums;
mod team;
pub(crate) mod tiles;

pub(crate) use blocks::{block_sum, strided_sum};
pub(crate) use complex::Complex;
pub(crate) use conv_step::convolve_channel;
pub(crate) use offer::{ElementBytes, Offer};
pub(crate) use parts::{part_sums, row_sums};
pub(crate) use scalars::{exp2_approximate, lane_sum, sigmoid, softplus};
pub(crate) use sums::{column_sums, cube_largest, cube_sum};
pub(crate) use team::{
    Team, add_up, arrives_last, contribute, launch_add_up, matvec, neighbours_sum, team_sum,
};

use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::zeros_client;
use burn_cubecl::ops::reshape;
use burn_cubecl::tensor::CubeTensor;
use cubecl::calculate_cube_count_elemwise;
use cubecl::ir::{ElemType, FloatKind, IntKind, UIntKind};
use cubecl::prelude::*;

/// The tensor in row-major order without gaps, which is all that the kernels read.
pub(crate) fn contiguous(tensor: CubeTensor) -> CubeTensor {
    into_contiguous(tensor)
}

/// The same where nothing else holds its memory, so that a kernel may write it; a copy otherwise.
pub(crate) fn writable(tensor: CubeTensor) -> CubeTensor {
    let tensor = contiguous(tensor);
    if tensor.can_mut() {
        return tensor;
    }
    // In one dimension, where burn's copy has no gaps behind rows.
    let shape = tensor.meta.shape().clone();
    let flat = Shape::from(vec![elements(&tensor)]);
    reshape(reshape(tensor, flat).copy(), shape)
}

/// A new tensor on the device of `like`, uninitialised.
pub(crate) fn empty(like: &CubeTensor, shape: &[usize], dtype: DType) -> CubeTensor {
    let bytes = shape.iter().product::<usize>() * dtype.size();
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        Shape::from(shape.to_vec()),
        like.client.empty(bytes),
        dtype,
    )
}

/// A new tensor of zeros on the device of `like`, in row-major order without gaps: burn's own has
/// gaps behind its rows on CUDA, except in one dimension.
pub(crate) fn zeros(like: &CubeTensor, shape: &[usize], dtype: DType) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    let flat = Shape::from(vec![shape.iter().product::<usize>()]);
    let flat = zeros_client(client.clone(), device.clone(), flat, dtype);
    let shape = Shape::from(shape.to_vec());
    CubeTensor::new_contiguous(client, device, shape, flat.handle, dtype)
}

/// The tensor as a kernel argument; `instead` where it has no elements, since an empty buffer
/// cannot be bound. The kernel must not touch it then.
pub(crate) fn buffer(tensor: &CubeTensor, instead: &CubeTensor) -> BufferArg {
    let tensor = if elements(tensor) == 0 {
        instead
    } else {
        tensor
    };
    tensor.clone().into_buffer_arg()
}

/// Number of elements.
pub(crate) fn elements(tensor: &CubeTensor) -> usize {
    tensor.meta.shape().iter().product()
}

/// The format accumulated in: f32, or f64 for f64 tensors.
pub(crate) fn accumulator(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// CubeCL's name of a number format.
///
/// # Panics
/// For formats that the public functions refuse.
pub(crate) fn element(dtype: DType) -> ElemType {
    match dtype {
        DType::F64 => ElemType::Float(FloatKind::F64),
        DType::F32 => ElemType::Float(FloatKind::F32),
        DType::F16 => ElemType::Float(FloatKind::F16),
        DType::BF16 => ElemType::Float(FloatKind::BF16),
        DType::I64 => ElemType::Int(IntKind::I64),
        DType::I32 => ElemType::Int(IntKind::I32),
        DType::I16 => ElemType::Int(IntKind::I16),
        DType::I8 => ElemType::Int(IntKind::I8),
        DType::U64 => ElemType::UInt(UIntKind::U64),
        DType::U32 => ElemType::UInt(UIntKind::U32),
        DType::U16 => ElemType::UInt(UIntKind::U16),
        DType::U8 => ElemType::UInt(UIntKind::U8),
        other => panic!("no kernel reads {other:?}"),
    }
}

/// Elements that one unit moves at once along a contiguous axis of `length` elements.
pub(crate) fn vector_width(length: usize, dtype: DType) -> usize {
    let widest = 16 / dtype.size().max(1);
    [8, 4, 2]
        .into_iter()
        .find(|width| *width <= widest && length.is_multiple_of(*width))
        .unwrap_or(1)
}

/// Units of a cube that works together on something of `size` parts: a power of two.
///
/// On a CPU a unit is a thread, and there are as many as cores.
pub(crate) fn cube_units(client: &Client, size: usize) -> usize {
    let most = client.properties().hardware.max_units_per_cube.min(256) as usize;
    let most = 1 << most.max(1).ilog2();
    size.max(1).next_power_of_two().min(most)
}

/// Cubes and their size for a unit per element of `total`.
pub(crate) fn grid(client: &Client, total: usize) -> (CubeCount, CubeDim) {
    let dim = CubeDim::new(client, total);
    (calculate_cube_count_elemwise(client, total, dim), dim)
}

/// Whether short loops should be unrolled, so that the arrays they index become registers.
pub(crate) fn unrolls(client: &Client) -> bool {
    client.properties().hardware.num_cpu_cores.is_none()
}
