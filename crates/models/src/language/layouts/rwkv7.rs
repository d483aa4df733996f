//! RWKV-7 under its published names: `emb.weight`, `blocks.0.att.receptance.weight`, ...
//!
//! The published files are `.pth` and come without a configuration; the same tensors as safetensors
//! are read here, sizes from their shapes. We write the same names, beside a configuration of our
//! own model type.

use super::{Layout, own};
use crate::error::{ModelError, refused};
use crate::language::config::LanguageConfig;
use crate::language::folder::{WEIGHTS_FILE, published_name};
use resolvent_formats::{TensorData, TensorMap};
use resolvent_mixers::Settings;
use resolvent_mixers::rwkv7::Rwkv7Config;
use serde_json::{Value, json};

pub(super) const LAYOUT: Layout = Layout {
    name: "\"rwkv7\"",
    is: |config| {
        config["model_type"] == "rwkv7"
            || config["model_type"] == own::MODEL_TYPE && config["mixer"] == "rwkv7"
    },
    read,
    write: |config| match &config.mixer {
        Settings::Rwkv7(_) => (own::LAYOUT.write)(config),
        _ => None,
    },
    rename,
};

/// A tensor that every RWKV-7 file has and no other.
const MARK: &str = "blocks.0.att.r_k";

/// Published and own prefixes of whole names.
const TOP: [[&str; 2]; 4] = [
    ["emb.", "backbone.embeddings."],
    ["head.", "lm_head."],
    ["ln_out.", "backbone.norm_f."],
    ["blocks.0.ln0.", "backbone.embedding_norm."],
];
/// Published and own prefixes of what stands behind a block's number.
const IN_BLOCK: [[&str; 2]; 4] = [
    ["ln1.", "norm."],
    ["ln2.", "channel_norm."],
    ["att.", "mixer."],
    ["ffn.", "channel_mixer."],
];

/// The configuration that a file without one implies.
pub(super) fn implied(map: &TensorMap) -> Option<Value> {
    map.get(MARK).ok()?;
    Some(json!({ "model_type": "rwkv7" }))
}

/// Published name of the parameter at `path` inside the module.
fn rename(path: &str) -> String {
    let name = published_name(path);
    let swap = |pairs: &[[&str; 2]], name: &str| {
        pairs.iter().find_map(|[published, own]| {
            let rest = name.strip_prefix(own)?;
            Some(format!("{published}{rest}"))
        })
    };
    if let Some(renamed) = swap(&TOP, &name) {
        return renamed;
    }
    let block = name.strip_prefix("backbone.layers.");
    let parts = block.and_then(|block| block.split_once('.'));
    match parts.and_then(|(index, rest)| Some((index, swap(&IN_BLOCK, rest)?))) {
        Some((index, rest)) => format!("blocks.{index}.{rest}"),
        None => name,
    }
}

fn read(config: &Value, map: TensorMap) -> Result<(LanguageConfig, TensorMap), ModelError> {
    if config["model_type"] == own::MODEL_TYPE {
        return (own::LAYOUT.read)(config, map);
    }
    if map.get("model.embeddings.weight").is_ok() {
        let expected = "the names of the published .pth files (emb.weight, blocks.0.att.r_k, ...)";
        return Err(refused(
            WEIGHTS_FILE,
            "with the names of flash-linear-attention",
            expected,
        ));
    }
    let config = from_shapes(&map)?;
    let map = with_first_residual(&config, map)?;
    Ok((config, map))
}

/// Sizes as the tensors have them: the rules behind the published widths have changed over time.
fn from_shapes(map: &TensorMap) -> Result<LanguageConfig, ModelError> {
    let [vocab_size, hidden_size] = matrix(map, "emb.weight")?;
    let layers = map
        .names()
        .filter_map(|name| name.strip_prefix("blocks.")?.split_once('.'))
        .filter_map(|(index, _)| index.parse::<usize>().ok())
        .max()
        .map_or(0, |last| last.saturating_add(1));
    let rank = |name: &str| Ok::<_, ModelError>(matrix(map, &format!("blocks.0.att.{name}"))?[1]);
    // The first block may lack these, for it does not read them.
    let value_rank = match (rank("v1"), layers) {
        (Ok(rank), _) => rank,
        (Err(_), 0 | 1) => 1,
        (Err(_), _) => matrix(map, "blocks.1.att.v1")?[1],
    };
    let mixer = Rwkv7Config {
        hidden_size,
        head_dim: matrix(map, MARK)?[1],
        decay_low_rank_dim: rank("w1")?,
        a_low_rank_dim: rank("a1")?,
        v_low_rank_dim: value_rank,
        gate_low_rank_dim: rank("g1")?,
        intermediate_size: matrix(map, "blocks.0.ffn.key.weight")?[0],
        ..Rwkv7Config::default()
    };
    Ok(LanguageConfig {
        vocab_size,
        num_hidden_layers: layers,
        ..LanguageConfig::of(mixer.into())
    })
}

/// The shape of a matrix.
fn matrix(map: &TensorMap, name: &str) -> Result<[usize; 2], ModelError> {
    let shape = map.get(name)?.shape();
    shape.try_into().map_err(|_| {
        let got = format!("of shape {shape:?}");
        refused(name, got, "a matrix")
    })
}

/// Adds the first block's v0, v1 and v2, which it does not read, where a file lacks them.
fn with_first_residual(
    config: &LanguageConfig,
    mut map: TensorMap,
) -> Result<TensorMap, ModelError> {
    let Settings::Rwkv7(mixer) = &config.mixer else {
        return Ok(map);
    };
    let (width, rank) = (mixer.hidden_size, mixer.v_low_rank_dim);
    // The width comes from a shape, so what is made here is no larger than what was read.
    for (name, shape) in [
        ("blocks.0.att.v0", vec![1, 1, width]),
        ("blocks.0.att.v1", vec![width, rank]),
        ("blocks.0.att.v2", vec![rank, width]),
    ] {
        if map.get(name).is_err() {
            let zeros = vec![0.0; shape.iter().product()];
            map.insert(name, TensorData::from_f32(shape, &zeros)?)?;
        }
    }
    Ok(map)
}
