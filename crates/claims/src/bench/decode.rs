//! One step of one layer of every mixer, beside the time that reading its weights takes.

use super::course::Course;
use super::machine::Limits;
use super::{Options, Row, middle};
use crate::error::ClaimError;
use burn::tensor::{Device, Distribution, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_mixers::registry::CAUSAL;
use resolvent_mixers::{CausalMixer, MixerSettings, Pass, Place};
use serde_json::{Map, json};
use std::time::Instant;

/// Channels of the layer.
const WIDTH: usize = 768;
/// Positions in the state before the first step that is timed.
const BEHIND: usize = 64;

pub(super) fn run(
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let steps = if options.quick { 20 } else { 300 };
    let width = Map::from_iter([("hidden_size".to_owned(), json!(WIDTH))]);
    let mut rows = Vec::new();
    course.plan(CAUSAL.len());
    for entry in CAUSAL {
        course.begin(entry.name)?;
        let settings = (entry.defaults)().with(&width)?;
        let layer = settings.init(
            Place::ALONE,
            &mut ChaCha8Rng::seed_from_u64(1),
            &options.device,
        )?;
        let median = 1e3 * median_step(&layer, &options.device, steps)?;
        let cost = settings.cost(1);
        let case = format!(
            "{}, width {WIDTH}, {:.1} MB of weights, {:.1} MB of state",
            entry.name,
            4e-6 * cost.parameters as f64,
            1e-6 * cost.state_bytes as f64,
        );
        let mut row = Row::new("decode", case, "ms", median);
        row.limit = Some(4e-6 * cost.parameters as f64 / limits.copy_gb_per_second);
        row.peer_name = "limit: reading the weights once".into();
        rows.push(row);
    }
    Ok(rows)
}

/// Median seconds of a step of one sequence.
fn median_step(layer: &dyn CausalMixer, device: &Device, steps: usize) -> Result<f64, ClaimError> {
    device.seed(1);
    let inputs: Tensor<2> = Tensor::random([steps, WIDTH], Distribution::Normal(0.0, 1.0), device);
    let lead: Tensor<3> =
        Tensor::random([1, BEHIND, WIDTH], Distribution::Normal(0.0, 1.0), device);
    let start = layer.initial_state(1, device);
    let (_, mut state) = layer.advance(lead, start, &mut Pass::default())?;
    let mut seconds = Vec::with_capacity(steps);
    for step in 0..steps {
        let input = inputs.clone().narrow(0, step, 1);
        let began = Instant::now();
        let (output, next) = layer.step(input, state, &mut Pass::default())?;
        drop(output.into_data());
        seconds.push(began.elapsed().as_secs_f64());
        state = next;
    }
    Ok(middle(seconds))
}
