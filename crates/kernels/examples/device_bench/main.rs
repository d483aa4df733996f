//! Checks and times every operation on the device of `BURN_DEVICE`; prints CSV.
//!
//! `cargo run --release -p resolvent-kernels --features cuda --example device_bench -- --ops ssd`
//! Flags, each followed by a comma-separated list: `--ops`, `--dtypes` (f32, bf16, f16), `--lens`,
//! `--groups` (of ssd), `--modes` (forward, both); `--runs N`; `--check no`; `--batch`, `--heads`, `--head-dim`,
//! `--state`; `--check-lens` (of the checks). `oracles/gpu_peer_bench.py` prints the same columns for other people's kernels.
//!
//! A sample is the wall-clock time of five calls, the device synchronised before and after, over
//! five. Checks compare with the same operation on the CPU in f64, on the rounded inputs, by
//! |out - ref| / |ref|; they come first, and when one fails the program ends with code 1.

mod case;
mod layers;
mod poles;
mod series;

use burn::tensor::{DType, Device, FloatDType, Tensor};
use case::Case;
use resolvent_kernels::peak_beyond;
use std::time::Instant;

const CALLS: usize = 5;

/// Command line: every flag takes one list.
struct Flags(Vec<String>);

impl Flags {
    fn list(&self, name: &str, default: &str) -> Vec<String> {
        let at = self.0.iter().position(|flag| flag == name);
        let text = at.and_then(|at| self.0.get(at + 1)).map_or(default, |v| v);
        text.split(',').map(str::to_owned).collect()
    }

    fn numbers(&self, name: &str, default: &str) -> Vec<usize> {
        let read = |text: &String| {
            text.parse().unwrap_or_else(|_| {
                eprintln!("{name}: `{text}` is not a number");
                std::process::exit(2)
            })
        };
        self.list(name, default).iter().map(read).collect()
    }

    fn number(&self, name: &str, default: &str) -> usize {
        self.numbers(name, default)[0]
    }
}

fn case(op: &str, size: [usize; 6], dtype: DType) -> Case {
    let found = layers::case(op, size, dtype)
        .or_else(|| poles::case(op, size, dtype))
        .or_else(|| series::case(op, size, dtype));
    found.unwrap_or_else(|| {
        let (layers, poles, series) = (layers::OPS, poles::OPS, series::OPS);
        eprintln!("--ops: `{op}` is not one of {layers}, {poles}, {series}");
        std::process::exit(2)
    })
}

fn read(tensor: Tensor<1>) -> Vec<f64> {
    tensor.to_data().convert_dtype(DType::F64).iter().collect()
}

/// The result and the gradient of every leaf, for a gradient of ones.
fn everything(case: &Case, device: &Device, wide: Option<DType>) -> Vec<Vec<f64>> {
    let graph = device.clone().autodiff();
    let tensors: Vec<Tensor<1>> = case
        .leaves
        .iter()
        .map(|leaf| leaf.fixed(&graph, wide))
        .collect();
    let y = (case.run)(&tensors, &case.leaves);
    let mut all = vec![read(y.clone())];
    let grads = y.backward();
    all.extend(
        tensors
            .iter()
            .map(|leaf| read(leaf.grad(&grads).expect("tracked"))),
    );
    all
}

/// Prints the error of every output; returns whether all are within the format's rounding.
fn check(case: &Case, dtype: DType, device: &Device) -> bool {
    let want = everything(case, &Device::flex(), Some(DType::F64));
    let got = everything(case, device, None);
    let again = everything(case, device, None);
    let limit = match dtype {
        DType::F32 => 2e-5,
        DType::F16 => 3e-3,
        _ => 2e-2,
    };
    let mut good = true;
    for (index, (got, want)) in got.iter().zip(&want).enumerate() {
        let norm = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
        let off = norm(&mut got.iter().zip(want).map(|(g, w)| g - w));
        let error = off / norm(&mut want.iter().copied()).max(1e-30);
        let ok = error < limit;
        good &= ok;
        println!(
            "# check {} {:?} {dtype:?} output {index}: relative error {error:.2e} {}",
            case.op,
            case.size,
            if ok { "ok" } else { "WRONG" }
        );
    }
    if got != again {
        println!("# check {} {dtype:?}: two runs differ WRONG", case.op);
        good = false;
    }
    good
}

