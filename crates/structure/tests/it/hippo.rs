//! HiPPO: kernels against the matrix exponential, normal forms, memory.

use resolvent_structure::discretise::{Rule, discretise_dense};
use resolvent_structure::hippo::{Family, HippoMatrix, ScaledLegendreMemory};
use resolvent_structure::linalg::{exponential, solve};
use resolvent_structure::{
    Complex64, DplrMatrix, Matrix, StateSpace, StructureError, StructuredMatrix,
};
use rstest::rstest;

use crate::sample::{Sampler, distance, relative_distance};

fn hippo(family: Family, state: usize) -> HippoMatrix {
    HippoMatrix::new(family, state).unwrap()
}

#[rstest]
#[case(Family::LegS)]
#[case(Family::LagT)]
#[case(Family::FouD)]
fn kernel_when_basis_is_exact_equals_the_exponential(#[case] family: Family) {
    let matrix = hippo(family, 16);
    let input = matrix.input();
    for t in [0.0, 0.1, 0.5, 1.0, 2.5, 6.0] {
        let scaled = matrix.dense().as_slice().iter().map(|a| t * a).collect();
        let power = exponential(&Matrix::new(16, 16, scaled).unwrap()).unwrap();
        let error = distance(&power.matvec(&input).unwrap(), &matrix.kernel(t).unwrap());
        assert!(error < 1e-12, "{family} at {t}: {error}");
    }
}

#[test]
fn fout_kernel_when_state_is_large_approaches_its_basis() {
    let state = 256;
    let fout = hippo(Family::FouT, state);
    let column = Matrix::new(state, 1, fout.input()).unwrap();
    let (power, _) = discretise_dense(Rule::ZeroOrderHold, &fout.dense(), &column, 0.25).unwrap();
    let mut kernel = fout.input();
    for k in 1..=10 {
        kernel = power.matvec(&kernel).unwrap();
        let t = 0.25 * f64::from(k);
        for m in [1_usize, 2, 5] {
            let expected = if t < 2.0 {
                0.5 * 2.0_f64.sqrt() * (std::f64::consts::PI * m as f64 * t).cos()
            } else {
                0.0
            };
            // At the end of the window the series has its jump.
            if (t - 2.0).abs() > 0.1 {
                let error = (kernel[2 * m] - expected).abs();
                assert!(error < 0.01, "mode {m} at {t}: {error}");
            }
        }
    }
}

#[test]
fn windowed_families_when_read_at_the_far_end_delay() {
    let legt = hippo(Family::LegT, 64);
    let output = legt.basis(2.0).unwrap();
    let system = StateSpace::new(legt.dense(), legt.input(), output).unwrap();
    for w in [0.0, 0.5, 2.0, 5.0, 10.0] {
        let delay = Complex64::new(0.0, -2.0 * w).exp();
        let error = (system.response(w).unwrap() - delay).norm();
        assert!(error < 1e-12, "LegT at {w}: {error}");
    }
    // FouT: u(t - 2) = 2 p^T x - u.
    let fout = hippo(Family::FouT, 256);
    let output = fout.basis(2.0).unwrap().iter().map(|p| 2.0 * p).collect();
    let system = StateSpace::new(fout.dense(), fout.input(), output).unwrap();
    for w in [0.5, 5.0, 10.0_f64] {
        let delay = Complex64::new(0.0, -2.0 * w).exp();
        let error = (system.response(w).unwrap() - 1.0 - delay).norm();
        // p^T (iw - F)^-1 p is -i cot(w) without its harmonics above M = 128; to first order the
        // response misses 4 w sin(w)^2 / (pi^2 M).
        let tail = 4.0 * w * w.sin().powi(2) / (std::f64::consts::PI.powi(2) * 128.0);
        assert!(
            (error / tail - 1.0).abs() < 0.05,
            "FouT at {w}: {error} {tail}"
        );
    }
}

