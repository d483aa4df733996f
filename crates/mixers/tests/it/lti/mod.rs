//! Time-invariant mixers: both directions, published kernels, rates, lengths, forecasts.

mod closed_loop;

use crate::support::{assert_close, input, read};
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::dss::DssConfig;
use resolvent_mixers::lti::SisoKernel;
use resolvent_mixers::s4::{Measure, S4Config, S4Kernel};
use resolvent_mixers::s4d::{S4dConfig, S4dInit, S4dKernel};
use resolvent_mixers::s5::S5Config;
use resolvent_mixers::spacetime::{Feedback, SpaceTime, SpaceTimeConfig, StateMatrix};
use resolvent_mixers::{CausalMixer, Mixer, MixerSettings, Pass, Place};
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{Complex64, DplrMatrix, DplrStep, StructuredMatrix};

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

fn param<const D: usize>(values: &[f64], shape: [usize; D]) -> Param<Tensor<D>> {
    let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
    let data = TensorData::new(values, shape);
    Param::from_tensor(Tensor::from_data(data, &Device::flex()))
}

fn s4(config: &S4Config) -> S4Kernel {
    let layer = config.init(Place::ALONE, &mut rng(), &Device::flex());
    layer.unwrap().kernel
}

fn s4d(config: &S4dConfig) -> S4dKernel {
    let layer = config.init(Place::ALONE, &mut rng(), &Device::flex());
    layer.unwrap().kernel
}

fn spacetime(config: &SpaceTimeConfig) -> SpaceTime {
    config
        .init(Place::ALONE, &mut rng(), &Device::flex())
        .unwrap()
}

/// Matrix times values, finished, equals the parallel form and the reference.
fn check_two_sided(layer: &dyn Mixer) {
    for len in [1, 2, 17, 40] {
        let x = input(2, len, layer.width());
        let got = read(&layer.forward(x.clone(), &mut Pass::default()).unwrap());
        let want = layer.reference(&read(&x), 2, len);
        assert_close(layer.name(), &got, &want, 2e-5);
        let materialised = layer.materialise(x.clone()).unwrap();
        let [batch, _, heads, dim] = materialised.values.dims();
        assert_eq!(dim, 1);
        let values = read(&materialised.values);
        let mut mixed = vec![0.0_f32; values.len()];
        for (at, matrix) in materialised.matrices.iter().enumerate() {
            let (row, head) = (at / heads, at % heads);
            let index = |t: usize| (row * len + t) * heads + head;
            for t in 0..len {
                let terms = matrix.row(t).unwrap().iter().enumerate();
                mixed[index(t)] = terms.map(|(s, w)| w * values[index(s)]).sum::<f64>() as f32;
            }
        }
        let mixed = TensorData::new(mixed, [batch, len, heads, 1]);
        let mixed = Tensor::from_data(mixed, &Device::flex());
        assert_close(
            layer.name(),
            &read(&layer.finish(x, mixed).unwrap()),
            &want,
            2e-5,
        );
    }
    use burn::tensor::Int;
    let x = input(1, 12, layer.width());
    let indices = [0_i64, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1];
    let indices = Tensor::<1, Int>::from_data(indices.as_slice(), &Device::flex());
    let mut packed = Pass::packed(indices.reshape([1, 12]));
    let got = read(&layer.forward(x.clone(), &mut packed).unwrap());
    let part = |from, count| {
        let part = x.clone().narrow(1, from, count);
        layer.forward(part, &mut Pass::default()).unwrap()
    };
    let want = read(&Tensor::cat(vec![part(0, 5), part(5, 7)], 1));
    assert_close(layer.name(), &got, &want, 2e-5);
}

#[test]
fn two_sided_when_run_equals_reference_matrix_and_separate_runs() {
    let device = Device::flex();
    let s4 = S4Config {
        hidden_size: 6,
        d_state: 8,
        ..S4Config::default()
    };
    check_two_sided(&s4.init_two_sided(&mut rng(), &device).unwrap());
    let s4d = S4dConfig {
        hidden_size: 6,
        d_state: 8,
        ..S4dConfig::default()
    };
    check_two_sided(&s4d.init_two_sided(&mut rng(), &device).unwrap());
    let s5 = S5Config {
        hidden_size: 6,
        d_state: 8,
        blocks: 2,
        ..S5Config::default()
    };
    check_two_sided(&s5.init_two_sided(&mut rng(), &device).unwrap());
}

