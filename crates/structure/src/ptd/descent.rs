//! Minimisation by limited-memory BFGS.
//!
//! Source: Nocedal and Wright, *Numerical Optimization*, 2006, algorithms 7.4 and 7.5, with a line
//! search that halves the step until the value falls enough.

use std::collections::VecDeque;

use crate::StructureError;
use crate::dense::{accumulate, dot};

/// Pairs of steps and gradient changes that are remembered.
const MEMORY: usize = 12;

/// Halvings of a step before the search gives up.
const HALVINGS: usize = 40;

/// A value with its gradient.
pub(super) type Evaluation = (f64, Vec<f64>);

/// A step, the change of the gradient along it, and the inverse of their inner product.
struct Curvature {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

/// Descends from `point` for at most `iterations` steps; ends earlier where the value no longer
/// falls. An evaluation that fails (a singular matrix, say) counts as a step too long.
///
/// # Errors
/// What the evaluation of the first point returns.
pub(super) fn minimise(
    mut point: Vec<f64>,
    iterations: usize,
    evaluate: impl Fn(&[f64]) -> Result<Evaluation, StructureError>,
) -> Result<Vec<f64>, StructureError> {
    let (mut value, mut gradient) = evaluate(&point)?;
    let mut memory: VecDeque<Curvature> = VecDeque::with_capacity(MEMORY);
    for _ in 0..iterations {
        let mut direction = towards(&gradient, &memory);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 || !slope.is_finite() {
            memory.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = -dot(&gradient, &gradient);
        }
        let first = if memory.is_empty() {
            // No scale is known yet: move by one hundredth of the point's length at most.
            0.01 * dot(&point, &point).sqrt() / slope.abs().sqrt().max(f64::MIN_POSITIVE)
        } else {
            1.0
        };
        let target = Line {
            value,
            slope,
            first,
        };
        let Some((next, reached)) = search(&point, &direction, &target, &evaluate) else {
            break;
        };
        let step: Vec<f64> = next.iter().zip(&point).map(|(n, p)| n - p).collect();
        let change: Vec<f64> = reached
            .1
            .iter()
            .zip(&gradient)
            .map(|(n, g)| n - g)
            .collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            memory.truncate(MEMORY - 1);
            memory.push_front(Curvature {
                inverse: 1.0 / curvature,
                step,
                change,
            });
        }
        let gain = value - reached.0;
        (point, value, gradient) = (next, reached.0, reached.1);
        if gain <= 1e-12 * value.abs() {
            break;
        }
    }
    Ok(point)
}

/// What a line search must beat.
struct Line {
    value: f64,
    slope: f64,
    first: f64,
}

/// Halves the step until the value falls by a fraction of what the slope promises.
fn search(
    point: &[f64],
    direction: &[f64],
    line: &Line,
    evaluate: &impl Fn(&[f64]) -> Result<Evaluation, StructureError>,
) -> Option<(Vec<f64>, Evaluation)> {
    let mut length = line.first;
    for _ in 0..HALVINGS {
        let mut next = point.to_vec();
        accumulate(&mut next, length, direction);
        if let Ok(reached) = evaluate(&next)
            && reached.0 <= line.value + 1e-4 * length * line.slope
        {
            return Some((next, reached));
        }
        length *= 0.5;
    }
    None
}

/// The quasi-Newton direction: two passes over the remembered pairs, newest first.
fn towards(gradient: &[f64], memory: &VecDeque<Curvature>) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut factors = Vec::with_capacity(memory.len());
    for pair in memory {
        let factor = pair.inverse * dot(&pair.step, &direction);
        accumulate(&mut direction, -factor, &pair.change);
        factors.push(factor);
    }
    if let Some(newest) = memory.front() {
        let scale = 1.0 / (newest.inverse * dot(&newest.change, &newest.change));
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for (pair, factor) in memory.iter().zip(factors).rev() {
        let correction = pair.inverse * dot(&pair.change, &direction);
        accumulate(&mut direction, factor - correction, &pair.step);
    }
    direction
}
