//! One generated token: time and state must not depend on the position.

use super::course::Course;
use super::machine::Limits;
use super::{Options, Row, middle};
use crate::error::ClaimError;
use resolvent_mixers::mamba2::Mamba2Config;
use resolvent_models::language::LanguageConfig;
use std::time::Instant;

/// Positions are reached by the parallel form in pieces of this length.
const PIECE: usize = 4096;

pub(super) fn run(
    options: &Options,
    limits: &Limits,
    course: &mut Course<'_>,
) -> Result<Vec<Row>, ClaimError> {
    let positions: &[usize] = if options.quick {
        &[1, 100, 1000]
    } else {
        &[1, 10, 100, 1000, 10_000, 100_000]
    };
    let steps = if options.quick { 20 } else { 200 };
    let config = LanguageConfig {
        num_hidden_layers: 6,
        mixer: Mamba2Config {
            hidden_size: 192,
            state_size: 64,
            ..Mamba2Config::default()
        }
        .into(),
        ..LanguageConfig::default()
    };
    let model = config.init(1, &options.device)?;
    let weights = 4 * config.cost(1).parameters as usize;
    let mut state = model.initial_state(1);
    let token = |at: usize| (at * 31 % 256) as u32;
    let mut rows = Vec::new();
    let mut at = 0;
    course.plan(positions.len());
    for &position in positions {
        course.begin(&format!("behind {position} tokens"))?;
        while at < position {
            let count = PIECE.min(position - at);
            let tokens: Vec<u32> = (at..at + count).map(token).collect();
            let tokens = model.tokens(&tokens, count)?;
            state = model.advance_last(tokens, state)?.1;
            at += count;
        }
        let mut seconds = Vec::with_capacity(steps);
        for step in 0..steps {
            let tokens = model.tokens(&[token(at + step)], 1)?;
            let start = Instant::now();
            let (logits, next) = model.advance_last(tokens, state)?;
            drop(logits.into_data());
            seconds.push(start.elapsed().as_secs_f64());
            state = next;
        }
        at += steps;
        let median = middle(seconds) * 1e3;
        let bytes = state.bytes_per_row();
        let case = format!("behind {position} tokens, hidden 192, 6 layers, state {bytes} bytes");
        let mut row = Row::new("step", case, "ms", median);
        row.limit = Some(weights as f64 / limits.copy_gb_per_second / 1e6);
        row.peer_name = "limit: reading the weights once".into();
        rows.push(row);
    }
    Ok(rows)
}
