//! The interface of every mixer.

use crate::error::MixerError;
use crate::state::State;
use burn::tensor::{DType, Device, Int, Tensor};
use resolvent_structure::Matrix;

/// What one run through a model's layers shares besides the residual stream.
///
/// A fresh one for every run; layers see it in the order of the depth.
#[derive(Debug, Clone, Default)]
pub struct Pass {
    /// Index of the packed sequence each position belongs to, [batch, length], never decreasing;
    /// nothing passes from one index to the next. Only the parallel form from zero state reads it.
    pub seq_idx: Option<Tensor<2, Int>>,
    /// Values of the first layer, [batch, length, channel], for mixers that blend them into later
    /// ones (RWKV-7's value residual); the first such layer of a run sets them.
    pub first_values: Option<Tensor<3>>,
}

impl Pass {
    /// A run over packed sequences.
    pub fn packed(seq_idx: Tensor<2, Int>) -> Self {
        Self {
            seq_idx: Some(seq_idx),
            ..Self::default()
        }
    }
}

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

    /// The parallel form, from zero state.
    ///
    /// # Errors
    /// Wrong width, decreasing sequence indices.
    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError>;

    /// The f64 form that follows the equations line by line: `input` [batch, length, channel] in
    /// row-major order, of the mixer's width, without packed sequences, as the first layer of a model.
    fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64>;

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
    fn advance(
        &self,
        input: Tensor<3>,
        state: State,
        pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError>;

    /// One position: [batch, channel] -> [batch, channel].
    ///
    /// # Errors
    /// As [`CausalMixer::advance`].
    fn step(
        &self,
        input: Tensor<2>,
        state: State,
        pass: &mut Pass,
    ) -> Result<(Tensor<2>, State), MixerError> {
        let [batch, width] = input.dims();
        let (output, state) = self.advance(input.reshape([batch, 1, width]), state, pass)?;
        Ok((output.reshape([batch, width]), state))
    }
}

/// Forwards [`Mixer`] to what `inner` of an enum of layers returns.
macro_rules! forward_mixer {
    ($layer:ty) => {
        impl $crate::mixer::Mixer for $layer {
            fn name(&self) -> &'static str {
                self.inner().name()
            }

            fn width(&self) -> usize {
                self.inner().width()
            }

            fn forward(
                &self,
                input: burn::tensor::Tensor<3>,
                pass: &mut $crate::mixer::Pass,
            ) -> Result<burn::tensor::Tensor<3>, $crate::error::MixerError> {
                self.inner().forward(input, pass)
            }

            fn reference(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
                self.inner().reference(input, batch, length)
            }

            fn materialise(
                &self,
                input: burn::tensor::Tensor<3>,
            ) -> Result<$crate::mixer::Materialised, $crate::error::MixerError> {
                self.inner().materialise(input)
            }

            fn finish(
                &self,
                input: burn::tensor::Tensor<3>,
                mixed: burn::tensor::Tensor<4>,
            ) -> Result<burn::tensor::Tensor<3>, $crate::error::MixerError> {
                self.inner().finish(input, mixed)
            }

            fn cost(&self, length: usize) -> $crate::mixer::Cost {
                self.inner().cost(length)
            }
        }
    };
}
pub(crate) use forward_mixer;

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
            parallel_flops: self.parallel_flops.saturating_add(other.parallel_flops),
            step_flops: self.step_flops.saturating_add(other.step_flops),
            state_bytes: self.state_bytes.saturating_add(other.state_bytes),
            parameters: self.parameters.saturating_add(other.parameters),
        }
    }
}

/// The elements of a tensor in f64, for reference forms and matrices.
pub(crate) fn host<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().convert_dtype(DType::F64).iter().collect()
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

/// Checks that the sequence indices of a pass, if there are any, belong to this input.
pub(crate) fn expect_indices(
    mixer: &'static str,
    pass: &Pass,
    input: &Tensor<3>,
) -> Result<(), MixerError> {
    let Some(indices) = &pass.seq_idx else {
        return Ok(());
    };
    let ([rows, columns], [batch, length, _]) = (indices.dims(), input.dims());
    for (axis, got, expected) in [
        ("seq_idx batch", rows, batch),
        ("seq_idx length", columns, length),
    ] {
        if got != expected {
            return Err(MixerError::Input {
                mixer,
                axis,
                got,
                expected: expected.to_string(),
            });
        }
    }
    Ok(())
}
