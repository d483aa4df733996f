//! What the benchmarks make their inputs of.

use crate::error::ClaimError;
use burn::tensor::{Device, Distribution, Tensor};

/// Uniform values in [low, high), outside the graph.
pub(super) fn uniform<const D: usize>(
    shape: [usize; D],
    (low, high): (f64, f64),
    device: &Device,
) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(low, high), device)
}

/// The tensor as a leaf of the graph, on a device that has one.
pub(super) fn leaf<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    let tensor = tensor.detach();
    match tensor.device().is_autodiff() {
        true => tensor.require_grad(),
        false => tensor,
    }
}

/// The device, with a graph of gradients where the backward pass is wanted.
pub(super) fn device_of(device: &Device, backward: bool) -> Device {
    match backward {
        true => device.clone().autodiff(),
        false => device.clone(),
    }
}

/// Name of a pass in rows and progress.
pub(super) fn pass_name(backward: bool) -> &'static str {
    match backward {
        true => "forward+backward",
        false => "forward",
    }
}

/// All elements in a row.
pub(super) fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.dims().iter().product::<usize>();
    tensor.reshape([count])
}

/// Turns what an operation says into an error of the benchmark `name`.
pub(super) fn refused<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> ClaimError + Copy {
    move |error| ClaimError::Device {
        stage: format!("bench {name}"),
        reason: error.to_string(),
    }
}
