//! Layers of S4 and S4D under their published names.

use burn::tensor::{Device, Tensor, TensorData as Values};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_formats::{TensorData, TensorMap};
use resolvent_mixers::lti::{SisoKernel, Transform};
use resolvent_mixers::s4::{Measure, S4Config};
use resolvent_mixers::s4d::{S4dConfig, S4dInit};
use resolvent_mixers::{Mixer, Pass, Place};
use resolvent_models::state_space::{read_s4, read_s4d, write_s4, write_s4d};

fn output(layer: &dyn Mixer, width: usize) -> Vec<f32> {
    let values: Vec<f32> = (0..2 * 33 * width)
        .map(|i| (0.3 * i as f32).sin())
        .collect();
    let input = Tensor::<3>::from_data(Values::new(values, [2, 33, width]), &Device::flex());
    let out = layer.forward(input, &mut Pass::default()).unwrap();
    out.to_data().iter().collect()
}

#[test]
fn s4_when_written_and_read_is_the_same_and_has_the_published_shapes() {
    for (measure, l_max, dt_transform) in [
        (Measure::Legs, 0, Transform::Exp),
        (Measure::Legt, 64, Transform::Softplus),
    ] {
        let config = S4Config {
            hidden_size: 6,
            d_state: 8,
            n_ssm: 2,
            measure,
            l_max,
            dt_transform,
            ..S4Config::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let layer = config
            .init(Place::ALONE, &mut rng, &Device::flex())
            .unwrap();
        let prefix = "model.layers.3.layer.";
        let map = write_s4(&layer, prefix).unwrap();
        let map = TensorMap::parse(&map.to_bytes().unwrap()).unwrap();
        let shape = |name: &str| {
            map.get(&format!("{prefix}{name}"))
                .unwrap()
                .shape()
                .to_vec()
        };
        assert_eq!(shape("layer.D"), [1, 6]);
        assert_eq!(shape("layer.kernel.C"), [1, 6, 4, 2]);
        assert_eq!(shape("layer.kernel.B"), [1, 2, 4, 2]);
        assert_eq!(shape("layer.kernel.P"), [measure.rank(), 2, 4, 2]);
        assert_eq!(shape("layer.kernel.A_real"), [2, 4]);
        assert_eq!(shape("layer.kernel.inv_dt"), [6, 1]);
        assert!(shape("layer.kernel.l_kernel").is_empty());
        assert_eq!(shape("output_linear.0.weight"), [12, 6]);
        let again = read_s4(&map, prefix, dt_transform, &Device::flex()).unwrap();
        assert_eq!(again.kernel.config.l_max, l_max);
        assert_eq!(output(&again, 6), output(&layer, 6));
    }
}

/// Two modes of S4D-Lin with C = 1 and a step of 0.1 have a kernel that is known.
#[test]
fn s4d_when_read_from_published_names_has_the_known_kernel() {
    let mut map = TensorMap::new();
    let mut insert = |name: &str, shape: &[usize], values: &[f32]| {
        let data = TensorData::from_f32(shape.to_vec(), values).unwrap();
        map.insert(name, data).unwrap();
    };
    insert("D", &[1], &[0.5]);
    insert("kernel.C", &[1, 2, 2], &[1.0, 0.0, 1.0, 0.0]);
    insert("kernel.log_dt", &[1], &[0.1_f32.ln()]);
    insert("kernel.log_A_real", &[1, 2], &[0.5_f32.ln(); 2]);
    insert("kernel.A_imag", &[1, 2], &[0.0, std::f32::consts::PI]);
    insert("output_linear.0.weight", &[2, 1, 1], &[1.0, -1.0]);
    insert("output_linear.0.bias", &[2], &[0.0, 0.1]);
    let layer = read_s4d(&map, "", &Device::flex()).unwrap();
    let kernel: Vec<f32> = layer.kernel.kernel(6).unwrap().to_data().iter().collect();
    let known = [
        0.387_011_2,
        0.350_341_2,
        0.300_984_95,
        0.244_020_16,
        0.184_808_92,
        0.128_456_68,
    ];
    for (got, want) in kernel.iter().zip(known) {
        assert!((got - want).abs() < 1e-6, "{got} {want}");
    }
    let written = write_s4d(&layer, "").unwrap();
    for (name, tensor) in map.iter() {
        assert_eq!(written.get(name).unwrap(), tensor, "{name}");
    }
}

#[test]
fn layers_when_they_do_not_fit_are_refused_by_name() {
    let config = S4Config {
        hidden_size: 4,
        d_state: 4,
        ..S4Config::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let layer = config
        .init(Place::ALONE, &mut rng, &Device::flex())
        .unwrap();
    let whole = write_s4(&layer, "").unwrap();
    let without = |left_out: &str| {
        let mut map = TensorMap::new();
        for (name, tensor) in whole.iter().filter(|(name, _)| *name != left_out) {
            map.insert(name, tensor.clone()).unwrap();
        }
        map
    };
    let read = |map: &TensorMap| {
        let layer = read_s4(map, "", Transform::Exp, &Device::flex());
        layer.err().map_or(String::new(), |error| error.to_string())
    };
    assert!(read(&without("layer.kernel.P")).contains("layer.kernel.P"));
    for (name, shape) in [
        ("layer.kernel.C", vec![2, 4, 2, 2]),
        ("layer.kernel.C", vec![1, 4, 4]),
        ("layer.D", vec![4]),
        ("layer.kernel.A_imag", vec![1, 3]),
    ] {
        let mut map = without(name);
        let values = vec![0.25; shape.iter().product()];
        map.insert(name, TensorData::from_f32(shape, &values).unwrap())
            .unwrap();
        // What is misshapen inside is named as it is called here.
        let error = read(&map);
        assert!(
            error.contains(name) || error.contains("kernel.a_imag"),
            "{name}: {error}"
        );
    }
    let real = S4dConfig {
        hidden_size: 4,
        d_state: 4,
        init: S4dInit::Real,
        ..S4dConfig::default()
    };
    let real = real.init(Place::ALONE, &mut rng, &Device::flex()).unwrap();
    let error = write_s4d(&real, "").unwrap_err().to_string();
    assert!(error.contains("another kind of S4D"), "{error}");
}
