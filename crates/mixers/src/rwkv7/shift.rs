//! Token shift: what a position sees of the one before it.

use crate::error::MixerError;
use crate::state::State;
use burn::tensor::{Int, Tensor};

/// Axes of a carried input.
pub(super) const LAYOUT: &str = "channel";

/// x_{t-1} - x_t, [batch, length, channel].
///
/// Before the first position stands `previous` [batch, channel], or zero; before the first of a
/// packed sequence zero.
pub(super) fn difference(
    input: &Tensor<3>,
    previous: Option<Tensor<2>>,
    seq_idx: Option<&Tensor<2, Int>>,
) -> Tensor<3> {
    let [batch, len, width] = input.dims();
    let first = match previous {
        Some(previous) => previous.reshape([batch, 1, width]),
        None => Tensor::zeros([batch, 1, width], (&input.device(), input.dtype())),
    };
    if len == 1 {
        return first - input.clone();
    }
    let mut earlier = input.clone().narrow(1, 0, len - 1);
    if let Some(indices) = seq_idx {
        let left = indices.clone().narrow(1, 0, len - 1);
        let joined = indices.clone().narrow(1, 1, len - 1).equal(left);
        earlier = earlier * joined.float().reshape([batch, len - 1, 1]);
    }
    Tensor::cat(vec![first, earlier], 1) - input.clone()
}

/// The input of the last position, [batch, channel].
pub(super) fn last(input: &Tensor<3>) -> Tensor<2> {
    let [batch, len, width] = input.dims();
    input.clone().narrow(1, len - 1, 1).reshape([batch, width])
}

/// Takes the carried input called `name` out of a state.
pub(super) fn take(
    state: &mut State,
    name: &str,
    [batch, width]: [usize; 2],
) -> Result<Tensor<2>, MixerError> {
    let carried: Tensor<2> = state.take(name, LAYOUT)?;
    State::expect(name, &carried, [batch, width])?;
    Ok(carried)
}
