//! The interface of every mixer.

use crate::error::MixerError;
use crate::state::State;
use burn::tensor::{Device, Int, Tensor};
use resolvent_structure::Matrix;

/// A learnable map [batch, length, channel] -> [batch, length, channel].
///
/// One law holds for all of them and one shared test proves it: *parallel = chunked with state
/// hand-over = step by step = reference = materialised matrix times input*. Mixers that have no
/// causal order implement only this trait and not [`CausalMixer`]: they cannot be stepped, and the
/// type says so.
pub trait Mixer {
    /// Name in the registry.
    fn name(&self) -> &'static str;

    /// Channels of input and output.
    fn width(&self) -> usize;

    /// The parallel form.
    ///
    /// `seq_idx` [batch, length] separates packed sequences: indices never decrease, and nothing
    /// passes from one index to the next.
    ///
    /// # Errors
    /// Wrong width, decreasing indices.
    fn forward(
        &self,
        input: Tensor<3>,
        seq_idx: Option<Tensor<2, Int>>,
    ) -> Result<Tensor<3>, MixerError>;

    /// The matrix that this mixer applies for this input, and what it applies it to.
    ///
    /// # Errors
    /// Wrong width.
    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError>;

    /// Everything the mixer does after the matrix product: gate, norm, output projection.
    ///
    /// # Shapes
    /// `input`: [batch, length, channel]; `mixed`: [batch, length, head, head_dim], the product of
    /// [`Materialised::matrices`] with [`Materialised::values`].
    ///
    /// # Errors
    /// Wrong width.
    fn finish(&self, input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError>;

    /// What the parallel form costs for one sequence of `length`.
    fn cost(&self, length: usize) -> Cost;
}

/// A mixer that can be run position by position.
pub trait CausalMixer: Mixer {
    /// The state before the first position.
    fn initial_state(&self, batch: usize, device: &Device) -> State;

    /// The parallel form from a given state; returns the state behind the last position.
    ///
    /// # Errors
    /// Wrong width; a state of another mixer, batch or size.
    fn advance(&self, input: Tensor<3>, state: State) -> Result<(Tensor<3>, State), MixerError>;

    /// One position: [batch, channel] -> [batch, channel].
    ///
    /// # Errors
    /// As [`CausalMixer::advance`].
    fn step(&self, input: Tensor<2>, state: State) -> Result<(Tensor<2>, State), MixerError> {
        let [batch, width] = input.dims();
        let (output, state) = self.advance(input.reshape([batch, 1, width]), state)?;
        Ok((output.reshape([batch, width]), state))
    }
}

/// A mixer's matrices for one input.
#[derive(Debug, Clone)]
pub struct Materialised {
    /// One length x length matrix per (batch row, head), rows of the batch outermost.
    pub matrices: Vec<Matrix>,
    /// What they multiply, [batch, length, head, head_dim].
    pub values: Tensor<4>,
}

/// What a mixer costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating point operations of the parallel form, a multiply-add counting two.
    pub parallel_flops: u64,
    /// Floating point operations of one step behind `length` positions.
    pub step_flops: u64,
    /// Bytes of state that one sequence carries behind `length` positions, in f32.
    pub state_bytes: u64,
    /// Number of parameters.
    pub parameters: u64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            parallel_flops: self.parallel_flops + other.parallel_flops,
            step_flops: self.step_flops + other.step_flops,
            state_bytes: self.state_bytes + other.state_bytes,
            parameters: self.parameters + other.parameters,
        }
    }
}

/// Checks the channel axis of an input.
pub(crate) fn expect_width(
    mixer: &'static str,
    got: usize,
    expected: usize,
) -> Result<(), MixerError> {
    if got == expected {
        return Ok(());
    }
    Err(MixerError::Input {
        mixer,
        axis: "channel",
        got,
        expected: expected.to_string(),
    })
}
