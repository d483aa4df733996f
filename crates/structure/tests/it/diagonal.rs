//! Diagonal systems: initial values, Vandermonde and DSS kernels, their limit.

use resolvent_structure::discretise::{
    Rule, discretise, discretise_complex, discretise_complex_diagonal,
};
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    Complex64, DiagonalInit, DplrMatrix, StateSpace, StructuredMatrix, dss_kernel, modal_kernel,
    modal_response, s5_modes, vandermonde_kernel,
};
use rstest::rstest;

use crate::sample::{Sampler, distance, generator, relative_distance};

const RULES: [Rule; 4] = [
    Rule::ZeroOrderHold,
    Rule::Bilinear,
    Rule::ForwardEuler,
    Rule::ExponentialEuler,
];

#[test]
fn lin_when_sampled_has_the_known_kernels() {
    let lin = DiagonalInit::Lin.eigenvalues(4).unwrap();
    let pair = [Complex64::new(2.0, 0.0); 2];
    let kernel = |rule| modal_kernel(rule, &lin, &pair, 0.1, 6).unwrap();
    let hold = [
        0.387011209,
        0.350341188,
        0.300984953,
        0.244020162,
        0.184808924,
        0.128456684,
    ];
    let bilinear = [
        0.385766598,
        0.349877232,
        0.301444902,
        0.245362496,
        0.186828387,
        0.130826824,
    ];
    assert!(distance(&kernel(Rule::ZeroOrderHold), &hold) < 1e-9);
    assert!(distance(&kernel(Rule::Bilinear), &bilinear) < 1e-9);
}

#[test]
fn initial_values_follow_their_formulas() {
    let imaginary = |init: DiagonalInit, state| -> Vec<f64> {
        init.eigenvalues(state)
            .unwrap()
            .iter()
            .map(|z| z.im)
            .collect()
    };
    let inv = [17.825353626, 4.244131816, 1.527887454, 0.363782727];
    assert!(distance(&imaginary(DiagonalInit::Inv, 8), &inv) < 1e-8);
    let legs = [0.427489, 1.957794, 5.354209, 19.857410];
    assert!(distance(&imaginary(DiagonalInit::LegS, 8), &legs) < 1e-6);
    let real = DiagonalInit::Real.eigenvalues(4).unwrap();
    assert_eq!(real, [Complex64::new(-1.0, 0.0), Complex64::new(-2.0, 0.0)]);
    let rand = |seed| {
        DiagonalInit::Rand
            .eigenvalues_with(64, &mut generator(seed))
            .unwrap()
    };
    assert_eq!(rand(1), rand(1));
    assert_ne!(rand(1), rand(2));
    assert!(rand(3).iter().all(|z| z.re == -0.5 && z.im > 0.0));
    for init in DiagonalInit::ALL {
        assert_eq!(init.name().parse::<DiagonalInit>().unwrap(), init);
        let eigenvalues = init.eigenvalues_with(16, &mut generator(0)).unwrap();
        assert_eq!(eigenvalues.len(), 8);
        assert_eq!(init.input(16).unwrap().len(), 8);
        assert!(eigenvalues.iter().all(|z| z.re < 0.0), "{init}");
        for wrong in [0, 7] {
            assert!(init.eigenvalues_with(wrong, &mut generator(0)).is_err());
        }
    }
    let unknown = "hippo".parse::<DiagonalInit>().unwrap_err().to_string();
    assert!(unknown.contains("legs, inv, lin"), "{unknown}");
    assert!(DiagonalInit::Rand.eigenvalues(4).is_err());
}

