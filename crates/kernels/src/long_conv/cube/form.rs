//! The transforms of all sequences of one size: their tiles, table and portions, and the launches around
//! the kernels that multiply spectra.

use super::plan::{Class, Tiling};
use super::table::table;
use super::{Call, PORTION, fourier, outer};
use crate::cube::{empty, vector_width};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use std::ops::Range;

/// The sequences of one size of transform.
pub(super) struct Form<'a> {
    call: &'a Call,
    class: &'a Class,
    pub(super) tiling: Tiling,
    pub(super) table: CubeTensor,
    pub(super) segments: CubeTensor,
}

impl<'a> Form<'a> {
    pub(super) fn new(call: &'a Call, class: &'a Class, size: usize) -> Self {
        let widest = vector_width(call.shape.channels, call.dtype());
        Self {
            call,
            class,
            tiling: Tiling::new(call.client(), size, widest, call.dtype().size()),
            table: table(&call.x, size),
            segments: call.segments(class),
        }
    }

    pub(super) fn vector(&self) -> usize {
        self.tiling.vector
    }

    fn blocks(&self) -> usize {
        self.call.shape.channels / self.vector()
    }

    /// Cubes for so many transforms of every block.
    pub(super) fn cubes(&self, transforms: usize) -> CubeCount {
        let parts = self.tiling.transform.parts();
        CubeCount::Static((transforms * self.blocks() * parts) as u32, 1, 1)
    }

    pub(super) fn dim(&self) -> CubeDim {
        CubeDim::new_1d(self.tiling.transform.units as u32)
    }

    /// Numbers of a transform of every block.
    fn numbers(&self) -> usize {
        2 * self.tiling.transform.size * self.call.shape.channels
    }

    /// Sequences of a portion.
    fn portion(&self) -> usize {
        let most = match self.tiling.transform.whole() {
            true => self.class.count,
            false => PORTION / (self.numbers() * self.call.dtype().size()),
        };
        most.clamp(1, self.class.count)
    }

    pub(super) fn portions(&self) -> Vec<Range<usize>> {
        let count = self.class.count;
        let portion = self.portion();
        (0..count)
            .step_by(portion)
            .map(|begin| begin..(begin + portion).min(count))
            .collect()
    }

    /// Sequences of a run, whose correlations one cube sums, and runs of a portion.
    pub(super) fn runs(&self) -> (usize, usize) {
        let cubes = self.blocks() * self.tiling.transform.parts();
        let run = self.portion().div_ceil(self.call.wanted().div_ceil(cubes));
        (run, self.portion().div_ceil(run))
    }

    /// Room for transforms in device memory, if it is needed.
    fn room(&self, transforms: usize) -> CubeTensor {
        match self.tiling.transform.whole() {
            true => self.call.spare.clone(),
            false => {
                let shape = [transforms, self.numbers()];
                empty(&self.call.x, &shape, self.call.dtype())
            }
        }
    }

    /// Butterflies of a step of so many transforms of every block.
    fn butterflies(&self, transforms: usize) -> usize {
        transforms * self.blocks() * (self.tiling.transform.size / 4)
    }

    /// The steps in device memory but the one that reads or writes something else.
    fn steps(&self, work: &CubeTensor, transforms: usize, up: bool) {
        let t = self.tiling.transform;
        let mut spans: Vec<usize> = std::iter::successors(Some(t.size / 16), |s| Some(s / 4))
            .take_while(|&span| span >= t.part)
            .collect();
        if up {
            spans.reverse();
        }
        let total = self.butterflies(transforms);
        for span in spans {
            let (count, dim) = self.call.grid(total);
            outer::step::launch(
                self.call.client(),
                count,
                dim,
                self.vector(),
                self.call.buffer(work),
                self.call.buffer(&self.table),
                span,
                t.twiddles(span),
                total,
                up,
                t,
                self.call.element(),
            );
        }
    }

    /// The first step of the kernels, or the last on the way up.
    fn taps_step(&self, taps: &CubeTensor, work: &CubeTensor, up: bool) {
        let total = self.butterflies(1);
        let (count, dim) = self.call.grid(total);
        outer::taps_step::launch(
            self.call.client(),
            count,
            dim,
            self.vector(),
            self.call.buffer(taps),
            self.call.buffer(&self.table),
            self.call.buffer(work),
            self.call.sizes(self.vector(), 0..0),
            total,
            up,
            self.tiling.transform,
            self.call.element(),
        );
    }

    pub(super) fn spectra(&self, taps: &CubeTensor) -> CubeTensor {
        let work = self.room(1);
        if !self.tiling.transform.whole() {
            self.taps_step(taps, &work, false);
            self.steps(&work, 1, false);
        }
        let spectra = empty(&self.call.x, &[self.numbers()], self.call.dtype());
        fourier::spectra::launch(
            self.call.client(),
            self.cubes(1),
            self.dim(),
            self.vector(),
            self.call.buffer(taps),
            self.call.buffer(&self.table),
            self.call.buffer(&work),
            self.call.buffer(&spectra),
            self.call.sizes(self.vector(), 0..0),
            self.tiling.transform,
            self.call.element(),
        );
        spectra
    }

    /// The taps' gradient from its spectrum.
    pub(super) fn taps(&self, correlations: &CubeTensor) -> CubeTensor {
        let taps = self.call.new_taps();
        let work = self.room(1);
        fourier::taps::launch(
            self.call.client(),
            self.cubes(1),
            self.dim(),
            self.vector(),
            self.call.buffer(correlations),
            self.call.buffer(&self.table),
            self.call.buffer(&work),
            self.call.buffer(&taps),
            self.call.sizes(self.vector(), 0..0),
            self.tiling.transform,
            self.call.element(),
        );
        if !self.tiling.transform.whole() {
            self.steps(&work, 1, true);
            self.taps_step(&taps, &work, true);
        }
        taps
    }

    /// The steps in device memory of some sequences of `x`, if there are any.
    pub(super) fn enter(&self, x: &CubeTensor, sequences: &Range<usize>) -> CubeTensor {
        let work = self.room(sequences.len());
        if !self.tiling.transform.whole() {
            let total = self.butterflies(sequences.len());
            let (count, dim) = self.call.grid(total);
            outer::enter_rows::launch(
                self.call.client(),
                count,
                dim,
                self.vector(),
                self.call.buffer(x),
                self.call.buffer(&self.table),
                self.call.buffer(&self.segments),
                self.call.buffer(&work),
                self.call.sizes(self.vector(), sequences.clone()),
                total,
                self.call.packed,
                self.tiling.transform,
                self.call.element(),
            );
            self.steps(&work, sequences.len(), false);
        }
        work
    }

    /// The way back.
    pub(super) fn leave(
        &self,
        work: &CubeTensor,
        sequences: &Range<usize>,
        initial: &CubeTensor,
        y: &CubeTensor,
        adds: bool,
    ) {
        if self.tiling.transform.whole() {
            return;
        }
        self.steps(work, sequences.len(), true);
        let total = self.butterflies(sequences.len());
        let (count, dim) = self.call.grid(total);
        outer::leave_rows::launch(
            self.call.client(),
            count,
            dim,
            self.vector(),
            self.call.buffer(work),
            self.call.buffer(&self.table),
            self.call.buffer(initial),
            self.call.buffer(&self.segments),
            self.call.buffer(y),
            self.call.sizes(self.vector(), sequences.clone()),
            total,
            self.call.packed,
            adds,
            self.tiling.transform,
            self.call.element(),
        );
    }
}