/// Milliseconds per call: quantiles .5, .2, .8.
fn time(device: &Device, runs: usize, call: impl Fn()) -> [f64; 3] {
    for _ in 0..3 {
        call();
    }
    let mut samples: Vec<f64> = (0..runs)
        .map(|_| {
            device.sync().expect("device answers");
            let start = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            device.sync().expect("device answers");
            start.elapsed().as_secs_f64() * 1e3 / CALLS as f64
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    [0.5, 0.2, 0.8].map(|q| samples[((samples.len() - 1) as f64 * q).round() as usize])
}

fn bench(case: &Case, mode: &str, dtype: DType, device: &Device, runs: usize) {
    let graph = device.clone().autodiff();
    let leaves: Vec<Tensor<1>> = case.leaves.iter().map(|leaf| leaf.random(&graph)).collect();
    let plain: Vec<Tensor<1>> = leaves.iter().map(|leaf| leaf.clone().inner()).collect();
    let call = || match mode {
        "forward" => drop((case.run)(&plain, &case.leaves)),
        _ => drop((case.run)(&leaves, &case.leaves).backward()),
    };
    let [median, low, high] = time(device, runs, call);
    let ((), bytes) = peak_beyond(device, call);
    let bytes = bytes.unwrap_or_default();
    let [batch, len, heads, head_dim, state, groups] = case.size;
    println!(
        "resolvent,{},{mode},{dtype:?},{batch},{len},{heads},{head_dim},{state},{groups},\
         {median:.4},{low:.4},{high:.4},{runs},{bytes}",
        case.op
    );
}

fn main() {
    // A kernel that panics does so on the device's thread; the calls go on, and would be timed.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(1);
    }));
    let flags = Flags(std::env::args().skip(1).collect());
    let device = Device::default();
    let runs = flags.number("--runs", "20").max(10);
    let ops = flags.list("--ops", "ssd,dplr,conv1d,rms_norm");
    let dtypes = flags
        .list("--dtypes", "f32,bf16")
        .into_iter()
        .map(|name| match name.as_str() {
            "bf16" => DType::BF16,
            "f16" => DType::F16,
            _ => DType::from(FloatDType::F32),
        });
    let dtypes: Vec<DType> = dtypes.collect();
    println!("# device {device:?}, {CALLS} calls a sample");
    let mut good = true;
    let checked = flags.list("--check", "yes")[0] == "yes";
    for op in ops.iter().filter(|_| checked) {
        for &dtype in &dtypes {
            let states = match op.as_str() {
                "selective_scan" => [16, 5],
                op if poles::OPS.contains(op) => [32, 5],
                _ => [64, 128],
            };
            for (at, len) in flags
                .numbers("--check-lens", "200,130")
                .into_iter()
                .enumerate()
            {
                let size = match at % 2 {
                    0 => [2, len, 4, 64, states[0], 2],
                    _ => [1, len, 2, 128, states[1], 1],
                };
                good &= check(&case(op, size, dtype), dtype, &device);
            }
        }
    }
    println!(
        "library,op,mode,dtype,batch,len,heads,head_dim,state,groups,\
         median_ms,q20_ms,q80_ms,runs,bytes_beyond_inputs"
    );
    let [batch, heads, head_dim] = [("--batch", "8"), ("--heads", "32"), ("--head-dim", "128")]
        .map(|(name, default)| flags.number(name, default));
    for op in &ops {
        let state = match op.as_str() {
            "selective_scan" => "16",
            _ => "128",
        };
        let state = flags.number("--state", state);
        for &dtype in &dtypes {
            let groups = match op.as_str() {
                "ssd" => flags.numbers("--groups", "1,32"),
                _ => vec![1],
            };
            for groups in groups {
                for len in flags.numbers("--lens", "1024,2048,4096,8192,16384") {
                    let one = case(op, [batch, len, heads, head_dim, state, groups], dtype);
                    for mode in flags.list("--modes", "forward,both") {
                        bench(&one, &mode, dtype, &device, runs);
                        device.memory_cleanup();
                    }
                }
            }
        }
    }
    if !good {
        println!("# a check failed");
        std::process::exit(1);
    }
}