#[rstest]
fn normal_form_when_reassembled_is_the_matrix(
    #[values(2, 4, 64, 256)] state: usize,
    #[values(
        Family::LegS,
        Family::LegT,
        Family::LagT,
        Family::FouT,
        Family::FouS,
        Family::FouD
    )]
    family: Family,
) {
    let matrix = hippo(family, state);
    let (dense, normal) = (matrix.dense(), matrix.normal_part());
    let nplr = matrix.diagonalise().unwrap();
    let from_modes = nplr.modes.dense();
    let shift = normal.get(0, 0).unwrap();
    let low_rank = matrix.low_rank();
    let mut error = 0.0_f64;
    for i in 0..state {
        for j in 0..state {
            let minus: f64 = low_rank.iter().map(|p| p[i] * p[j]).sum();
            let a = dense.get(i, j).unwrap();
            error = error.max((normal.get(i, j).unwrap() - minus - a).abs());
            error = error.max((from_modes.get(i, j).unwrap() - minus - a).abs());
            let symmetric = normal.get(i, j).unwrap() + normal.get(j, i).unwrap();
            let expected = if i == j { 2.0 * shift } else { 0.0 };
            assert_eq!(symmetric, expected, "{family}: S + S^T at {i}, {j}");
        }
    }
    assert!(error < 1e-10 * state as f64, "{family}: {error}");
    // In the complex coordinates the low rank and the input are the real ones again.
    for (complex, real) in nplr.low_rank.iter().zip(&low_rank) {
        let back = real_part(&nplr.modes, complex);
        assert!(distance(&back, real) < 1e-10, "{family}: P");
    }
    let back = real_part(&nplr.modes, &nplr.input);
    assert!(distance(&back, &matrix.input()) < 1e-10, "{family}: B");
}

/// `Re sum_n weight_n V_n z_n`.
fn real_part(modes: &resolvent_structure::ModalBasis, z: &[Complex64]) -> Vec<f64> {
    let weighted: Vec<Complex64> = z.iter().zip(modes.weights()).map(|(z, w)| z * w).collect();
    let back = modes.vectors().matvec(&weighted).unwrap();
    back.iter().map(|x| x.re).collect()
}

