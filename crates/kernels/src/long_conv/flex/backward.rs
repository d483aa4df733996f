//! All gradients, one task per group of rows and block of channels.

use super::direct::{LANES, Lane, Padded, convolve, correlate};
use super::plan::{Form, Segment};
use super::spectrum::{Tap, Work};
use super::{Inputs, gather};
use crate::columns::{Columns, split};
use crate::float::{Real, vectorise};
use crate::fourier::{Complex, Fourier};
use crate::host::zeros;
use rayon::prelude::*;

/// Tasks wanted at least; rows are split only as far as channels do not suffice.
const TASKS: usize = 8;

/// Gradients in the layouts of their inputs.
pub(super) struct Gradients<T> {
    pub x: Vec<T>,
    pub kernel: Vec<T>,
    pub reverse: Vec<T>,
    pub skip: Vec<T>,
}

/// Buffers of a transform, and the sums of spectra, [channel of the block, bin].
type Correlation<T> = (Work<T>, Vec<Complex<T>>);

/// What one task adds to the gradients of the kernels.
struct Partial<T: Fourier> {
    kernel: Vec<Lane<T>>,
    reverse: Vec<Lane<T>>,
    skip: Lane<T>,
    /// Per transform, once used.
    spectra: Vec<Option<Correlation<T>>>,
}

impl<T: Fourier> Partial<T> {
    fn new(inputs: &Inputs<'_, T>) -> Self {
        let zero = [T::zero(); LANES];
        Self {
            kernel: vec![zero; inputs.plan.shape.taps],
            reverse: vec![zero; inputs.plan.shape.reverse_taps],
            skip: zero,
            spectra: inputs.spectra.iter().map(|_| None).collect(),
        }
    }

    /// Turns the spectra into taps; drops the buffers.
    fn finish(mut self, inputs: &Inputs<'_, T>) -> Self {
        for (spectra, used) in inputs.spectra.iter().zip(std::mem::take(&mut self.spectra)) {
            let Some((mut work, mut sums)) = used else {
                continue;
            };
            for (lane, sum) in sums.chunks_mut(spectra.fft.bins()).enumerate() {
                spectra.taps(sum, &mut work, |tap, value| match tap {
                    Tap::Past(m) => self.kernel[m][lane] += value,
                    Tap::Future(m) => self.reverse[m][lane] += value,
                });
            }
        }
        self
    }
}

pub(super) fn backward<T: Fourier>(inputs: &Inputs<'_, T>, dy: &[T]) -> Gradients<T> {
    let shape = inputs.plan.shape;
    let blocks = shape.channels.div_ceil(LANES);
    let groups = TASKS.div_ceil(blocks.max(1)).min(shape.batch.max(1));
    let rows = shape.batch.div_ceil(groups.max(1));
    let mut dx = zeros(shape.batch * shape.len * shape.channels);
    let partials: Vec<Partial<T>> = split(&mut dx, shape.channels, rows * shape.len, LANES)
        .into_par_iter()
        .map(|mut dx| {
            let mut partial = Partial::new(inputs);
            let start = dx.first_row / shape.len;
            for row in start..(start + rows).min(shape.batch) {
                for segment in &inputs.plan.rows[row] {
                    one(inputs, &mut dx, (row, segment, dy), &mut partial);
                }
            }
            partial.finish(inputs)
        })
        .collect();
    let mut skip = vec![T::zero(); shape.channels];
    for (index, partial) in partials.iter().enumerate() {
        let skip = skip[index % blocks * LANES..].iter_mut();
        for (sum, &value) in skip.zip(&partial.skip) {
            *sum += value;
        }
    }
    let collect = |taps: usize, part: fn(&Partial<T>) -> &[Lane<T>]| {
        let mut sums = vec![T::zero(); shape.channels * taps];
        let chunks = sums.par_chunks_mut((LANES * taps).max(1)).enumerate();
        chunks.for_each(|(block, sums)| {
            // Fixed order: the groups of rows as they stand.
            for partial in partials.iter().skip(block).step_by(blocks) {
                for (lane, sums) in sums.chunks_mut(taps).enumerate() {
                    for (sum, value) in sums.iter_mut().zip(part(partial)) {
                        *sum += value[lane];
                    }
                }
            }
        });
        sums
    };
    Gradients {
        kernel: collect(shape.taps, |p| &p.kernel),
        reverse: collect(shape.reverse_taps, |p| &p.reverse),
        skip,
        x: dx,
    }
}

/// One sequence of one block of channels: stores dx, adds to `partial`.
fn one<T: Fourier>(
    inputs: &Inputs<'_, T>,
    dx: &mut Columns<'_, T>,
    (row, segment, dy): (usize, &Segment, &[T]),
    partial: &mut Partial<T>,
) {
    let shape = inputs.plan.shape;
    let (first, cols) = (dx.first_col, dx.cols);
    let range = segment.range.clone();
    let x = gather(inputs.x, &shape, row, range.clone(), first);
    let g = gather(dy, &shape, row, range.clone(), first);
    let mut out = vec![[T::zero(); LANES]; range.len()];
    match segment.form {
        Form::Direct => direct(inputs, (first, &x, &g), &mut out, partial),
        Form::Fourier(index) => {
            let spectra = &inputs.spectra[index];
            let bins = spectra.fft.bins();
            let zero = Complex::new(T::zero(), T::zero());
            let (work, sums) = partial.spectra[index]
                .get_or_insert_with(|| (Work::new(&spectra.fft), vec![zero; cols * bins]));
            for (lane, sum) in sums.chunks_mut(bins).enumerate() {
                let columns = (
                    x.rows().iter().map(|x| x[lane]),
                    g.rows().iter().map(|g| g[lane]),
                );
                let values = work.backward(spectra, first + lane, columns, sum);
                for (out, &value) in out.iter_mut().zip(values) {
                    out[lane] = value;
                }
            }
        }
    }
    let skip = &inputs.skip[first..first + cols];
    for (g, x) in g.rows().iter().zip(x.rows()) {
        for (lane, sum) in partial.skip.iter_mut().enumerate() {
            *sum += g[lane] * x[lane];
        }
    }
    let start = row * shape.len + range.start - dx.first_row;
    for (t, (out, g)) in out.iter().zip(g.rows()).enumerate() {
        let dx = dx.row(start + t);
        for (lane, dx) in dx.iter_mut().enumerate() {
            *dx = out[lane] + skip[lane] * g[lane];
        }
    }
}

/// dx_t = sum_m kernel_m g_{t+m} + sum_m reverse_m g_{t-m-1}, and the lag sums of both kernels.
fn direct<T: Fourier>(
    inputs: &Inputs<'_, T>,
    (first, x, g): (usize, &Padded<T>, &Padded<T>),
    out: &mut [Lane<T>],
    partial: &mut Partial<T>,
) {
    let (taps, reverse) = inputs.taps(first, out.len());
    vectorise(|| step(out, (x, g), taps, &mut partial.kernel));
    vectorise(|| {
        convolve(out, g, reverse, 1);
        correlate(&mut partial.reverse[..reverse.len()], x.rows(), g, 1);
    });
}

#[inline(always)]
fn step<T: Real>(
    out: &mut [Lane<T>],
    (x, g): (&Padded<T>, &Padded<T>),
    taps: &[Lane<T>],
    kernel: &mut [Lane<T>],
) {
    out.reverse();
    convolve(out, &g.reversed(), taps, 0);
    out.reverse();
    correlate(&mut kernel[..taps.len()], g.rows(), x, 0);
}
