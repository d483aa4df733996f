//! The scan of RWKV-7 in its two forms, beside the public PyTorch references.

use super::course::Course;
use super::inputs::{flat, leaf, pass_name, refused, uniform};
use super::lengths::{Least, Scale, Subject, Work};
use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds, plain};
use crate::error::ClaimError;
use burn::tensor::{Device, Tensor};
use resolvent_kernels::dplr::{DplrInput, DplrOptions, dplr};

const HEADS: usize = 8;
const SIZE: usize = 64;
/// Chunk of the chunked form, and of the peer's, which is fastest there.
const CHUNK: usize = 32;
/// The references take a second and more per run.
const PEER_REPEATS: usize = 3;

/// What `bench lengths` times.
pub(super) const SUBJECT: Subject = Subject {
    name: "dplr",
    inputs: |scale, length, device| Box::new(inputs(scale, length, device)),
    least: |scale, length| {
        let [batch, heads, size] = sizes(scale);
        let vectors = batch * length * heads * size;
        Least {
            flops: FLOPS * vectors * size,
            read: 6 * vectors * scale.bytes(),
            written: vectors * scale.bytes(),
        }
    },
    plain_to: 1024,
    gpu_peers: &["fla", "fla_rwkv7"],
};

/// Two readings of the state, a decay and two rank-one updates per element of the state.
const FLOPS: usize = 9;

/// Batch, heads, keys (and values).
fn sizes(scale: Scale) -> [usize; 3] {
    match scale {
        Scale::Cpu => [1, HEADS, SIZE],
        Scale::Gpu => [8, 32, 128],
    }
}

/// Random inputs, leaves of the graph on a device that has one: unit removal keys, learning rates in
/// [0, 1).
fn inputs(scale: Scale, length: usize, device: &Device) -> DplrInput {
    let [batch, heads, size] = sizes(scale);
    let shape = [batch, length, heads, size];
    let random = |low: f64, high: f64| uniform(shape, (low, high), device);
    let stored = |tensor: Tensor<4>| leaf(scale.stored(tensor));
    let key = random(-1.0, 1.0);
    let unit = key.clone() / ((key.clone() * key).sum_dim(3).sqrt() + 1e-12);
    DplrInput {
        r: stored(random(-1.0, 1.0)),
        g: stored(random(-0.6065, -0.001)),
        k: stored(random(-1.0, 1.0)),
        v: stored(random(-1.0, 1.0)),
        a: stored(unit.clone().neg()),
        b: stored(unit * random(0.0, 1.0)),
        initial: None,
        seq_idx: None,
    }
}

impl Work for DplrInput {
    fn sizes(&self) -> String {
        let [batch, _, heads, keys] = self.r.dims();
        format!("B{batch} H{heads} K{keys} V{}", self.v.dims()[3])
    }

    fn run(&self) -> Result<Tensor<1>, ClaimError> {
        Ok(flat(scan(self, None)?))
    }

    fn plain(&self) -> Tensor<1> {
        flat(plain::dplr(self))
    }
}

/// y alone.
fn scan(input: &DplrInput, chunk: Option<usize>) -> Result<Tensor<4>, ClaimError> {
    let options = DplrOptions {
        chunk,
        ..DplrOptions::default()
    };
    Ok(dplr(input.clone(), options).map_err(refused("dplr"))?.y)
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

pub(super) fn run(
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let length = if options.quick { 256 } else { 4096 };
    let repeats = if options.quick { 3 } else { 15 };
    let device = Device::flex();
    let input = inputs(Scale::Cpu, length, &device.clone().autodiff());
    let both = (&input, &inputs(Scale::Cpu, length, &device));
    let flops = (FLOPS * SIZE * SIZE * HEADS * length) as u64;
    let mut rows = Vec::new();
    course.plan(4);
    for backward in [false, true] {
        let pass = pass_name(backward);
        course.begin(pass)?;
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
        course.begin(&format!("{pass}, the peers"))?;
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
                row.limit = limits.milliseconds(flops);
            }
            rows.push(row);
        }
    }
    Ok(rows)
}
