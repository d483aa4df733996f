//! CPU body: a task per block of rows, a vectorised loop per row.

use super::ops::{CrossEntropyBackward, CrossEntropyOps};
use crate::float::{Real, dot, vectorised};
use crate::host::{Host, tensor, zeros};
use burn::backend::Flex;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// Logits of a task, about.
const BLOCK: usize = 1 << 14;
/// Independent maxima of a row.
const LANES: usize = 16;

/// Rows of a task.
fn block_rows(classes: usize) -> usize {
    (BLOCK / classes).max(1)
}

/// The largest value that is a number.
#[inline(always)]
fn largest<T: Real>(values: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let (blocks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [T::neg_infinity(); LANES];
    for block in blocks {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], block[lane]);
        }
    }
    let rest = rest.iter().copied().fold(T::neg_infinity(), larger);
    lanes.into_iter().fold(rest, larger)
}

/// Writes exp(z - largest) of every logit; returns their sum and the largest logit.
#[inline(always)]
fn exponentials<T: Real>(logits: &[T], ones: &[T], out: &mut [T]) -> (T, T) {
    let most = largest(logits);
    for (out, logit) in out.iter_mut().zip(logits) {
        *out = (*logit - most).exp_fast();
    }
    (dot(out, ones), most)
}

vectorised! {
    /// Losses of a block of rows.
    fn forward_block<T>(logits: &[T], targets: &[i64], ones: &[T], losses: &mut [T]) {
        let mut room = vec![T::zero(); ones.len()];
        let rows = logits.chunks_exact(ones.len()).zip(targets);
        for ((logits, target), loss) in rows.zip(losses) {
            let Ok(target) = usize::try_from(*target) else {
                *loss = T::zero();
                continue;
            };
            let (sum, most) = exponentials(logits, ones, &mut room);
            let own = logits.get(target).map_or(T::nan(), |logit| *logit);
            *loss = sum.ln() - (own - most);
        }
    }
}

vectorised! {
    /// Gradients of a block of rows.
    fn backward_block<T>(logits: &[T], targets: &[i64], ones: &[T], grads: &[T], out: &mut [T]) {
        let rows = logits.chunks_exact(ones.len()).zip(targets).zip(grads);
        for (((logits, target), grad), out) in rows.zip(out.chunks_exact_mut(ones.len())) {
            let Ok(target) = usize::try_from(*target) else {
                continue; // zeros lie there
            };
            let (sum, _) = exponentials(logits, ones, out);
            let scale = *grad / sum;
            for out in out.iter_mut() {
                *out = *out * scale;
            }
            if let Some(own) = out.get_mut(target) {
                *own = *own - *grad;
            }
        }
    }
}

fn forward<T: Real>(logits: &FlexTensor, targets: &FlexTensor) -> FlexTensor {
    let [rows, classes] = logits.layout().shape().dims();
    let host = Host::new(logits);
    let targets = Host::new(targets).integers();
    let ones = vec![T::one(); classes];
    let block = block_rows(classes);
    let mut losses = vec![T::zero(); rows];
    losses
        .par_chunks_mut(block)
        .zip(host.slice::<T>().par_chunks(block * classes))
        .zip(targets.par_chunks(block))
        .for_each(|((losses, logits), targets)| forward_block(logits, targets, &ones, losses));
    tensor(losses, &[rows])
}

fn backward<T: Real>(logits: &FlexTensor, targets: &FlexTensor, grad: &FlexTensor) -> FlexTensor {
    let [rows, classes] = logits.layout().shape().dims();
    let (host, grad) = (Host::new(logits), Host::new(grad));
    let targets = Host::new(targets).integers();
    let ones = vec![T::one(); classes];
    let block = block_rows(classes);
    let mut out = zeros(rows * classes);
    out.par_chunks_mut(block * classes)
        .zip(host.slice::<T>().par_chunks(block * classes))
        .zip(targets.par_chunks(block))
        .zip(grad.slice::<T>().par_chunks(block))
        .for_each(|(((out, logits), targets), grad)| {
            backward_block(logits, targets, &ones, grad, out);
        });
    tensor(out, &[rows, classes])
}

impl CrossEntropyOps for Flex {
    fn cross_entropy(logits: FloatTensor<Self>, targets: IntTensor<Self>) -> FloatTensor<Self> {
        match logits.dtype() {
            DType::F64 => forward::<f64>(&logits, &targets),
            _ => forward::<f32>(&logits, &targets),
        }
    }
}

impl CrossEntropyBackward for Flex {
    fn cross_entropy_backward(
        logits: FloatTensor<Self>,
        targets: IntTensor<Self>,
        grad: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        match logits.dtype() {
            DType::F64 => backward::<f64>(&logits, &targets, &grad),
            _ => backward::<f32>(&logits, &targets, &grad),
        }
    }
}
