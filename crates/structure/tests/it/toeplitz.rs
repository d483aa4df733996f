//! What is particular to causal Toeplitz matrices: time invariance.

use resolvent_structure::discretise::{Rule, discretise_diagonal};
use resolvent_structure::{
    CausalToeplitz, Matrix, SemiseparableMatrix, StructuredMatrix, diagonal_kernel,
};

use crate::sample::{Sampler, distance};

#[test]
fn matrix_when_time_invariant_equals_semiseparable() {
    let (length, log_decay) = (65, -0.3_f64);
    let (b, c) = (vec![0.5, -2.0, 1.0], vec![1.5, 0.25, -1.0]);
    let constant = |row: &[f64]| Matrix::from_fn(length, 3, |_, n| row[n]).unwrap();
    let selective =
        SemiseparableMatrix::new(vec![log_decay; length], constant(&b), constant(&c)).unwrap();
    let kernel = diagonal_kernel(&[log_decay.exp(); 3], &b, &c, length).unwrap();
    let invariant = CausalToeplitz::new(kernel).unwrap();
    let difference = invariant.dense().max_abs_difference(&selective.dense());
    assert!(difference.unwrap() < 1e-13);
}

#[test]
fn kernel_when_system_is_diagonal_equals_its_recurrence() {
    let (length, state) = (63, 4);
    let mut rng = Sampler::new(2);
    let eigenvalues = rng
        .vector(state)
        .iter()
        .map(|v| -v.abs())
        .collect::<Vec<_>>();
    let steps = discretise_diagonal(Rule::ZeroOrderHold, &eigenvalues, &[0.1; 4]).unwrap();
    let decay: Vec<f64> = steps.iter().map(|step| step.decay).collect();
    let input: Vec<f64> = steps.iter().map(|step| step.gain * rng.number()).collect();
    let (output, x) = (rng.vector(state), rng.vector(length));

    let mut hidden = vec![0.0; state];
    let expected: Vec<f64> = x
        .iter()
        .map(|&x_t| {
            for n in 0..state {
                hidden[n] = decay[n] * hidden[n] + input[n] * x_t;
            }
            hidden.iter().zip(&output).map(|(h, c)| h * c).sum()
        })
        .collect();
    let kernel = diagonal_kernel(&decay, &input, &output, length).unwrap();
    let y = CausalToeplitz::new(kernel).unwrap().matvec(&x).unwrap();
    assert!(distance(&y, &expected) < 1e-13);
}

#[test]
fn output_when_input_is_delayed_is_delayed() {
    let mut rng = Sampler::new(4);
    let matrix = CausalToeplitz::new(rng.vector(64)).unwrap();
    let x = rng.vector(64);
    let delayed = [&[0.0; 5][..], &x[..59]].concat();
    let y = matrix.matvec(&x).unwrap();
    let y_delayed = matrix.matvec(&delayed).unwrap();
    assert!(distance(&y_delayed[5..], &y[..59]) < 1e-13);
    assert_eq!(y_delayed[..5], [0.0; 5]);
}

#[test]
fn arguments_when_wrong_are_refused() {
    assert!(CausalToeplitz::new(vec![1.0, f64::NAN]).is_err());
    assert!(diagonal_kernel(&[0.5], &[1.0, 2.0], &[1.0], 4).is_err());
    assert!(diagonal_kernel(&[0.5], &[1.0], &[], 4).is_err());
    assert!(diagonal_kernel(&[f64::INFINITY], &[1.0], &[1.0], 4).is_err());
    assert!(diagonal_kernel(&[0.5], &[1.0], &[1.0], usize::MAX).is_err());
    assert_eq!(diagonal_kernel(&[], &[], &[], 2).unwrap(), [0.0, 0.0]);
}
