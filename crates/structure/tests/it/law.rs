//! The law of [`StructuredMatrix`], checked for every implementor in `MATRICES`: a new structured
//! matrix joins by adding one line there.

use proptest::prelude::*;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    CausalToeplitz, CompanionMatrix, DplrStep, Matrix, MatrixSpec, StructureError, StructuredMatrix,
};
use rstest::rstest;

use crate::sample::{Sampler, distance};

/// Builds a matrix of about the given size.
type Build = fn(&mut Sampler, usize) -> Box<dyn StructuredMatrix>;

/// Every implementor, by name.
const MATRICES: &[(&str, Build)] = &[
    ("dense", |rng, n| Box::new(rng.matrix(n, n + 3))),
    ("dense wide", |rng, n| Box::new(rng.matrix(n, 1))),
    ("semiseparable", |rng, n| Box::new(rng.semiseparable(n, 4))),
    ("semiseparable without state", |rng, n| {
        Box::new(rng.semiseparable(n, 0))
    }),
    ("semiseparable with diagonal, packed", |rng, n| {
        let ids = (0..n as u32).map(|t| t / 5 + t / 7).collect();
        let diagonal = rng.vector(n);
        let matrix = rng.semiseparable(n, 3).with_diagonal(diagonal).unwrap();
        Box::new(matrix.with_segments(ids).unwrap())
    }),
    ("causal toeplitz", |rng, n| {
        Box::new(CausalToeplitz::new(rng.vector(n)).unwrap())
    }),
    ("hippo legs", |_, n| hippo(Family::LegS, n)),
    ("hippo legt", |_, n| hippo(Family::LegT, n)),
    ("hippo lagt", |_, n| hippo(Family::LagT, n)),
    ("hippo fout", |_, n| hippo(Family::FouT, 2 * n)),
    ("hippo fous", |_, n| hippo(Family::FouS, 2 * n)),
    ("hippo foud", |_, n| hippo(Family::FouD, 2 * n)),
    ("diagonal", |rng, n| Box::new(rng.dplr(n, 0))),
    ("dplr", |rng, n| Box::new(rng.dplr(n, 1))),
    ("dplr of rank three", |rng, n| Box::new(rng.dplr(n, 3))),
    ("dplr step", |rng, n| {
        Box::new(DplrStep::new(rng.dplr(n, 1), 0.1).unwrap())
    }),
    ("dplr step of rank two", |rng, n| {
        Box::new(DplrStep::new(rng.dplr(n, 2), 0.7).unwrap())
    }),
    ("companion", |rng, n| {
        Box::new(CompanionMatrix::new(rng.vector(n)).unwrap())
    }),
    ("shift", |_, n| Box::new(CompanionMatrix::shift(n).unwrap())),
    ("by name", |_, n| {
        let spec: MatrixSpec = format!("dplr:legt:{}", 2 * n.max(1)).parse().unwrap();
        spec.build(&mut crate::sample::generator(0)).unwrap()
    }),
];

/// A HiPPO matrix, which has at least one state element (two for Fourier families).
fn hippo(family: Family, state: usize) -> Box<dyn StructuredMatrix> {
    let least = if HippoMatrix::new(family, 1).is_ok() {
        1
    } else {
        2
    };
    Box::new(HippoMatrix::new(family, state.max(least)).unwrap())
}

/// `matvec` and `transpose_matvec` equal the products with the dense matrix, which are written out
/// here so that nothing of the crate checks itself.
fn check_law(name: &str, matrix: &dyn StructuredMatrix, rng: &mut Sampler) {
    let (rows, cols) = matrix.shape();
    let dense = matrix.dense();
    assert_eq!(dense.shape(), (rows, cols), "{name}: shape of dense()");

    let (x, y) = (rng.vector(cols), rng.vector(rows));
    let entry = |i, j| dense.get(i, j).unwrap();
    let forward: Vec<f64> = (0..rows)
        .map(|i| (0..cols).map(|j| entry(i, j) * x[j]).sum())
        .collect();
    let backward: Vec<f64> = (0..cols)
        .map(|j| (0..rows).map(|i| entry(i, j) * y[i]).sum())
        .collect();

    // Rounding grows with the number of terms and the size of the entries.
    let largest = dense.as_slice().iter().fold(1.0_f64, |m, x| m.max(x.abs()));
    let tolerance = 1e-14 * (10 + rows + cols) as f64 * largest;
    let forward_error = distance(&matrix.matvec(&x).unwrap(), &forward);
    let backward_error = distance(&matrix.transpose_matvec(&y).unwrap(), &backward);
    assert!(forward_error < tolerance, "{name}: matvec {forward_error}");
    assert!(
        backward_error < tolerance,
        "{name}: transpose {backward_error}"
    );
}

#[rstest]
fn products_when_compared_with_dense_agree(
    #[values(0, 1, 2, 63, 64, 65)] size: usize,
    #[values(1, 2, 3)] seed: u64,
) {
    for (name, build) in MATRICES {
        let mut rng = Sampler::new(seed);
        let matrix = build(&mut rng, size);
        check_law(name, matrix.as_ref(), &mut rng);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_when_size_is_arbitrary_agree(size in 0_usize..40, seed: u64) {
        for (name, build) in MATRICES {
            let mut rng = Sampler::new(seed);
            let matrix = build(&mut rng, size);
            check_law(name, matrix.as_ref(), &mut rng);
        }
    }
}

#[test]
fn operand_when_length_is_wrong_is_refused() {
    for (name, build) in MATRICES {
        let matrix = build(&mut Sampler::new(1), 5);
        let (rows, cols) = matrix.shape();
        let forward = matrix.matvec(&vec![0.0; cols + 1]).unwrap_err();
        let backward = matrix.transpose_matvec(&vec![0.0; rows + 1]).unwrap_err();
        for (error, right) in [(forward, cols), (backward, rows)] {
            let StructureError::LengthMismatch { expected, got, .. } = error else {
                panic!("{name}: {error}");
            };
            assert_eq!((expected, got), (right, right + 1), "{name}");
        }
    }
}

#[test]
fn cost_when_sequence_doubles_grows_as_documented() {
    let mut rng = Sampler::new(1);
    let scan = |rng: &mut Sampler, n| rng.semiseparable(n, 8).cost();
    let (short, long) = (scan(&mut rng, 512), scan(&mut rng, 1024));
    assert_eq!(long.multiply_adds, 2 * short.multiply_adds);
    assert_eq!(long.bytes, 2 * short.bytes);

    let dense = Matrix::zeros(1024, 1024).unwrap().cost();
    let toeplitz = CausalToeplitz::new(vec![1.0; 1024]).unwrap().cost();
    assert_eq!(dense.multiply_adds, 1024 * 1024);
    assert_eq!(toeplitz.multiply_adds, 1024 * 1025 / 2);
    assert!(long.multiply_adds < dense.multiply_adds / 40);
    assert_eq!(toeplitz.bytes, 8 * 1024);
}
