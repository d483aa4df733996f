//! Complex parameters and states as tensors.

use crate::error::MixerError;
use crate::state::State;
use burn::tensor::Tensor;
use resolvent_kernels::ComplexTensor;

const LAYOUT: &str = "channel,mode";

/// [row, mode, 2] as two tensors.
pub(crate) fn split(values: Tensor<3>) -> ComplexTensor<2> {
    let [rows, modes, _] = values.dims();
    let part = |at| values.clone().narrow(2, at, 1).reshape([rows, modes]);
    ComplexTensor::new(part(0), part(1))
}

/// The product of two complex tensors.
pub(crate) fn times<const D: usize>(a: ComplexTensor<D>, b: ComplexTensor<D>) -> ComplexTensor<D> {
    let re = a.re.clone() * b.re.clone() - a.im.clone() * b.im.clone();
    ComplexTensor::new(re, a.re * b.im + a.im * b.re)
}

/// [n_ssm, ..] to [channel, ..]: channel h uses system h mod n_ssm, as in published code.
pub(crate) fn tile<const D: usize>(values: Tensor<D>, channels: usize) -> Tensor<D> {
    let systems = values.dims()[0];
    match channels == systems {
        true => values,
        false => values.repeat_dim(0, channels / systems.max(1)),
    }
}

/// Puts a complex state [batch, channel, mode] into a [`State`].
pub(crate) fn complex_entry(value: ComplexTensor<3>) -> State {
    let mut state = State::new();
    state.insert("state_re", LAYOUT, value.re);
    state.insert("state_im", LAYOUT, value.im);
    state
}

/// Takes it out again.
pub(crate) fn take_complex(
    mut state: State,
    expected: [usize; 3],
) -> Result<ComplexTensor<3>, MixerError> {
    let mut part = |name: &str| -> Result<Tensor<3>, MixerError> {
        let value: Tensor<3> = state.take(name, LAYOUT)?;
        State::expect(name, &value, expected)?;
        Ok(value)
    };
    Ok(ComplexTensor::new(part("state_re")?, part("state_im")?))
}
