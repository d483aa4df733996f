//! Classifiers: padding, dropout, folders, refusals.

use burn::module::Module;
use burn::tensor::{DType, Device};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_mixers::registry::CAUSAL;
use resolvent_mixers::two_sided::TWO_SIDED;
use resolvent_mixers::{AnyLayer, Settings};
use resolvent_models::classifier::{
    CaseBatch, Classifier, ClassifierConfig, InputKind, Values, load, published_name, save,
};
use resolvent_models::sequence::{BackboneConfig, NormKind, NormPlace};
use resolvent_models::weights::{describe, export};
use serde_json::{Value, json};

fn config(mixer: &str, bidirectional: bool) -> ClassifierConfig {
    let Value::Object(sizes) = json!({
        "hidden_size": 16, "d_state": 8, "state_size": 8, "head_dim": 8, "blocks": 2, "n_heads": 2
    }) else {
        unreachable!("an object was written")
    };
    let mixer = Settings::named(mixer).unwrap().with(&sizes).unwrap();
    ClassifierConfig {
        input: InputKind::Series {
            means: vec![0.5, -1.0],
            deviations: vec![2.0, 0.1],
        },
        labels: ["a", "b", "c"].map(str::to_owned).to_vec(),
        backbone: BackboneConfig {
            layers: 2,
            bidirectional,
            dropout: 0.3,
            ..BackboneConfig::of(mixer)
        },
    }
}

fn wave(length: usize, phase: f32) -> Vec<f32> {
    (0..2 * length)
        .map(|at| (0.37 * at as f32 + phase).sin())
        .collect()
}

/// Cases side by side; what stands in the padding is far from zero and not even finite.
fn batch(cases: &[Vec<f32>]) -> CaseBatch {
    let lengths: Vec<usize> = cases.iter().map(|case| case.len() / 2).collect();
    let longest = lengths.iter().max().unwrap();
    let padded = cases.iter().flat_map(|case| {
        let mut row = case.clone();
        row.resize(2 * longest, f32::INFINITY);
        row
    });
    CaseBatch {
        values: Values::Series(padded.collect()),
        lengths,
    }
}

fn logits(model: &Classifier, cases: &[Vec<f32>], dropout: Option<u64>) -> Vec<f64> {
    let dropout = dropout.map(ChaCha8Rng::seed_from_u64);
    let logits = model.logits(&batch(cases), dropout).unwrap();
    logits.to_data().convert_dtype(DType::F64).iter().collect()
}

#[test]
fn logits_when_a_case_is_padded_are_those_of_the_case_alone() {
    let cases = [wave(37, 0.0), wave(1, 1.0), wave(64, 2.0)];
    let causal = CAUSAL.iter().map(|entry| (entry.name, false));
    for (mixer, bidirectional) in causal.chain(TWO_SIDED.iter().map(|name| (*name, true))) {
        for (norm, kind) in [
            (NormPlace::Before, NormKind::Layer),
            (NormPlace::After, NormKind::Layer),
            (NormPlace::Before, NormKind::Batch),
        ] {
            let mut config = config(mixer, bidirectional);
            config.backbone.norm = norm;
            config.backbone.norm_kind = kind;
            let model = config.init(3, &Device::flex()).unwrap();
            let together = logits(&model, &cases, None);
            let alone: Vec<f64> = cases
                .iter()
                .flat_map(|case| logits(&model, std::slice::from_ref(case), None))
                .collect();
            for (got, want) in together.iter().zip(&alone) {
                assert!(
                    got.is_finite() && (got - want).abs() < 2e-4,
                    "{mixer} {bidirectional} {norm:?} {kind:?}: {got} instead of {want}"
                );
            }
        }
    }
}

#[test]
fn dropout_when_drawn_from_the_same_seed_is_the_same_and_absent_without_one() {
    let model = config("s4d", false).init(3, &Device::flex()).unwrap();
    let cases = [wave(20, 0.0), wave(20, 1.0)];
    let plain = logits(&model, &cases, None);
    assert_eq!(plain, logits(&model, &cases, None));
    let dropped = logits(&model, &cases, Some(5));
    assert_eq!(dropped, logits(&model, &cases, Some(5)));
    assert_ne!(dropped, plain);
    assert_ne!(dropped, logits(&model, &cases, Some(6)));
}

/// The running moments of all norms, by name.
fn moments(model: &Classifier) -> Vec<(String, Vec<f32>)> {
    let tensors = export(model, published_name).unwrap();
    tensors
        .iter()
        .filter(|(name, _)| name.contains("running_"))
        .map(|(name, values)| (name.to_owned(), values.to_f32()))
        .collect()
}

