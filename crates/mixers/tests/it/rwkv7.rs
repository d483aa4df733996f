//! RWKV-7: what the law does not cover.

use crate::support::{Grown, assert_close, input, read};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::rwkv7::reference::{TimeMixWeights, time_mix};
use resolvent_mixers::rwkv7::{Rwkv7, Rwkv7Config};
use resolvent_mixers::{CausalMixer, Mixer, MixerSettings, Pass, Place};

fn config() -> Rwkv7Config {
    Rwkv7Config {
        hidden_size: 12,
        head_dim: 4,
        decay_low_rank_dim: 3,
        a_low_rank_dim: 4,
        v_low_rank_dim: 2,
        gate_low_rank_dim: 5,
        ..Rwkv7Config::default()
    }
}

/// A layer whose small weights are drawn.
fn layer(config: &Rwkv7Config, layer: usize, device: &Device) -> Rwkv7 {
    let mut rng = ChaCha8Rng::seed_from_u64(3 + layer as u64);
    let place = Place { layer, layers: 2 };
    let fresh = config.init(place, &mut rng, device).unwrap();
    fresh.map(&mut Grown(&mut rng))
}

/// Largest difference, relative to the largest value.
fn difference(a: &[f64], b: &[f64]) -> f64 {
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let off = largest(&mut a.iter().zip(b).map(|(a, b)| (a - b).abs()));
    off / largest(&mut b.iter().map(|b| b.abs()))
}

#[test]
fn time_mix_when_not_the_first_blends_in_the_first_values() {
    let config = config();
    let (first, second) = (
        layer(&config, 0, &Device::flex()),
        layer(&config, 1, &Device::flex()),
    );
    let x = input(2, 19, 12);
    let mut pass = Pass::default();
    let y = first.forward(x.clone(), &mut pass).unwrap();
    let z = second.forward(y.clone(), &mut pass).unwrap();
    let one = time_mix(
        &config,
        &TimeMixWeights::of(&first),
        &read(&x),
        [2, 19],
        None,
    );
    assert_close("first", &read(&y), &one.output, 2e-5);
    let values = read(&pass.first_values.clone().unwrap());
    assert_close("v_first", &values, &one.values, 2e-5);
    let weights = TimeMixWeights::of(&second);
    let two = time_mix(&config, &weights, &read(&y), [2, 19], Some(&one.values));
    assert_close("second", &read(&z), &two.output, 2e-5);
    let alone = time_mix(&config, &weights, &read(&y), [2, 19], None);
    assert!(difference(&alone.output, &two.output) > 1e-2);
    // Step by step, each position with a pass of its own.
    let device = Device::flex();
    let mut states = (
        first.initial_state(2, &device),
        second.initial_state(2, &device),
    );
    let mut parts = Vec::new();
    for t in 0..19 {
        let mut pass = Pass::default();
        let at = x.clone().narrow(1, t, 1);
        let (y, one) = first.advance(at, states.0, &mut pass).unwrap();
        let (z, two) = second.advance(y, states.1, &mut pass).unwrap();
        states = (one, two);
        parts.push(z);
    }
    assert_close("stepped", &read(&Tensor::cat(parts, 1)), &two.output, 2e-5);
}

#[test]
fn time_mix_when_first_values_are_of_another_size_names_the_axis() {
    let second = layer(&config(), 1, &Device::flex());
    let mut pass = Pass {
        first_values: Some(input(2, 7, 12)),
        ..Pass::default()
    };
    let error = second.forward(input(2, 8, 12), &mut pass).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("7 along its first_values length axis, expected 8"),
        "{message}"
    );
}

