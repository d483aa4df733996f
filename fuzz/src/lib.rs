//! What each fuzz target runs: one function per parser, bytes in, a law checked on whatever is accepted.
//!
//! A function may return early on an error; it must never panic, hang, or allocate without bound.

use std::path::Path;

use resolvent_data::corpus::parse_lock;
use resolvent_formats::{TensorMap, parse_json};
use serde::Deserialize;

/// A safetensors file: what is accepted can be written and reads back equal.
pub fn safetensors(bytes: &[u8]) {
    let Ok(map) = TensorMap::parse(bytes) else {
        return;
    };
    let written = map
        .to_bytes()
        .expect("an accepted map has a header within the limit");
    let again = TensorMap::parse(&written).expect("what we write is valid");
    assert_eq!(again, map);
}

/// A `Cargo.lock`: accepted names are plain and stay inside the registry's folder.
pub fn cargo_lock(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for package in parse_lock(text).unwrap_or_default() {
        let folder = package.folder();
        assert!(
            !folder.contains(['/', '\\']) && !folder.starts_with('.'),
            "{folder}"
        );
    }
}

/// The kinds of fields that configurations are made of.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only parsing is under test")]
struct SampleConfig {
    model_type: String,
    hidden_size: u32,
    #[serde(default)]
    time_step_limit: Option<(f64, f64)>,
    #[serde(default)]
    tie_word_embeddings: bool,
    #[serde(default)]
    layers: Vec<SampleConfig>,
}

/// A JSON configuration: every error has a message that names the file.
pub fn json_config(bytes: &[u8]) {
    let path = Path::new("config.json");
    if let Err(error) = parse_json::<SampleConfig>(bytes, path) {
        assert!(error.to_string().contains("config.json"));
    }
}

/// A recipe is refused or survives a round trip through its own text, in which every setting is
/// written out; the text of what that text says is the text itself.
#[cfg(feature = "models")]
pub fn recipe(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(recipe) = resolvent_learn::recipe::Recipe::parse(text, "fuzz") {
        let text = recipe.to_toml().expect("an accepted recipe can be written");
        let again = resolvent_learn::recipe::Recipe::parse(&text, "fuzz");
        let again = again.expect("its own text is valid").to_toml();
        assert_eq!(again.expect("it was written before"), text);
    }
}

/// A model configuration is refused or survives a round trip through its published form.
#[cfg(feature = "models")]
pub fn language_config(bytes: &[u8]) {
    use resolvent_models::language::LanguageConfig;
    let Ok(json) = serde_json::from_slice(bytes) else {
        return;
    };
    if let Ok(config) = LanguageConfig::from_json(&json) {
        let again = LanguageConfig::from_json(&config.to_json());
        assert_eq!(again.expect("its own form is valid"), config);
    }
}

/// A state snapshot is refused or keeps its entries through a round trip.
#[cfg(feature = "models")]
pub fn state(bytes: &[u8]) {
    use resolvent_mixers::State;
    let device = burn::tensor::Device::flex();
    if let Ok(state) = State::from_bytes(bytes, &device) {
        let again = state.to_bytes().and_then(|bytes| State::from_bytes(&bytes, &device));
        let again = again.expect("its own bytes are valid");
        assert!(state.names().eq(again.names()));
    }
}

/// The path that parsers of bytes name in their messages.
fn named() -> &'static Path {
    Path::new("fuzz")
}

/// A `.ts` file: what is accepted has as many values and targets as it says, and no infinite one.
pub fn ts_file(bytes: &[u8]) {
    use resolvent_data::ts_file::{TsTargets, parse_ts};
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(file) = parse_ts(text, named()) else {
        return;
    };
    let mut missing = 0;
    for case in 0..file.len() {
        for channel in 0..file.channels {
            let series = file.series(case, channel);
            assert!(!series.is_empty() && !series.iter().any(|value| value.is_infinite()));
            missing += series.iter().filter(|value| value.is_nan()).count();
        }
    }
    assert_eq!(missing, file.missing);
    match &file.targets {
        TsTargets::None => {}
        TsTargets::Classes(classes) => {
            assert_eq!(classes.len(), file.len());
            assert!(classes.iter().all(|it| (*it as usize) < file.classes.len()));
        }
        TsTargets::Numbers(numbers) => assert_eq!(numbers.len(), file.len()),
    }
}

