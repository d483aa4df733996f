//! The distance between S4D-LegS and S4-LegS, by size of the state.

use resolvent_structure::discretise::Rule;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    Complex64, DplrMatrix, StateSpace, StructuredMatrix, modal_kernel, modal_response,
};
use serde::Serialize;

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::recorder::Recorder;

/// Angular frequencies at which convergence is measured.
pub const FREQUENCIES: [f64; 3] = [1.0, 5.0, 20.0];

/// Distances for one size of the state.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Gap {
    /// Number of state elements.
    pub state: usize,
    /// `|G_diagonal - G_S4|` of the first basis function at [`FREQUENCIES`].
    pub at: Vec<f64>,
    /// Root mean square difference of the kernels divided by the step size, sampled by hold at 0.01 up to time 3.
    pub kernel: f64,
    /// Largest `|G_diagonal - G_S4|` at the eigenfrequencies of the normal part.
    pub largest: f64,
}

pub(super) fn measure(
    options: &Options,
    recorder: &mut Recorder<'_>,
) -> Result<Vec<Gap>, ClaimError> {
    let states: &[usize] = match options.quick {
        true => &[8, 16, 32],
        false => &[16, 32, 64, 128, 256, 512],
    };
    recorder.stage("convergence to S4", states.len())?;
    let mut gaps = Vec::new();
    for &state in states {
        gaps.push(gap(state)?);
        recorder.step(gaps.len(), &format!("state {state}"))?;
    }
    Ok(gaps)
}

fn gap(state: usize) -> Result<Gap, ClaimError> {
    let matrix = HippoMatrix::new(Family::LegS, state)?;
    let nplr = matrix.diagonalise()?;
    let dplr = DplrMatrix::from_nplr(&nplr)?;
    let mut first = vec![0.0; state];
    first[0] = 1.0;
    let output = nplr.modes.output_vector(&first)?;
    let eigenvalues = nplr.modes.eigenvalues();
    // Twice for the conjugate pair, half for the input: they cancel.
    let coefficients: Vec<Complex64> = output.iter().zip(&nplr.input).map(|(c, b)| c * b).collect();
    let distance = |w: f64| -> Result<f64, ClaimError> {
        let s = Complex64::new(0.0, w);
        let full = dplr.response(s, &nplr.input, &output)?;
        Ok((modal_response(eigenvalues, &coefficients, s)? - full).norm())
    };
    let at: Result<Vec<f64>, _> = FREQUENCIES.into_iter().map(distance).collect();
    let mut largest = 0.0_f64;
    for eigenvalue in eigenvalues {
        largest = largest.max(distance(eigenvalue.im)?);
    }
    let (step, length) = (0.01, 300);
    let diagonal = modal_kernel(
        Rule::ZeroOrderHold,
        eigenvalues,
        &coefficients,
        step,
        length,
    )?;
    let dense = StateSpace::new(matrix.dense(), matrix.input(), first)?;
    let full = dense
        .discretise(Rule::ZeroOrderHold, step)?
        .kernel(length)?;
    let squares = diagonal
        .iter()
        .zip(&full)
        .map(|(a, b)| ((a - b) / step).powi(2));
    Ok(Gap {
        state,
        at: at?,
        kernel: (squares.sum::<f64>() / length as f64).sqrt(),
        largest,
    })
}