#[test]
fn time_mix_when_differentiated_reaches_every_weight_without_a_nan() {
    let device = Device::flex().autodiff();
    let config = config();
    let (first, second) = (layer(&config, 0, &device), layer(&config, 1, &device));
    // A zero input makes removal keys of length zero.
    for x in [input(1, 9, 12), input(1, 9, 12) * 0.0] {
        let x: Tensor<3> = Tensor::from_data(x.to_data(), &device);
        let mut pass = Pass::default();
        let y = first.forward(x, &mut pass).unwrap();
        let y = second.forward(y, &mut pass).unwrap();
        let grads = (y.clone() * y).sum().backward();
        for (name, grad) in [
            ("v1", second.v1.val().grad(&grads).map(|g| read(&g))),
            ("w1", second.w1.val().grad(&grads).map(|g| read(&g))),
            ("a2", second.a2.val().grad(&grads).map(|g| read(&g))),
            ("g2", second.g2.val().grad(&grads).map(|g| read(&g))),
            ("k_k", second.k_k.val().grad(&grads).map(|g| read(&g))),
            ("k_a", second.k_a.val().grad(&grads).map(|g| read(&g))),
            ("r_k", second.r_k.val().grad(&grads).map(|g| read(&g))),
            ("x_w", first.x_w.val().grad(&grads).map(|g| read(&g))),
            (
                "value",
                first.value.weight.val().grad(&grads).map(|g| read(&g)),
            ),
        ] {
            let grad = grad.unwrap_or_else(|| panic!("{name} has no gradient"));
            assert!(grad.iter().all(|g| g.is_finite()), "{name}: {grad:?}");
        }
    }
}

#[test]
fn decay_when_the_projection_is_extreme_stays_in_its_range() {
    let device = Device::flex();
    let mut time_mix = layer(&config(), 0, &device);
    for bias in [-100.0, -5.0, 0.0, 5.0, 100.0] {
        time_mix.w0 = time_mix.w0.map(|w| w * 0.0 + bias);
        let y = time_mix
            .forward(input(1, 9, 12), &mut Pass::default())
            .unwrap();
        assert!(read(&y).iter().all(|y| y.is_finite()), "bias {bias}");
    }
}

#[test]
fn group_norm_when_its_epsilon_is_the_usual_one_gives_other_outputs() {
    let device = Device::flex();
    let mut time_mix = layer(&config(), 0, &device);
    let x = input(1, 9, 12);
    let run = |time_mix: &Rwkv7| read(&time_mix.forward(x.clone(), &mut Pass::default()).unwrap());
    let published = run(&time_mix);
    time_mix.config.group_norm_epsilon = 1e-5;
    assert!(difference(&published, &run(&time_mix)) > 1e-2);
}

#[test]
fn ranks_when_left_out_follow_the_published_rule() {
    let device = Device::flex();
    let config = Rwkv7Config {
        hidden_size: 128,
        ..Rwkv7Config::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let fresh = config.init(Place::ALONE, &mut rng, &device).unwrap();
    // sqrt(128) = 11.3: 28.3, 19.2 and 56.6, to the nearest multiples of 32.
    assert_eq!(fresh.w1.dims(), [128, 32]);
    assert_eq!(fresh.a1.dims(), [128, 32]);
    assert_eq!(fresh.v1.dims(), [128, 32]);
    assert_eq!(fresh.g1.dims(), [128, 64]);
    // Second factors are orthogonal with length 0.1.
    let w2 = fresh.w2.val();
    let gram = read(&w2.clone().matmul(w2.transpose()));
    for (at, value) in gram.iter().enumerate() {
        let want = if at / 32 == at % 32 { 0.01 } else { 0.0 };
        assert!((value - want).abs() < 1e-7, "{at}: {value}");
    }
    let published = Rwkv7Config::default();
    let layers = 12 * (published.cost(1).parameters + published.channel_mix().cost(1).parameters);
    // 12 x 768: 12 (19 C + 12 C^2 + 2 C (64 + 64 + 32 + 128)), less the norms of the blocks.
    assert_eq!(layers, 12 * (15 * 768 + 12 * 768 * 768 + 2 * 768 * 288));
}
