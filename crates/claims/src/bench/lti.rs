//! The time-invariant layers beside PyTorch, and the diagonal scan on one core and on all.

use super::course::Course;
use super::inputs::{device_of, leaf, pass_name, refused};
use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds, middle};
use crate::error::ClaimError;
use burn::tensor::{Device, Distribution, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::diagonal_scan::{DiagonalScanInput, ScanFactor, diagonal_scan};
use resolvent_mixers::s4::S4Config;
use resolvent_mixers::s4d::{S4dConfig, S4dInit};
use resolvent_mixers::{CausalLayer, Mixer, Pass, Place, Settings};

const BATCH: usize = 8;
const WIDTH: usize = 256;
const STATE: usize = 64;

/// A layer of the size of the table, as a leaf of the autodiff graph.
fn layer(settings: Settings, device: &Device) -> Result<CausalLayer, ClaimError> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let layer = settings.init(Place::ALONE, &mut rng, device);
    layer.map_err(refused("lti"))
}

/// The settings that the peer has: the published form of C for S4, Lin and hold for S4D.
fn cases(length: usize) -> [(&'static str, Settings); 2] {
    let s4 = S4Config {
        hidden_size: WIDTH,
        d_state: STATE,
        n_ssm: WIDTH,
        l_max: length,
        ..S4Config::default()
    };
    let s4d = S4dConfig {
        hidden_size: WIDTH,
        d_state: STATE,
        n_ssm: WIDTH,
        init: S4dInit::Lin,
        ..S4dConfig::default()
    };
    [("s4", s4.into()), ("s4d", s4d.into())]
}

fn layers(options: &Options, rows: &mut Vec<Row>) -> Result<(), ClaimError> {
    let length = if options.quick { 256 } else { 1024 };
    let repeats = if options.quick { 3 } else { 15 };
    for (name, settings) in cases(length) {
        for backward in [false, true] {
            let device = device_of(&Device::flex(), backward);
            let layer = layer(settings.clone(), &device)?;
            let shape = [BATCH, length, WIDTH];
            let input = Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device);
            let input = leaf(input);
            let seconds = median_seconds(repeats, || {
                let y = layer.forward(input.clone(), &mut Pass::default());
                let y = y.map_err(refused("lti"))?;
                if backward {
                    drop(input.grad(&y.sum().backward()));
                }
                Ok(())
            })?;
            let mut arguments: Vec<String> =
                ["--layer", name, "--length"].map(str::to_owned).to_vec();
            arguments.extend([length.to_string(), "--repeat".into(), repeats.to_string()]);
            if backward {
                arguments.push("--backward".into());
            }
            let peer = document(&options.oracles, "s4_peer_bench.py", &arguments);
            let theirs = number(&peer, "/median_seconds").map(|seconds| seconds * 1e3);
            let pass = pass_name(backward);
            let case = format!("{name} {pass}, B{BATCH} L{length} H{WIDTH} N{STATE}, f32");
            let label = format!("torch.fft layer ({})", version(&peer, "torch"));
            let row = Row::new("lti", case, "ms", seconds * 1e3);
            rows.push(row.against_time(&label, theirs));
        }
    }
    Ok(())
}

/// Median seconds on all cores and on those of `one`, in turns: what else the machine does meets both.
fn scan_seconds(
    input: &DiagonalScanInput,
    one: &rayon::ThreadPool,
    repeats: usize,
) -> Result<[f64; 2], ClaimError> {
    let sample = || {
        median_seconds(1, || {
            let out = diagonal_scan(input.clone()).map_err(refused("lti"))?;
            drop(out);
            Ok(())
        })
    };
    let mut samples = [Vec::new(), Vec::new()];
    for _ in 0..repeats {
        samples[0].push(sample()?);
        samples[1].push(one.install(sample)?);
    }
    Ok(samples.map(middle))
}

/// One core is the peer of all: the factor is what the cores bring.
fn scan(options: &Options, rows: &mut Vec<Row>) -> Result<(), ClaimError> {
    let length = if options.quick { 4096 } else { 65_536 };
    let repeats = if options.quick { 3 } else { 151 };
    let device = Device::flex();
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.map_err(refused("lti"))?;
    for (batch, modes) in [(1, 64), (8, 64)] {
        let random =
            |shape: [usize; 1]| Tensor::random(shape, Distribution::Uniform(0.5, 0.7), &device);
        let length = length / batch;
        let shape = [batch, length, 2 * modes];
        let input = DiagonalScanInput {
            x: Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device),
            a: ScanFactor::Fixed(ComplexTensor::new(random([modes]), random([modes]))),
            initial: None,
            seq_idx: None,
            reverse: false,
        };
        let [all, alone] = scan_seconds(&input, &one, repeats)?;
        let case = format!("diagonal scan forward, B{batch} L{length} P{modes}, f32");
        let row = Row::new("lti", case, "ms", all * 1e3);
        rows.push(row.against_time("ours on one core", Ok(alone * 1e3)));
    }
    Ok(())
}

pub(super) fn run(
    options: &Options,
    _limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let mut rows = Vec::new();
    course.plan(2);
    course.begin("layers, ours and the peer")?;
    layers(options, &mut rows)?;
    course.begin("diagonal scan")?;
    scan(options, &mut rows)?;
    Ok(rows)
}
