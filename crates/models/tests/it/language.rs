//! Language models: golden logits, layouts, hand-over, refusals.

use burn::tensor::{DType, Device, Tensor};
use resolvent_formats::{TensorMap, read_json};
use resolvent_mixers::Settings;
use resolvent_mixers::registry::CAUSAL;
use resolvent_models::ModelError;
use resolvent_models::language::{
    CONFIG_FILE, Continuation, LanguageConfig, Sampler, Sampling, WEIGHTS_FILE, cross_entropy,
    load, save,
};
use resolvent_models::weights::count_parameters;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../oracles/golden")
        .join(name)
}

fn small(mixer: &str) -> LanguageConfig {
    let Value::Object(sizes) = json!({ "hidden_size": 16, "state_size": 8, "head_dim": 8 }) else {
        unreachable!("an object was written")
    };
    let mixer = Settings::named(mixer).unwrap().with(&sizes).unwrap();
    LanguageConfig {
        vocab_size: 40,
        num_hidden_layers: 2,
        ..LanguageConfig::of(mixer)
    }
}

fn read<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().convert_dtype(DType::F64).iter().collect()
}

fn assert_close(got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() < tolerance, "{g} instead of {w}");
    }
}

#[test]
fn logits_when_compared_with_transformers_agree_in_parallel_and_step_by_step() {
    for name in [
        "mamba_hf_tied",
        "mamba_hf_own",
        "mamba_original",
        "mamba2_hf_g1",
        "mamba2_hf_g2",
        "mamba2_original",
    ] {
        let model = load(&golden(name), &Device::flex()).unwrap();
        let expected = TensorMap::read(&golden(name).join("expected.safetensors")).unwrap();
        let ids = expected.get("input_ids").unwrap();
        let [batch, length] = ids.shape().try_into().unwrap();
        let tokens: Vec<u32> = ids.to_i64().unwrap().iter().map(|&t| t as u32).collect();
        let tokens = model.tokens(&tokens, length).unwrap();
        let logits = model.logits(tokens.clone(), None).unwrap();
        let want = expected.get("logits").unwrap().to_f64();
        assert_close(&read(&logits), &want, 1e-4);
        let prompt = expected.get("prompt_logits").unwrap().shape()[1];
        let (_, mut state) = model
            .advance(
                tokens.clone().narrow(1, 0, prompt),
                model.initial_state(batch),
            )
            .unwrap();
        let mut steps = Vec::new();
        for t in prompt..length {
            let (logits, next) = model
                .advance(tokens.clone().narrow(1, t, 1), state)
                .unwrap();
            steps.push(logits);
            state = next;
        }
        let want = expected.get("decode_logits").unwrap().to_f64();
        assert_close(&read(&Tensor::cat(steps, 1)), &want, 1e-4);
    }
}

#[test]
fn layouts_when_both_hold_the_same_weights_give_the_same_bits() {
    let device = Device::flex();
    let tokens: Vec<u32> = (0..20).map(|i| i * 7 % 29).collect();
    let run = |name: &str| {
        let model = load(&golden(name), &device).unwrap();
        let tokens = model.tokens(&tokens, 20).unwrap();
        read(&model.logits(tokens, None).unwrap())
    };
    assert_eq!(run("mamba2_hf_g1"), run("mamba2_original"));
    assert_eq!(run("mamba_hf_tied"), run("mamba_original"));
}

#[test]
fn folder_when_saved_and_loaded_gives_the_same_bits_for_every_mixer() {
    for mixer in CAUSAL.iter().map(|entry| entry.name) {
        let folder = tempfile::tempdir().unwrap();
        let device = Device::flex();
        let model = small(mixer).init(3, &device).unwrap();
        save(&model, folder.path()).unwrap();
        let loaded = load(folder.path(), &device).unwrap();
        assert_eq!(loaded.config.mixer_name(), mixer);
        assert_eq!(loaded.config.to_json(), model.config.to_json());
        let tokens = model.tokens(&[1, 2, 3, 39], 4).unwrap();
        let a = read(&model.logits(tokens.clone(), None).unwrap());
        assert_eq!(a, read(&loaded.logits(tokens, None).unwrap()));
        assert_eq!(
            count_parameters(&model) as u64,
            model.config.cost(1).parameters
        );
    }
}

