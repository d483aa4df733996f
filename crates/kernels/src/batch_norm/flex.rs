//! CPU body: rayon over blocks of rows, joined in order.

use super::ops::{
    BatchNormBackward, BatchNormGradients, BatchNormOps, BatchNormSaved, ChannelMoments,
};
use super::{BLOCK, BatchNormShape};
use crate::float::{Real, vectorised};
use crate::host::{Host, tensor, widen, zeros};
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// What one block of rows says of its channels.
struct BlockMoments<T> {
    count: f64,
    means: Vec<T>,
    /// Sums of squares of centred values.
    squares: Vec<T>,
}

/// x and the marks of its rows.
struct Rows<'a, T> {
    x: &'a [T],
    marks: &'a [T],
    channels: usize,
}

impl<T: Real> Rows<'_, T> {
    fn counts(&self, row: usize) -> bool {
        self.marks.is_empty() || self.marks[row] != T::zero()
    }
}

vectorised! {
    /// Moments of the rows from `first` on.
    fn block_moments<T>(rows: &Rows<'_, T>, first: usize) -> BlockMoments<T> {
        let channels = rows.channels;
        let last = (first + BLOCK).min(rows.x.len() / channels);
        let (mut means, mut squares) = (vec![T::zero(); channels], vec![T::zero(); channels]);
        let mut count = 0.0;
        for row in (first..last).filter(|row| rows.counts(*row)) {
            count += 1.0;
            let x = &rows.x[row * channels..][..channels];
            for j in 0..channels {
                means[j] += x[j];
            }
        }
        let share = T::from_f64(1.0 / f64::max(count, 1.0));
        means.iter_mut().for_each(|mean| *mean = *mean * share);
        for row in (first..last).filter(|row| rows.counts(*row)) {
            let x = &rows.x[row * channels..][..channels];
            for j in 0..channels {
                let centred = x[j] - means[j];
                squares[j] += centred * centred;
            }
        }
        BlockMoments { count, means, squares }
    }
}

fn moments<T: Real>(x: &FlexTensor, marks: &FlexTensor, shape: BatchNormShape) -> FlexTensor {
    let hosts = [x, marks].map(Host::new);
    let [x, marks] = hosts.each_ref().map(Host::slice::<T>);
    let channels = shape.channels;
    let mut out = vec![T::zero(); 2 * channels];
    if !x.is_empty() {
        let rows = Rows { x, marks, channels };
        let blocks: Vec<BlockMoments<T>> = (0..shape.rows.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| block_moments(&rows, block * BLOCK))
            .collect();
        let total: f64 = blocks.iter().map(|block| block.count).sum::<f64>().max(1.0);
        for channel in 0..channels {
            let sum: f64 = blocks
                .iter()
                .map(|it| it.count * it.means[channel].into_f64())
                .sum();
            let mean = sum / total;
            let square = |it: &BlockMoments<T>| {
                let apart = it.means[channel].into_f64() - mean;
                it.squares[channel].into_f64() + it.count * apart * apart
            };
            let squares: f64 = blocks.iter().map(square).sum();
            out[channel] = T::from_f64(mean);
            out[channels + channel] = T::from_f64(squares / total);
        }
    }
    tensor(out, &[2, channels])
}

/// `[channel]`: what turns a centred value into a normalised one, and the means.
struct Scales<T> {
    means: Vec<T>,
    inverse: Vec<T>,
}

impl<T: Real> Scales<T> {
    fn new(moments: &FlexTensor, shape: BatchNormShape) -> Self {
        let moments = widen::<T>(moments);
        let (means, variances) = moments.split_at(shape.channels);
        let inverse = |variance: &f64| T::from_f64(1.0 / (variance + shape.eps).sqrt());
        Self {
            means: means.iter().map(|mean| T::from_f64(*mean)).collect(),
            inverse: variances.iter().map(inverse).collect(),
        }
    }
}

vectorised! {
    /// y of whole rows.
    fn forward_block<T>(scales: &Scales<T>, weight: &[T], bias: &[T], x: &[T], y: &mut [T]) {
        let channels = weight.len();
        for (x, y) in x.chunks(channels).zip(y.chunks_mut(channels)) {
            for j in 0..channels {
                y[j] = (x[j] - scales.means[j]) * scales.inverse[j] * weight[j] + bias[j];
            }
        }
    }
}

fn forward<T: Real>(saved: &BatchNormSaved<Flex>, bias: &FlexTensor) -> FlexTensor {
    let hosts = [&saved.x, &saved.weight, bias].map(Host::new);
    let [x, weight, bias] = hosts.each_ref().map(Host::slice::<T>);
    let shape = saved.shape;
    let scales = Scales::<T>::new(&saved.moments, shape);
    let mut y = zeros(x.len());
    let size = (BLOCK * shape.channels).max(1);
    y.par_chunks_mut(size)
        .zip(x.par_chunks(size))
        .for_each(|(y, x)| forward_block(&scales, weight, bias, x, y));
    tensor(y, &[shape.rows, shape.channels])
}

