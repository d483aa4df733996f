//! SpaceTime: the closed loop, free and bounded.

use super::*;

/// A shift with taps phi predicts an autoregressive process; fed back, it is the process.
#[test]
fn spacetime_when_given_the_coefficients_of_a_process_continues_it() {
    let phi = [
        1.439698, -3.076963, 2.488811, -2.776959, 1.172643, -0.735092,
    ];
    let order = phi.len();
    let mut series = vec![0.3, -0.2, 0.5, 0.1, -0.4, 0.2];
    while series.len() < 80 {
        let next = phi.iter().zip(series.iter().rev()).map(|(p, x)| p * x);
        series.push(next.sum());
    }
    let config = SpaceTimeConfig {
        hidden_size: 1,
        d_state: order,
        closed_loop: true,
        ..SpaceTimeConfig::default()
    };
    let mut layer = spacetime(&config);
    let unit: Vec<f64> = (0..order).map(|i| f64::from(u8::from(i == 0))).collect();
    layer.kernel.a = Some(param(&[0.0; 6], [1, order]));
    layer.kernel.b = Some(param(&unit, [1, order]));
    layer.kernel.c = param(&phi, [1, order]);
    layer.kernel.k = Some(param(&phi, [1, order]));
    let lag = series[..60].iter().map(|&v| v as f32).collect::<Vec<_>>();
    let lag = Tensor::from_data(TensorData::new(lag, [1, 60, 1]), &Device::flex());
    let out = layer.forecast(lag.clone(), 20).unwrap();
    assert_close("outputs", &read(&out.outputs), &series[60..], 1e-4);
    assert_close("inputs", &read(&out.inputs), &series[60..], 1e-4);
    // Position t of the open loop predicts t + 1.
    let open = &read(&out.open_outputs)[order - 1..59];
    assert_close("open loop", open, &series[order..60], 1e-4);
    let twice = layer.forecast(lag, 40).unwrap();
    let first = read(&twice.outputs.narrow(1, 0, 20));
    assert_close("longer horizon", &first, &read(&out.outputs), 1e-4);
    let root = layer.closed_loop_radius().unwrap();
    assert!((root - 0.95).abs() < 1e-4, "{root}"); // the process was made with roots of that radius
}

/// A mode of eigenvalue 1.1 multiplies the forecast by that from step to step.
#[test]
fn spacetime_when_its_loop_is_unstable_says_by_how_much_it_grows() {
    let config = SpaceTimeConfig {
        hidden_size: 1,
        d_state: 2,
        closed_loop: true,
        ..SpaceTimeConfig::default()
    };
    let mut layer = spacetime(&config);
    let eigenvalues = [1.1, -0.5];
    let phi = [
        eigenvalues[0] + eigenvalues[1],
        -eigenvalues[0] * eigenvalues[1],
    ];
    layer.kernel.a = Some(param(&[0.0, 0.0], [1, 2]));
    layer.kernel.b = Some(param(&[1.0, 0.0], [1, 2]));
    layer.kernel.k = Some(param(&phi, [1, 2]));
    let radius = layer.closed_loop_radius().unwrap();
    assert!((radius - 1.1).abs() < 1e-6, "{radius}");
    let out = layer.forecast(input(1, 4, 1), 40).unwrap();
    let inputs = read(&out.inputs);
    assert!((inputs[39] / inputs[38] - 1.1).abs() < 1e-3);
    let open = SpaceTimeConfig::default();
    assert!(spacetime(&open).closed_loop_radius().is_err());
}

/// The closed loop by power series equals running the layer on its own predictions.
#[test]
fn spacetime_when_the_loop_is_run_by_hand_gives_the_same_forecast() {
    for ssm in [StateMatrix::Companion, StateMatrix::Shift] {
        for feedback in [Feedback::Free, Feedback::Bounded] {
            let layer = spacetime(&SpaceTimeConfig {
                hidden_size: 4,
                d_state: 5,
                n_heads: 2,
                closed_loop: true,
                ssm,
                feedback,
                ..SpaceTimeConfig::default()
            });
            run_by_hand(&layer);
        }
    }
}

