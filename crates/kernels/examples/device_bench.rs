//! Checks and times every operation on the device of `BURN_DEVICE`; prints CSV.
//!
//! `cargo run --release -p resolvent-kernels --features cuda --example device_bench -- --ops ssd`
//! Flags, each followed by a comma-separated list: `--ops`, `--dtypes` (f32, bf16, f16), `--lens`,
//! `--groups` (of ssd), `--modes` (forward, both); `--runs N`; `--check no`; `--batch`, `--heads`, `--head-dim`,
//! `--state`. `oracles/gpu_peer_bench.py` prints the same columns for other people's kernels.
//!
//! A sample is the wall-clock time of five calls, the device synchronised before and after, over
//! five. Checks compare with the same operation on the CPU in f64, on the rounded inputs, by
//! |out - ref| / |ref|; they come first, and when one fails the program ends with code 1.

#[path = "device_bench/poles.rs"]
mod poles;

use burn::tensor::{DType, Device, Distribution, FloatDType, Tensor, TensorData};
use resolvent_kernels::conv1d::{Conv1dInput, Conv1dOptions, conv1d};
use resolvent_kernels::dplr::{DplrInput, DplrOptions, dplr};
use resolvent_kernels::layer_norm::layer_norm;
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};
use resolvent_kernels::rms_norm::rms_norm;
use resolvent_kernels::selective_scan::{SelectiveScanInput, SelectiveScanOptions, selective_scan};
use resolvent_kernels::ssd::{SsdInput, SsdOptions, ssd};
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

/// Uniform values in [low, high), the same in every run.
fn values(seed: u64, count: usize, low: f32, high: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            low + (high - low) * ((state >> 40) as f32 / (1_u64 << 24) as f32)
        })
        .collect()
}

/// A differentiable input: its shape, range and number format.
struct Leaf {
    seed: u64,
    dims: Vec<usize>,
    range: (f32, f32),
    dtype: DType,
}

impl Leaf {
    fn new(seed: u64, dims: &[usize], range: (f32, f32), dtype: DType) -> Self {
        Self {
            seed,
            dims: dims.to_vec(),
            range,
            dtype,
        }
    }

    fn count(&self) -> usize {
        self.dims.iter().product()
    }

    /// The same values on every device, rounded to this format, then in `wide` where that is given.
    fn fixed(&self, device: &Device, wide: Option<DType>) -> Tensor<1> {
        let values = values(self.seed, self.count(), self.range.0, self.range.1);
        let rounded = TensorData::new(values, [self.count()]).convert_dtype(self.dtype);
        let dtype = wide.unwrap_or(self.dtype);
        Tensor::from_data(rounded.convert_dtype(dtype), (device, dtype)).require_grad()
    }

    /// Values drawn on the device: large ones would take longer to upload than to use.
    fn random(&self, device: &Device) -> Tensor<1> {
        let range = Distribution::Uniform(self.range.0.into(), self.range.1.into());
        let drawn = Tensor::<1>::random([self.count()], range, (device, DType::F32));
        let drawn = match self.dtype {
            DType::BF16 => drawn.cast(FloatDType::BF16),
            DType::F16 => drawn.cast(FloatDType::F16),
            _ => drawn,
        };
        drawn.detach().require_grad()
    }
}

fn shaped<const D: usize>(tensor: &Tensor<1>, leaf: &Leaf) -> Tensor<D> {
    let dims: [usize; D] = leaf.dims.clone().try_into().expect("rank fits");
    tensor.clone().reshape(dims)
}

/// One operation at one size.
struct Case {
    op: &'static str,
    size: [usize; 6],
    leaves: Vec<Leaf>,
    run: fn(&[Tensor<1>], &[Leaf]) -> Tensor<1>,
}

fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.dims().iter().product::<usize>();
    tensor.reshape([count])
}

