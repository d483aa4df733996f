//! The sum of squares of many tensors against a plain sum.

use crate::check::{device, exact_device, read, tensor, values};
use burn::tensor::{DType, Tensor};
use resolvent_kernels::squares::sum_of_squares;

/// Lengths around vectors, and around the parts that have a slot of their own.
const COUNTS: [usize; 8] = [1, 0, 7, 64, 16_383, 16_384, 16_385, 40_002];

fn inputs() -> Vec<Vec<f64>> {
    let seeded = |(seed, count): (usize, usize)| values(seed as u64 + 1, count);
    COUNTS.into_iter().enumerate().map(seeded).collect()
}

fn exact(all: &[Vec<f64>]) -> f64 {
    all.iter().flatten().map(|v| v * v).sum()
}

#[test]
fn sum_of_squares_when_tensors_have_any_length_equals_the_plain_sum() {
    for (dtype, tolerance) in [(DType::F64, 1e-13), (DType::F32, 1e-6)] {
        let device = match dtype {
            DType::F64 => exact_device(),
            _ => device(),
        };
        let tensors: Vec<Tensor<1>> = inputs().iter().map(|v| tensor(v, dtype, &device)).collect();
        let want = exact(&tensors.iter().map(read).collect::<Vec<_>>());
        let got = sum_of_squares(tensors.clone()).unwrap().unwrap();
        assert_eq!((got.dims(), got.dtype()), ([1], dtype));
        let off = (read(&got)[0] - want).abs() / want;
        assert!(off < tolerance, "{dtype:?}: {off:e}");
        let again = sum_of_squares(tensors).unwrap().unwrap();
        assert_eq!(read(&got), read(&again));
    }
}

#[test]
fn sum_of_squares_when_a_tensor_is_a_view_reads_that_alone() {
    let device = device();
    let all = values(3, 60);
    let whole: Tensor<2> = tensor(&all, DType::F32, &device).reshape([6, 10]);
    let part = whole.clone().narrow(1, 2, 3).reshape([18]);
    let flipped = whole.transpose().reshape([60]);
    let want = exact(&[read(&part), read(&flipped)]);
    let got = read(&sum_of_squares(vec![part, flipped]).unwrap().unwrap())[0];
    assert!((got - want).abs() < 1e-6 * want, "{got} for {want}");
}

#[test]
fn sum_of_squares_when_there_is_nothing_or_a_nan_says_so() {
    let device = device();
    assert!(sum_of_squares(Vec::new()).unwrap().is_none());
    let none = Tensor::<1>::empty([0], &device);
    let zero = sum_of_squares(vec![none]).unwrap().unwrap();
    assert_eq!(read(&zero), [0.0]);
    let nan = tensor(&[1.0, f64::NAN], DType::F32, &device);
    let sum = sum_of_squares(vec![nan]).unwrap().unwrap();
    assert!(read(&sum)[0].is_nan());
}