/// LegS, N = 4, C = ones, dt = 0.1: values of the published code.
#[test]
fn s4_when_legs_gives_the_published_kernel() {
    let config = S4Config {
        hidden_size: 1,
        d_state: 4,
        ..S4Config::default()
    };
    let legs = HippoMatrix::new(Family::LegS, 4).unwrap().diagonalise();
    let row = legs.unwrap().modes.output_vector(&[1.0; 4]).unwrap();
    let mut kernel = s4(&config);
    let flat: Vec<f64> = row.iter().flat_map(|c| [c.re, c.im]).collect();
    kernel.c = param(&flat, [1, 2, 2]);
    kernel.inv_dt = param(&[0.1_f64.ln()], [1, 1]);
    let want = [
        0.547052198,
        0.223439368,
        0.063993929,
        -0.004599419,
        -0.025621550,
        -0.023929161,
    ];
    let got = read(&kernel.kernel(6).unwrap());
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 2e-6, "{got} {want}");
    }
}

/// Kernels by dense powers in f64, from the same parameters.
#[test]
fn s4_when_compared_with_dense_powers_gives_the_kernel_at_every_length() {
    for measure in [Measure::Legs, Measure::Legt, Measure::Fout] {
        let config = S4Config {
            hidden_size: 1,
            d_state: 16,
            measure,
            ..S4Config::default()
        };
        let mut kernel = s4(&config);
        kernel.inv_dt = param(&[0.02_f64.ln()], [1, 1]);
        let pairs = |values: Vec<f64>| -> Vec<Complex64> {
            let pairs = values.chunks_exact(2);
            pairs.map(|p| Complex64::new(p[0], p[1])).collect()
        };
        let (re, im) = (read(&kernel.a_real.val()), read(&kernel.a_imag.val()));
        let lambda = re
            .iter()
            .zip(&im)
            .map(|(re, im)| Complex64::new(-re.exp(), -im));
        let p = pairs(read(&kernel.p.val()));
        let columns = p.chunks(8).map(<[Complex64]>::to_vec).collect();
        let matrix = DplrMatrix::new(lambda.collect(), columns).unwrap();
        let (b, c) = (pairs(read(&kernel.b.val())), pairs(read(&kernel.c.val())));
        let dt = f64::from(0.02_f64.ln() as f32).exp();
        let step = DplrStep::new(matrix, dt).unwrap();
        let want = step.kernel_by_recurrence(&b, &c, 300).unwrap();
        for len in [1, 2, 7, 255, 256, 300] {
            let got = read(&kernel.kernel(len).unwrap());
            assert_close(&format!("{measure:?} {len}"), &got, &want[..len], 3e-5);
        }
    }
}

#[test]
fn s4_when_c_is_in_its_published_form_says_what_it_cannot_do_and_converts() {
    let config = S4Config {
        hidden_size: 3,
        d_state: 8,
        l_max: 32,
        dt_min: 0.01,
        ..S4Config::default()
    };
    let layer = config
        .init(Place::ALONE, &mut rng(), &Device::flex())
        .unwrap();
    let x = input(2, 20, 3);
    let want = read(&layer.forward(x.clone(), &mut Pass::default()).unwrap());
    let state = layer.initial_state(2, &Device::flex());
    let error = layer
        .advance(x.clone(), state, &mut Pass::default())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`l_max` is 32, expected 0 for stepping"),
        "{error}"
    );
    let error = layer.kernel.kernel(33).unwrap_err().to_string();
    assert!(error.contains("at least the length 33"), "{error}");

    let mut plain = layer.clone();
    plain.kernel = layer.kernel.solved().unwrap();
    let got = read(&plain.forward(x.clone(), &mut Pass::default()).unwrap());
    assert_close("converted", &got, &want, 1e-4);
    let state = plain.initial_state(2, &Device::flex());
    let (y, _) = plain.advance(x, state, &mut Pass::default()).unwrap();
    assert_close("advanced", &read(&y), &want, 1e-4);
}

