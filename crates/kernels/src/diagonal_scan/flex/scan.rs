//! The scan itself, in either direction, with plain or conjugated factors.

use super::super::DiagonalScanShape;
use crate::columns::{Columns, split};
use crate::float::{Real, vectorise};
use crate::segments::Row;
use rayon::prelude::*;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Channels of one task: enough vectors in flight to hide the latency of the recurrence.
pub(super) const LANES: usize = 64;
/// Positions per chunk where the length is cut. Fixed: results do not depend on the threads.
pub(super) const CHUNK: usize = 256;
/// Below this many tasks the length is cut, too.
const TASKS: usize = 8;

/// A complex value per channel of a task.
#[derive(Clone, Copy)]
pub(super) struct Lanes<T> {
    pub re: [T; LANES],
    pub im: [T; LANES],
}

impl<T: Real> Lanes<T> {
    pub(super) fn splat(re: T) -> Self {
        Self {
            re: [re; LANES],
            im: [T::zero(); LANES],
        }
    }
}

/// Which channels of which row a task works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub row: usize,
    pub first: usize,
    pub cols: usize,
}

/// Everything a scan reads.
pub(super) struct Scan<'a, T> {
    pub shape: DiagonalScanShape,
    /// [batch, len, 2 channel].
    pub x: &'a [T],
    /// `[channel]` or [batch, len, channel].
    pub a: (&'a [T], &'a [T]),
    pub seq_idx: &'a [i64],
    /// The gradient of a scan: against its direction, with the conjugated factor by which the state
    /// had left the position that comes first now.
    pub adjoint: bool,
}

