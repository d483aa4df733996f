//! The selective scan and the whole Mamba-1 block beside the public PyTorch reference paths.

use super::course::Course;
use super::inputs::{flat, leaf, pass_name, refused, uniform};
use super::lengths::{Least, Scale, Subject, Work};
use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds, plain};
use crate::error::ClaimError;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_kernels::selective_scan::{SelectiveScanInput, SelectiveScanOptions, selective_scan};
use resolvent_mixers::mamba::{Mamba, MambaConfig};
use resolvent_mixers::{Mixer, Pass, Place};

const CHANNELS: usize = 1536;
const HIDDEN: usize = 768;
const STATE: usize = 16;
/// A bare step size s with softplus(s) between 0.001 and 0.1.
const STEPS: (f64, f64) = (-6.9, -2.3);

/// What `bench lengths` times.
pub(super) const SUBJECT: Subject = Subject {
    name: "selective_scan",
    inputs: |scale, length, device| Box::new(inputs(scale, length, device)),
    least: |scale, length| {
        let [batch, channels] = sizes(scale);
        // Bytes of one channel over all positions.
        let channel = batch * length * scale.bytes();
        Least {
            flops: batch * channels * length * STATE * FLOPS,
            read: channel * (3 * channels + 2 * STATE),
            written: channel * channels,
        }
    },
    plain_to: 1024,
    gpu_peers: &[], // the published kernel is a CUDA extension that no wheel carries
};

/// Operations per (position, channel, state), as in the block's cost.
const FLOPS: usize = 7;

/// Batch and channels.
fn sizes(scale: Scale) -> [usize; 2] {
    match scale {
        Scale::Cpu => [1, CHANNELS],
        Scale::Gpu => [8, 4096],
    }
}

/// Random inputs, leaves of the graph on a device that has one.
fn inputs(scale: Scale, length: usize, device: &Device) -> SelectiveScanInput {
    let [batch, channels] = sizes(scale);
    let grid = || leaf(scale.stored(uniform([batch, length, channels], (-1.0, 1.0), device)));
    let projection = || leaf(scale.stored(uniform([batch, length, 1, STATE], (-1.0, 1.0), device)));
    SelectiveScanInput {
        x: grid(),
        dt: grid(),
        a: leaf(uniform([channels, STATE], (-16.0, -1.0), device)),
        b: projection(),
        c: projection(),
        d: Some(leaf(Tensor::ones([channels], device))),
        dt_bias: Some(leaf(uniform([channels], STEPS, device))),
        z: Some(grid()),
        initial: None,
        seq_idx: None,
    }
}

impl Work for SelectiveScanInput {
    fn sizes(&self) -> String {
        let [batch, _, channels] = self.x.dims();
        format!("B{batch} E{channels} N{}", self.b.dims()[3])
    }

    fn run(&self) -> Result<Tensor<1>, ClaimError> {
        Ok(flat(scan(self)?))
    }

    fn plain(&self) -> Tensor<1> {
        flat(plain::selective_scan(self))
    }
}

fn scan(input: &SelectiveScanInput) -> Result<Tensor<3>, ClaimError> {
    let options = SelectiveScanOptions {
        dt_softplus: true,
        final_state: false,
    };
    let scanned = selective_scan(input.clone(), options);
    Ok(scanned.map_err(refused("selective_scan"))?.y)
}

/// Operations of a forward pass.
fn scan_flops(length: usize) -> u64 {
    (FLOPS * length * CHANNELS * STATE) as u64
}

fn block(device: &Device) -> Result<Mamba, ClaimError> {
    let config = MambaConfig {
        hidden_size: HIDDEN,
        state_size: STATE,
        ..MambaConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    config
        .init(Place::ALONE, &mut rng, device)
        .map_err(refused("selective_scan"))
}

fn run_block(block: &Mamba, input: &Tensor<3>) -> Result<Tensor<3>, ClaimError> {
    let mut pass = Pass::default();
    block
        .forward(input.clone(), &mut pass)
        .map_err(refused("selective_scan"))
}

/// One call forward, or forward and back with a cotangent of ones.
fn pass(
    backward: bool,
    forward: impl FnOnce() -> Result<Tensor<3>, ClaimError>,
) -> Result<(), ClaimError> {
    let y = forward()?;
    if backward {
        drop(y.sum().backward());
    }
    Ok(())
}

pub(super) fn run(
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let repeats = if options.quick { 2 } else { 9 };
    let device = Device::flex();
    let graph = device.clone().autodiff();
    let mut rows = Vec::new();
    course.plan(4);
    for backward in [false, true] {
        // The peers' autograd pads every slice of a loop over time with zeros to full length, which
        // costs the square of the length: seconds at 256 positions.
        let length = match (options.quick, backward) {
            (true, _) => 128,
            (false, false) => 2048,
            (false, true) => 256,
        };
        let device = if backward { &graph } else { &device };
        let words = pass_name(backward);
        course.begin(&format!("{words}, with the peers"))?;
        let input = inputs(Scale::Cpu, length, device);
        let seconds = median_seconds(repeats, || pass(backward, || scan(&input)))?;
        let peer = peer(options, "selective-scan", length, backward);
        for name in ["selective_scan_ref", "transformers"] {
            let case = format!("{words}, B1 L{length} E{CHANNELS} N{STATE}, f32");
            let row = against(
                &peer,
                name,
                Row::new("selective-scan", case, "ms", seconds * 1e3),
            );
            rows.push(match backward {
                true => row,
                false => Row {
                    limit: limits.milliseconds(scan_flops(length)),
                    ..row
                },
            });
        }
        course.begin(&format!("{words} of the whole block, with the peer"))?;
        let block = block(device)?;
        let input = leaf(uniform([1, length, HIDDEN], (-1.0, 1.0), device));
        let seconds = median_seconds(repeats, || pass(backward, || run_block(&block, &input)))?;
        let peer = self::peer(options, "mamba", length, backward);
        let case = format!("{words}, whole block, B1 L{length} hidden {HIDDEN} N{STATE}, f32");
        let row = Row::new("selective-scan", case, "ms", seconds * 1e3);
        rows.push(against(&peer, "transformers", row));
    }
    Ok(rows)
}

type Document = Result<serde_json::Value, String>;

fn peer(options: &Options, command: &str, length: usize, backward: bool) -> Document {
    // A Python loop over time takes seconds a call: few repeats say enough.
    let mut arguments: Vec<String> = [command, "--length"].map(str::to_owned).to_vec();
    arguments.extend([length.to_string(), "--repeat".into(), "3".into()]);
    if backward {
        arguments.push("--backward".into());
    }
    document(&options.oracles, "peer_bench.py", &arguments)
}

fn against(peer: &Document, name: &str, row: Row) -> Row {
    let path = format!("/peers/{name}/median_seconds");
    let theirs = number(peer, &path).map(|seconds| seconds * 1e3);
    row.against_time(&format!("{name} ({})", version(peer, "torch")), theirs)
}
