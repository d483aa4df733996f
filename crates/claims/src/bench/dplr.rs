//! The scan of RWKV-7 in its two forms, beside the public PyTorch references.

use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds};
use crate::error::ClaimError;
use burn::tensor::{Device, Distribution, Tensor};
use resolvent_kernels::KernelError;
use resolvent_kernels::dplr::{DplrInput, DplrOptions, dplr};

const HEADS: usize = 8;
const SIZE: usize = 64;
/// Chunk of the chunked form, and of the peer's, which is fastest there.
const CHUNK: usize = 32;
/// The references take a second and more per run.
const PEER_REPEATS: usize = 3;

/// Random inputs as leaves of the autodiff graph: unit removal keys, learning rates in [0, 1).
fn inputs(length: usize) -> DplrInput {
    let device = Device::flex().autodiff();
    let shape = [1, length, HEADS, SIZE];
    let random = |low: f64, high: f64| -> Tensor<4> {
        Tensor::random(shape, Distribution::Uniform(low, high), &device)
    };
    let leaf = |tensor: Tensor<4>| tensor.detach().require_grad();
    let key = random(-1.0, 1.0);
    let unit = key.clone() / ((key.clone() * key).sum_dim(3).sqrt() + 1e-12);
    DplrInput {
        r: leaf(random(-1.0, 1.0)),
        g: leaf(random(-0.6065, -0.001)),
        k: leaf(random(-1.0, 1.0)),
        v: leaf(random(-1.0, 1.0)),
        a: leaf(unit.clone().neg()),
        b: leaf(unit * random(0.0, 1.0)),
        initial: None,
        seq_idx: None,
    }
}

/// The same values outside the graph.
fn plain(input: &DplrInput) -> DplrInput {
    let inner = |tensor: &Tensor<4>| tensor.clone().inner();
    DplrInput {
        r: inner(&input.r),
        g: inner(&input.g),
        k: inner(&input.k),
        v: inner(&input.v),
        a: inner(&input.a),
        b: inner(&input.b),
        ..input.clone()
    }
}

/// y alone.
fn scan(input: &DplrInput, chunk: Option<usize>) -> Result<Tensor<4>, ClaimError> {
    let options = DplrOptions {
        chunk,
        ..DplrOptions::default()
    };
    let refused = |error: KernelError| ClaimError::Device {
        stage: "bench dplr".into(),
        reason: error.to_string(),
    };
    Ok(dplr(input.clone(), options).map_err(refused)?.y)
}

/// Median milliseconds of one form.
fn milliseconds(
    (input, bare): (&DplrInput, &DplrInput),
    chunk: Option<usize>,
    backward: bool,
    repeats: usize,
) -> Result<f64, ClaimError> {
    let seconds = median_seconds(repeats, || {
        if !backward {
            return scan(bare, chunk).map(drop);
        }
        let gradients = scan(input, chunk)?.sum().backward();
        drop(input.r.grad(&gradients));
        Ok(())
    })?;
    Ok(seconds * 1e3)
}

pub(super) fn run(options: &Options, limits: &Limits) -> Result<Vec<Row>, ClaimError> {
    let length = if options.quick { 256 } else { 4096 };
    let repeats = if options.quick { 3 } else { 15 };
    let input = inputs(length);
    let both = (&input, &plain(&input));
    // Two readings of the state, a decay and two rank-one updates per position.
    let flops = (9 * SIZE * SIZE * HEADS * length) as u64;
    let mut rows = Vec::new();
    for backward in [false, true] {
        let pass = ["forward", "forward+backward"][usize::from(backward)];
        let case = |form: &str| format!("{pass}, B1 L{length} H{HEADS} K64 V64, {form}, f32");
        let ours = milliseconds(both, None, backward, repeats)?;
        let chunked = milliseconds(both, Some(CHUNK), backward, repeats)?;
        let form = format!("chunk {CHUNK}");
        let row = Row::new("dplr", case(&form), "ms", chunked);
        rows.push(row.against_time("our default form", Ok(ours)));
        // Backward through every step would keep every state: gigabytes.
        let peers: &[&str] = match backward {
            true => &["dplr_chunkwise"],
            false => &["dplr_recurrence", "dplr_chunkwise"],
        };
        for name in peers {
            let mut arguments: Vec<String> = vec!["dplr".into(), "--peer".into(), (*name).into()];
            for (flag, value) in [
                ("--length", length),
                ("--heads", HEADS),
                ("--chunk", CHUNK),
                ("--repeat", PEER_REPEATS),
            ] {
                arguments.extend([flag.to_owned(), value.to_string()]);
            }
            if backward {
                arguments.push("--backward".into());
            }
            let peer = document(&options.oracles, "peer_bench.py", &arguments);
            let path = format!("/peers/{name}/median_seconds");
            let theirs = number(&peer, &path).map(|seconds| seconds * 1e3);
            let label = format!("{name} ({})", version(&peer, "flash-linear-attention"));
            let row = Row::new("dplr", case("default form"), "ms", ours);
            let mut row = row.against_time(&label, theirs);
            if !backward {
                row.limit = Some(limits.milliseconds(flops));
            }
            rows.push(row);
        }
    }
    Ok(rows)
}
