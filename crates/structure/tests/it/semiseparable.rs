//! What is particular to the semiseparable matrix: rank, segments, decay.

use faer::Mat;
use resolvent_structure::{Matrix, SemiseparableMatrix, StructureError, StructuredMatrix};
use rstest::rstest;

use crate::sample::{Sampler, distance};

/// Number of singular values above `1e-10` times the largest one.
fn numerical_rank(matrix: &Matrix) -> usize {
    let (rows, cols) = matrix.shape();
    let entries = Mat::from_fn(rows, cols, |i, j| matrix.get(i, j).unwrap());
    let values = entries.singular_values().unwrap();
    let largest = values.first().copied().unwrap_or(0.0);
    values.iter().filter(|&&s| s > 1e-10 * largest).count()
}

#[rstest]
fn block_below_diagonal_when_large_has_rank_of_the_state(#[values(1, 2, 4, 7)] state: usize) {
    let length = 40;
    let mut rng = Sampler::new(state as u64);
    let diagonal = rng.vector(length);
    let matrix = rng.semiseparable(length, state);
    let dense = matrix.with_diagonal(diagonal).unwrap().dense();
    for split in 1..length {
        let block = dense.block(split..length, 0..split).unwrap();
        let bound = state.min(split).min(length - split);
        assert_eq!(numerical_rank(&block), bound, "split at {split}");
    }
    // The whole matrix is not low-rank: the diagonal and the near field fill it.
    assert!(numerical_rank(&dense) > state);
}

#[test]
fn block_below_diagonal_when_matrix_is_unstructured_has_full_rank() {
    let dense = Sampler::new(3).matrix(40, 40);
    let block = dense.block(20..40, 0..20).unwrap();
    assert_eq!(numerical_rank(&block), 20);
}

#[test]
fn entry_when_computed_by_hand_agrees() {
    let input = Matrix::new(3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    let output = Matrix::new(3, 2, vec![1.0, 0.0, 0.0, 1.0, 1.0, -1.0]).unwrap();
    let logs = [0.25_f64.ln(), 0.5_f64.ln(), 0.1_f64.ln()];
    let matrix = SemiseparableMatrix::new(logs.to_vec(), input, output)
        .unwrap()
        .with_diagonal(vec![10.0, 20.0, 30.0])
        .unwrap();
    // M_20 = C_2 . B_0 * a_1 a_2 = -1 * 0.05; the first decay (0.25) appears nowhere.
    let expected = [11.0, 0.0, 0.0, 1.0, 24.0, 0.0, -0.05, -0.1, 29.0];
    assert!(distance(matrix.dense().as_slice(), &expected) < 1e-15);
}

#[test]
fn matrix_when_packed_equals_separate_sequences() {
    let lengths = [3_usize, 1, 6];
    let total = lengths.iter().sum();
    let mut rng = Sampler::new(5);
    let log_decay = rng.log_decay(total);
    let (input, output) = (rng.matrix(total, 2), rng.matrix(total, 2));
    let x = rng.vector(total);
    let ids = lengths
        .iter()
        .zip([0_u32, 4, 9])
        .flat_map(|(&n, id)| vec![id; n])
        .collect();
    let packed = SemiseparableMatrix::new(log_decay.clone(), input.clone(), output.clone())
        .unwrap()
        .with_segments(ids)
        .unwrap();

    let mut expected = Vec::new();
    let mut start = 0;
    for length in lengths {
        let rows = start..start + length;
        let alone = SemiseparableMatrix::new(
            log_decay[rows.clone()].to_vec(),
            input.block(rows.clone(), 0..2).unwrap(),
            output.block(rows.clone(), 0..2).unwrap(),
        )
        .unwrap();
        expected.extend(alone.matvec(&x[rows]).unwrap());
        start += length;
    }
    assert_eq!(packed.matvec(&x).unwrap(), expected);
    assert_eq!(packed.dense().get(3, 2), Some(0.0));
}

#[test]
fn dense_when_sequence_is_long_keeps_every_digit() {
    // A cumulative sum over 4096 steps of about -1000 would lose seven digits in a difference.
    let length = 4096;
    let mut log_decay = vec![-1000.0; length];
    let last = 1.0 / 3.0;
    log_decay[length - 1] = -last;
    let ones = Matrix::from_fn(length, 1, |_, _| 1.0).unwrap();
    let matrix = SemiseparableMatrix::new(log_decay, ones.clone(), ones).unwrap();
    let corner = matrix.dense().get(length - 1, length - 2).unwrap();
    assert_eq!(corner, (-last).exp());
}

#[test]
fn products_when_decay_is_extreme_stay_finite() {
    let length = 512;
    let mut rng = Sampler::new(8);
    for decay in [-50.0, -1e4, -1e308, f64::NEG_INFINITY, 0.0] {
        let matrix = SemiseparableMatrix::new(
            vec![decay; length],
            rng.matrix(length, 2),
            rng.matrix(length, 2),
        )
        .unwrap();
        let x = rng.vector(length);
        let y = matrix.matvec(&x).unwrap();
        assert!(y.iter().all(|value| value.is_finite()), "decay {decay}");
        assert!(distance(&matrix.dense().matvec(&x).unwrap(), &y) < 1e-10);
    }
}

#[test]
fn products_when_decay_forgets_clear_what_overflowed() {
    let log_decay = vec![0.0, 1e308, 1e308, f64::NEG_INFINITY, 0.0];
    let ones = Matrix::from_fn(5, 1, |_, _| 1.0).unwrap();
    let matrix = SemiseparableMatrix::new(log_decay, ones.clone(), ones).unwrap();
    let y = matrix.matvec(&[1.0; 5]).unwrap();
    assert_eq!(y[3..], [1.0, 2.0]);
    assert_eq!(matrix.dense().row(4).unwrap(), [0.0, 0.0, 0.0, 1.0, 1.0]);

    let ones = Matrix::from_fn(4, 1, |_, _| 1.0).unwrap();
    let log_decay = vec![0.0, f64::NEG_INFINITY, 1e308, 1e308];
    let explodes = SemiseparableMatrix::new(log_decay, ones.clone(), ones).unwrap();
    assert_eq!(explodes.dense().get(3, 0), Some(0.0));
}

#[test]
fn arguments_when_wrong_are_named() {
    let column = |n| Matrix::zeros(n, 2).unwrap();
    let build = |logs: Vec<f64>| SemiseparableMatrix::new(logs, column(2), column(2));

    let short = build(vec![0.0]).unwrap_err();
    assert_eq!(
        short.to_string(),
        "SemiseparableMatrix: input rows has length 2, expected 1"
    );
    assert!(SemiseparableMatrix::new(vec![0.0; 2], column(2), column(3)).is_err());

    let nan = build(vec![0.0, f64::NAN]).unwrap_err();
    assert!(nan.to_string().starts_with("log_decay[1] is NaN, expected"));
    assert!(build(vec![f64::INFINITY, 0.0]).is_err());

    let good = build(vec![0.0; 2]).unwrap();
    assert!(good.clone().with_diagonal(vec![1.0]).is_err());
    assert!(good.clone().with_diagonal(vec![1.0, f64::NAN]).is_err());
    assert!(good.clone().with_segments(vec![0; 3]).is_err());
    assert_eq!(
        good.with_segments(vec![4, 3]).unwrap_err(),
        StructureError::SegmentsDecrease {
            position: 1,
            before: 4,
            after: 3
        }
    );
}