/// Sums of dy and of dy times the normalised values, per channel.
type Partial<T> = (Vec<T>, Vec<T>);

vectorised! {
    /// The sums of whole rows.
    fn block_sums<T>(scales: &Scales<T>, x: &[T], dy: &[T]) -> Partial<T> {
        let channels = scales.means.len();
        let (mut plain, mut shared) = (vec![T::zero(); channels], vec![T::zero(); channels]);
        for (x, dy) in x.chunks(channels).zip(dy.chunks(channels)) {
            for j in 0..channels {
                plain[j] += dy[j];
                shared[j] += dy[j] * ((x[j] - scales.means[j]) * scales.inverse[j]);
            }
        }
        (plain, shared)
    }
}

/// What every row needs for its gradient.
struct Slopes<'a, T> {
    scales: &'a Scales<T>,
    weight: &'a [T],
    /// Sums over the rows that count, divided by their number.
    means: Partial<T>,
    marks: &'a [T],
}

vectorised! {
    /// With n the normalised values, r = 1 / deviation and S the sums over all rows:
    /// dx = w r (dy - mark (S(dy) + n S(dy n)) / counted).
    fn slope_block<T>(slopes: &Slopes<'_, T>, first: usize, x: &[T], dy: &[T], dx: &mut [T]) {
        let channels = slopes.weight.len();
        let rows = x.chunks(channels).zip(dy.chunks(channels)).zip(dx.chunks_mut(channels));
        for (row, ((x, dy), dx)) in rows.enumerate() {
            let mark = match slopes.marks.is_empty() {
                true => T::one(),
                false => slopes.marks[first + row],
            };
            for j in 0..channels {
                let inverse = slopes.scales.inverse[j];
                let normed = (x[j] - slopes.scales.means[j]) * inverse;
                let through = slopes.means.0[j] + normed * slopes.means.1[j];
                dx[j] = slopes.weight[j] * inverse * (dy[j] - mark * through);
            }
        }
    }
}

fn backward<T: Real>(saved: &BatchNormSaved<Flex>, grad: &FlexTensor) -> BatchNormGradients<Flex> {
    let hosts = [&saved.x, &saved.weight, &saved.marks, grad].map(Host::new);
    let [x, weight, marks, dy] = hosts.each_ref().map(Host::slice::<T>);
    let shape = saved.shape;
    let channels = shape.channels;
    let scales = Scales::<T>::new(&saved.moments, shape);
    let size = (BLOCK * channels).max(1);
    let partials: Vec<Partial<T>> = x
        .par_chunks(size)
        .zip(dy.par_chunks(size))
        .map(|(x, dy)| block_sums(&scales, x, dy))
        .collect();
    // Fixed order: the sums do not depend on which thread finished first.
    let total = |of: fn(&Partial<T>) -> &[T]| -> Vec<T> {
        let sum = |channel: usize| {
            let parts = partials.iter().map(|it| of(it)[channel].into_f64());
            T::from_f64(parts.sum())
        };
        (0..channels).map(sum).collect()
    };
    let (plain, shared) = (total(|it| &it.0), total(|it| &it.1));
    let share = match shape.counted {
        0 => T::zero(),
        counted => T::from_f64(1.0 / counted as f64),
    };
    let scaled = |sums: &[T]| sums.iter().map(|sum| *sum * share).collect();
    let slopes = Slopes {
        scales: &scales,
        weight,
        means: (scaled(&plain), scaled(&shared)),
        marks,
    };
    let mut dx = zeros(x.len());
    dx.par_chunks_mut(size)
        .zip(x.par_chunks(size).zip(dy.par_chunks(size)))
        .enumerate()
        .for_each(|(block, (dx, (x, dy)))| slope_block(&slopes, block * BLOCK, x, dy, dx));
    BatchNormGradients {
        x: tensor(dx, &[shape.rows, channels]),
        weight: tensor(shared, &[channels]),
        bias: tensor(plain, &[channels]),
    }
}

impl ChannelMoments for Flex {
    fn channel_moments(
        x: FloatTensor<Self>,
        marks: FloatTensor<Self>,
        shape: BatchNormShape,
    ) -> FloatTensor<Self> {
        match x.dtype() {
            DType::F64 => moments::<f64>(&x, &marks, shape),
            _ => moments::<f32>(&x, &marks, shape),
        }
    }
}

impl BatchNormOps for Flex {
    fn channel_norm(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        moments: FloatTensor<Self>,
        marks: FloatTensor<Self>,
        shape: BatchNormShape,
    ) -> FloatTensor<Self> {
        let saved = BatchNormSaved::<Self> {
            x,
            weight,
            moments,
            marks,
            shape,
        };
        match saved.x.dtype() {
            DType::F64 => forward::<f64>(&saved, &bias),
            _ => forward::<f32>(&saved, &bias),
        }
    }
}

impl BatchNormBackward for Flex {
    fn channel_norm_backward(
        saved: BatchNormSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> BatchNormGradients<Self> {
        match saved.x.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