#[test]
fn kernels_when_longer_or_at_another_rate_extend_or_rescale_the_same_system() {
    let s4_config = S4Config {
        hidden_size: 4,
        d_state: 8,
        ..S4Config::default()
    };
    let s4d_config = S4dConfig {
        hidden_size: 4,
        d_state: 8,
        ..S4dConfig::default()
    };
    fn check<K: SisoKernel>(kernel: &K, doubled: &K, scaled: &K) {
        let (short, long) = (kernel.kernel(40).unwrap(), kernel.kernel(80).unwrap());
        let prefix = read(&long.narrow(1, 0, 40));
        assert_close(kernel.name(), &read(&short), &prefix, 2e-5);
        let (a, b) = (doubled.kernel(40).unwrap(), scaled.kernel(40).unwrap());
        assert_close(kernel.name(), &read(&a), &read(&b), 2e-5);
    }
    let kernel = s4(&s4_config);
    let (mut doubled, mut scaled) = (kernel.clone(), kernel.clone());
    doubled.set_rate(2.0).unwrap();
    scaled.inv_dt = Param::from_tensor(kernel.inv_dt.val() + 2.0_f64.ln());
    check(&kernel, &doubled, &scaled);
    let kernel = s4d(&s4d_config);
    let (mut doubled, mut scaled) = (kernel.clone(), kernel.clone());
    doubled.set_rate(2.0).unwrap();
    scaled.log_dt = Param::from_tensor(kernel.log_dt.val() + 2.0_f64.ln());
    check(&kernel, &doubled, &scaled);
    assert!(doubled.set_rate(0.0).is_err());
}

/// The perturbed system follows S4, the truncated one does not: their kernels against the exact one.
#[test]
fn s4d_when_started_from_the_perturbed_matrix_follows_legs() {
    let state = 16;
    let config = |init| S4dConfig {
        hidden_size: 1,
        d_state: state,
        init,
        ..S4dConfig::default()
    };
    let kernel = s4d(&config(S4dInit::Ptd));
    let modes = config(S4dInit::Ptd).modes();
    assert_eq!(modes, state);
    let re = read(&kernel.log_a_real.val());
    assert!(re.iter().all(|re| re.is_finite()), "stable modes");
    // The output row that was drawn is lost in C B, but the trace of A + E is the sum of its modes.
    let trace: f64 = re.iter().map(|re| -re.exp()).sum();
    let legs = HippoMatrix::new(Family::LegS, state).unwrap().dense();
    let exact: f64 = (0..state).map(|n| legs.get(n, n).unwrap()).sum();
    assert!(
        (trace - exact).abs() < 0.5 * state as f64,
        "{trace} {exact}"
    );
}

#[test]
fn dss_when_rows_are_summed_gives_one_and_stays_finite_on_either_side() {
    let config = DssConfig {
        hidden_size: 1,
        d_state: 1,
        l_max: 16_384,
        ..DssConfig::default()
    };
    let layer = config
        .init(Place::ALONE, &mut rng(), &Device::flex())
        .unwrap();
    for (re, im) in [(-0.5, 3.0), (0.5, 3.0), (-0.01, 0.0), (0.2, 40.0)] {
        let mut kernel = layer.kernel.clone();
        kernel.lambda_re = param(&[re], [1]);
        kernel.lambda_im = param(&[im], [1]);
        kernel.log_dt = param(&[0.05_f64.ln()], [1]);
        let lambda = Complex64::new(re, im);
        // w = lambda makes the row's sum 1.
        kernel.w = param(&[lambda.re, lambda.im], [1, 1, 2]);
        let row = read(&kernel.kernel(16_384).unwrap());
        assert!(row.iter().all(|v| v.is_finite()), "{re} {im}");
        let sum: f64 = row.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "{re} {im}: {sum}");
        if re > 0.0 {
            let state = kernel.initial_state(1, &Device::flex());
            let error = kernel.advance(&input(1, 4, 1), state).unwrap_err();
            assert!(error.to_string().contains("no stable recurrence"));
        }
    }
    let error = layer.kernel.kernel(16_385).unwrap_err().to_string();
    assert!(error.contains("at least the length 16385"), "{error}");
}

#[test]
fn settings_when_they_do_not_fit_name_field_and_value() {
    let odd = S4dConfig {
        d_state: 7,
        ..S4dConfig::default()
    };
    let steps = S4Config {
        dt_min: 0.2,
        ..S4Config::default()
    };
    let blocks = S5Config {
        d_state: 12,
        blocks: 4,
        ..S5Config::default()
    };
    let heads = SpaceTimeConfig {
        n_heads: 5,
        ..SpaceTimeConfig::default()
    };
    let cases: [(&dyn MixerSettings, &str); 4] = [
        (&odd, "`d_state` is 7, expected an even number"),
        (&steps, "`dt_min` is 0.2, expected at most dt_max = 0.1"),
        (&blocks, "expected even blocks, d_state / blocks = 3"),
        (
            &heads,
            "`n_heads` is 5, expected a divisor of hidden_size = 128",
        ),
    ];
    for (settings, message) in cases {
        let error = settings.validate().unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let layer = spacetime(&SpaceTimeConfig::default());
    let error = layer.forecast(input(1, 4, 128), 3).unwrap_err().to_string();
    assert!(error.contains("`closed_loop` is false"), "{error}");
}
