//! Cross-entropy of next-token predictions.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Negative log-likelihood of each target in nats: `[row]` for logits [row, vocab], targets `[row]`.
///
/// Negative targets carry no loss: their entry is zero.
pub fn token_losses(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [rows, _] = logits.dims();
    let ignored = targets.clone().lower_elem(0);
    let indices = targets.clamp_min(0).reshape([rows, 1]);
    let picked = log_softmax(logits, 1).gather(1, indices);
    picked.reshape([rows]).neg().mask_fill(ignored, 0.0)
}

/// Mean of [`token_losses`] over the targets that are not negative, in nats.
///
/// `counted` is their number, at least 1: the caller knows it without asking the device.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>, counted: usize) -> Tensor<1> {
    token_losses(logits, targets).sum() / counted.max(1) as f64
}
