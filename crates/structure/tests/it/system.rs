//! Dense systems: routes to the kernel, transfer functions, reach and stability.

use resolvent_structure::discretise::{Rule, discretise_dense};
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    CausalToeplitz, Complex64, DiscreteStateSpace, Matrix, StateSpace, StructureError,
    StructuredMatrix, controllability, distance_to_instability, spectral_abscissa, spectral_radius,
};
use rstest::rstest;

use crate::sample::{Sampler, distance, relative_distance};

fn system(state: usize, seed: u64) -> StateSpace {
    let legs = HippoMatrix::new(Family::LegS, state).unwrap();
    let output = Sampler::new(seed).vector(state);
    StateSpace::new(legs.dense(), legs.input(), output).unwrap()
}

#[rstest]
fn kernel_when_doubled_equals_powers(
    #[values(1, 2, 3, 8, 9, 64, 97)] length: usize,
    #[values(1, 2, 16)] state: usize,
) {
    for rule in [Rule::ZeroOrderHold, Rule::Bilinear] {
        let discrete = system(state, 1).discretise(rule, 0.03).unwrap();
        let doubled = discrete.kernel_by_doubling(length).unwrap();
        assert!(relative_distance(&doubled, &discrete.kernel(length).unwrap()) < 1e-12);
    }
}

#[test]
fn output_when_simulated_is_the_convolution() {
    let discrete = system(8, 2).discretise(Rule::Bilinear, 0.1).unwrap();
    let u = Sampler::new(3).vector(65);
    let matrix = CausalToeplitz::new(discrete.kernel(65).unwrap()).unwrap();
    let expected = matrix.matvec(&u).unwrap();
    assert!(distance(&discrete.simulate(&u).unwrap(), &expected) < 1e-12);
}

#[test]
fn response_when_kernel_is_summed_agrees() {
    let discrete = system(4, 3).discretise(Rule::ZeroOrderHold, 0.5).unwrap();
    let kernel = discrete.kernel(200).unwrap();
    for angle in [0.0, 0.3, 2.0, std::f64::consts::PI] {
        let lags = kernel.iter().enumerate();
        let sum: Complex64 = lags
            .map(|(l, k)| k * Complex64::from_polar(1.0, -angle * l as f64))
            .sum();
        assert!((discrete.response(angle).unwrap() - sum).norm() < 1e-11);
    }
}

#[test]
fn response_when_bilinear_is_the_continuous_one_at_a_bent_frequency() {
    // sum_l K_l w^l = 2 / (1 + w) G(2/dt (1 - w) / (1 + w)).
    let (continuous, dt) = (system(16, 4), 0.2);
    let discrete = continuous.discretise(Rule::Bilinear, dt).unwrap();
    for angle in [0.1, 1.0, 2.5_f64] {
        let w = Complex64::from_polar(1.0, -angle);
        let bent = 2.0 / dt * (0.5 * angle).tan();
        let expected = 2.0 / (1.0 + w) * continuous.response(bent).unwrap();
        assert!((discrete.response(angle).unwrap() - expected).norm() < 1e-11);
    }
}

#[test]
fn impulse_response_when_sampled_is_the_held_kernel_for_impulses() {
    let continuous = system(6, 5);
    let first = continuous.impulse_response(0.0).unwrap();
    let direct: f64 = {
        let discrete = continuous.discretise(Rule::ExponentialEuler, 1.0).unwrap();
        discrete.kernel(1).unwrap()[0]
    };
    assert!((first - direct).abs() < 1e-12);
    let kernel = continuous
        .discretise(Rule::ExponentialEuler, 0.25)
        .unwrap()
        .kernel(9)
        .unwrap();
    let later = continuous.impulse_response(2.0).unwrap();
    assert!((kernel[8] / 0.25 - later).abs() < 1e-11);
}

#[test]
fn hold_when_matrix_is_singular_needs_no_inverse() {
    let zero = Matrix::zeros(3, 3).unwrap();
    let input = Matrix::new(3, 1, vec![1.0, -2.0, 0.5]).unwrap();
    let (a, b) = discretise_dense(Rule::ZeroOrderHold, &zero, &input, 0.5).unwrap();
    let identity = Matrix::identity(3).unwrap();
    assert!(a.max_abs_difference(&identity).unwrap() < 1e-15);
    assert!(distance(b.as_slice(), &[0.5, -1.0, 0.25]) < 1e-15);
}

