//! Cross-entropy of next-token predictions.

use crate::error::ModelError;
use burn::tensor::{Int, Tensor};
use resolvent_kernels::cross_entropy::cross_entropy as losses;
use resolvent_mixers::MixerError;

/// Negative log-likelihood of each target in nats: `[row]` for logits [row, vocab], targets `[row]`.
///
/// Negative targets carry no loss: their entry is zero.
///
/// # Errors
/// Those of the kernel: as many targets as rows are wanted.
pub fn token_losses(logits: Tensor<2>, targets: Tensor<1, Int>) -> Result<Tensor<1>, ModelError> {
    Ok(losses(logits, targets).map_err(MixerError::from)?)
}

/// Mean of [`token_losses`] over the targets that are not negative, in nats.
///
/// `counted` is their number, at least 1: the caller knows it without asking the device.
///
/// # Errors
/// As for [`token_losses`].
pub fn cross_entropy(
    logits: Tensor<2>,
    targets: Tensor<1, Int>,
    counted: usize,
) -> Result<Tensor<1>, ModelError> {
    Ok(token_losses(logits, targets)?.sum() / counted.max(1) as f64)
}
