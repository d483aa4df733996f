//! The chunked scan at the size of the table, beside the public PyTorch reference paths.

use super::course::Course;
use super::inputs::{flat, leaf, pass_name, refused, uniform};
use super::lengths::{Least, Scale, Subject, Work};
use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds, plain};
use crate::error::ClaimError;
use burn::tensor::{DType, Device, Tensor};
use resolvent_kernels::ssd::{SsdInput, SsdOptions, ssd};

const CHUNK: usize = 64;

/// Sizes of one case.
#[derive(Clone, Copy)]
struct Size {
    batch: usize,
    length: usize,
    heads: usize,
    head_dim: usize,
    state: usize,
}

impl Size {
    fn of(scale: Scale, length: usize) -> Self {
        let (batch, heads, head_dim) = match scale {
            Scale::Cpu => (1, 24, 64),
            Scale::Gpu => (8, 32, 128),
        };
        Self {
            batch,
            length,
            heads,
            head_dim,
            state: 128,
        }
    }

    /// Operations of the matrix products of the forward pass, a multiply-add counting two.
    fn flops(self) -> usize {
        let per_head = self.head_dim * (CHUNK + 2 * self.state);
        self.batch * self.length * 2 * (self.heads * per_head + CHUNK * self.state)
    }

    /// Of a forward pass; step sizes are in f32 always.
    fn least(self, scale: Scale) -> Least {
        let positions = self.batch * self.length;
        let values = positions * self.heads * self.head_dim * scale.bytes();
        let projections = positions * 2 * self.state * scale.bytes();
        Least {
            flops: self.flops(),
            read: values + projections + positions * self.heads * DType::F32.size(),
            written: values,
        }
    }
}

/// What `bench lengths` times.
pub(super) const SUBJECT: Subject = Subject {
    name: "ssd",
    inputs: |scale, length, device| Box::new(inputs(Size::of(scale, length), scale, device)),
    least: |scale, length| Size::of(scale, length).least(scale),
    plain_to: usize::MAX,
    gpu_peers: &["mamba_ssm"],
};

/// Random inputs; leaves of the graph on a device that has one.
fn inputs(size: Size, scale: Scale, device: &Device) -> SsdInput {
    let Size {
        batch,
        length,
        heads,
        head_dim,
        state,
    } = size;
    let stored = |shape: [usize; 4]| leaf(scale.stored(uniform(shape, (-1.0, 1.0), device)));
    SsdInput {
        x: stored([batch, length, heads, head_dim]),
        dt: leaf(uniform([batch, length, heads], (0.001, 0.1), device)),
        a: leaf(uniform([heads], (-16.0, -1.0), device)),
        b: stored([batch, length, 1, state]),
        c: stored([batch, length, 1, state]),
        d: None,
        initial: None,
        seq_idx: None,
    }
}

impl Work for SsdInput {
    fn sizes(&self) -> String {
        let [batch, _, heads, head_dim] = self.x.dims();
        let state = self.b.dims()[3];
        format!("B{batch} H{heads} P{head_dim} N{state}, chunk {CHUNK}")
    }

    fn run(&self) -> Result<Tensor<1>, ClaimError> {
        Ok(flat(scan(self)?))
    }

    fn plain(&self) -> Tensor<1> {
        flat(plain::ssd(self, CHUNK))
    }
}

/// y alone.
fn scan(input: &SsdInput) -> Result<Tensor<4>, ClaimError> {
    let options = SsdOptions {
        chunk: CHUNK,
        final_state: false,
    };
    Ok(ssd(input.clone(), options).map_err(refused("ssd"))?.y)
}

/// Forward and backward with a cotangent of ones.
fn forward_backward(input: &SsdInput) -> Result<(), ClaimError> {
    let gradients = scan(input)?.sum().backward();
    drop(input.x.grad(&gradients));
    Ok(())
}

pub(super) fn run(
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let length = if options.quick { 512 } else { 4096 };
    let size = Size::of(Scale::Cpu, length);
    let repeats = if options.quick { 3 } else { 15 };
    let input = inputs(size, Scale::Cpu, &Device::flex().autodiff());
    let bare = inputs(size, Scale::Cpu, &Device::flex());
    let mut rows = Vec::new();
    course.plan(4);
    for backward in [false, true] {
        let pass = pass_name(backward);
        course.begin(pass)?;
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
        course.begin(&format!("{pass}, the peers"))?;
        let peer = document(&options.oracles, "peer_bench.py", &arguments);
        for name in ["ssd_minimal_discrete", "transformers"] {
            let path = format!("/peers/{name}/median_seconds");
            let theirs = number(&peer, &path).map(|seconds| seconds * 1e3);
            let label = format!("{name} ({})", version(&peer, "torch"));
            let case = format!("{pass}, B1 L{length} H24 P64 N128, chunk {CHUNK}, f32");
            let mut row = Row::new("ssd", case, "ms", seconds * 1e3).against_time(&label, theirs);
            if !backward {
                row.limit = limits.milliseconds(size.flops() as u64);
            }
            rows.push(row);
        }
    }
    Ok(rows)
}
