//! Gradients from the adjoint scan l (of the gradient of h): dx_t = l_t, da_t = l_t conj(h_{t-1}),
//! dinitial = conj(a_first) l_first.

use super::scan::{CHUNK, LANES, Lanes, Place, Scan};
use crate::float::{Real, vectorise};
use rayon::prelude::*;
use std::ops::Range;

/// Gradients in the layouts of their inputs; complex ones as (real, imaginary).
pub(super) struct Gradients<T> {
    pub x: Vec<T>,
    pub a: (Vec<T>, Vec<T>),
    pub initial: (Vec<T>, Vec<T>),
}

/// What the factors' gradient is made of: l, h and the first states.
struct Products<'a, T> {
    /// The scan whose gradient is taken; steps are counted along its direction.
    scan: Scan<'a, T>,
    l: &'a [T],
    h: &'a [T],
    initial: (&'a [T], &'a [T]),
}

impl<T: Real> Products<'_, T> {
    /// Calls `each(position, [l_re, l_im, h_re, h_im])` with the state h that entered the position,
    /// for the steps at which one did.
    #[inline(always)]
    fn walk(&self, place: Place, steps: Range<usize>, mut each: impl FnMut(usize, [&[T]; 4])) {
        let Place { row, first, cols } = place;
        let (len, channels) = (self.scan.shape.len, self.scan.shape.channels);
        for i in steps.filter(|&i| self.scan.joined(row, i)) {
            let t = self.scan.position(i);
            let l = &self.l[(row * len + t) * 2 * channels + first..];
            let (h_re, h_im) = if i == 0 {
                let at = row * channels + first;
                (&self.initial.0[at..], &self.initial.1[at..])
            } else {
                let at = (row * len + self.scan.position(i - 1)) * 2 * channels + first;
                (&self.h[at..], &self.h[at + channels..])
            };
            let l_im = &l[channels..channels + cols];
            each(t, [&l[..cols], l_im, &h_re[..cols], &h_im[..cols]]);
        }
    }

    /// The sum over some steps of one row.
    #[inline(always)]
    fn sum(&self, place: Place, steps: Range<usize>) -> Lanes<T> {
        let mut sum = Lanes::splat(T::zero());
        self.walk(place, steps, |_, [l_re, l_im, h_re, h_im]| {
            for c in 0..place.cols {
                sum.re[c] += l_re[c] * h_re[c] + l_im[c] * h_im[c];
                sum.im[c] += l_im[c] * h_re[c] - l_re[c] * h_im[c];
            }
        });
        sum
    }

    /// Gradient of factors that all positions share.
    fn fixed(&self) -> (Vec<T>, Vec<T>) {
        let shape = self.scan.shape;
        let blocks = shape.channels.div_ceil(LANES);
        let chunks = shape.len.div_ceil(CHUNK);
        let sums: Vec<Lanes<T>> = (0..shape.batch * chunks * blocks)
            .into_par_iter()
            .map(|task| {
                let place = self.place(task / (chunks * blocks), task % blocks);
                let start = task / blocks % chunks * CHUNK;
                let steps = start..(start + CHUNK).min(shape.len);
                vectorise(|| self.sum(place, steps))
            })
            .collect();
        let (mut re, mut im) = (
            vec![T::zero(); shape.channels],
            vec![T::zero(); shape.channels],
        );
        // Fixed order: the tasks as they stand.
        for (task, sum) in sums.iter().enumerate() {
            let place = self.place(0, task % blocks);
            for c in 0..place.cols {
                re[place.first + c] += sum.re[c];
                im[place.first + c] += sum.im[c];
            }
        }
        (re, im)
    }

    fn place(&self, row: usize, block: usize) -> Place {
        let first = block * LANES;
        let cols = LANES.min(self.scan.shape.channels - first);
        Place { row, first, cols }
    }

    /// Gradient of factors that every position has its own of.
    fn varying(&self) -> (Vec<T>, Vec<T>) {
        let shape = self.scan.shape;
        let count = shape.batch * shape.len * shape.channels;
        let (mut re, mut im) = (vec![T::zero(); count], vec![T::zero(); count]);
        let width = shape.channels.max(1);
        let rows = re.par_chunks_mut(width).zip(im.par_chunks_mut(width));
        rows.enumerate().for_each(|(at, (re, im))| {
            let (row, t) = (at / shape.len, at % shape.len);
            let step = match shape.reverse {
                true => shape.len - 1 - t,
                false => t,
            };
            let place = Place {
                row,
                first: 0,
                cols: shape.channels,
            };
            vectorise(|| {
                self.walk(place, step..step + 1, |_, [l_re, l_im, h_re, h_im]| {
                    for c in 0..place.cols {
                        re[c] = l_re[c] * h_re[c] + l_im[c] * h_im[c];
                        im[c] = l_im[c] * h_re[c] - l_re[c] * h_im[c];
                    }
                });
            });
        });
        (re, im)
    }

    /// conj(a) l at the position that is entered first.
    fn initial(&self) -> (Vec<T>, Vec<T>) {
        let shape = self.scan.shape;
        let count = shape.batch * shape.channels;
        let (mut re, mut im) = (vec![T::zero(); count], vec![T::zero(); count]);
        if shape.len == 0 {
            return (re, im);
        }
        for row in 0..shape.batch {
            let t = self.scan.position(0);
            let a = self.scan.factor_at(row, t);
            let l = &self.l[(row * shape.len + t) * 2 * shape.channels..];
            for c in 0..shape.channels {
                let (a_re, a_im) = (self.scan.a.0[a + c], self.scan.a.1[a + c]);
                let (l_re, l_im) = (l[c], l[shape.channels + c]);
                re[row * shape.channels + c] = a_re * l_re + a_im * l_im;
                im[row * shape.channels + c] = a_re * l_im - a_im * l_re;
            }
        }
        (re, im)
    }
}

/// `adjoint` reads the gradient of h; `h` [batch, len, 2 channel], `initial` [batch, channel].
pub(super) fn gradients<T: Real>(
    adjoint: &Scan<'_, T>,
    h: &[T],
    initial: (&[T], &[T]),
) -> Gradients<T> {
    let l = adjoint.states((&[], &[]));
    let products = Products {
        scan: Scan {
            adjoint: false,
            ..*adjoint
        },
        l: &l,
        h,
        initial,
    };
    let a = match adjoint.shape.varying {
        true => products.varying(),
        false => products.fixed(),
    };
    let initial = products.initial();
    Gradients { x: l, a, initial }
}