/// size: [batch, len, heads, head_dim, state, groups].
fn ssd_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, groups] = size;
    let leaf = Leaf::new;
    let f32 = DType::F32;
    Case {
        op: "ssd",
        size,
        leaves: vec![
            leaf(1, &[batch, len, heads, head_dim], (-1.0, 1.0), dtype),
            leaf(2, &[batch, len, heads], (0.001, 0.1), f32),
            leaf(3, &[heads], (-16.0, -1.0), f32),
            leaf(4, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(5, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(6, &[heads], (-1.0, 1.0), f32),
        ],
        run: |t, l| {
            let input = SsdInput {
                x: shaped(&t[0], &l[0]),
                dt: shaped(&t[1], &l[1]),
                a: t[2].clone(),
                b: shaped(&t[3], &l[3]),
                c: shaped(&t[4], &l[4]),
                d: Some(t[5].clone()),
                initial: None,
                seq_idx: None,
            };
            flat(ssd(input, SsdOptions::default()).expect("fits").y)
        },
    }
}

/// Channels: heads * head_dim, as in a Mamba-2 block; four taps, SiLU.
fn conv1d_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "conv1d",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(2, &[channels, 4], (-1.0, 1.0), DType::F32),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let input = Conv1dInput {
                x: shaped(&t[0], &l[0]),
                weight: shaped(&t[1], &l[1]),
                bias: Some(t[2].clone()),
                initial: None,
                seq_idx: None,
            };
            flat(conv1d(input, Conv1dOptions::default()).expect("fits").y)
        },
    }
}

/// Channels: heads * head_dim, as in an S4 block: a kernel as long as the sequence, and skip.
fn long_conv_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "long_conv",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(2, &[channels, len], (-1.0, 1.0), DType::F32),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let input = LongConvInput {
                x: shaped(&t[0], &l[0]),
                kernel: shaped(&t[1], &l[1]),
                reverse: None,
                skip: Some(t[2].clone()),
                initial: None,
                seq_idx: None,
            };
            flat(long_conv(input, Method::Auto).expect("fits"))
        },
    }
}

/// Gated, one group over heads * head_dim channels.
fn norm_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "rms_norm",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(2, &[batch, len, channels], (-1.0, 1.0), dtype),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let x: Tensor<3> = shaped(&t[0], &l[0]);
            let gate = Some(shaped(&t[1], &l[1]));
            flat(rms_norm(x, gate, t[2].clone(), 1, 1e-5).expect("fits"))
        },
    }
}

/// Channels: heads * head_dim, as in a Mamba-1 block; softplus, skip and gate.
fn selective_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, groups] = size;
    let channels = heads * head_dim;
    let leaf = Leaf::new;
    let f32 = DType::F32;
    Case {
        op: "selective_scan",
        size,
        leaves: vec![
            leaf(1, &[batch, len, channels], (-1.0, 1.0), dtype),
            leaf(2, &[batch, len, channels], (-2.0, 2.0), dtype),
            leaf(3, &[channels, state], (-16.0, -1.0), f32),
            leaf(4, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(5, &[batch, len, groups, state], (-1.0, 1.0), dtype),
            leaf(6, &[channels], (-1.0, 1.0), f32),
            leaf(7, &[channels], (-7.0, -2.0), f32),
            leaf(8, &[batch, len, channels], (-1.0, 1.0), dtype),
        ],
        run: |t, l| {
            let input = SelectiveScanInput {
                x: shaped(&t[0], &l[0]),
                dt: shaped(&t[1], &l[1]),
                a: shaped(&t[2], &l[2]),
                b: shaped(&t[3], &l[3]),
                c: shaped(&t[4], &l[4]),
                d: Some(t[5].clone()),
                dt_bias: Some(t[6].clone()),
                z: Some(shaped(&t[7], &l[7])),
                initial: None,
                seq_idx: None,
            };
            let options = SelectiveScanOptions {
                dt_softplus: true,
                final_state: false,
            };
            flat(selective_scan(input, options).expect("fits").y)
        },
    }
}

