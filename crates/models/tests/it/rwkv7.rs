//! RWKV-7: golden logits of the `rwkv` package, published names, refusals.

use burn::tensor::{DType, Device, Tensor};
use resolvent_formats::{TensorData, TensorMap};
use resolvent_mixers::rwkv7::Rwkv7Config;
use resolvent_models::language::{
    CONFIG_FILE, LanguageConfig, LanguageModel, WEIGHTS_FILE, load, save,
};
use resolvent_models::weights::count_parameters;
use std::path::{Path, PathBuf};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/golden/rwkv7")
}

fn read<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().convert_dtype(DType::F64).iter().collect()
}

fn assert_close(what: &str, got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len(), "{what}");
    let scale = want.iter().fold(1.0, |m: f64, w| m.max(w.abs()));
    for (g, w) in got.iter().zip(want) {
        assert!((g - w).abs() < 2e-5 * scale, "{what}: {g} instead of {w}");
    }
}

/// The golden weights after `change`, as a folder without a configuration.
fn changed(change: impl FnOnce(&mut TensorMap)) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut map = TensorMap::read(&golden().join(WEIGHTS_FILE)).unwrap();
    change(&mut map);
    map.write(&folder.path().join(WEIGHTS_FILE)).unwrap();
    folder
}

fn refusal(change: impl FnOnce(&mut TensorMap)) -> String {
    let folder = changed(change);
    load(folder.path(), &Device::flex())
        .unwrap_err()
        .to_string()
}

fn logits(model: &LanguageModel, tokens: &[u32]) -> Vec<f64> {
    let tokens = model.tokens(tokens, tokens.len()).unwrap();
    read(&model.logits(tokens, None).unwrap())
}

#[test]
fn logits_when_compared_with_the_rwkv_package_agree_in_parallel_and_step_by_step() {
    let model = load(&golden(), &Device::flex()).unwrap();
    let expected = TensorMap::read(&golden().join("expected.safetensors")).unwrap();
    let want = |name: &str| expected.get(name).unwrap().to_f64();
    let tokens: Vec<u32> = want("input_ids").iter().map(|&id| id as u32).collect();
    assert_close("parallel", &logits(&model, &tokens), &want("logits"));
    // A prompt, then token by token.
    let tokens = model.tokens(&tokens, tokens.len()).unwrap();
    let [_, length] = tokens.dims();
    let mut state = model.initial_state(1);
    let mut parts = Vec::new();
    let starts: Vec<usize> = std::iter::once(0).chain(17..length).collect();
    for (&start, end) in starts
        .iter()
        .zip(starts[1..].iter().copied().chain([length]))
    {
        let piece = tokens.clone().narrow(1, start, end - start);
        let (logits, next) = model.advance(piece, state).unwrap();
        parts.push(logits);
        state = next;
    }
    assert_close(
        "handed over",
        &read(&Tensor::cat(parts, 1)),
        &want("logits"),
    );
    for layer in 0..model.config.num_hidden_layers {
        let mut block = state.unnest(&format!("layers.{layer}"));
        let mut channel = block.unnest("channel");
        let previous: Tensor<2> = block.take("att_x_prev", "channel").unwrap();
        let matrix: Tensor<4> = block.take("S", "head,value,key").unwrap();
        let behind: Tensor<2> = channel.take("ffn_x_prev", "channel").unwrap();
        for (name, got) in [
            ("att_x_prev", read(&previous)),
            ("S", read(&matrix)),
            ("ffn_x_prev", read(&behind)),
        ] {
            let name = format!("{name}.{layer}");
            assert_close(&name, &got, &want(&name));
        }
    }
}

#[test]
fn folder_when_saved_has_the_published_names_and_gives_the_same_bits() {
    let device = Device::flex();
    let model = load(&golden(), &device).unwrap();
    let folder = tempfile::tempdir().unwrap();
    save(&model, folder.path()).unwrap();
    let written = TensorMap::read(&folder.path().join(WEIGHTS_FILE)).unwrap();
    let published = TensorMap::read(&golden().join(WEIGHTS_FILE)).unwrap();
    assert_eq!(
        written.names().collect::<Vec<_>>(),
        published.names().collect::<Vec<_>>()
    );
    for (name, tensor) in published.iter() {
        assert_eq!(written.get(name).unwrap().shape(), tensor.shape(), "{name}");
    }
    let tokens = [3, 1, 4, 1, 5, 9, 2, 6];
    let want = logits(&model, &tokens);
    let again = load(folder.path(), &device).unwrap();
    assert_eq!(again.config, model.config);
    assert_eq!(logits(&again, &tokens), want);
    // Without the configuration, sizes come from the shapes.
    std::fs::remove_file(folder.path().join(CONFIG_FILE)).unwrap();
    let bare = load(folder.path(), &device).unwrap();
    assert_eq!(bare.config, model.config);
    assert_eq!(logits(&bare, &tokens), want);
}

