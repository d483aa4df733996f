//! Times one operation at a given size: `cargo run --release -p resolvent-kernels --example profile`.

use burn::tensor::{DType, Device, Distribution, Tensor};
use resolvent_kernels::conv1d::{Conv1dInput, Conv1dOptions, conv1d};
use resolvent_kernels::rms_norm::rms_norm;
use resolvent_kernels::ssd::{SsdInput, SsdOptions, ssd};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn median(mut run: impl FnMut()) -> f64 {
    run();
    let mut seconds: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[4] * 1e3
}

fn random<const D: usize>(shape: [usize; D], low: f64, high: f64, device: &Device) -> Tensor<D> {
    Tensor::random(
        shape,
        Distribution::Uniform(low, high),
        (device, DType::F32),
    )
    .detach()
    .require_grad()
}

fn input(batch: usize, len: usize, heads: usize, state: usize, device: &Device) -> SsdInput {
    SsdInput {
        x: random([batch, len, heads, 64], -1.0, 1.0, device),
        dt: random([batch, len, heads], 0.001, 0.1, device),
        a: random([heads], -16.0, -1.0, device),
        b: random([batch, len, 1, state], -1.0, 1.0, device),
        c: random([batch, len, 1, state], -1.0, 1.0, device),
        d: None,
        initial: None,
        seq_idx: None,
    }
}

fn main() {
    let plain = Device::flex();
    let graph = Device::flex().autodiff();
    let square = |n: usize| random([n, n], -1.0, 1.0, &graph).inner();
    for n in [256, 512, 1024] {
        let (a, b) = (square(n), square(n));
        let ms = median(|| drop(a.clone().matmul(b.clone()).to_data()));
        println!(
            "gemm {n}: {ms:.2} ms, {:.1} GFLOP/s",
            2.0 * (n as f64).powi(3) / ms / 1e6
        );
    }
    for (batch, len, heads, state) in [(1, 4096, 24, 128), (8, 512, 6, 64)] {
        for chunk in [32, 64, 128] {
            let options = SsdOptions {
                chunk,
                final_state: false,
            };
            let forward = {
                let g = input(batch, len, heads, state, &graph);
                let g = SsdInput {
                    x: g.x.inner(),
                    dt: g.dt.inner(),
                    a: g.a.inner(),
                    b: g.b.inner(),
                    c: g.c.inner(),
                    ..g
                };
                median(|| drop(ssd(g.clone(), options).expect("fits").y.to_data()))
            };
            let both = {
                let g = input(batch, len, heads, state, &graph);
                median(|| {
                    let y = ssd(g.clone(), options).expect("fits").y;
                    drop(g.x.grad(&y.sum().backward()).expect("tracked").to_data());
                })
            };
            println!(
                "ssd {batch}x{len}x{heads} N{state} chunk {chunk}: forward {forward:.2} ms, with backward {both:.2} ms"
            );
        }
    }
    let x = random([8, 512, 384], -1.0, 1.0, &graph);
    let z = random([8, 512, 384], -1.0, 1.0, &graph);
    let weight = random([384, 4], -1.0, 1.0, &graph);
    let scale = random([384], -1.0, 1.0, &graph);
    let convolve = || {
        let input = Conv1dInput {
            x: x.clone(),
            weight: weight.clone(),
            bias: None,
            initial: None,
            seq_idx: None,
        };
        conv1d(input, Conv1dOptions::default()).expect("fits").y
    };
    println!(
        "conv1d: forward {:.2} ms, with backward {:.2} ms",
        median(|| drop(convolve().inner().to_data())),
        median(|| drop(
            x.grad(&convolve().sum().backward())
                .expect("tracked")
                .to_data()
        ))
    );
    let norm = || rms_norm(x.clone(), Some(z.clone()), scale.clone(), 1, 1e-5).expect("fits");
    println!(
        "rms_norm: forward {:.2} ms, with backward {:.2} ms",
        median(|| drop(norm().inner().to_data())),
        median(|| drop(x.grad(&norm().sum().backward()).expect("tracked").to_data()))
    );
    let add = Tensor::<3>::ones([8, 512, 384], &plain);
    println!(
        "add 1.5M: {:.2} ms",
        median(|| drop((add.clone() + 1.0).to_data()))
    );
}
