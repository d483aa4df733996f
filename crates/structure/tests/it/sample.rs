//! Reproducible numbers and matrices for the tests of this crate.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_structure::{Complex64, DplrMatrix, Matrix, SemiseparableMatrix};

/// A generator for the functions that take one.
pub fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A small linear congruential generator: the tests need variety, not statistics.
pub struct Sampler(u64);

impl Sampler {
    /// Starts a stream of its own for every seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D)
    }

    /// A number between -1 and 1.
    pub fn number(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let high = (self.0 >> 11) as f64;
        high / (1_u64 << 52) as f64 - 1.0
    }

    /// `length` numbers between -1 and 1.
    pub fn vector(&mut self, length: usize) -> Vec<f64> {
        (0..length).map(|_| self.number()).collect()
    }

    /// A matrix of numbers between -1 and 1.
    pub fn matrix(&mut self, rows: usize, cols: usize) -> Matrix {
        Matrix::from_fn(rows, cols, |_, _| self.number()).unwrap()
    }

    /// Complex numbers with parts between -1 and 1.
    pub fn complex_vector(&mut self, length: usize) -> Vec<Complex64> {
        let mut draw = || Complex64::new(self.number(), self.number());
        (0..length).map(|_| draw()).collect()
    }

    /// A stable diagonal-plus-low-rank matrix.
    pub fn dplr(&mut self, modes: usize, rank: usize) -> DplrMatrix {
        let eigenvalues = (0..modes)
            .map(|n| Complex64::new(-0.1 - self.number().abs(), 3.0 * n as f64 + self.number()));
        let eigenvalues = eigenvalues.collect();
        let low_rank = (0..rank).map(|_| self.complex_vector(modes)).collect();
        DplrMatrix::new(eigenvalues, low_rank).unwrap()
    }

    /// Log decays of a stable recurrence, between -1 and 0.
    pub fn log_decay(&mut self, length: usize) -> Vec<f64> {
        self.vector(length)
            .iter()
            .map(|value| -value.abs())
            .collect()
    }

    /// A stable semiseparable matrix without diagonal or segments.
    pub fn semiseparable(&mut self, length: usize, state: usize) -> SemiseparableMatrix {
        SemiseparableMatrix::new(
            self.log_decay(length),
            self.matrix(length, state),
            self.matrix(length, state),
        )
        .unwrap()
    }
}

/// [`distance`] relative to the largest value of the second vector.
pub fn relative_distance(a: &[f64], b: &[f64]) -> f64 {
    let largest = b.iter().fold(f64::MIN_POSITIVE, |m, x| m.max(x.abs()));
    distance(a, b) / largest
}

/// The largest absolute difference of two vectors; infinite when the lengths differ.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    if a.len() != b.len() {
        return f64::INFINITY;
    }
    let column = |values: &[f64]| Matrix::new(values.len(), 1, values.to_vec()).unwrap();
    column(a).max_abs_difference(&column(b)).unwrap()
}
