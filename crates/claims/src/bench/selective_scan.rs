//! The selective scan and the whole Mamba-1 block beside the public PyTorch reference paths.

use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds};
use crate::error::ClaimError;
use burn::tensor::{Device, Distribution, Tensor};
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

fn refused(error: impl std::fmt::Display) -> ClaimError {
    ClaimError::Device {
        stage: "bench selective_scan".into(),
        reason: error.to_string(),
    }
}

fn random<const D: usize>(shape: [usize; D], low: f64, high: f64, device: &Device) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(low, high), device)
}

/// Random inputs as leaves of the autodiff graph.
fn inputs(length: usize) -> SelectiveScanInput {
    let device = Device::flex().autodiff();
    let grid = [1, length, CHANNELS];
    let projection = [1, length, 1, STATE];
    let decay = random([CHANNELS, STATE], -16.0, -1.0, &device);
    let bias = random([CHANNELS], STEPS.0, STEPS.1, &device);
    SelectiveScanInput {
        x: leaf(random(grid, -1.0, 1.0, &device)),
        dt: leaf(random(grid, -1.0, 1.0, &device)),
        a: leaf(decay),
        b: leaf(random(projection, -1.0, 1.0, &device)),
        c: leaf(random(projection, -1.0, 1.0, &device)),
        d: Some(leaf(Tensor::ones([CHANNELS], &device))),
        dt_bias: Some(leaf(bias)),
        z: Some(leaf(random(grid, -1.0, 1.0, &device))),
        initial: None,
        seq_idx: None,
    }
}

fn leaf<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.detach().require_grad()
}

/// The same values outside the graph.
fn plain(input: &SelectiveScanInput) -> SelectiveScanInput {
    let bare = |values: &Option<Tensor<1>>| values.clone().map(Tensor::inner);
    SelectiveScanInput {
        x: input.x.clone().inner(),
        dt: input.dt.clone().inner(),
        a: input.a.clone().inner(),
        b: input.b.clone().inner(),
        c: input.c.clone().inner(),
        d: bare(&input.d),
        dt_bias: bare(&input.dt_bias),
        z: input.z.clone().map(Tensor::inner),
        initial: None,
        seq_idx: None,
    }
}

fn scan(input: &SelectiveScanInput) -> Result<Tensor<3>, ClaimError> {
    let options = SelectiveScanOptions {
        dt_softplus: true,
        final_state: false,
    };
    Ok(selective_scan(input.clone(), options).map_err(refused)?.y)
}

/// Operations of a forward pass: seven per (position, channel, state), as in the block's cost.
fn scan_flops(length: usize) -> u64 {
    (7 * length * CHANNELS * STATE) as u64
}

fn block(device: &Device) -> Result<Mamba, ClaimError> {
    let config = MambaConfig {
        hidden_size: HIDDEN,
        state_size: STATE,
        ..MambaConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    config.init(Place::ALONE, &mut rng, device).map_err(refused)
}

fn run_block(block: &Mamba, input: &Tensor<3>) -> Result<Tensor<3>, ClaimError> {
    let mut pass = Pass::default();
    block.forward(input.clone(), &mut pass).map_err(refused)
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

pub(super) fn run(options: &Options, limits: &Limits) -> Result<Vec<Row>, ClaimError> {
    let repeats = if options.quick { 2 } else { 9 };
    let device = Device::flex();
    let graph = device.clone().autodiff();
    let mut rows = Vec::new();
    for backward in [false, true] {
        // The peers' autograd pads every slice of a loop over time with zeros to full length, which
        // costs the square of the length: seconds at 256 positions.
        let length = match (options.quick, backward) {
            (true, _) => 128,
            (false, false) => 2048,
            (false, true) => 256,
        };
        let device = if backward { &graph } else { &device };
        let words = if backward {
            "forward+backward"
        } else {
            "forward"
        };
        let input = match backward {
            true => inputs(length),
            false => plain(&inputs(length)),
        };
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
                    limit: Some(limits.milliseconds(scan_flops(length))),
                    ..row
                },
            });
        }
        let block = block(device)?;
        let input = random([1, length, HIDDEN], -1.0, 1.0, device);
        let input = if backward { leaf(input) } else { input };
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
