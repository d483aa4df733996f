//! What a device can do: matrix products and copies per second, measured.

use super::inputs::refused;
use super::lengths::{Least, Scale, is_cpu};
use super::peer::{document, number};
use crate::error::ClaimError;
use burn::tensor::{Device, Tensor};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::Instant;

/// Measured rates, best of several tries: limits, not typical values.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Limits {
    /// Square matrix product, billions of operations per second: f32 of 1024 on a CPU, bf16 of 8192
    /// on a GPU.
    pub gemm_gflops: f64,
    /// Whose product that is.
    pub gemm_by: &'static str,
    /// Whether it bounds others: on a GPU burn's own product is far from what the card does.
    pub gemm_bounds: bool,
    /// Bytes read plus bytes written by a copy on all cores, billions per second.
    pub copy_gb_per_second: f64,
}

impl Limits {
    /// Takes about half a second, with PyTorch on a GPU some more.
    ///
    /// # Errors
    /// A device that does not answer.
    pub fn measure(device: &Device, oracles: &Path) -> Result<Self, ClaimError> {
        let ours = Self {
            gemm_gflops: gemm_rate(device)?,
            gemm_by: "burn",
            gemm_bounds: is_cpu(device),
            copy_gb_per_second: match is_cpu(device) {
                true => copy_rate(),
                false => device_copy_rate(device)?,
            },
        };
        if is_cpu(device) {
            return Ok(ours);
        }
        let arguments = ["--peers", "", "--json"].map(str::to_owned);
        Ok(ours.raised(&document(oracles, "gpu_peer_bench.py", &arguments)))
    }

    /// These limits, or PyTorch's in the document where it is faster.
    fn raised(self, peer: &Result<Value, String>) -> Self {
        let rate = |name: &str| number(peer, &format!("/ceilings/{name}")).unwrap_or(0.0);
        let gemm = rate("gemm_gflops");
        let gemm_by = match gemm > self.gemm_gflops {
            true => "PyTorch",
            false => self.gemm_by,
        };
        Self {
            gemm_gflops: gemm.max(self.gemm_gflops),
            gemm_by,
            gemm_bounds: gemm > 0.0,
            copy_gb_per_second: rate("copy_gb_per_second").max(self.copy_gb_per_second),
        }
    }

    /// Milliseconds that `flops` operations take at the measured rate, where it is a bound.
    pub fn milliseconds(&self, flops: u64) -> Option<f64> {
        let at_rate = flops as f64 / self.gemm_gflops / 1e6;
        self.gemm_bounds.then_some(at_rate)
    }

    /// Milliseconds below which nothing gets: the longer of arithmetic and traffic.
    pub(super) fn least_milliseconds(&self, least: Least, backward: bool) -> f64 {
        let traffic = least.traffic(backward) as f64 / self.copy_gb_per_second / 1e6;
        let arithmetic = self.milliseconds(least.operations(backward) as u64);
        arithmetic.map_or(traffic, |arithmetic| arithmetic.max(traffic))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const CARD: Limits = Limits {
        gemm_gflops: 90_000.0,
        gemm_by: "burn",
        gemm_bounds: false,
        copy_gb_per_second: 4_000.0,
    };
    const LEAST: Least = Least {
        flops: 1_000_000_000_000,
        read: 3_000_000_000,
        written: 1_000_000_000,
    };

    #[test]
    fn least_when_nobody_multiplies_fast_is_the_traffic() {
        let alone = CARD.raised(&Err("no Python here".to_owned()));
        assert_eq!(alone.least_milliseconds(LEAST, false), 1.0);
        assert_eq!(alone.milliseconds(1), None);
    }

    #[test]
    fn least_when_a_peer_multiplies_faster_is_the_longer_of_both() {
        let peer = json!({"ceilings": {"gemm_gflops": 800_000.0, "copy_gb_per_second": 3_900.0}});
        let both = CARD.raised(&Ok(peer));
        assert_eq!(
            (both.gemm_by, both.copy_gb_per_second),
            ("PyTorch", 4_000.0)
        );
        assert_eq!(both.least_milliseconds(LEAST, false), 1.25);
        // Three times the products; the inputs twice, y, its gradient, the inputs' gradients.
        assert_eq!(both.least_milliseconds(LEAST, true), 3.75);
        assert_eq!(LEAST.traffic(true), 11_000_000_000);
    }
}
