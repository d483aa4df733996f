//! Perturbed and diagonalised matrices: distance, stability, transfer functions.

use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::ptd::{
    Guard, OptimiseOptions, Perturbation, Perturbed, PtdOptions, optimise, perturb,
};
use resolvent_structure::{
    Complex64, Matrix, StateSpace, StructureError, StructuredMatrix, modal_response,
    spectral_abscissa,
};
use rstest::rstest;

use crate::sample::{Sampler, generator};

fn legs(state: usize) -> HippoMatrix {
    HippoMatrix::new(Family::LegS, state).unwrap()
}

/// `max_w |G_perturbed - G|` over frequencies that include the eigenfrequencies of the normal part.
fn largest_gap(state: usize, perturbed: &Perturbed, output: &[f64]) -> f64 {
    let matrix = legs(state);
    let modes = &perturbed.modes;
    let (b, c) = (
        modes.input_vector(&matrix.input()).unwrap(),
        modes.output_vector(output).unwrap(),
    );
    let terms = b.iter().zip(&c).zip(modes.weights());
    let coefficients: Vec<Complex64> = terms.map(|((b, c), w)| b * c * w).collect();
    // A complex matrix is not the response of a real system: its sum needs no conjugate partner.
    let response = |w: f64| -> Complex64 {
        let s = Complex64::new(0.0, w);
        if modes.weights().contains(&2.0) {
            return modal_response(modes.eigenvalues(), &coefficients, s).unwrap();
        }
        let terms = modes.eigenvalues().iter().zip(&coefficients);
        terms.map(|(lambda, c)| c / (s - lambda)).sum()
    };
    let dense = StateSpace::new(matrix.dense(), matrix.input(), output.to_vec()).unwrap();
    let normal = matrix.diagonalise().unwrap().modes;
    let spikes = normal.eigenvalues().iter().flat_map(|z| [z.im, -z.im]);
    let grid = (0..60).map(|k| 1e-2 * 1.25_f64.powi(k));
    spikes
        .chain(grid)
        .map(|w| (response(w) - dense.response(w).unwrap()).norm())
        .fold(0.0, f64::max)
}

#[rstest]
fn perturbation_when_safe_is_as_large_as_asked_and_stable(
    #[values(1, 2, 4, 16, 64)] state: usize,
    #[values(Perturbation::Complex, Perturbation::Real)] perturbation: Perturbation,
    #[values(0.1, 0.5)] epsilon: f64,
) {
    let options = PtdOptions {
        epsilon,
        perturbation,
        draws: 2,
        ..PtdOptions::default()
    };
    let dense = legs(state).dense();
    let found = perturb(&dense, &options, &mut generator(state as u64)).unwrap();
    assert!(
        (found.distance / epsilon - 1.0).abs() < 1e-6,
        "{}",
        found.distance
    );
    assert!(found.modes.eigenvalues().iter().all(|z| z.re < 0.0));
    assert_eq!(found.reflected, 0);
    assert_eq!(found.modes.weights().iter().sum::<f64>(), state as f64);
    assert!(found.fits_single_precision());
    if perturbation == Perturbation::Real {
        // A real matrix is what its pairs and real modes say, and near the original.
        let back = found.modes.dense();
        let gap = back.max_abs_difference(&dense).unwrap();
        assert!(gap <= epsilon * (1.0 + 1e-6), "{gap}");
        assert!((found.modes.condition().unwrap() / found.condition - 1.0).abs() < 1e-6);
    }
}

#[rstest]
fn response_when_perturbed_differs_by_less_than_epsilon(#[values(0.1, 0.5)] epsilon: f64) {
    // C of unit variance: the sheet saw 0.15 to 0.51 epsilon over four seeds.
    let scale = 3.0_f64.sqrt();
    for (seed, perturbation) in [(1, Perturbation::Complex), (2, Perturbation::Real)] {
        let options = PtdOptions {
            epsilon,
            perturbation,
            draws: 1,
            ..PtdOptions::default()
        };
        let found = perturb(&legs(64).dense(), &options, &mut generator(seed)).unwrap();
        let output: Vec<f64> = Sampler::new(seed)
            .vector(64)
            .iter()
            .map(|c| scale * c)
            .collect();
        let gap = largest_gap(64, &found, &output);
        assert!(gap <= 0.8 * epsilon, "{perturbation:?}: {gap}");
        assert!(gap > 0.01 * epsilon, "{perturbation:?}: {gap}");
    }
}