#[test]
fn legs_when_diagonalised_has_the_published_numbers() {
    // s5-pytorch 0.2.1, make_DPLR_HiPPO(8); |V* B| from the same decomposition in NumPy.
    let nplr = hippo(Family::LegS, 8).diagonalise().unwrap();
    let eigenvalues = nplr.modes.eigenvalues();
    for (z, expected) in eigenvalues
        .iter()
        .zip([0.42749, 1.95779, 5.35421, 19.85741])
    {
        assert!((z.re + 0.5).abs() < 1e-13);
        assert!((z.im + expected).abs() < 1e-5, "{z}");
    }
    for (b, expected) in nplr
        .input
        .iter()
        .zip([0.799464, 1.174960, 1.843869, 5.155626])
    {
        assert!((b.re - expected).abs() < 1e-6 && b.im.abs() < 1e-12, "{b}");
    }
    let large = hippo(Family::LegS, 64).diagonalise().unwrap();
    let top = large.modes.eigenvalues().last().unwrap().im;
    assert!((top + 1303.274).abs() < 1e-3, "{top}");
    assert!((nplr.modes.condition().unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn fout_when_it_has_one_pair_is_handled() {
    let nplr = hippo(Family::FouT, 2).diagonalise().unwrap();
    assert_eq!(nplr.modes.eigenvalues(), [Complex64::ZERO]);
    let dplr = DplrMatrix::from_nplr(&nplr).unwrap();
    let response = dplr.response(Complex64::new(0.0, 1.0), &nplr.input, &nplr.input);
    assert!(response.unwrap().is_finite());
    assert!(
        dplr.response(Complex64::ZERO, &nplr.input, &nplr.input)
            .is_err()
    );
}

/// A signal of slow waves, the same for every sampling rate: `t` in `0..1`.
fn signal(t: f64) -> f64 {
    let wave = |w: f64, phase: f64| (w * t + phase).sin();
    wave(21.0, 0.3) + 0.7 * wave(13.0, 1.0) + 0.5 * wave(29.0, 2.0) + 0.4
}

#[test]
fn past_when_redrawn_gets_closer_with_the_state() {
    let (length, step_size) = (4096, 1.0 / 512.0);
    let mut errors = Vec::new();
    for state in [4, 8, 16, 32, 64] {
        let legs = hippo(Family::LegS, state);
        let column = Matrix::new(state, 1, legs.input()).unwrap();
        let (a, b) = discretise_dense(Rule::Bilinear, &legs.dense(), &column, step_size).unwrap();
        let mut x = vec![0.0; state];
        for k in 0..length {
            x = a.matvec(&x).unwrap();
            let u = signal(8.0 * f64::from(k) / f64::from(length) / 4.0);
            x.iter_mut()
                .zip(b.as_slice())
                .for_each(|(x, b)| *x += b * u);
        }
        let ages: Vec<f64> = (0..length).map(|k| f64::from(k) * step_size).collect();
        let drawn = legs.reconstruct(&x, &ages).unwrap();
        let (mut error, mut norm) = (0.0, 0.0);
        for (k, (value, age)) in drawn.iter().zip(&ages).enumerate() {
            let newest = f64::from(length - 1) - k as f64;
            let u = signal(8.0 * newest / f64::from(length) / 4.0);
            error += (-age).exp() * (value - u).powi(2);
            norm += (-age).exp() * u * u;
        }
        errors.push((error / norm).sqrt());
    }
    assert!(
        errors.windows(2).all(|pair| pair[1] < pair[0]),
        "{errors:?}"
    );
    assert!(errors[0] > 0.3 && errors[4] < 0.1, "{errors:?}");
}

#[test]
fn foud_past_when_redrawn_uses_the_dual_basis() {
    // The state of a known past is its Gram image; redrawing must give the coefficients back.
    let foud = hippo(Family::FouD, 6);
    let wanted = [0.5, 0.0, 1.0, -2.0, 0.25, 3.0];
    let state = foud.gram().matvec(&wanted).unwrap();
    for age in [0.0, 0.3, 1.7] {
        let basis = foud.basis(age).unwrap();
        let expected: f64 = basis.iter().zip(wanted).map(|(p, c)| p * c).sum();
        let drawn = foud.reconstruct(&state, &[age]).unwrap()[0];
        assert!((drawn - expected).abs() < 1e-12);
    }
}

#[test]
fn memory_when_compared_with_dense_steps_agrees() {
    let state = 24;
    let legs = hippo(Family::LegS, state);
    let dense = legs.dense();
    let mut memory = ScaledLegendreMemory::new(state).unwrap();
    let mut x = Matrix::zeros(state, 1).unwrap();
    let mut rng = Sampler::new(9);
    for k in 1..=50 {
        let (u, h) = (rng.number(), 0.5 / f64::from(k));
        memory.push(u).unwrap();
        let ax = dense.matvec(x.as_slice()).unwrap();
        let b = legs.input();
        let right = Matrix::from_fn(state, 1, |i, _| {
            x.as_slice()[i] + h * ax[i] + 2.0 * h * b[i] * u
        });
        let shifted = Matrix::from_fn(state, state, |i, j| {
            f64::from(u8::from(i == j)) - h * dense.get(i, j).unwrap()
        });
        x = solve(&shifted.unwrap(), &right.unwrap()).unwrap();
        assert!(
            relative_distance(memory.state(), x.as_slice()) < 1e-10,
            "step {k}"
        );
    }
    assert_eq!(memory.samples(), 50);
}

#[test]
fn memory_when_the_signal_is_stretched_keeps_its_coefficients() {
    // The timescale law: the same curve at 2000 and at 8000 samples has the same state.
    let state_at = |samples: u32| {
        let mut memory = ScaledLegendreMemory::new(32).unwrap();
        for k in 0..samples {
            memory
                .push(signal((f64::from(k) + 0.5) / f64::from(samples)))
                .unwrap();
        }
        memory
    };
    // The empty start is forgotten like 1 / samples, so that the difference vanishes with them.
    let fine = state_at(8000);
    let error = |samples| relative_distance(state_at(samples).state(), fine.state());
    let (coarse, middle) = (error(2000), error(4000));
    assert!(coarse < 6e-3 && middle < 0.4 * coarse, "{coarse} {middle}");
    // And the whole past is drawn from it.
    let positions: Vec<f64> = (0..=100).map(|k| 0.05 + 0.009 * f64::from(k)).collect();
    let drawn = fine.reconstruct(&positions).unwrap();
    let expected: Vec<f64> = positions.iter().map(|&s| signal(s)).collect();
    assert!(
        distance(&drawn, &expected) < 0.02,
        "{}",
        distance(&drawn, &expected)
    );
}

#[test]
fn time_invariant_legs_when_time_is_scaled_scales_its_kernel() {
    // (c A, c B) has the kernel c K(c t).
    let legs = hippo(Family::LegS, 8);
    let c = 3.0;
    let scaled: Vec<f64> = legs
        .dense()
        .as_slice()
        .iter()
        .map(|a| c * a * 0.4)
        .collect();
    let power = exponential(&Matrix::new(8, 8, scaled).unwrap()).unwrap();
    let input: Vec<f64> = legs.input().iter().map(|b| c * b).collect();
    let expected: Vec<f64> = legs
        .kernel(c * 0.4)
        .unwrap()
        .iter()
        .map(|k| c * k)
        .collect();
    assert!(distance(&power.matvec(&input).unwrap(), &expected) < 1e-12);
    // Delta = T / L remembers L samples.
    assert_eq!(legs.step_size_for(1000).unwrap(), 1e-3);
    assert_eq!(hippo(Family::LegT, 8).step_size_for(1000).unwrap(), 2e-3);
    let short = hippo(Family::FouT, 8).with_window(1.0).unwrap();
    assert_eq!((short.window(), short.timescale()), (Some(1.0), Some(0.5)));
}

#[test]
fn arguments_when_wrong_are_named() {
    let error = "fourier".parse::<Family>().unwrap_err().to_string();
    assert!(
        error.contains("`fourier`") && error.contains("legs, legt, lagt"),
        "{error}"
    );
    assert_eq!("LegS".parse::<Family>().unwrap(), Family::LegS);
    assert!(matches!(
        HippoMatrix::new(Family::LegS, 0),
        Err(StructureError::BadSize { got: 0, .. })
    ));
    assert!(HippoMatrix::new(Family::FouT, 1).is_err());
    assert!(HippoMatrix::new(Family::LegS, usize::MAX).is_err());
    assert!(hippo(Family::LegS, 7).diagonalise().is_err());
    let one = hippo(Family::LegS, 1);
    assert_eq!(one.dense().as_slice(), [-1.0]);
    assert!(one.with_window(1.0).is_err());
    let legt = hippo(Family::LegT, 4);
    for window in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(legt.with_window(window).is_err());
    }
    for age in [-1.0, f64::NAN] {
        assert!(legt.basis(age).is_err() && legt.measure(age).is_err());
    }
    assert!(legt.reconstruct(&[1.0], &[0.0]).is_err());
    assert!(legt.reconstruct(&[f64::NAN; 4], &[0.0]).is_err());
    assert!(hippo(Family::LagT, 4).step_size_for(10).is_err());
    assert!(legt.step_size_for(0).is_err());
    assert!(legt.solve_shifted(0.1, &[0.0; 4]).is_err());
    let mut memory = ScaledLegendreMemory::new(4).unwrap();
    assert!(memory.push(f64::NAN).is_err());
    assert_eq!(memory.samples(), 0);
    assert!(memory.reconstruct(&[1.5]).is_err());
}
