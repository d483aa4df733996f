//! What a device can do: matrix products and copies per second, measured.

use super::inputs::refused;
use super::lengths::{Least, Scale, is_cpu};
use crate::error::ClaimError;
use burn::tensor::{Device, Tensor};
use serde::Serialize;
use std::time::Instant;

/// Measured rates, best of several tries: limits, not typical values.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Limits {
    /// Square matrix product, billions of operations per second: f32 of 1024 on a CPU, bf16 of 8192
    /// on a GPU.
    pub gemm_gflops: f64,
    /// Bytes read plus bytes written by a copy on all cores, billions per second.
    pub copy_gb_per_second: f64,
}

impl Limits {
    /// Takes about half a second.
    ///
    /// # Errors
    /// A device that does not answer.
    pub fn measure(device: &Device) -> Result<Self, ClaimError> {
        Ok(Self {
            gemm_gflops: gemm_rate(device)?,
            copy_gb_per_second: match is_cpu(device) {
                true => copy_rate(),
                false => device_copy_rate(device)?,
            },
        })
    }

    /// Milliseconds that `flops` operations take at the measured rate.
    pub fn milliseconds(&self, flops: u64) -> f64 {
        flops as f64 / self.gemm_gflops / 1e6
    }

    /// Milliseconds below which nothing gets: the longer of arithmetic and traffic.
    pub(super) fn least_milliseconds(&self, least: Least) -> f64 {
        let traffic = least.bytes as f64 / self.copy_gb_per_second / 1e6;
        self.milliseconds(least.flops as u64).max(traffic)
    }
}

fn best_seconds(mut work: impl FnMut()) -> f64 {
    let tries = (0..10).map(|_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    });
    tries.fold(f64::INFINITY, f64::min)
}

/// Best seconds of one of `CALLS` calls that the device has finished.
fn best_on(device: &Device, mut work: impl FnMut()) -> Result<f64, ClaimError> {
    const CALLS: usize = 5;
    let mut failure = None;
    let mut wait = || {
        if let Err(error) = device.sync() {
            failure = Some(refused("machine")(error));
        }
    };
    let seconds = best_seconds(|| {
        (0..CALLS).for_each(|_| work());
        wait();
    });
    match failure {
        None => Ok(seconds / CALLS as f64),
        Some(error) => Err(error),
    }
}

fn gemm_rate(device: &Device) -> Result<f64, ClaimError> {
    let scale = Scale::of(device);
    let size = match scale {
        Scale::Cpu => 1024,
        Scale::Gpu => 8192,
    };
    let ones = scale.stored(Tensor::<2>::ones([size, size], device));
    let seconds = best_on(device, || drop(ones.clone().matmul(ones.clone())))?;
    Ok(2.0 * (size as f64).powi(3) / seconds / 1e9)
}

fn device_copy_rate(device: &Device) -> Result<f64, ClaimError> {
    const ELEMENTS: usize = 1 << 28;
    let source = Tensor::<1>::ones([ELEMENTS], device);
    let seconds = best_on(device, || drop(source.clone().neg()))?;
    Ok(8.0 * ELEMENTS as f64 / seconds / 1e9)
}

fn copy_rate() -> f64 {
    const BYTES: usize = 64 << 20;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let source = vec![1_u8; BYTES];
    let mut target = vec![0_u8; BYTES];
    let part = BYTES.div_ceil(cores);
    let seconds = best_seconds(|| {
        std::thread::scope(|scope| {
            for (to, from) in target.chunks_mut(part).zip(source.chunks(part)) {
                scope.spawn(move || to.copy_from_slice(from));
            }
        });
        std::hint::black_box(&mut target);
    });
    2.0 * BYTES as f64 / seconds / 1e9
}