#[test]
fn folder_when_the_first_block_lacks_what_it_does_not_read_gives_the_same_bits() {
    let folder = changed(|map| {
        for name in ["v0", "v1", "v2"] {
            map.take(&format!("blocks.0.att.{name}")).unwrap();
        }
    });
    let device = Device::flex();
    let (a, b) = (
        load(&golden(), &device).unwrap(),
        load(folder.path(), &device).unwrap(),
    );
    assert_eq!(logits(&a, &[7, 8, 9]), logits(&b, &[7, 8, 9]));
}

#[test]
fn folder_when_a_tensor_is_missing_or_misshapen_names_it_as_published() {
    let message = refusal(|map| drop(map.take("blocks.1.att.v1").unwrap()));
    assert!(message.contains("`blocks.1.att.v1`"), "{message}");
    let message = refusal(|map| {
        map.take("blocks.2.att.r_k").unwrap();
        let other = TensorData::from_f32(vec![4, 4], &[0.0; 16]).unwrap();
        map.insert("blocks.2.att.r_k", other).unwrap();
    });
    assert!(
        message.contains("`blocks.2.att.r_k`") && message.contains("[4, 4]"),
        "{message}"
    );
    // DeepEmbed variants have tensors that would otherwise be left out silently.
    let message = refusal(|map| {
        let extra = TensorData::from_f32(vec![1], &[0.0]).unwrap();
        map.insert("blocks.1.ffn.s_emb.weight", extra).unwrap();
    });
    assert!(message.contains("`blocks.1.ffn.s_emb.weight`"), "{message}");
    let message = refusal(|map| {
        let table = map.take("emb.weight").unwrap();
        map.insert("model.embeddings.weight", table).unwrap();
    });
    assert!(message.contains("flash-linear-attention"), "{message}");
    let message = refusal(|map| drop(map.take("blocks.0.att.r_k").unwrap()));
    assert!(message.contains(CONFIG_FILE), "{message}");
}

#[test]
fn parameters_when_counted_follow_the_published_formula() {
    for (layers, width) in [(2, 64), (3, 128)] {
        let mixer = Rwkv7Config {
            hidden_size: width,
            ..Rwkv7Config::default()
        };
        let config = LanguageConfig {
            num_hidden_layers: layers,
            vocab_size: 40,
            ..LanguageConfig::of(mixer.into())
        };
        let model = config.init(1, &Device::flex()).unwrap();
        // sqrt(64) = 8, sqrt(128) = 11.3: ranks 32 but for the second gate's 64.
        let ranks = if width == 64 { 128 } else { 160 };
        let block = 19 * width + 12 * width * width + 2 * width * ranks;
        let want = 2 * 40 * width + 4 * width + layers * block;
        assert_eq!(count_parameters(&model), want);
        assert_eq!(config.cost(1).parameters, want as u64);
    }
}

#[test]
fn model_when_fresh_predicts_evenly_and_learns_from_a_gradient() {
    let device = Device::flex().autodiff();
    let mixer = Rwkv7Config {
        hidden_size: 32,
        head_dim: 16,
        ..Rwkv7Config::default()
    };
    let config = LanguageConfig {
        num_hidden_layers: 2,
        ..LanguageConfig::of(mixer.into())
    };
    let model = config.init(1, &device).unwrap();
    let tokens = model.tokens(&[1, 2, 3, 4, 5, 6, 7, 8], 8).unwrap();
    let out = model.logits(tokens, None).unwrap();
    assert!(read(&out).iter().all(|l| l.is_finite() && l.abs() < 3.0));
    let grads = (out.clone() * out).sum().backward();
    let table = model.backbone.embeddings.weight.val();
    let grad = read(&table.grad(&grads).unwrap());
    assert!(grad.iter().all(|g| g.is_finite()));
    assert!(grad.iter().any(|g| g.abs() > 0.0));
}
