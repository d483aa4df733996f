//! Speed and accuracy of the structured kernels beside dense powers, in one run:
//!
//! ```text
//! cargo run --release -p resolvent-structure --example kernels
//! ```
//!
//! Times are the best of three; the ratio is to dense powers `C A^l B`, one matrix-vector product
//! per lag, and the error is relative to their largest value.

use std::error::Error;
use std::time::{Duration, Instant};

use resolvent_structure::discretise::Rule;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    CompanionMatrix, Complex64, DiscreteStateSpace, DplrMatrix, DplrStep, StateSpace,
    StructureError, StructuredMatrix, modal_kernel,
};

type Outcome = Result<Vec<f64>, StructureError>;

fn main() -> Result<(), Box<dyn Error>> {
    for (state, length) in [(16, 16_384), (64, 16_384), (256, 1_024), (256, 16_384)] {
        legs(state, length)?;
    }
    for (order, length) in [(64, 336), (128, 8_192), (512, 8_192)] {
        companion(order, length)?;
    }
    memory(256, 1 << 20)
}

/// HiPPO-LegS with step size 1 / 1000 and a fixed output row.
struct Legs {
    dense: DiscreteStateSpace,
    step: DplrStep,
    input: Vec<Complex64>,
    output: Vec<Complex64>,
}

fn system(state: usize) -> Result<Legs, StructureError> {
    let matrix = HippoMatrix::new(Family::LegS, state)?;
    let row: Vec<f64> = (0..state).map(|n| (1.7 * n as f64).sin()).collect();
    let nplr = matrix.diagonalise()?;
    let dense = StateSpace::new(matrix.dense(), matrix.input(), row.clone())?;
    Ok(Legs {
        dense: dense.discretise(Rule::Bilinear, 1e-3)?,
        step: DplrStep::new(DplrMatrix::from_nplr(&nplr)?, 1e-3)?,
        output: nplr.modes.output_vector(&row)?,
        input: nplr.input,
    })
}

fn legs(state: usize, length: usize) -> Result<(), StructureError> {
    println!("\nS4, HiPPO-LegS, state {state}, length {length}");
    let Legs {
        dense,
        step,
        input,
        output,
    } = system(state)?;
    let (reference, baseline) = timed(|| dense.kernel(length))?;
    report("dense powers", baseline, baseline, &reference, &reference);
    let show = |name: &str, run: &dyn Fn() -> Outcome| -> Result<(), StructureError> {
        let (kernel, time) = timed(run)?;
        report(name, time, baseline, &kernel, &reference);
        Ok(())
    };
    show("dense doubling", &|| dense.kernel_by_doubling(length))?;
    show("structured recurrence", &|| {
        step.kernel_by_recurrence(&input, &output, length)
    })?;
    show("Cauchy sums, from C", &|| {
        step.kernel(&input, &output, length)
    })?;
    let truncated = step.truncated_output(&output, length)?;
    show("Cauchy sums, from trained C~", &|| {
        step.kernel_from_truncated(&input, &truncated, length)
    })?;
    // Another system (without the low rank), for the cost of its kernel only.
    let pairs = input.iter().zip(&output);
    let coefficients: Vec<Complex64> = pairs.map(|(b, c)| 2.0 * b * c).collect();
    let eigenvalues = step.continuous().eigenvalues();
    let (_, time) =
        timed(|| modal_kernel(Rule::Bilinear, eigenvalues, &coefficients, 1e-3, length))?;
    let ratio = baseline.as_secs_f64() / time.as_secs_f64();
    println!(
        "  {:<30} {time:>12.2?} {ratio:>8.1}x",
        "S4D Vandermonde (its own system)"
    );
    Ok(())
}

fn companion(order: usize, length: usize) -> Result<(), StructureError> {
    println!("\nSpaceTime, order {order}, length {length}");
    let vector = |rate: f64| -> Vec<f64> { (0..order).map(|n| (rate * n as f64).cos()).collect() };
    let matrix = CompanionMatrix::new(vector(1.3))?.normalised();
    let (b, c) = (vector(0.7), vector(2.1));
    let dense = DiscreteStateSpace::new(matrix.dense(), b.clone(), c.clone())?;
    let (reference, baseline) = timed(|| dense.kernel(length))?;
    report("dense powers", baseline, baseline, &reference, &reference);
    let (kernel, time) = timed(|| matrix.kernel_by_recurrence(&b, &c, length))?;
    report("sparse recurrence", time, baseline, &kernel, &reference);
    let (kernel, time) = timed(|| matrix.kernel(&b, &c, length))?;
    report("fast kernel", time, baseline, &kernel, &reference);
    Ok(())
}

/// A length at which `state * length` numbers could not be overlooked.
fn memory(state: usize, length: usize) -> Result<(), Box<dyn Error>> {
    let Legs {
        step,
        input,
        output,
        ..
    } = system(state)?;
    let before = peak();
    let start = Instant::now();
    let kernel = step.kernel(&input, &output, length)?;
    println!(
        "\nmemory, state {state}, length {length}: {:.1?}; peak {} -> {}; \
         one number per mode and node would be {} MiB",
        start.elapsed(),
        before,
        peak(),
        (state / 2 * (length / 2) * 16) >> 20
    );
    assert_eq!(kernel.len(), length);
    Ok(())
}

/// Peak resident memory of this process, where the system tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_string(), |value| value.trim().to_string())
}

/// The last result and the shortest of three times.
fn timed(run: impl Fn() -> Outcome) -> Result<(Vec<f64>, Duration), StructureError> {
    let mut best = Duration::MAX;
    let mut result = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        result = run()?;
        best = best.min(start.elapsed());
    }
    Ok((result, best))
}

fn report(name: &str, time: Duration, baseline: Duration, kernel: &[f64], reference: &[f64]) {
    let largest = reference.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    let pairs = kernel.iter().zip(reference);
    let error = pairs.fold(0.0_f64, |m, (k, r)| m.max((k - r).abs())) / largest;
    let ratio = baseline.as_secs_f64() / time.as_secs_f64();
    println!("  {name:<30} {time:>12.2?} {ratio:>8.1}x   error {error:.1e}");
}
