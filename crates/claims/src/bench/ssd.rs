//! The chunked scan at the size of the table, beside the public PyTorch reference paths.

use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds};
use crate::error::ClaimError;
use burn::tensor::{Device, Distribution, Tensor};
use resolvent_kernels::ssd::{SsdInput, SsdOptions, ssd};

const HEAD_DIM: usize = 64;
const CHUNK: usize = 64;

/// Sizes of one case.
#[derive(Clone, Copy)]
pub(super) struct Size {
    pub batch: usize,
    pub length: usize,
    pub heads: usize,
    pub state: usize,
}

/// Random inputs as leaves of the autodiff graph.
pub(super) fn inputs(size: Size) -> SsdInput {
    let device = Device::flex().autodiff();
    let Size {
        batch,
        length,
        heads,
        state,
    } = size;
    SsdInput {
        x: leaf([batch, length, heads, HEAD_DIM], -1.0, 1.0, &device),
        dt: leaf([batch, length, heads], 0.001, 0.1, &device),
        a: leaf([heads], -16.0, -1.0, &device),
        b: leaf([batch, length, 1, state], -1.0, 1.0, &device),
        c: leaf([batch, length, 1, state], -1.0, 1.0, &device),
        d: None,
        initial: None,
        seq_idx: None,
    }
}

fn leaf<const D: usize>(shape: [usize; D], low: f64, high: f64, device: &Device) -> Tensor<D> {
    let random = Tensor::random(shape, Distribution::Uniform(low, high), device);
    random.detach().require_grad()
}

/// The same values outside the graph.
fn plain(input: &SsdInput) -> SsdInput {
    SsdInput {
        x: input.x.clone().inner(),
        dt: input.dt.clone().inner(),
        a: input.a.clone().inner(),
        b: input.b.clone().inner(),
        c: input.c.clone().inner(),
        ..input.clone()
    }
}

/// y alone.
fn scan(input: &SsdInput) -> Result<Tensor<4>, ClaimError> {
    let options = SsdOptions {
        chunk: CHUNK,
        final_state: false,
    };
    let refused = |error: resolvent_kernels::KernelError| ClaimError::Device {
        stage: "bench ssd".into(),
        reason: error.to_string(),
    };
    Ok(ssd(input.clone(), options).map_err(refused)?.y)
}

/// Forward and backward with a cotangent of ones.
pub(super) fn forward_backward(input: &SsdInput) -> Result<(), ClaimError> {
    let gradients = scan(input)?.sum().backward();
    drop(input.x.grad(&gradients));
    Ok(())
}

/// Operations of the matrix products of the forward pass, a multiply-add counting two.
fn forward_flops(size: Size) -> u64 {
    let per_head = HEAD_DIM * (CHUNK + 2 * size.state);
    let per_token = 2 * (size.heads * per_head + CHUNK * size.state);
    (size.batch * size.length * per_token) as u64
}

pub(super) fn run(options: &Options, limits: &Limits) -> Result<Vec<Row>, ClaimError> {
    let length = if options.quick { 512 } else { 4096 };
    let size = Size {
        batch: 1,
        length,
        heads: 24,
        state: 128,
    };
    let repeats = if options.quick { 3 } else { 15 };
    let input = inputs(size);
    let bare = plain(&input);
    let mut rows = Vec::new();
    for backward in [false, true] {
        let seconds = median_seconds(repeats, || match backward {
            true => forward_backward(&input),
            false => scan(&bare).map(drop),
        })?;
        let mut arguments: Vec<String> = ["ssd", "--length"].map(str::to_owned).to_vec();
        arguments.push(length.to_string());
        arguments.extend(["--chunk".into(), CHUNK.to_string()]);
        arguments.extend(["--repeat".into(), repeats.to_string()]);
        if backward {
            arguments.push("--backward".into());
        }
        let peer = document(&options.oracles, "peer_bench.py", &arguments);
        let pass = if backward {
            "forward+backward"
        } else {
            "forward"
        };
        for name in ["ssd_minimal_discrete", "transformers"] {
            let path = format!("/peers/{name}/median_seconds");
            let theirs = number(&peer, &path).map(|seconds| seconds * 1e3);
            let label = format!("{name} ({})", version(&peer, "torch"));
            let case = format!("{pass}, B1 L{length} H24 P64 N128, chunk {CHUNK}, f32");
            let mut row = Row::new("ssd", case, "ms", seconds * 1e3).against_time(&label, theirs);
            if !backward {
                row.limit = Some(limits.milliseconds(forward_flops(size)));
            }
            rows.push(row);
        }
    }
    Ok(rows)
}