#[test]
fn perturbation_when_large_is_refused_or_reflected() {
    let dense = legs(32).dense();
    let options = PtdOptions {
        epsilon: 60.0,
        draws: 1,
        ..PtdOptions::default()
    };
    let error = perturb(&dense, &options, &mut generator(1)).unwrap_err();
    let StructureError::Unstable { count, modes, .. } = error else {
        panic!("{error}");
    };
    assert!(count > 0 && modes == 32);
    assert!(error.to_string().contains("smaller epsilon"), "{error}");
    let options = PtdOptions {
        guard: Guard::Reflect,
        ..options
    };
    let found = perturb(&dense, &options, &mut generator(1)).unwrap();
    assert_eq!(found.reflected, count);
    assert!(found.distance > 60.0);
    assert!(found.modes.eigenvalues().iter().all(|z| z.re < 0.0));
}

#[test]
fn draws_when_more_condition_better() {
    let dense = legs(16).dense();
    let condition = |draws| {
        let options = PtdOptions {
            draws,
            ..PtdOptions::default()
        };
        perturb(&dense, &options, &mut generator(3))
            .unwrap()
            .condition
    };
    assert!(condition(16) <= condition(1));
}

#[test]
fn optimised_perturbation_is_better_conditioned_and_stable() {
    let dense = legs(16).dense();
    let random = perturb(&dense, &PtdOptions::default(), &mut generator(1)).unwrap();
    let found = optimise(&dense, &OptimiseOptions::default(), &mut generator(1)).unwrap();
    assert!(
        found.condition < 0.2 * random.condition,
        "{} {}",
        found.condition,
        random.condition
    );
    assert!(found.modes.eigenvalues().iter().all(|z| z.re < 0.0));
    let size =
        resolvent_structure::linalg::norm(&resolvent_structure::ComplexMatrix::from_real(&dense));
    assert!(found.distance < 0.2 * size.unwrap(), "{}", found.distance);
}

#[test]
fn blocks_when_repeated_share_their_modes() {
    let found = perturb(&legs(8).dense(), &PtdOptions::default(), &mut generator(5)).unwrap();
    let s5 = found.block_diagonal(3).unwrap();
    assert_eq!((s5.modes(), s5.state_size()), (24, 24));
    assert_eq!(s5.eigenvalues()[0], s5.eigenvalues()[16]);
    assert!(found.block_diagonal(0).is_err());
}

#[test]
fn arguments_when_wrong_are_named() {
    let dense = legs(4).dense();
    let with = |epsilon, draws| {
        let options = PtdOptions {
            epsilon,
            draws,
            ..PtdOptions::default()
        };
        perturb(&dense, &options, &mut generator(1))
    };
    let zero = with(0.0, 1).unwrap_err().to_string();
    assert!(zero.contains("cannot be diagonalised"), "{zero}");
    for epsilon in [-1.0, f64::NAN, f64::INFINITY] {
        assert!(with(epsilon, 1).is_err());
    }
    assert!(with(0.5, 0).is_err());
    let nan = Matrix::new(1, 1, vec![f64::NAN]).unwrap();
    assert!(perturb(&nan, &PtdOptions::default(), &mut generator(1)).is_err());
    let empty = Matrix::zeros(0, 0).unwrap();
    assert!(perturb(&empty, &PtdOptions::default(), &mut generator(1)).is_err());
    assert!(
        perturb(
            &Matrix::zeros(2, 3).unwrap(),
            &PtdOptions::default(),
            &mut generator(1)
        )
        .is_err()
    );
    let options = OptimiseOptions {
        gamma: 0.0,
        ..OptimiseOptions::default()
    };
    assert!(optimise(&dense, &options, &mut generator(1)).is_err());
    assert!(spectral_abscissa(&dense).unwrap() < 0.0);
}
