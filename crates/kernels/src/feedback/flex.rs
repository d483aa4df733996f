//! CPU body: one task per channel.

use super::FeedbackShape;
use super::ops::{FeedbackBackward, FeedbackGradients, FeedbackOps, FeedbackSaved};
use crate::float::Real;
use crate::host::{tensor, widen, zeros};
use crate::series::{correlation, inverse, product};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// 1 / (1 - z kernel).
fn resolvent(kernel: &[f64]) -> Vec<f64> {
    let len = kernel.len();
    let minus = kernel.iter().take(len.saturating_sub(1)).map(|k| -k);
    let q: Vec<f64> = std::iter::once(1.0).chain(minus).collect();
    inverse(&q, len)
}

/// What `each` makes of every row (row, kernel's resolvent), by channel and in parallel.
fn by_row<R: Send>(
    kernel: &[f64],
    shape: FeedbackShape,
    each: impl Fn(usize, &[f64]) -> R + Sync,
) -> Vec<(usize, R)> {
    (0..shape.channels)
        .into_par_iter()
        .flat_map_iter(|channel| {
            let resolvent = resolvent(&kernel[channel * shape.len..][..shape.len]);
            let rows = (channel..shape.rows).step_by(shape.channels);
            let done: Vec<(usize, R)> = rows.map(|row| (row, each(row, &resolvent))).collect();
            done
        })
        .collect()
}

fn forward<T: Real>(r: &FlexTensor, kernel: &FlexTensor, shape: FeedbackShape) -> FlexTensor {
    let (r, kernel) = (widen::<T>(r), widen::<T>(kernel));
    let len = shape.len;
    let mut u = zeros(shape.rows * len);
    let rows = by_row(&kernel, shape, |row, resolvent| {
        product(&r[row * len..][..len], resolvent, len)
    });
    for (row, values) in rows {
        for (to, from) in u[row * len..].iter_mut().zip(values) {
            *to = T::from_f64(from);
        }
    }
    tensor(u, &[shape.rows, len])
}

/// dr = g correlated with the resolvent; dkernel_j = sum_t dr_t u_{t-1-j}.
fn backward<T: Real>(saved: &FeedbackSaved<Flex>, grad: &FlexTensor) -> FeedbackGradients<Flex> {
    let shape = saved.shape;
    let len = shape.len;
    let (kernel, u, grad) = (
        widen::<T>(&saved.kernel),
        widen::<T>(&saved.u),
        widen::<T>(grad),
    );
    let rows = by_row(&kernel, shape, |row, resolvent| {
        let dr = correlation(&grad[row * len..][..len], resolvent, len);
        let lags = correlation(&dr, &u[row * len..][..len], len + 1);
        (dr, lags)
    });
    let mut dr = zeros(shape.rows * len);
    let mut dkernel = vec![0.0; shape.channels * len];
    for (row, (values, lags)) in rows {
        for (to, from) in dr[row * len..].iter_mut().zip(values) {
            *to = T::from_f64(from);
        }
        let dkernel = &mut dkernel[row % shape.channels * len..][..len];
        for (sum, lag) in dkernel.iter_mut().zip(&lags[1..]) {
            *sum += lag;
        }
    }
    FeedbackGradients {
        r: tensor(dr, &[shape.rows, len]),
        kernel: tensor(
            dkernel.into_iter().map(T::from_f64).collect(),
            &[shape.channels, len],
        ),
    }
}

impl FeedbackOps for Flex {
    fn feedback(
        r: FloatTensor<Self>,
        kernel: FloatTensor<Self>,
        shape: FeedbackShape,
    ) -> FloatTensor<Self> {
        match r.dtype() {
            DType::F64 => forward::<f64>(&r, &kernel, shape),
            _ => forward::<f32>(&r, &kernel, shape),
        }
    }
}

impl FeedbackBackward for Flex {
    fn feedback_backward(
        saved: FeedbackSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> FeedbackGradients<Self> {
        match saved.u.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
