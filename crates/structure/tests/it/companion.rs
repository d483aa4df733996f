//! Companion matrices: kernels at awkward sizes, resonance, instability, filters.

use resolvent_structure::{
    CompanionMatrix, DiscreteStateSpace, StructuredMatrix, difference_filter,
    moving_average_residual, spectral_radius,
};
use rstest::rstest;

use crate::sample::{Sampler, distance, relative_distance};

fn dense_kernel(matrix: &CompanionMatrix, b: &[f64], c: &[f64], length: usize) -> Vec<f64> {
    let system = DiscreteStateSpace::new(matrix.dense(), b.to_vec(), c.to_vec()).unwrap();
    system.kernel(length).unwrap()
}

#[rstest]
fn kernel_when_compared_with_dense_powers_agrees(
    #[values(1, 2, 3, 16, 25, 64)] order: usize,
    #[values(1, 2, 5, 9, 16, 64, 97, 336)] length: usize,
) {
    let mut rng = Sampler::new((1000 * order + length) as u64);
    let matrix = CompanionMatrix::new(rng.vector(order))
        .unwrap()
        .normalised();
    let (b, c) = (rng.vector(order), rng.vector(order));
    let expected = dense_kernel(&matrix, &b, &c, length);
    let ours = matrix.kernel(&b, &c, length).unwrap();
    assert!(relative_distance(&ours, &expected) < 1e-12);
    let recurrence = matrix.kernel_by_recurrence(&b, &c, length).unwrap();
    assert!(relative_distance(&recurrence, &expected) < 1e-13);
}

#[test]
fn output_power_when_compared_with_transposed_products_agrees() {
    let mut rng = Sampler::new(3);
    for order in [1, 2, 7, 32] {
        let matrix = CompanionMatrix::new(rng.vector(order))
            .unwrap()
            .normalised();
        let c = rng.vector(order);
        let mut expected = c.clone();
        for power in 0..100 {
            let ours = matrix.output_power(&c, power).unwrap();
            assert!(
                distance(&ours, &expected) < 1e-13,
                "order {order}, power {power}"
            );
            expected = matrix.transpose_matvec(&expected).unwrap();
        }
    }
}

#[test]
fn kernel_when_learned_output_is_truncated_needs_no_power() {
    let mut rng = Sampler::new(8);
    let matrix = CompanionMatrix::new(rng.vector(16)).unwrap().normalised();
    let (b, c) = (rng.vector(16), rng.vector(16));
    let late = matrix.output_power(&c, 50).unwrap();
    let truncated: Vec<f64> = c.iter().zip(late).map(|(c, l)| c - l).collect();
    let ours = matrix.kernel_from_truncated(&b, &truncated, 50).unwrap();
    assert!(relative_distance(&ours, &dense_kernel(&matrix, &b, &c, 50)) < 1e-12);
}

#[test]
fn kernel_when_eigenvalue_is_a_root_of_unity_comes_from_the_recurrence() {
    // a = e_1: a cyclic shift, all of whose eigenvalues are roots of unity.
    let cycle = CompanionMatrix::new(vec![1.0, 0.0, 0.0, 0.0]).unwrap();
    let (b, c) = ([1.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]);
    let kernel = cycle.kernel(&b, &c, 8).unwrap();
    assert_eq!(kernel, [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    assert!(cycle.kernel_from_truncated(&b, &[0.0; 4], 8).is_err());
}

#[test]
fn kernel_when_matrix_is_unstable_is_right_or_an_error() {
    let fibonacci = CompanionMatrix::new(vec![1.0, 1.0]).unwrap();
    let kernel = fibonacci.kernel(&[1.0, 0.0], &[0.0, 1.0], 60).unwrap();
    assert_eq!(kernel[59], 956_722_026_041.0);
    assert!(fibonacci.kernel(&[1.0, 0.0], &[0.0, 1.0], 2000).is_err());
}

#[test]
fn shift_when_driven_at_its_head_is_a_finite_impulse_response() {
    let taps = [0.5, -1.0, 2.0];
    let shift = CompanionMatrix::shift(3).unwrap();
    let kernel = shift.kernel(&[1.0, 0.0, 0.0], &taps, 6).unwrap();
    assert!(distance(&kernel, &[0.5, -1.0, 2.0, 0.0, 0.0, 0.0]) < 1e-15);
}

#[test]
fn spectral_radius_when_column_is_normalised_is_at_most_one() {
    let mut rng = Sampler::new(1);
    for case in 0..200 {
        let column = rng.vector(2 + case % 40);
        let matrix = CompanionMatrix::new(column).unwrap().normalised();
        let radius = spectral_radius(&matrix.dense()).unwrap();
        assert!(radius <= 1.0 + 1e-9, "{radius}");
    }
    let tiny = CompanionMatrix::new(vec![1e-5; 3]).unwrap();
    assert_eq!(tiny.normalised(), tiny);
}

#[test]
fn filters_have_the_published_rows() {
    let rows: [&[f64]; 4] = [
        &[1.0],
        &[1.0, -1.0],
        &[1.0, -2.0, 1.0],
        &[1.0, -3.0, 3.0, -1.0],
    ];
    for (order, row) in rows.into_iter().enumerate() {
        assert_eq!(difference_filter(order, order + 1).unwrap(), row);
    }
    // An order-1 difference of a ramp is constant after the first sample.
    let filter = difference_filter(1, 4).unwrap();
    let shift = CompanionMatrix::shift(4).unwrap();
    let system = DiscreteStateSpace::new(shift.dense(), vec![1.0, 0.0, 0.0, 0.0], filter);
    let y = system
        .unwrap()
        .simulate(&[2.0, 4.0, 6.0, 8.0, 10.0])
        .unwrap();
    assert_eq!(y, [2.0; 5]);
    assert_eq!(
        moving_average_residual(4, 5).unwrap(),
        [0.75, -0.25, -0.25, -0.25, 0.0]
    );
    assert!(difference_filter(4, 4).is_err() && difference_filter(51, 100).is_err());
    assert!(moving_average_residual(0, 4).is_err() && moving_average_residual(5, 4).is_err());
}

#[test]
fn arguments_when_wrong_are_refused() {
    assert!(CompanionMatrix::new(vec![1.0, f64::NAN]).is_err());
    assert!(CompanionMatrix::shift(usize::MAX).is_err());
    let matrix = CompanionMatrix::new(vec![0.5, 0.25]).unwrap();
    assert!(matrix.kernel(&[1.0], &[1.0, 1.0], 4).is_err());
    assert!(
        matrix
            .kernel(&[1.0, f64::INFINITY], &[1.0, 1.0], 4)
            .is_err()
    );
    assert!(matrix.kernel(&[1.0, 0.0], &[1.0, 1.0], usize::MAX).is_err());
    assert!(
        matrix
            .kernel(&[1.0, 0.0], &[1.0, 1.0], 0)
            .unwrap()
            .is_empty()
    );
    assert!(matrix.output_power(&[1.0], 3).is_err());
    let empty = CompanionMatrix::new(vec![]).unwrap();
    assert_eq!(empty.kernel(&[], &[], 2).unwrap(), [0.0, 0.0]);
    assert!(empty.output_power(&[], 5).unwrap().is_empty());
}