#[test]
fn stability_when_measured_agrees_with_what_is_known() {
    let legs = HippoMatrix::new(Family::LegS, 16).unwrap().dense();
    assert_eq!(spectral_abscissa(&legs).unwrap(), -1.0);
    let stretched = Matrix::new(2, 2, vec![0.5, 1.0, -1.0, 0.5]).unwrap();
    assert!((spectral_radius(&stretched).unwrap() - 1.25_f64.sqrt()).abs() < 1e-15);
    assert_eq!(distance_to_instability(&stretched).unwrap(), 0.0);
    // The Grcar-like bidiagonal matrix: far closer to instability than its eigenvalues say.
    let far = Matrix::from_fn(10, 10, |i, j| match j.checked_sub(i) {
        Some(0) => -1.0,
        Some(1) => 3.0,
        _ => 0.0,
    });
    let beta = distance_to_instability(&far.unwrap()).unwrap();
    assert!(beta > 1e-6 && beta < 1e-3, "{beta}");
    let normal = Matrix::new(3, 3, vec![-2.0, 0.0, 0.0, 0.0, -0.3, 9.0, 0.0, -9.0, -0.3]);
    let beta = distance_to_instability(&normal.unwrap()).unwrap();
    assert!((beta - 0.3).abs() < 1e-6, "{beta}");
    assert!(distance_to_instability(&Matrix::zeros(0, 0).unwrap()).is_err());
}

#[test]
fn controllability_when_direction_is_out_of_reach_shows_it() {
    let a = Matrix::new(2, 2, vec![-1.0, 0.0, 0.0, -2.0]).unwrap();
    let first = Matrix::new(2, 1, vec![1.0, 0.0]).unwrap();
    let reach = controllability(&a, &first, None).unwrap();
    assert_eq!((reach.rank, reach.condition), (1, f64::INFINITY));
    assert!((reach.gramian.get(0, 0).unwrap() - 0.5).abs() < 1e-14);
    let both = Matrix::new(2, 1, vec![1.0, 1.0]).unwrap();
    assert_eq!(controllability(&a, &both, None).unwrap().rank, 2);
    let grows = Matrix::new(1, 1, vec![0.1]).unwrap();
    let one = Matrix::new(1, 1, vec![1.0]).unwrap();
    assert!(matches!(
        controllability(&grows, &one, None),
        Err(StructureError::NoConvergence { .. })
    ));
    assert!(controllability(&a, &one, None).is_err());
}

#[test]
fn arguments_when_wrong_are_refused() {
    let one = Matrix::identity(1).unwrap();
    assert!(StateSpace::new(one.clone(), vec![], vec![1.0]).is_err());
    assert!(StateSpace::new(one.clone(), vec![1.0], vec![f64::NAN]).is_err());
    assert!(StateSpace::new(Matrix::zeros(1, 2).unwrap(), vec![1.0], vec![1.0]).is_err());
    let integrator = StateSpace::new(Matrix::zeros(1, 1).unwrap(), vec![1.0], vec![1.0]).unwrap();
    assert!(integrator.response(0.0).is_err());
    for step_size in [-1.0, f64::NAN] {
        assert!(integrator.discretise(Rule::Bilinear, step_size).is_err());
    }
    let pole = StateSpace::new(Matrix::new(1, 1, vec![2.0]).unwrap(), vec![1.0], vec![1.0]);
    let error = pole
        .unwrap()
        .discretise(Rule::Bilinear, 1.0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("pole 2/dt"), "{error}");
    let doubles = Matrix::new(1, 1, vec![2.0]).unwrap();
    let grows = DiscreteStateSpace::new(doubles, vec![1.0], vec![1.0]).unwrap();
    assert!(grows.kernel(2000).is_err() && grows.kernel_by_doubling(2000).is_err());
    assert!(grows.kernel(usize::MAX).is_err());
    assert!(grows.simulate(&[f64::NAN]).is_err());
    assert!(grows.kernel(0).unwrap().is_empty());
    assert!(grows.kernel_by_doubling(0).unwrap().is_empty());
}
