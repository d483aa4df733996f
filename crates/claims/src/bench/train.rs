//! Training steps of the quickstart's models beside the same models in PyTorch.

use super::course::Course;
use super::machine::Limits;
use super::peer::{document, number, version};
use super::profile::{Profile, sampled};
use super::{Options, Row, median_seconds};
use crate::error::ClaimError;
use burn::optim::GradientsParams;
use resolvent_formats::write_json_atomic;
use resolvent_learn::clip::{clip_by_norm, squared_norm};
use resolvent_learn::optimiser::Optimiser;
use resolvent_learn::recipe::Recipe;
use resolvent_mixers::Settings;
use resolvent_mixers::mamba::MambaConfig;
use resolvent_mixers::mamba2::Mamba2Config;
use resolvent_mixers::rwkv7::Rwkv7Config;
use resolvent_models::language::{LanguageConfig, cross_entropy, published_name};

const BATCH: usize = 4;
const LENGTH: usize = 512;
const WIDTH: usize = 192;

/// The models of the recipes.
fn models() -> [(&'static str, LanguageConfig); 3] {
    let model = |mixer: Settings, layers: usize| LanguageConfig {
        num_hidden_layers: layers,
        mixer,
        ..LanguageConfig::default()
    };
    let mamba2 = Mamba2Config {
        hidden_size: WIDTH,
        state_size: 64,
        chunk_size: 64,
        ..Mamba2Config::default()
    };
    let mamba = MambaConfig {
        hidden_size: WIDTH,
        ..MambaConfig::default()
    };
    let rwkv7 = Rwkv7Config {
        hidden_size: WIDTH,
        ..Rwkv7Config::default()
    };
    [
        ("mamba2", model(mamba2.into(), 6)),
        ("mamba", model(mamba.into(), 6)),
        ("rwkv7", model(rwkv7.into(), 4)),
    ]
}

/// Median seconds of a step (forward, backward, clipping, AdamW) and, on this CPU, where as many more go.
fn ours(
    config: &LanguageConfig,
    options: &Options,
    steps: usize,
) -> Result<(f64, Option<Profile>), ClaimError> {
    let first = config.init(1, &options.device.clone().autodiff())?;
    let recipe = Recipe::parse("", "bench")?;
    let tokens: Vec<u32> = (0..(BATCH * LENGTH) as u32)
        .map(|i| i.wrapping_mul(2_654_435_761) >> 24)
        .collect();
    let mut optimiser = Optimiser::new(&recipe.optimiser, &first, published_name)?;
    let mut model = Some(first);
    let mut step = || {
        let Some(current) = model.take() else {
            return Ok(());
        };
        let input = current.tokens(&tokens, LENGTH)?;
        let hidden = current.hidden(input.clone(), None)?;
        let flat = hidden.reshape([BATCH * LENGTH, config.hidden_size()]);
        let targets = input.reshape([BATCH * LENGTH]);
        let loss = cross_entropy(current.head(flat), targets, BATCH * LENGTH)?;
        let gradients = GradientsParams::from_grads(loss.backward(), &current);
        let squares = squared_norm(&current, &gradients);
        let norm = squares.map_or(0.0, |sum| sum.into_scalar::<f64>().sqrt());
        let gradients = clip_by_norm(&current, gradients, norm, 1.0);
        model = Some(optimiser.step(current, gradients, 1e-3));
        Ok::<_, ClaimError>(())
    };
    let seconds = median_seconds(steps, &mut step)?;
    let profile = match options.on_cpu() {
        true => sampled(|| (0..steps).try_for_each(|_| step()))?,
        false => None,
    };
    Ok((seconds, profile))
}

pub(super) fn run(
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let steps = if options.quick { 2 } else { 15 };
    let mut rows = Vec::new();
    let models = models();
    course.plan(2 * models.len());
    for (name, config) in models {
        course.begin(name)?;
        let (seconds, profile) = ours(&config, options, steps)?;
        let rate = (BATCH * LENGTH) as f64 / seconds;
        let layers = config.num_hidden_layers;
        let case =
            format!("{name} hidden {WIDTH}, {layers} layers, B{BATCH} L{LENGTH}, f32, AdamW");
        let mut row = Row::new("train", case, "tokens/s", rate);
        // A backward pass has twice the products of a forward pass.
        let flops = 3 * config.cost(LENGTH).parallel_flops / LENGTH as u64;
        row.limit = limits.milliseconds(flops).map(|each| 1e3 / each);
        row.profile = profile;
        course.begin(&format!("{name}, the peer"))?;
        rows.push(with_peer(row, name, &config, options, steps)?);
    }
    Ok(rows)
}

/// The same model, trained by a plain loop in PyTorch on this CPU.
fn with_peer(
    row: Row,
    name: &str,
    config: &LanguageConfig,
    options: &Options,
    steps: usize,
) -> Result<Row, ClaimError> {
    if !options.on_cpu() {
        return Ok(row);
    }
    let folder = tempfile::tempdir().map_err(|source| ClaimError::Folder {
        path: std::env::temp_dir(),
        source,
    })?;
    let path = folder.path().join("config.json");
    write_json_atomic(&path, &config.to_json())?;
    // The backward pass of transformers' Mamba goes through a Python loop over time and costs the
    // square of the length: minutes a step at ours, so it is timed where it is faster per token.
    let (batch, length, steps, warm_up) = match name {
        "mamba" => (1, 128, steps.min(2), 1),
        _ => (BATCH, LENGTH, steps, 2),
    };
    let mut arguments: Vec<String> = ["train", "--config", &path.display().to_string()]
        .map(str::to_owned)
        .to_vec();
    for (flag, value) in [
        ("--batch", batch),
        ("--length", length),
        ("--steps", steps),
        ("--warm-up", warm_up),
    ] {
        arguments.extend([flag.to_owned(), value.to_string()]);
    }
    let peer = document(&options.oracles, "peer_bench.py", &arguments);
    let library = match name {
        "rwkv7" => version(&peer, "flash-linear-attention"),
        _ => version(&peer, "transformers"),
    };
    let label = format!(
        "{library} ({}), B{batch} L{length}",
        version(&peer, "torch")
    );
    Ok(row.against_rate(&label, number(&peer, "/tokens_per_second")))
}
