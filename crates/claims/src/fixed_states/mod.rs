//! State matrices that stay as they are, with a readout in closed form.
//!
//! What an initialisation can do before any training: its states are linear in the input, and the
//! best readout of them is a least-squares problem with one solution. No step size of an optimiser
//! and no number of steps stands between two matrices that are compared.

pub mod delay;
pub mod readout;
pub mod recorder;
pub mod waves;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_structure::discretise::{Rule, discretise_dense};
use resolvent_structure::{Matrix, StateSpace, StructuredMatrix};

use crate::error::ClaimError;

/// What random numbers are for; each purpose has a stream of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signals and training examples.
    Training = 1,
    /// Test examples.
    Test = 2,
    /// State matrices.
    Matrix = 3,
    /// Output vectors.
    Output = 4,
    /// Noise that is added to tests.
    Noise = 5,
}

/// The generator of a seed for a purpose.
pub fn generator(seed: u64, purpose: Purpose) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose as u64);
    rng
}

/// What every state element does after one impulse: `A^l B` of the sampled system.
///
/// # Shapes
/// - output: `[length, state]`
///
/// # Errors
/// As [`discretise_dense`], and for states that overflow.
pub fn state_kernels(
    system: &StateSpace,
    rule: Rule,
    step_size: f64,
    length: usize,
) -> Result<Matrix, ClaimError> {
    let order = system.input().len();
    let input = Matrix::new(order, 1, system.input().to_vec())?;
    let (power, driven) = discretise_dense(rule, system.state_matrix(), &input, step_size)?;
    let mut state = driven.as_slice().to_vec();
    let mut kernels = Vec::with_capacity(length * order);
    for _ in 0..length {
        kernels.extend_from_slice(&state);
        state = power.matvec(&state)?;
    }
    Ok(Matrix::new(length, order, kernels)?)
}
