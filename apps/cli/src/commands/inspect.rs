//! `resolvent inspect`.

use burn::tensor::Device;
use resolvent_models::ModelError;
use resolvent_models::language::{LanguageModel, load, published_name};
use resolvent_models::weights::{Parameter, describe};
use serde::Serialize;
use serde_json::{Value, json};

use super::{print_json, print_line};
use crate::args::Inspect;
use crate::error::CliError;
use crate::table::{aligned, grouped};

/// Longest sequence whose cost is counted: its FLOPs still fit the counters.
const MOST: usize = 1 << 24;

/// What costs are counted at one length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Costs {
    length: usize,
    parameters: u64,
    state_bytes_per_sequence: u64,
    state_bytes_per_further_position: u64,
    parallel_flops_per_token: u64,
    step_flops_per_token: u64,
}

/// Shows parameters, shapes, state and cost.
pub fn run(options: &Inspect) -> Result<(), CliError> {
    if let Some(spec) = &options.matrix {
        return super::inspect_matrix::run(spec, options);
    }
    let folder = options.model.clone().unwrap_or_default();
    let length = options.length.unwrap_or(4096);
    if !(1..=MOST).contains(&length) {
        return Err(CliError::Flag {
            flag: "--length",
            value: length.to_string(),
            remedy: format!("it must lie between 1 and {MOST}"),
        });
    }
    let failed = |source| CliError::Model {
        folder: folder.clone(),
        source,
    };
    let model = load(&folder, &Device::flex()).map_err(failed)?;
    let parameters = describe(&model, published_name).map_err(failed)?;
    let costs = costs(&model, &parameters, length).map_err(failed)?;
    if options.json {
        return print_json(&document(&model, &parameters, &costs));
    }
    print_line(&text(&model, &parameters, &costs))
}

fn costs(
    model: &LanguageModel,
    parameters: &[Parameter],
    length: usize,
) -> Result<Costs, ModelError> {
    let here = model.config.cost(length);
    let further = model.config.cost(length + 1);
    Ok(Costs {
        length,
        parameters: parameters.iter().map(|it| it.count as u64).sum(),
        state_bytes_per_sequence: here.state_bytes,
        state_bytes_per_further_position: further.state_bytes.saturating_sub(here.state_bytes),
        parallel_flops_per_token: here.parallel_flops / length as u64,
        step_flops_per_token: here.step_flops,
    })
}

fn document(model: &LanguageModel, parameters: &[Parameter], costs: &Costs) -> Value {
    let list: Vec<Value> = parameters
        .iter()
        .map(|it| json!({ "name": it.name, "shape": it.shape, "count": it.count }))
        .collect();
    json!({
        "mixer": model.config.mixer_name(),
        "config": model.config.to_json(),
        "costs": costs,
        "parameters": list,
    })
}

fn text(model: &LanguageModel, parameters: &[Parameter], costs: &Costs) -> String {
    let rows: Vec<Vec<String>> = parameters
        .iter()
        .map(|it| {
            let shape: Vec<String> = it.shape.iter().map(usize::to_string).collect();
            let shape = format!("[{}]", shape.join(", "));
            vec![it.name.clone(), shape, grouped(it.count as u64)]
        })
        .collect();
    let number = |name: &str, value: u64| vec![name.to_owned(), grouped(value)];
    let total = [
        vec!["mixer".to_owned(), model.config.mixer_name().to_owned()],
        number("parameters", costs.parameters),
        number("state bytes per sequence", costs.state_bytes_per_sequence),
        number(
            "state bytes per further position",
            costs.state_bytes_per_further_position,
        ),
        number(
            "FLOPs per token, parallel form",
            costs.parallel_flops_per_token,
        ),
        number("FLOPs per token, single step", costs.step_flops_per_token),
    ];
    let length = format!("behind {} positions", grouped(costs.length as u64));
    format!(
        "{}\n{}",
        aligned(&["parameter", "shape", "values"], &rows),
        aligned(&["", &length], &total).trim_end()
    )
}
