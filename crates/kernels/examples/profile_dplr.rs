//! Times `dplr` in its forms: `cargo run --release -p resolvent-kernels --example profile_dplr`.
//! The peer at the same size: `oracles/peer_bench.py dplr`.

use burn::tensor::{DType, Device, Distribution, Tensor};
use resolvent_kernels::dplr::{DplrInput, DplrOptions, dplr, reference};
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Median of nine runs after one, in milliseconds.
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

fn input(batch: usize, len: usize, heads: usize, size: usize, device: &Device) -> DplrInput {
    let shape = [batch, len, heads, size];
    let random = |low: f64, high: f64| -> Tensor<4> {
        let range = Distribution::Uniform(low, high);
        Tensor::random(shape, range, (device, DType::F32))
    };
    let removal = random(-1.0, 1.0);
    let norm = (removal.clone() * removal.clone()).sum_dim(3).sqrt() + 1e-12;
    let unit = removal / norm;
    let leaf = |tensor: Tensor<4>| tensor.detach().require_grad();
    DplrInput {
        r: leaf(random(-1.0, 1.0)),
        g: leaf(random(-0.6065, -0.001)),
        k: leaf(random(-1.0, 1.0)),
        v: leaf(random(-1.0, 1.0)),
        a: leaf(-unit.clone()),
        b: leaf(unit * random(0.0, 1.0)),
        initial: Some(leaf(Tensor::zeros(
            [batch, heads, size, size],
            (device, DType::F32),
        ))),
        seq_idx: None,
    }
}

fn without_graph(input: DplrInput) -> DplrInput {
    DplrInput {
        r: input.r.inner(),
        g: input.g.inner(),
        k: input.k.inner(),
        v: input.v.inner(),
        a: input.a.inner(),
        b: input.b.inner(),
        initial: input.initial.map(Tensor::inner),
        seq_idx: None,
    }
}

fn main() {
    let graph = Device::flex().autodiff();
    for (batch, len, heads, size) in [
        (1, 4096, 8, 64),
        (8, 512, 6, 64),
        (1, 2048, 8, 32),
        (1, 1024, 4, 128),
        (1, 512, 2, 256),
        (1, 1, 12, 64),
    ] {
        let leaves = input(batch, len, heads, size, &graph);
        let plain = without_graph(leaves.clone());
        for chunk in [None, Some(1), Some(16), Some(32), Some(64)] {
            let options = DplrOptions {
                chunk,
                final_state: true,
                scale: 1.0,
            };
            let run = |input: &DplrInput| dplr(input.clone(), options).expect("fits").y;
            let forward = median(|| drop(run(&plain).to_data()));
            let both = median(|| {
                let grads = run(&leaves).sum().backward();
                drop(leaves.r.grad(&grads).expect("tracked").to_data());
            });
            println!(
                "dplr {batch}x{len}x{heads} size {size} chunk {chunk:?}: \
                 forward {forward:.3} ms, with backward {both:.3} ms"
            );
        }
    }
    let (len, heads, size) = (512, 8, 64);
    let plain = without_graph(input(1, len, heads, size, &graph));
    let read = |tensor: &Tensor<4>| -> Vec<f64> { tensor.to_data().iter().collect() };
    let [r, g, k, v] = [&plain.r, &plain.g, &plain.k, &plain.v].map(read);
    let [a, b, initial] = [
        &plain.a,
        &plain.b,
        &Tensor::zeros([1, heads, size, size], &graph),
    ]
    .map(read);
    let shape = resolvent_kernels::dplr::DplrShape {
        batch: 1,
        len,
        heads,
        keys: size,
        values: size,
        chunk: None,
        final_state: true,
        scale: 1.0,
    };
    let slices = reference::DplrSlices {
        r: &r,
        g: &g,
        k: &k,
        v: &v,
        a: &a,
        b: &b,
        initial: &initial,
        seq_idx: &[],
    };
    let scalar = median(|| drop(reference::dplr(slices, shape)));
    println!("reference (f64, one thread) 1x{len}x{heads} size {size}: forward {scalar:.1} ms");
}
