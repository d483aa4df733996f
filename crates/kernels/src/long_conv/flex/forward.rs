//! y, one task per row and block of channels.

use super::direct::{LANES, Lane, convolve};
use super::plan::{Form, Segment};
use super::spectrum::Work;
use super::{Inputs, gather};
use crate::columns::{Columns, split};
use crate::float::{Real, vectorise};
use crate::fourier::Fourier;
use crate::host::zeros;
use rayon::prelude::*;

/// `initial`: [batch, len, channel] or empty.
pub(super) fn forward<T: Fourier>(inputs: &Inputs<'_, T>, initial: &[T]) -> Vec<T> {
    let shape = inputs.plan.shape;
    let mut y = match initial.is_empty() {
        true => zeros(shape.batch * shape.len * shape.channels),
        false => initial.to_vec(),
    };
    split(&mut y, shape.channels, shape.len, LANES)
        .into_par_iter()
        .for_each(|mut y| {
            let row = y.first_row / shape.len;
            let mut work: Vec<Option<Work<T>>> = inputs.spectra.iter().map(|_| None).collect();
            for segment in &inputs.plan.rows[row] {
                one(inputs, &mut y, segment, &mut work);
            }
        });
    y
}

/// One sequence of one block of channels; adds to `y`.
fn one<T: Fourier>(
    inputs: &Inputs<'_, T>,
    y: &mut Columns<'_, T>,
    segment: &Segment,
    work: &mut [Option<Work<T>>],
) {
    let shape = inputs.plan.shape;
    let (row, first, cols) = (y.first_row / shape.len, y.first_col, y.cols);
    let x = gather(inputs.x, &shape, row, segment.range.clone(), first);
    let mut skip = [T::zero(); LANES];
    skip[..cols].copy_from_slice(&inputs.skip[first..first + cols]);
    let mut out: Vec<Lane<T>> = x.rows().iter().map(|x| product(x, &skip)).collect();
    match segment.form {
        Form::Direct => {
            let (taps, reverse) = inputs.taps(first, segment.range.len());
            vectorise(|| convolve(&mut out, &x, taps, 0));
            if !reverse.is_empty() {
                let backwards = x.reversed();
                out.reverse();
                vectorise(|| convolve(&mut out, &backwards, reverse, 1));
                out.reverse();
            }
        }
        Form::Fourier(index) => {
            let spectra = &inputs.spectra[index];
            let work = work[index].get_or_insert_with(|| Work::new(&spectra.fft));
            for lane in 0..cols {
                let column = x.rows().iter().map(|x| x[lane]);
                let sums = work.forward(spectra, first + lane, column);
                for (out, &sum) in out.iter_mut().zip(sums) {
                    out[lane] += sum;
                }
            }
        }
    }
    for (t, out) in segment.range.clone().zip(&out) {
        for (y, &out) in y.row(t).iter_mut().zip(out) {
            *y += out;
        }
    }
}

#[inline(always)]
fn product<T: Real>(a: &Lane<T>, b: &Lane<T>) -> Lane<T> {
    let mut out = *a;
    for (out, &b) in out.iter_mut().zip(b) {
        *out = *out * b;
    }
    out
}