/// A table of labelled series: what is accepted has values and nothing infinite in every case.
pub fn labelled_table(bytes: &[u8]) {
    use resolvent_data::labelled_table::parse_labelled_table;
    for label in [None, Some("1"), Some("label")] {
        if let Ok(table) = parse_labelled_table(bytes, Path::new("table.csv"), label) {
            for case in 0..table.len() {
                let series = table.series(case);
                assert!(!series.is_empty() && series.iter().all(|value| !value.is_infinite()));
            }
        }
    }
}

/// A table of numbers: the first byte chooses the policy; what is accepted is finite and rectangular.
pub fn csv_series(bytes: &[u8]) {
    use resolvent_data::series::{CsvOptions, MissingPolicy, parse_csv};
    let Some((first, table)) = bytes.split_first() else {
        return;
    };
    let names = MissingPolicy::NAMES;
    let missing = MissingPolicy::from_name(names[usize::from(*first) % names.len()]);
    let options = CsvOptions {
        missing: missing.expect("a name of the list"),
        ..CsvOptions::default()
    };
    let Ok(series) = parse_csv(table, named(), &options) else {
        return;
    };
    assert!(series.values.iter().all(|value| value.is_finite()));
    assert_eq!(series.values.len(), series.len() * series.channels());
    assert!(series.filled.iter().all(|count| *count < series.len()));
    if let Some(times) = &series.times {
        assert_eq!(times.len(), series.len());
    }
}

/// An IDX file: the values fill the shape exactly.
pub fn idx(bytes: &[u8]) {
    use resolvent_data::images::parse_idx;
    if let Ok(array) = parse_idx(bytes, named()) {
        assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
    }
}

/// A CIFAR file: whole rows with labels of ten classes.
pub fn cifar(bytes: &[u8]) {
    use resolvent_data::images::parse_cifar;
    if let Ok(images) = parse_cifar(bytes, named()) {
        assert_eq!(images.pixels.len(), 1024 * images.len());
        assert!(images.labels.iter().all(|label| *label < 10));
    }
}

/// A ListOps file: an expression that evaluates survives a round trip through the published text.
pub fn listops(bytes: &[u8]) {
    use resolvent_data::benchmarks::listops::{evaluate, from_text, parse_listops, to_text};
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(file) = parse_listops(text, named()) else {
        return;
    };
    for i in 0..file.sequences.len() {
        let (tokens, _) = file.sequences.get(i);
        let (_, tokens) = tokens.split_last().expect("an end mark stands behind every expression");
        if evaluate(tokens).is_some() {
            let text = to_text(tokens).expect("what evaluates is well formed");
            assert_eq!(from_text(&text), (tokens.to_vec(), 0));
        }
    }
}

/// Pairs of texts: as many of each as labels, none longer than asked.
pub fn aan(bytes: &[u8]) {
    use resolvent_data::lra::parse_aan;
    if let Ok(pairs) = parse_aan(bytes, 16, named()) {
        assert_eq!(pairs.first.len(), pairs.labels.len());
        assert_eq!(pairs.second.len(), pairs.labels.len());
        let mut texts = pairs.first.iter().chain(pairs.second.iter());
        assert!(texts.all(|text| text.len() <= 16));
    }
}

/// A metadata file of Pathfinder: accepted names stay inside the folder.
pub fn pathfinder_metadata(bytes: &[u8]) {
    use resolvent_data::benchmarks::pathfinder::read_metadata;
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for (name, label) in read_metadata(text, named()).unwrap_or_default() {
        assert!(label <= 1);
        assert!(!name.starts_with('/') && !name.split('/').any(|part| part == ".."), "{name}");
    }
}