#[rstest]
fn kernel_when_compared_with_dense_powers_agrees(
    #[values(1, 2, 63, 64, 65, 127, 200)] length: usize,
) {
    let mut rng = Sampler::new(length as u64);
    let eigenvalues = rng.dplr(5, 0).eigenvalues().to_vec();
    let (input, output) = (rng.complex_vector(5), rng.complex_vector(5));
    let dense = StateSpace::new(
        DplrMatrix::diagonal(eigenvalues.clone()).unwrap().dense(),
        input.iter().flat_map(|z| [z.re, z.im]).collect(),
        output
            .iter()
            .flat_map(|c| [2.0 * c.re, -2.0 * c.im])
            .collect(),
    )
    .unwrap();
    let pairs = input.iter().zip(&output);
    let coefficients: Vec<Complex64> = pairs.map(|(b, c)| 2.0 * b * c).collect();
    for rule in RULES {
        let ours = modal_kernel(rule, &eigenvalues, &coefficients, 0.05, length).unwrap();
        let expected = dense
            .discretise(rule, 0.05)
            .unwrap()
            .kernel(length)
            .unwrap();
        let error = relative_distance(&ours, &expected);
        assert!(error < 1e-11, "{rule:?}: {error}");
    }
    let s = Complex64::new(0.0, 2.0);
    let ours = modal_response(&eigenvalues, &coefficients, s).unwrap();
    assert!((ours - dense.response(2.0).unwrap()).norm() < 1e-11);
}

#[test]
fn kernel_when_phase_turns_fast_keeps_its_digits() {
    // 130 radians per step: what LegS at N = 64 does with a step size of 0.1. The angle modulo 2 pi
    // is exact in f64 here, so that a slow twin must give the same numbers.
    let turns = 20.0 * std::f64::consts::TAU;
    let slow = Complex64::new(-1e-4, 0.75);
    let fast = Complex64::new(-1e-4, 0.75 + turns);
    let kernel = |z| vandermonde_kernel(&[z], &[Complex64::ONE], 16_384).unwrap();
    // The remainder of a number near 130 is known to 1e-14, and so is the phase per step.
    assert!(distance(&kernel(fast), &kernel(slow)) < 2e-10);
}

#[test]
fn discretisation_when_real_equals_the_real_rules() {
    for rule in RULES {
        for eigenvalue in [-50.0, -1.0, -1e-9, 0.0, 0.5] {
            for step_size in [0.0, 1e-12, 0.1, 1.0] {
                let real = discretise(rule, eigenvalue, step_size).unwrap();
                let complex = discretise_complex(rule, eigenvalue.into(), step_size).unwrap();
                let scale = 4.0 * f64::EPSILON;
                assert!((complex.decay.re - real.decay).abs() <= scale * real.decay.abs());
                assert!((complex.gain.re - real.gain).abs() <= scale * real.gain.abs());
                assert_eq!(complex.gain.im, 0.0);
            }
        }
    }
    let slow = discretise_complex(Rule::ZeroOrderHold, Complex64::new(-1e-9, 2e-9), 1e-3).unwrap();
    let expected = Complex64::new(-1e-9, 2e-9) * 0.5e-6 + 1e-3;
    assert!((slow.gain - expected).norm() < 1e-18);
    assert!(discretise_complex(Rule::Bilinear, Complex64::new(4.0, 0.0), 0.5).is_err());
    assert!(discretise_complex(Rule::ZeroOrderHold, Complex64::new(0.0, f64::NAN), 1.0).is_err());
    assert!(discretise_complex(Rule::ZeroOrderHold, Complex64::I, -1.0).is_err());
    assert!(discretise_complex(Rule::ZeroOrderHold, Complex64::new(1e3, 0.0), 1.0).is_err());
    assert!(discretise_complex_diagonal(Rule::Bilinear, &[Complex64::I], &[]).is_err());
}

#[test]
fn kernel_when_decay_is_zero_acts_at_once() {
    // lambda dt = -2 maps to zero under the bilinear rule.
    let kernel = modal_kernel(Rule::Bilinear, &[(-2.0).into()], &[Complex64::ONE], 1.0, 3);
    assert_eq!(kernel.unwrap(), [0.5, 0.0, 0.0]);
}

