//! What this machine can do: matrix products and copies per second, measured.

use burn::tensor::{Device, Tensor};
use serde::Serialize;
use std::time::Instant;

/// Measured rates, best of several tries: limits, not typical values.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Limits {
    /// f32 matrix product 1024 x 1024 x 1024, billions of operations per second.
    pub gemm_gflops: f64,
    /// Bytes read plus bytes written by a copy on all cores, billions per second.
    pub copy_gb_per_second: f64,
}

impl Limits {
    /// Takes about half a second.
    pub fn measure() -> Self {
        Self {
            gemm_gflops: gemm_rate(),
            copy_gb_per_second: copy_rate(),
        }
    }

    /// Milliseconds that `flops` operations take at the measured rate.
    pub fn milliseconds(&self, flops: u64) -> f64 {
        flops as f64 / self.gemm_gflops / 1e6
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

fn gemm_rate() -> f64 {
    const SIZE: usize = 1024;
    let ones = Tensor::<2>::ones([SIZE, SIZE], &Device::flex());
    let seconds = best_seconds(|| drop(ones.clone().matmul(ones.clone())));
    2.0 * (SIZE as f64).powi(3) / seconds / 1e9
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
