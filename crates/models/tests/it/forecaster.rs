//! Forecasters: what holds of every one, and their folders.

use burn::tensor::Device;
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::Settings;
use resolvent_mixers::registry::CAUSAL;
use resolvent_models::forecaster::{Column, Forecaster, ForecasterConfig, Network, load, save};
use resolvent_models::sequence::Dropout;
use serde_json::json;

fn config(mixer: &str, context: usize, horizon: usize) -> ForecasterConfig {
    let sizes =
        json!({"hidden_size": 32, "head_dim": 16, "state_size": 8, "d_state": 16, "num_heads": 2});
    let settings = Settings::named(mixer).unwrap();
    ForecasterConfig {
        context,
        horizon,
        mixer: settings.with(sizes.as_object().unwrap()).unwrap(),
        num_hidden_layers: 2,
        dropout: 0.25,
        preprocess: true,
        period: 4,
        columns: vec![Column {
            name: "a".into(),
            mean: 1.5,
            scale: 2.0,
        }],
    }
}

fn lag(length: usize, shift: f32) -> Vec<f32> {
    (0..length)
        .map(|t| (0.7 * t as f32).sin() + 0.3 * (0.11 * t as f32).cos() + shift)
        .collect()
}

fn forecast(model: &Forecaster, values: &[f32], horizon: usize) -> Vec<f64> {
    model.forecast(values, horizon, &mut |_| {}).unwrap()
}

#[test]
fn forecasts_when_the_input_is_shifted_are_shifted_and_longer_ones_begin_alike() {
    for entry in CAUSAL {
        let model = config(entry.name, 40, 7).init(3, &Device::flex()).unwrap();
        let short = forecast(&model, &lag(40, 0.0), 7);
        let moved = forecast(&model, &lag(40, 5.0), 7);
        for (a, b) in short.iter().zip(&moved) {
            assert!((a + 5.0 - b).abs() < 2e-3, "{}: {a} {b}", entry.name);
        }
        let long = forecast(&model, &lag(40, 0.0), 14);
        for (a, b) in short.iter().zip(&long) {
            assert!((a - b).abs() < 1e-4, "{}: {a} {b}", entry.name);
        }
    }
}

#[test]
fn spacetime_when_the_window_is_short_or_the_horizon_long_is_finite() {
    for (context, horizon) in [
        (1, 1),
        (1, 50),
        (2, 3),
        (15, 63),
        (16, 64),
        (17, 65),
        (100, 400),
    ] {
        let model = config("spacetime", context, 5)
            .init(1, &Device::flex())
            .unwrap();
        let values = forecast(&model, &lag(context, 0.5), horizon);
        assert_eq!(values.len(), horizon);
        assert!(
            values.iter().all(|value| value.is_finite()),
            "{context} {horizon}"
        );
    }
}

/// What `recipe_for` asks for: no weights make the forecasts grow, and folders keep the choice.
#[test]
fn spacetime_when_its_loop_is_bounded_stays_within_bounds_for_any_horizon() {
    let mut config = config("spacetime", 40, 5);
    let bounded = json!({ "feedback": "bounded" });
    config.mixer = config.mixer.with(bounded.as_object().unwrap()).unwrap();
    let mut model = config.init(1, &Device::flex()).unwrap();
    let Network::SpaceTime(network) = &mut model.network else {
        panic!("another network");
    };
    // As training might: far outside the bound.
    let grown = network.decoder.kernel.g.as_ref().map(|g| g.val() * 50.0);
    network.decoder.kernel.g = grown.map(burn::module::Param::from_tensor);
    let radius = model.closed_loop_radius().unwrap().unwrap();
    assert!(radius <= 1.0 + 1e-9, "{radius}");
    let values = forecast(&model, &lag(40, 0.0), 8000);
    let most = |part: &[f64]| part.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    assert!(most(&values[4000..]) <= 1.01 * most(&values[..4000]));
    let folder = tempfile::tempdir().unwrap();
    save(&model, folder.path()).unwrap();
    let again = load(folder.path(), &Device::flex()).unwrap();
    for (a, b) in forecast(&again, &lag(40, 0.0), 9).iter().zip(&values) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
}

#[test]
fn windows_when_unusable_are_refused() {
    let model = config("spacetime", 8, 2).init(0, &Device::flex()).unwrap();
    let mut values = lag(8, 0.0);
    values[3] = f32::NAN;
    let error = model
        .forecast(&values, 2, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(error.contains("NaN at value 3"), "{error}");
    assert!(model.forecast(&[1.0; 7], 2, &mut |_| {}).is_err());
    assert!(model.forecast(&[1.0; 8], 0, &mut |_| {}).is_err());
    for (field, change) in [
        (
            "context",
            (|it: &mut ForecasterConfig| it.context = 0) as fn(&mut ForecasterConfig),
        ),
        ("horizon", |it| it.horizon = 0),
        ("dropout", |it| it.dropout = 1.0),
        ("dropout", |it| it.dropout = f64::NAN),
        ("columns", |it| it.columns.clear()),
        ("columns.a", |it| it.columns[0].scale = 0.0),
    ] {
        let mut config = config("s4d", 8, 2);
        change(&mut config);
        let error = config.init(0, &Device::flex()).unwrap_err().to_string();
        assert!(error.contains(field), "{field}: {error}");
    }
}

#[test]
fn folders_when_read_give_the_same_forecasts() {
    for mixer in ["spacetime", "s4d", "rwkv7"] {
        let model = config(mixer, 24, 6).init(9, &Device::flex()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        save(&model, folder.path()).unwrap();
        let again = load(folder.path(), &Device::flex()).unwrap();
        assert_eq!(again.config, model.config);
        let values = lag(24, 1.0);
        assert_eq!(forecast(&again, &values, 9), forecast(&model, &values, 9));
    }
}

#[test]
fn folders_of_another_kind_are_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        r#"{"model_type": "mamba2"}"#,
    )
    .unwrap();
    let error = load(folder.path(), &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("mamba2") && error.contains("resolvent forecast"),
        "{error}"
    );
}

#[test]
fn masks_when_drawn_again_are_the_same_and_keep_the_mean() {
    let ones = burn::tensor::Tensor::<2>::ones([200, 50], &Device::flex());
    let draw = |seed| -> Vec<f32> {
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let dropped = Dropout::training(0.25, rng).elements(ones.clone());
        dropped.to_data().iter().collect()
    };
    let (first, again, other) = (draw(1), draw(1), draw(2));
    assert_eq!(first, again);
    assert_ne!(first, other);
    let mean = first.iter().sum::<f32>() / first.len() as f32;
    assert!((mean - 1.0).abs() < 0.03, "{mean}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn config_when_damaged_never_panics(position in 0usize..600, byte in any::<u8>()) {
        let model = config("s4d", 8, 2).init(0, &Device::flex()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        save(&model, folder.path()).unwrap();
        let path = folder.path().join("config.json");
        let mut bytes = std::fs::read(&path).unwrap();
        let at = position % bytes.len();
        bytes[at] = byte;
        std::fs::write(&path, bytes).unwrap();
        let _ = load(folder.path(), &Device::flex());
    }
}