impl<T: Real> Scan<'_, T> {
    /// Position of step `i`.
    pub(super) fn position(&self, i: usize) -> usize {
        match self.shape.reverse != self.adjoint {
            true => self.shape.len - 1 - i,
            false => i,
        }
    }

    /// Whether the state of step `i` - 1 reaches step `i`.
    pub(super) fn joined(&self, row: usize, i: usize) -> bool {
        let row = Row::new(self.seq_idx, row, self.shape.len);
        i == 0 || row.joined(self.position(i - 1), self.position(i))
    }

    /// Where the factor of position `t` starts in `a`.
    pub(super) fn factor_at(&self, row: usize, t: usize) -> usize {
        match self.shape.varying {
            true => (row * self.shape.len + t) * self.shape.channels,
            false => 0,
        }
    }

    /// Calls `each(position, [a_re, a_im, x_re, x_im])` for the steps in order; the factor is zero
    /// where no state arrives.
    #[inline(always)]
    fn walk(&self, place: Place, steps: Range<usize>, mut each: impl FnMut(usize, [&[T]; 4])) {
        let zeros = [T::zero(); LANES];
        let Place { row, first, cols } = place;
        let channels = self.shape.channels;
        for i in steps {
            let t = self.position(i);
            let x = &self.x[(row * self.shape.len + t) * 2 * channels + first..];
            let starts = self.adjoint && i == 0;
            let (a_re, a_im) = if starts || !self.joined(row, i) {
                (&zeros[..cols], &zeros[..cols])
            } else {
                let from = if self.adjoint {
                    self.position(i - 1)
                } else {
                    t
                };
                let at = self.factor_at(row, from) + first;
                (&self.a.0[at..at + cols], &self.a.1[at..at + cols])
            };
            each(t, [a_re, a_im, &x[..cols], &x[channels..channels + cols]]);
        }
    }

    fn sign(&self) -> T {
        if self.adjoint { -T::one() } else { T::one() }
    }

    /// Runs the steps from `state`; hands the state behind every step to `store`.
    #[inline(always)]
    fn run(
        &self,
        place: Place,
        steps: Range<usize>,
        state: &mut Lanes<T>,
        mut store: impl FnMut(usize, &Lanes<T>),
    ) {
        let (sign, cols) = (self.sign(), place.cols);
        self.walk(place, steps, |t, [a_re, a_im, x_re, x_im]| {
            let (re, im) = (&mut state.re[..cols], &mut state.im[..cols]);
            for c in 0..cols {
                let (old_re, old_im) = (re[c], im[c]);
                let a_im = sign * a_im[c];
                re[c] = a_re[c] * old_re - a_im * old_im + x_re[c];
                im[c] = a_re[c] * old_im + a_im * old_re + x_im[c];
            }
            store(t, state);
        });
    }

    /// The state of a chunk that starts from zero, and the product of its factors.
    #[inline(always)]
    fn local(&self, place: Place, steps: Range<usize>) -> (Lanes<T>, Lanes<T>) {
        let mut state = Lanes::splat(T::zero());
        let mut product = Lanes::splat(T::one());
        self.run(place, steps.clone(), &mut state, |_, _| {});
        let sign = self.sign();
        self.walk(place, steps, |_, [a_re, a_im, _, _]| {
            for c in 0..place.cols {
                let (re, im) = (product.re[c], product.im[c]);
                let a_im = sign * a_im[c];
                product.re[c] = a_re[c] * re - a_im * im;
                product.im[c] = a_re[c] * im + a_im * re;
            }
        });
        (state, product)
    }

    /// The state before the first step; `initial` [batch, channel] or empty.
    fn start(&self, place: Place, initial: (&[T], &[T])) -> Lanes<T> {
        let mut state = Lanes::splat(T::zero());
        if !initial.0.is_empty() {
            let at = place.row * self.shape.channels + place.first;
            state.re[..place.cols].copy_from_slice(&initial.0[at..at + place.cols]);
            state.im[..place.cols].copy_from_slice(&initial.1[at..at + place.cols]);
        }
        state
    }

    /// All states, [batch, len, 2 channel].
    pub(super) fn states(&self, initial: (&[T], &[T])) -> Vec<T> {
        let DiagonalScanShape {
            batch,
            len,
            channels,
            ..
        } = self.shape;
        let count = batch * len * 2 * channels;
        let mut out: Vec<T> = Vec::with_capacity(count);
        let few = batch * channels.div_ceil(LANES) < TASKS && len > CHUNK;
        let chunk = if few { CHUNK } else { len.max(1) };
        // Not zeroed first: that single-threaded pass over memory costs as much as the scan.
        let tasks = self.tasks(&mut out.spare_capacity_mut()[..count], chunk);
        let carries = self.carries(&tasks, len.div_ceil(chunk), initial);
        tasks
            .into_par_iter()
            .zip(carries)
            .for_each(|(task, mut state)| {
                let Task {
                    place,
                    steps,
                    mut out,
                } = task;
                let first = out.first_row;
                vectorise(|| {
                    self.run(place, steps, &mut state, |t, state| {
                        let at = 2 * (place.row * len + t) - first;
                        out.row(at).write_copy_of_slice(&state.re[..place.cols]);
                        out.row(at + 1).write_copy_of_slice(&state.im[..place.cols]);
                    });
                });
            });
        #[allow(unsafe_code)]
        // SAFETY: the blocks cover [row, column] without gaps, and the steps of a block's tasks all
        // its positions; each position wrote both of its rows. `count` elements were reserved.
        unsafe {
            out.set_len(count);
        }
        out
    }

    /// Cuts the result by row, block of channels and chunk; the chunks in the order of the steps.
    fn tasks<'o>(&self, out: &'o mut [MaybeUninit<T>], chunk: usize) -> Vec<Task<'o, T>> {
        let (len, channels) = (self.shape.len, self.shape.channels);
        // The real and the imaginary part of a position as two rows: a task owns both.
        let blocks = split(out, channels, 2 * len, LANES);
        let mut tasks = Vec::new();
        for mut block in blocks {
            let place = Place {
                row: block.first_row / (2 * len),
                first: block.first_col,
                cols: block.cols,
            };
            for start in (0..len).step_by(chunk) {
                let end = (start + chunk).min(len);
                let (out, rest) = match self.position(0) == 0 {
                    true => block.split_at_row(2 * (end - start)),
                    false => {
                        let (rest, out) = block.split_at_row(2 * (len - end));
                        (out, rest)
                    }
                };
                block = rest;
                tasks.push(Task {
                    place,
                    steps: start..end,
                    out,
                });
            }
        }
        tasks
    }

    /// The state before the first step of every task.
    fn carries(
        &self,
        tasks: &[Task<'_, T>],
        chunks: usize,
        initial: (&[T], &[T]),
    ) -> Vec<Lanes<T>> {
        let chosen: Vec<(Place, Range<usize>)> = tasks
            .iter()
            .map(|task| (task.place, task.steps.clone()))
            .collect();
        let ends: Vec<Option<(Lanes<T>, Lanes<T>)>> = chosen
            .into_par_iter()
            .map(|(place, steps)| {
                let last = steps.end == self.shape.len;
                (!last).then(|| vectorise(|| self.local(place, steps)))
            })
            .collect();
        let mut carries = Vec::with_capacity(tasks.len());
        for (tasks, ends) in tasks.chunks(chunks.max(1)).zip(ends.chunks(chunks.max(1))) {
            let mut state = self.start(tasks[0].place, initial);
            for end in ends {
                carries.push(state);
                if let Some((local, product)) = end {
                    for c in 0..LANES {
                        let (re, im) = (state.re[c], state.im[c]);
                        state.re[c] = product.re[c] * re - product.im[c] * im + local.re[c];
                        state.im[c] = product.re[c] * im + product.im[c] * re + local.im[c];
                    }
                }
            }
        }
        carries
    }
}

/// One chunk of one block of channels of one row.
struct Task<'a, T> {
    place: Place,
    steps: Range<usize>,
    out: Columns<'a, MaybeUninit<T>>,
}