#[test]
fn folder_when_weights_are_truncated_or_of_another_shape_names_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    let model = small("mamba2").init(3, &device).unwrap();
    save(&model, folder.path()).unwrap();
    let weights = folder.path().join(WEIGHTS_FILE);
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 5]).unwrap();
    let error = load(folder.path(), &device).unwrap_err().to_string();
    assert!(error.contains(WEIGHTS_FILE), "{error}");
    std::fs::write(&weights, &bytes).unwrap();
    let config = folder.path().join(CONFIG_FILE);
    let mut json: Value = read_json(&config).unwrap();
    json["state_size"] = 16.into();
    std::fs::write(&config, json.to_string()).unwrap();
    let error = load(folder.path(), &device).unwrap_err().to_string();
    assert!(error.contains("backbone.layers.0.mixer."), "{error}");
    json["num_heads"] = 5.into();
    std::fs::write(&config, json.to_string()).unwrap();
    let error = load(folder.path(), &device).unwrap_err().to_string();
    assert!(
        error.contains("`num_heads` is 5, expected hidden_size * expand / head_dim = 4"),
        "{error}"
    );
}

#[test]
fn folder_when_the_config_promises_more_than_the_weights_is_refused_before_allocating() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    save(&small("mamba2").init(3, &device).unwrap(), folder.path()).unwrap();
    let path = folder.path().join(CONFIG_FILE);
    let mut json: Value = read_json(&path).unwrap();
    json["vocab_size"] = (1 << 22).into();
    json["hidden_size"] = (1 << 20).into();
    json.as_object_mut().unwrap().remove("num_heads");
    std::fs::write(&path, json.to_string()).unwrap();
    let error = load(folder.path(), &device).unwrap_err().to_string();
    assert!(
        error.contains("a model of") && error.contains("parameters"),
        "{error}"
    );
}

#[test]
fn mamba_when_saved_has_the_keys_and_names_that_transformers_writes() {
    let device = Device::flex();
    for name in ["mamba_hf_tied", "mamba_hf_own"] {
        let model = load(&golden(name), &device).unwrap();
        let folder = tempfile::tempdir().unwrap();
        save(&model, folder.path()).unwrap();
        let names = |folder: &Path| -> Vec<String> {
            let map = TensorMap::read(&folder.join(WEIGHTS_FILE)).unwrap();
            let mut names: Vec<String> = map.iter().map(|(name, _)| name.to_owned()).collect();
            names.sort();
            names
        };
        assert_eq!(names(folder.path()), names(&golden(name)));
        let config = |folder: &Path| -> Value { read_json(&folder.join(CONFIG_FILE)).unwrap() };
        let (ours, theirs) = (config(folder.path()), config(&golden(name)));
        // What only tells their trainer or their kernels how to work.
        let theirs_alone = [
            "initializer_range",
            "rescale_prenorm_residual",
            "transformers_version",
            "use_associative_scan",
            "use_cache",
            "use_mambapy",
        ];
        for (key, value) in theirs.as_object().unwrap() {
            if !theirs_alone.contains(&key.as_str()) {
                assert_eq!(&ours[key], value, "{name}: {key}");
            }
        }
    }
}

#[test]
fn mamba_when_its_configuration_cannot_be_served_names_the_key() {
    let path = golden("mamba_hf_tied").join(CONFIG_FILE);
    let good: Value = read_json(&path).unwrap();
    for (key, value, message) in [
        (
            "use_bias",
            json!(true),
            "`use_bias` is true, expected false",
        ),
        (
            "intermediate_size",
            json!(50),
            "`intermediate_size` is 50, expected hidden_size * expand = 48",
        ),
        ("time_step_rank", json!("many"), "or \"auto\""),
        ("state_size", json!(0), "`state_size` is 0"),
    ] {
        let mut config = good.clone();
        config[key] = value;
        let error = LanguageConfig::from_json(&config).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let mut auto = good;
    auto["time_step_rank"] = json!("auto");
    let config = LanguageConfig::from_json(&auto).unwrap();
    assert_eq!(config.to_json()["time_step_rank"], 2, "24 / 16, rounded up");
}

#[test]
fn config_when_python_wrote_a_bare_infinity_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let device = Device::flex();
    save(&small("mamba2").init(1, &device).unwrap(), folder.path()).unwrap();
    let path = folder.path().join(CONFIG_FILE);
    let text = std::fs::read_to_string(&path).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let limit = json["time_step_limit"].to_string();
    let mut old = json.clone();
    old["time_step_limit"] = json!("LIMIT");
    let bare = old.to_string().replace("\"LIMIT\"", "[0.0, Infinity]");
    std::fs::write(&path, bare).unwrap();
    let model = load(folder.path(), &device).unwrap();
    let Settings::Mamba2(block) = &model.config.mixer else {
        panic!("another mixer came back: {:?}", model.config.mixer)
    };
    assert_eq!(block.time_step_limit, (0.0, f64::INFINITY));
    assert!(limit.contains("Infinity"));
}

