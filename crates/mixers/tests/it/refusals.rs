//! Wrong sizes, widths and states are refused with the value.

use crate::support::{input, small};
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::attention::AttentionConfig;
use resolvent_mixers::mamba::MambaConfig;
use resolvent_mixers::mamba2::Mamba2Config;
use resolvent_mixers::registry::CAUSAL;
use resolvent_mixers::{CausalMixer, Mixer, MixerSettings, Pass, Place, Settings};
use serde_json::{Value, json};

#[test]
fn config_when_sizes_do_not_fit_names_field_and_value() {
    let base = Mamba2Config {
        hidden_size: 12,
        head_dim: 6,
        ..Mamba2Config::default()
    };
    let cases = [
        (
            Mamba2Config {
                head_dim: 5,
                ..base.clone()
            },
            "`head_dim` is 5, expected a divisor of hidden_size * expand = 12 * 2 = 24; 4 would do",
        ),
        (
            Mamba2Config {
                n_groups: 3,
                ..base.clone()
            },
            "`n_groups` is 3, expected a divisor of the number of heads, hidden_size * expand / head_dim = 4",
        ),
        (
            Mamba2Config {
                state_size: 0,
                ..base.clone()
            },
            "`state_size` is 0",
        ),
        (
            Mamba2Config {
                hidden_size: 1 << 40,
                ..base.clone()
            },
            "`hidden_size` is 1099511627776",
        ),
        (
            Mamba2Config {
                time_step_limit: (1.0, 0.5),
                ..base.clone()
            },
            "`time_step_limit` is (1, 0.5)",
        ),
        (
            Mamba2Config {
                layer_norm_epsilon: f64::NAN,
                ..base
            },
            "`layer_norm_epsilon` is NaN",
        ),
    ];
    for (config, message) in cases {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let odd = AttentionConfig {
        hidden_size: 15,
        head_dim: 5,
        ..AttentionConfig::default()
    };
    assert!(
        odd.validate()
            .unwrap_err()
            .to_string()
            .contains("even divisor")
    );
}

#[test]
fn mixer_when_given_another_width_or_state_says_both_sizes() {
    let layer = small("mamba2", 1);
    let device = Device::flex();
    let error = layer
        .forward(input(1, 4, 11), &mut Pass::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("11 along its channel axis, expected 12"),
        "{error}"
    );
    let state = small("attention", 1).initial_state(1, &device);
    let error = layer
        .advance(input(1, 4, 12), state, &mut Pass::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("no entry `conv`"), "{error}");
    let state = layer.initial_state(3, &device);
    let error = layer
        .advance(input(2, 4, 12), state, &mut Pass::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("entry `conv` is [3, 34, 3], expected [2, 34, 3]"),
        "{error}"
    );
}

#[test]
fn registry_when_asked_for_an_unknown_name_lists_the_known_ones() {
    let error = Settings::named("mamba9").unwrap_err().to_string();
    assert!(error.contains("mamba2-lti"), "{error}");
}

#[test]
fn settings_when_every_mixer_is_asked_carry_its_name_and_survive_a_round_trip() {
    for entry in CAUSAL {
        let settings = (entry.defaults)();
        assert_eq!(settings.mixer(), entry.name);
        settings.validate().unwrap();
        let map = settings.to_map();
        assert_eq!(settings.with(&map).unwrap(), settings);
        for (key, value) in &map {
            assert!(!value.is_null(), "{}: `{key}` is optional", entry.name);
        }
    }
}

#[test]
fn settings_when_of_the_wrong_kind_name_mixer_and_field() {
    let Value::Object(given) = json!({ "head_dim": "many", "unknown": 3 }) else {
        unreachable!("an object was written")
    };
    let error = Settings::named("mamba2").unwrap().with(&given).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("mamba2: `head_dim`") && message.contains("\"many\""),
        "{message}"
    );
}

#[test]
fn mixer_when_the_sequence_is_empty_returns_an_empty_one() {
    for entry in CAUSAL {
        let layer = small(entry.name, 1);
        let device = Device::flex();
        let empty = input(2, 0, layer.width());
        let mut pass = Pass::default();
        let y = layer.forward(empty.clone(), &mut pass).unwrap();
        assert_eq!(y.dims(), [2, 0, layer.width()]);
        let state = layer.initial_state(2, &device);
        let (y, state) = layer.advance(empty, state, &mut pass).unwrap();
        assert_eq!(y.dims()[1], 0);
        assert_eq!(state.batch(), 2);
    }
}

#[test]
fn mamba_when_sizes_do_not_fit_names_field_and_value() {
    let base = MambaConfig {
        hidden_size: 12,
        ..MambaConfig::default()
    };
    let cases = [
        (
            MambaConfig {
                state_size: 0,
                ..base.clone()
            },
            "mamba: `state_size` is 0, expected at least 1",
        ),
        (
            MambaConfig {
                hidden_size: 1 << 40,
                ..base.clone()
            },
            "`hidden_size` is 1099511627776",
        ),
        (
            MambaConfig {
                time_step_rank: 1 << 30,
                ..base.clone()
            },
            "`time_step_rank` is 1073741824",
        ),
        (
            MambaConfig {
                time_step_min: 0.2,
                ..base.clone()
            },
            "0 < min <= max",
        ),
        (
            MambaConfig {
                time_step_scale: f64::INFINITY,
                ..base
            },
            "`time_step_scale` is inf",
        ),
    ];
    for (config, message) in cases {
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn mamba_when_drawn_starts_as_published() {
    let config = MambaConfig {
        hidden_size: 250,
        ..MambaConfig::default()
    };
    assert_eq!(config.rank(), 16, "a sixteenth, rounded up");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let place = Place {
        layer: 0,
        layers: 4,
    };
    let layer = config.init(place, &mut rng, &Device::flex()).unwrap();
    for bias in layer.dt_proj.bias.val().to_data().iter::<f64>() {
        let step = bias.exp().ln_1p();
        assert!((1e-4 - 1e-9..=0.1 + 1e-6).contains(&step), "{step}");
    }
    let rates = layer.a_log.val().to_data();
    for (i, rate) in rates.iter::<f64>().enumerate() {
        assert!((rate.exp() - (i % 16 + 1) as f64).abs() < 1e-5, "{i}");
    }
    let largest = |values: Tensor<2>| {
        let values = values.abs().max().to_data();
        values.iter::<f64>().next().unwrap()
    };
    let step = largest(layer.dt_proj.weight.val());
    assert!(step <= 0.25 && step > 0.24, "{step}");
    // 1 / sqrt(500), halved by four layers.
    let out = largest(layer.out_proj.weight.val());
    assert!(out <= 0.02237 && out > 0.022, "{out}");
}

#[test]
fn initial_step_sizes_when_drawn_lie_in_the_configured_range() {
    let config = Mamba2Config {
        hidden_size: 256,
        ..Mamba2Config::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let layer = config
        .init(Place::ALONE, &mut rng, &Device::flex())
        .unwrap();
    for bias in layer.dt_bias.val().to_data().iter::<f64>() {
        let step = bias.exp().ln_1p();
        assert!((1e-4 - 1e-9..=0.1 + 1e-6).contains(&step), "{step}");
    }
}