/// A group per head, as behind the time mixing of RWKV-7.
fn layer_norm_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, ..] = size;
    let channels = heads * head_dim;
    Case {
        op: "layer_norm",
        size,
        leaves: vec![
            Leaf::new(1, &[batch, len, heads, head_dim], (-1.0, 1.0), dtype),
            Leaf::new(2, &[channels], (-1.0, 1.0), DType::F32),
            Leaf::new(3, &[channels], (-1.0, 1.0), DType::F32),
        ],
        run: |t, l| {
            let [batch, len, heads, width] = [0, 1, 2, 3].map(|axis| l[0].dims[axis]);
            let x = t[0].clone().reshape([batch, len, heads * width]);
            let y = layer_norm(x, t[1].clone(), t[2].clone(), heads, 1e-5);
            flat(y.expect("fits"))
        },
    }
}

/// Keys of size state, values of size head_dim, log decays of RWKV-7 in f32. The transition must not
/// grow: a and b have norms of at most 1.
fn dplr_case(size: [usize; 6], dtype: DType) -> Case {
    let [batch, len, heads, head_dim, state, _] = size;
    let keyed = [batch, len, heads, state];
    let most = (state as f32).sqrt().recip();
    let leaf = Leaf::new;
    Case {
        op: "dplr",
        size,
        leaves: vec![
            leaf(1, &keyed, (-1.0, 1.0), dtype),
            leaf(2, &keyed, (-0.6065, -0.001), DType::F32),
            leaf(3, &keyed, (-1.0, 1.0), dtype),
            leaf(4, &[batch, len, heads, head_dim], (-1.0, 1.0), dtype),
            leaf(5, &keyed, (-most, most), dtype),
            leaf(6, &keyed, (-most, most), dtype),
        ],
        run: |t, l| {
            let input = DplrInput {
                r: shaped(&t[0], &l[0]),
                g: shaped(&t[1], &l[1]),
                k: shaped(&t[2], &l[2]),
                v: shaped(&t[3], &l[3]),
                a: shaped(&t[4], &l[4]),
                b: shaped(&t[5], &l[5]),
                initial: None,
                seq_idx: None,
            };
            flat(dplr(input, DplrOptions::default()).expect("fits").y)
        },
    }
}

fn case(op: &str, size: [usize; 6], dtype: DType) -> Case {
    match op {
        "ssd" => ssd_case(size, dtype),
        "dplr" => dplr_case(size, dtype),
        "conv1d" => conv1d_case(size, dtype),
        "long_conv" => long_conv_case(size, dtype),
        "rms_norm" => norm_case(size, dtype),
        "layer_norm" => layer_norm_case(size, dtype),
        "selective_scan" => selective_case(size, dtype),
        other => poles::case(other, size, dtype).unwrap_or_else(|| {
            eprintln!(
                "--ops: `{other}` is not one of ssd, dplr, conv1d, long_conv, rms_norm, layer_norm, \
                 selective_scan, {}",
                poles::OPS
            );
            std::process::exit(2)
        }),
    }
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
fn time(device: &Device, runs: usize, mut call: impl FnMut()) -> [f64; 3] {
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
    let [median, low, high] = match mode {
        "forward" => time(device, runs, || drop((case.run)(&plain, &case.leaves))),
        _ => time(device, runs, || {
            drop((case.run)(&leaves, &case.leaves).backward())
        }),
    };
    let bytes = device.memory_pool_usage().map_or(0, |u| u.bytes_reserved);
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
            for size in [
                [2, 200, 4, 64, states[0], 2],
                [1, 130, 2, 128, states[1], 1],
            ] {
                good &= check(&case(op, size, dtype), dtype, &device);
            }
        }
    }
    println!(
        "library,op,mode,dtype,batch,len,heads,head_dim,state,groups,\
         median_ms,q20_ms,q80_ms,runs,reserved_bytes"
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