#[test]
fn continuation_when_greedy_goes_on_as_the_parallel_form_says() {
    let device = Device::flex();
    let model = small("mamba2").init(9, &device).unwrap();
    let mut sampler = Sampler::new(Sampling {
        temperature: 0.0,
        ..Sampling::default()
    })
    .unwrap();
    let mut all = vec![5_u32, 6, 7];
    let mut text = Continuation::start(&model, &all).unwrap();
    let bytes = text.state().bytes_per_row();
    for _ in 0..10 {
        let tokens = model.tokens(&all, all.len()).unwrap();
        let logits = model.logits(tokens, None).unwrap();
        let last = read(&logits.narrow(1, all.len() - 1, 1));
        let best = (0..40)
            .max_by(|&a, &b| last[a].total_cmp(&last[b]))
            .unwrap();
        let token = text.next_token(&mut sampler).unwrap();
        assert_eq!(token as usize, best);
        all.push(token);
    }
    assert_eq!(text.state().bytes_per_row(), bytes, "memory grew");
}

#[test]
fn continuation_when_stored_and_loaded_draws_the_same_tokens() {
    let device = Device::flex();
    for mixer in ["mamba2", "attention", "rwkv7"] {
        let model = small(mixer).init(9, &device).unwrap();
        let mut text = Continuation::start(&model, &[1, 2, 3]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        text.save(&path).unwrap();
        let mut again = Continuation::load(&model, &path).unwrap();
        let sampler = Sampler::new(Sampling::default()).unwrap();
        let draw = |text: &mut Continuation<'_>| -> Vec<u32> {
            let mut sampler = sampler.clone();
            (0..8)
                .map(|_| text.next_token(&mut sampler).unwrap())
                .collect()
        };
        assert_eq!(draw(&mut text), draw(&mut again), "{mixer}");
        let other = small("mamba2-lti").init(9, &device).unwrap();
        assert!(Continuation::load(&other, &path).is_err(), "{mixer}");
    }
}

#[test]
fn continuation_when_given_nonsense_refuses() {
    let device = Device::flex();
    let model = small("mamba2").init(9, &device).unwrap();
    let error = Continuation::start(&model, &[]).unwrap_err().to_string();
    assert!(error.contains("`prompt` is empty"), "{error}");
    let error = Continuation::start(&model, &[1, 40])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("token 40 at position 1 is outside the vocabulary of 40"),
        "{error}"
    );
    let hot = Sampling {
        temperature: f64::NAN,
        ..Sampling::default()
    };
    let error = Sampler::new(hot).unwrap_err().to_string();
    assert!(error.contains("`temperature` is NaN"), "{error}");
}

#[test]
fn loss_when_targets_are_masked_counts_the_others_only() {
    let device = Device::flex();
    let logits = Tensor::<2>::from_data([[0.0_f32, 0.0], [5.0, 1.0]], &device);
    let targets = Tensor::from_data([1_i64, -1], &device);
    let loss = read(&cross_entropy(logits, targets, 1).unwrap())[0];
    assert!((loss - 2.0_f64.ln()).abs() < 1e-6);
}

#[test]
fn init_when_the_seed_is_the_same_gives_the_same_weights() {
    let device = Device::flex();
    let bits = |seed| {
        let model = small("mamba2").init(seed, &device).unwrap();
        read(&model.backbone.embeddings.weight.val())
    };
    assert_eq!(bits(1), bits(1));
    assert_ne!(bits(1), bits(2));
}

#[test]
fn config_when_it_names_no_layout_or_mixer_says_what_there_is() {
    let refusal = |json| LanguageConfig::from_json(&json).unwrap_err().to_string();
    let error = refusal(json!({ "model_type": "mamba9" }));
    assert!(
        error.contains("mamba9") && error.contains("\"mamba2\""),
        "{error}"
    );
    let error = refusal(json!({ "model_type": "resolvent", "mixer": "mamba9" }));
    assert!(
        error.contains("mamba9") && error.contains("attention"),
        "{error}"
    );
    let error = refusal(json!({ "model_type": "resolvent" }));
    assert!(error.contains("`mixer` is missing"), "{error}");
    assert!(refusal(json!([1])).contains("an object"));
}

#[test]
fn init_when_sizes_do_not_fit_is_refused() {
    let device = Device::flex();
    let Value::Object(sizes) = json!({ "hidden_size": 0 }) else {
        unreachable!("an object was written")
    };
    let empty = LanguageConfig {
        mixer: small("mamba2").mixer.with(&sizes).unwrap(),
        ..small("mamba2")
    };
    assert!(matches!(empty.init(1, &device), Err(ModelError::Mixer(_))));
}
