//! The kernel of a companion matrix in three ways.

use std::hint::black_box;
use std::time::Instant;

use rand::Rng;
use resolvent_data::rng::stream;
use resolvent_structure::{CompanionMatrix, Matrix, StructuredMatrix, linalg};
use serde::Serialize;

use crate::error::ClaimError;

/// Repeats of the fast way; the least time counts, because everything else on the machine only adds.
const REPEATS: usize = 5;

/// Times of one size, in seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Timing {
    /// State size d.
    pub state: usize,
    /// Positions l.
    pub length: usize,
    /// By transforms.
    pub fast: f64,
    /// By repeated squaring of the dense matrix, as in the published model; none where it was left out.
    pub squaring: Option<f64>,
    /// By a dense product per position; likewise.
    pub dense: Option<f64>,
    /// Largest difference of the fast kernel from that of the recurrence, relative to the largest value.
    pub error: f64,
}

/// Times a normalised random system; `compared` also takes the two dense ways.
///
/// # Errors
/// Does not fail for sizes above 0.
pub fn time(
    (state, length): (usize, usize),
    seed: u64,
    compared: bool,
) -> Result<Timing, ClaimError> {
    let mut rng = stream(seed, "companion kernels", (state * length) as u64);
    let mut vector = || -> Vec<f64> { (0..state).map(|_| rng.random_range(-1.0..1.0)).collect() };
    let matrix = CompanionMatrix::new(vector())?.normalised();
    let (b, c) = (vector(), vector());
    let mut fast = f64::INFINITY;
    let mut kernel = Vec::new();
    for _ in 0..REPEATS {
        let began = Instant::now();
        kernel = black_box(matrix.kernel(&b, &c, length)?);
        fast = fast.min(began.elapsed().as_secs_f64());
    }
    let truth = matrix.kernel_by_recurrence(&b, &c, length)?;
    let largest = truth.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
    let worst = kernel.iter().zip(&truth).map(|(a, b)| (a - b).abs());
    let mut timing = Timing {
        state,
        length,
        fast,
        squaring: None,
        dense: None,
        error: worst.fold(0.0, f64::max) / largest,
    };
    if compared {
        let full = matrix.dense();
        let began = Instant::now();
        black_box(by_squaring(&full, &b, &c, length)?);
        timing.squaring = Some(began.elapsed().as_secs_f64());
        let began = Instant::now();
        black_box(by_products(&full, &b, &c, length));
        timing.dense = Some(began.elapsed().as_secs_f64());
    }
    Ok(timing)
}

/// X = b, then X = [X, A^(2^i) X] until it has `length` columns; c X.
fn by_squaring(a: &Matrix, b: &[f64], c: &[f64], length: usize) -> Result<Vec<f64>, ClaimError> {
    let state = b.len();
    let mut power = a.clone();
    let mut columns = Matrix::new(state, 1, b.to_vec())?;
    while columns.cols() < length {
        let later = linalg::product(&power, &columns)?;
        let count = columns.cols();
        let joined = |i: usize, j: usize| match j < count {
            true => columns.as_slice()[i * count + j],
            false => later.as_slice()[i * count + j - count],
        };
        columns = Matrix::from_fn(state, 2 * count, joined)?;
        power = linalg::product(&power, &power)?;
    }
    let row = linalg::product(&Matrix::new(1, state, c.to_vec())?, &columns)?;
    Ok(row.as_slice()[..length].to_vec())
}

/// One product of the dense matrix with a vector per position.
fn by_products(a: &Matrix, b: &[f64], c: &[f64], length: usize) -> Vec<f64> {
    let state = b.len();
    let mut x = b.to_vec();
    let dot = |row: &[f64], x: &[f64]| -> f64 { row.iter().zip(x).map(|(a, b)| a * b).sum() };
    let mut kernel = Vec::with_capacity(length);
    for _ in 0..length {
        kernel.push(dot(c, &x));
        x = a
            .as_slice()
            .chunks_exact(state)
            .map(|row| dot(row, &x))
            .collect();
    }
    kernel
}

/// Slope of log time over log length, by least squares.
pub fn slope(timings: &[&Timing], time: impl Fn(&Timing) -> f64) -> f64 {
    let points: Vec<(f64, f64)> = timings
        .iter()
        .map(|it| ((it.length as f64).ln(), time(it).ln()))
        .collect();
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|p| p.0), mean(|p| p.1));
    let up: f64 = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum();
    up / points.iter().map(|p| (p.0 - x).powi(2)).sum::<f64>()
}