#[test]
fn diagonal_legs_when_state_doubles_halves_its_distance_to_s4() {
    // The first basis function at three frequencies; figures from the S4D sheet.
    let expected = [(16, [0.044, 0.083, 0.024]), (64, [0.011, 0.016, 0.012])];
    let gap = |state: usize, w: f64| {
        let legs = HippoMatrix::new(Family::LegS, state).unwrap();
        let nplr = legs.diagonalise().unwrap();
        let mut first = vec![0.0; state];
        first[0] = 1.0;
        let output = nplr.modes.output_vector(&first).unwrap();
        let s = Complex64::new(0.0, w);
        let dplr = DplrMatrix::from_nplr(&nplr).unwrap();
        let full = dplr.response(s, &nplr.input, &output).unwrap();
        // Conjugate eigenvalues and inputs go with conjugate outputs.
        let input = DiagonalInit::LegS.input(state).unwrap();
        let pairs = input.iter().zip(&output);
        let coefficients: Vec<Complex64> = pairs.map(|(b, c)| 2.0 * b * c.conj()).collect();
        let eigenvalues = DiagonalInit::LegS.eigenvalues(state).unwrap();
        (modal_response(&eigenvalues, &coefficients, s).unwrap() - full).norm()
    };
    for (state, gaps) in expected {
        for (w, figure) in [1.0, 5.0, 20.0].into_iter().zip(gaps) {
            let ours = gap(state, w);
            assert!(
                (ours - figure).abs() < 6e-4,
                "N = {state}, w = {w}: {ours} {figure}"
            );
        }
    }
    let ratio = gap(128, 1.0) / gap(256, 1.0);
    assert!((ratio / 2.0 - 1.0).abs() < 0.2, "{ratio}");
}

#[test]
fn dss_kernel_when_summed_is_the_output_over_the_eigenvalue() {
    let eigenvalues = DiagonalInit::LegS.eigenvalues(32).unwrap();
    for (n, lambda) in eigenvalues.iter().enumerate() {
        // A coefficient of lambda leaves the normalised row: real part sums to one.
        let row = dss_kernel(&[*lambda], &[*lambda], 0.01, 500).unwrap();
        let sum: f64 = row.iter().sum();
        assert!((sum - 1.0).abs() < 1e-11, "mode {n}: {sum}");
    }
    // Growing modes stay finite, and are the mirror image of decaying ones.
    let grows = [Complex64::new(0.5, 3.0)];
    let kernel = dss_kernel(&grows, &[Complex64::ONE], 0.1, 16_384).unwrap();
    assert!(kernel.iter().all(|x| x.is_finite()));
    let decays = dss_kernel(&[-grows[0]], &[-Complex64::ONE], 0.1, 16_384).unwrap();
    let mirrored: Vec<f64> = decays.iter().rev().copied().collect();
    assert!(relative_distance(&kernel, &mirrored) < 1e-12);
    assert!(dss_kernel(&[Complex64::ZERO], &[Complex64::ONE], 0.1, 8).is_err());
    assert!(dss_kernel(&grows, &[Complex64::ONE], 0.0, 8).is_err());
    assert!(
        dss_kernel(&grows, &[Complex64::ONE], 0.1, 0)
            .unwrap()
            .is_empty()
    );
    assert_eq!(dss_kernel(&grows, &grows, 0.1, 1).unwrap(), [1.0]);
}

#[test]
fn s5_when_built_of_blocks_is_block_diagonal() {
    let modes = s5_modes(24, 3).unwrap();
    let block = HippoMatrix::new(Family::LegS, 8).unwrap();
    let normal = block.normal_part();
    let dense = modes.dense();
    for i in 0..24 {
        for j in 0..24 {
            let expected = if i / 8 == j / 8 {
                normal.get(i % 8, j % 8).unwrap()
            } else {
                0.0
            };
            assert!((dense.get(i, j).unwrap() - expected).abs() < 1e-12);
        }
    }
    for (state, blocks) in [(24, 0), (24, 5), (6, 2), (0, 1)] {
        assert!(s5_modes(state, blocks).is_err(), "{state} in {blocks}");
    }
}

#[test]
fn arguments_when_wrong_are_refused() {
    let one = [Complex64::ONE];
    assert!(vandermonde_kernel(&one, &[], 3).is_err());
    assert!(vandermonde_kernel(&[Complex64::new(f64::NAN, 0.0)], &one, 3).is_err());
    assert!(vandermonde_kernel(&[Complex64::new(10.0, 0.0)], &one, 1000).is_err());
    assert!(vandermonde_kernel(&one, &one, usize::MAX).is_err());
    assert_eq!(vandermonde_kernel(&[], &[], 2).unwrap(), [0.0, 0.0]);
    assert!(vandermonde_kernel(&one, &one, 0).unwrap().is_empty());
    assert!(modal_kernel(Rule::Bilinear, &one, &one, f64::NAN, 3).is_err());
    assert!(modal_response(&one, &one, Complex64::ONE).is_err());
}