fn run_by_hand(layer: &SpaceTime) {
    let lag = input(2, 9, 4);
    let out = layer.forecast(lag.clone(), 7).unwrap();
    let last: Vec<f64> = (0..10).map(|i| f64::from(u8::from(i % 5 == 4))).collect();
    let k = layer.kernel.k.clone().unwrap_or(param(&last, [2, 5]));
    let mut predictor = layer.kernel.clone();
    predictor.c = k;
    let device = Device::flex();
    let (mut y, mut u) = (Vec::new(), Vec::new());
    let start = || layer.kernel.initial_state(2, &device);
    let (outputs, mut state) = layer.kernel.advance(&lag, start()).unwrap();
    let (inputs, _) = predictor.advance(&lag, start()).unwrap();
    y.push(outputs.narrow(1, 8, 1));
    u.push(inputs.narrow(1, 8, 1));
    for _ in 1..7 {
        let latest = u.last().cloned().unwrap();
        u.push(predictor.advance(&latest, state.clone()).unwrap().0);
        let (next, after) = layer.kernel.advance(&latest, state).unwrap();
        y.push(next);
        state = after;
    }
    assert_close(
        "outputs",
        &read(&out.outputs),
        &read(&Tensor::cat(y, 1)),
        1e-4,
    );
    assert_close(
        "inputs",
        &read(&out.inputs),
        &read(&Tensor::cat(u, 1)),
        1e-4,
    );
}

/// However large the numbers in it, a bounded loop has no eigenvalue beyond the unit circle, and its
/// forecasts stay within the size of the state for any horizon.
#[test]
fn spacetime_when_its_loop_is_bounded_never_grows() {
    for (seed, d_state, size) in [(1, 1, 3.0), (2, 2, 0.1), (3, 7, 30.0), (4, 64, 1.0)] {
        let config = SpaceTimeConfig {
            hidden_size: 3,
            d_state,
            closed_loop: true,
            feedback: Feedback::Bounded,
            ..SpaceTimeConfig::default()
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut layer = config
            .init(Place::ALONE, &mut rng, &Device::flex())
            .unwrap();
        let g = layer.kernel.g.clone().unwrap().val() * size;
        // All of one sign: an eigenvalue at 1 exactly, the worst case.
        layer.kernel.g = Some(Param::from_tensor(g.abs()));
        let radius = layer.closed_loop_radius().unwrap();
        assert!(radius <= 1.0 + 1e-9, "{d_state}: {radius}");
        let out = layer.forecast(input(2, 50, 3), 5000).unwrap();
        let (early, late) = (
            read(&out.inputs.clone().narrow(1, 0, 1000)),
            read(&out.inputs.narrow(1, 4000, 1000)),
        );
        let most = |values: &[f64]| values.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
        assert!(most(&late) <= 1.01 * most(&early), "{d_state}");
        assert!(most(&read(&out.outputs)).is_finite());
    }
}

/// Gradients reach g through the loop, through b and through the state.
#[test]
fn spacetime_when_its_loop_is_bounded_learns_g() {
    let device = Device::flex().autodiff();
    let config = SpaceTimeConfig {
        hidden_size: 2,
        d_state: 4,
        closed_loop: true,
        feedback: Feedback::Bounded,
        ..SpaceTimeConfig::default()
    };
    let layer = config.init(Place::ALONE, &mut rng(), &device).unwrap();
    let lag: Vec<f32> = (0..18).map(|at| (0.7 * at as f32).sin()).collect();
    let lag = Tensor::<3>::from_data(TensorData::new(lag, [1, 9, 2]), &device);
    let loss = |g: Tensor<2>| -> Tensor<1> {
        let mut layer = layer.clone();
        layer.kernel.g = Some(Param::from_tensor(g));
        let out = layer.forecast(lag.clone(), 6).unwrap();
        (out.outputs.clone() * out.outputs).sum()
            + (out.open_inputs.clone() * out.open_inputs).sum()
    };
    let tensor = |values: &[f64]| -> Tensor<2> {
        let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
        Tensor::from_data(TensorData::new(values, [2, 4]), &device).require_grad()
    };
    // One row is shortened, the other stays as it is.
    let start = [0.9, -0.7, 0.5, 0.4, 0.1, 0.2, -0.3, 0.15];
    let g = tensor(&start);
    let gradients = loss(g.clone()).backward();
    let got: Vec<f64> = g.grad(&gradients).unwrap().to_data().iter().collect();
    for at in 0..start.len() {
        let moved = |by: f64| -> f64 {
            let mut values = start;
            values[at] += by;
            f64::from(loss(tensor(&values)).into_scalar::<f32>())
        };
        let want = (moved(5e-3) - moved(-5e-3)) / 1e-2;
        let error = (got[at] - want).abs();
        assert!(
            error <= 1e-2 * (1.0 + want.abs()),
            "{at}: {} {want}",
            got[at]
        );
    }
}
