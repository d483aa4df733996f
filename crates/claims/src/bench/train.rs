//! Training steps of the quickstart's model beside the same model in transformers.

use super::machine::Limits;
use super::peer::{document, number, version};
use super::{Options, Row, median_seconds};
use crate::error::ClaimError;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use resolvent_formats::write_json_atomic;
use resolvent_learn::clip::{clip_by_norm, squared_norm};
use resolvent_learn::optimiser::Optimiser;
use resolvent_learn::recipe::Recipe;
use resolvent_mixers::mamba2::Mamba2Config;
use resolvent_models::language::{LanguageConfig, cross_entropy, published_name};

const BATCH: usize = 4;
const LENGTH: usize = 512;

fn config() -> LanguageConfig {
    LanguageConfig {
        num_hidden_layers: 6,
        mixer: Mamba2Config {
            hidden_size: 192,
            state_size: 64,
            chunk_size: 64,
            ..Mamba2Config::default()
        }
        .into(),
        ..LanguageConfig::default()
    }
}

/// Median seconds of a step: forward, backward, clipping, AdamW.
fn ours(config: &LanguageConfig, steps: usize) -> Result<f64, ClaimError> {
    let mut model = Some(config.init(1, &Device::flex().autodiff())?);
    let recipe = Recipe::parse("", "bench")?;
    let tokens: Vec<u32> = (0..(BATCH * LENGTH) as u32)
        .map(|i| i.wrapping_mul(2_654_435_761) >> 24)
        .collect();
    let Some(first) = &model else {
        return Ok(f64::NAN);
    };
    let mut optimiser = Optimiser::new(&recipe.optimiser, first, published_name)?;
    median_seconds(steps, || {
        let Some(current) = model.take() else {
            return Ok(());
        };
        let input = current.tokens(&tokens, LENGTH)?;
        let hidden = current.hidden(input.clone(), None)?;
        let flat = hidden.reshape([BATCH * LENGTH, config.hidden_size()]);
        let targets = input.reshape([BATCH * LENGTH]);
        let loss = cross_entropy(current.head(flat), targets, BATCH * LENGTH);
        let gradients = GradientsParams::from_grads(loss.backward(), &current);
        let squares = squared_norm(&current, &gradients);
        let norm = squares.map_or(0.0, |sum| sum.into_scalar::<f64>().sqrt());
        let gradients = clip_by_norm(&current, gradients, norm, 1.0);
        model = Some(optimiser.step(current, gradients, 1e-3));
        Ok(())
    })
}

pub(super) fn run(options: &Options, limits: &Limits) -> Result<Vec<Row>, ClaimError> {
    let config = config();
    let steps = if options.quick { 2 } else { 15 };
    let rate = (BATCH * LENGTH) as f64 / ours(&config, steps)?;
    let folder = tempfile::tempdir().map_err(|source| ClaimError::Folder {
        path: std::env::temp_dir(),
        source,
    })?;
    let path = folder.path().join("config.json");
    write_json_atomic(&path, &config.to_json())?;
    let arguments: Vec<String> = [
        "train",
        "--config",
        &path.display().to_string(),
        "--batch",
        &BATCH.to_string(),
        "--length",
        &LENGTH.to_string(),
        "--steps",
        &steps.to_string(),
    ]
    .map(str::to_owned)
    .to_vec();
    let peer = document(&options.oracles, "peer_bench.py", &arguments);
    let label = format!(
        "{} ({})",
        version(&peer, "transformers"),
        version(&peer, "torch")
    );
    let case = format!("mamba2 hidden 192, 6 layers, state 64, B{BATCH} L{LENGTH}, f32, AdamW");
    let row = Row::new("train", case, "tokens/s", rate);
    let mut row = row.against_rate(&label, number(&peer, "/tokens_per_second"));
    // A backward pass has twice the products of a forward pass.
    let flops = 3 * config.cost(LENGTH).parallel_flops / LENGTH as u64;
    row.limit = Some(limits.gemm_gflops * 1e9 / flops as f64);
    Ok(vec![row])
}