#[test]
fn running_moments_when_a_batch_passes_follow_real_positions_and_are_used_in_evaluation() {
    let mut config = config("s4d", true);
    config.backbone.norm_kind = NormKind::Batch;
    let cases = [wave(30, 0.0), wave(7, 1.0), wave(19, 2.0)];
    let device = Device::flex().autodiff();
    let model = config.init(3, &device).unwrap();
    let fresh = moments(&model);
    assert_eq!(fresh.len(), 6, "means and variances of three norms");
    let trained = logits(&model, &cases, None);
    let after = moments(&model);
    assert!(
        fresh
            .iter()
            .zip(&after)
            .all(|(a, b)| a.0 == b.0 && a.1 != b.1)
    );
    // The first norm sees the encoder, which is affine: its mean is that of the mean position.
    let encoder = model.encoder.as_ref().unwrap();
    let [weight, bias] = [
        encoder.weight.val().inner().reshape([32]),
        encoder.bias.val().inner(),
    ]
    .map(|it| it.try_into_vec_as::<f32>().unwrap());
    let positions = cases.concat();
    let count = (positions.len() / 2) as f32;
    let mean = |channel: usize, centre: f32, deviation: f32| {
        let values = positions.iter().skip(channel).step_by(2);
        values.map(|x| (x - centre) / deviation).sum::<f32>() / count
    };
    let means = [mean(0, 0.5, 2.0), mean(1, -1.0, 0.1)];
    let (name, got) = &after[0];
    assert_eq!(name, "backbone.layers.0.norm.running_mean");
    for (channel, got) in got.iter().enumerate() {
        let row = &weight[2 * channel..][..2];
        let want = 0.1 * (row[0] * means[0] + row[1] * means[1] + bias[channel]);
        assert!((got - want).abs() < 1e-5, "{channel}: {got}, not {want}");
    }
    // Evaluation takes the running moments and leaves them alone.
    let evaluated = logits(&model.valid(), &cases, None);
    assert_ne!(evaluated, trained);
    assert_eq!(moments(&model), after);
    let folder = tempfile::tempdir().unwrap();
    save(&model.valid(), folder.path()).unwrap();
    let again = load(folder.path(), &Device::flex()).unwrap();
    assert_eq!(logits(&again, &cases, None), evaluated);
}

#[test]
fn config_when_written_before_norms_had_kinds_means_layer_norms() {
    let config = config("s4d", true);
    let mut json = config.to_json();
    let stack = json["backbone"].as_object_mut().expect("an object");
    assert_eq!(stack.remove("norm_kind"), Some(json!("layer")));
    assert_eq!(ClassifierConfig::from_json(&json).unwrap(), config);
    // Names of parameters are those of before, too.
    let model = config.init(3, &Device::flex()).unwrap();
    let parameters = describe(&model, published_name).unwrap();
    let name = "backbone.layers.0.norm.weight";
    assert!(parameters.iter().any(|it| it.name == name));
}

#[test]
fn values_when_missing_count_as_the_mean_of_their_channel() {
    let model = config("s4", true).init(3, &Device::flex()).unwrap();
    let mut gap = wave(9, 0.0);
    let mut mean = gap.clone();
    (gap[4], mean[4]) = (f32::NAN, 0.5);
    (gap[7], mean[7]) = (f32::NAN, -1.0);
    assert_eq!(logits(&model, &[gap], None), logits(&model, &[mean], None));
}

#[test]
fn model_when_saved_and_loaded_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for (mixer, bidirectional) in [
        ("s4", true),
        ("s5", true),
        ("mamba2", false),
        ("s4d", false),
    ] {
        let mut config = config(mixer, bidirectional);
        if mixer == "s4d" {
            config.input = InputKind::Tokens { vocabulary: 7 };
        }
        let model = config.init(3, &Device::flex()).unwrap();
        save(&model, folder.path()).unwrap();
        let again = load(folder.path(), &Device::flex()).unwrap();
        assert_eq!(again.config, model.config);
        for parameter in describe(&again, published_name).unwrap() {
            let clean = parameter
                .name
                .split('.')
                .all(|part| !AnyLayer::is_variant(part));
            assert!(clean, "{}", parameter.name);
        }
        if mixer != "s4d" {
            let cases = [wave(12, 0.3)];
            assert_eq!(logits(&model, &cases, None), logits(&again, &cases, None));
        }
    }
    std::fs::write(
        folder.path().join("config.json"),
        "{\"model_type\": \"mamba2\"}",
    )
    .unwrap();
    let error = load(folder.path(), &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(error.contains("another kind of model"), "{error}");
}

#[test]
fn input_when_wrong_is_refused() {
    let model = config("s4d", false).init(3, &Device::flex()).unwrap();
    let refusal = |values: Values, lengths: Vec<usize>| {
        let batch = CaseBatch { values, lengths };
        model.logits(&batch, None).unwrap_err().to_string()
    };
    for (message, word) in [
        (refusal(Values::Series(vec![]), vec![]), "0 cases"),
        (
            refusal(Values::Series(vec![1.0; 2]), vec![1, 0]),
            "at least one position",
        ),
        (refusal(Values::Series(vec![1.0; 5]), vec![2]), "5 values"),
        (
            refusal(Values::Series(vec![f32::INFINITY; 2]), vec![1]),
            "inf in case 0",
        ),
        (refusal(Values::Tokens(vec![1]), vec![1]), "real values"),
    ] {
        assert!(message.contains(word), "{message} lacks {word}");
    }
    let both = config("mamba2", true)
        .init(3, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(
        both.contains("bidirectional") && both.contains("s4, s4d, s5"),
        "{both}"
    );
}
