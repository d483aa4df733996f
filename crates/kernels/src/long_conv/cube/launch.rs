//! Launching the kernels of both forms.

use super::plan::{Class, Tiling};
use super::rows::SizesLaunch;
use super::table::{table, upload};
use super::{Call, PORTION, direct, fourier, outer};
use crate::cube::{buffer, empty, part_sums, vector_width, zeros};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use std::ops::Range;

impl Call {
    pub(super) fn buffer(&self, tensor: &CubeTensor) -> BufferArg {
        buffer(tensor, &self.spare)
    }

    fn segments(&self, class: &Class) -> CubeTensor {
        match self.packed {
            true => upload(&self.x, bytemuck::cast_slice(&class.segments), DType::U32),
            false => empty(&self.x, &[1], DType::U32),
        }
    }

    /// Sizes of a launch over some sequences, for vectors of so many channels.
    fn sizes(&self, vector: usize, sequences: Range<usize>) -> SizesLaunch {
        SizesLaunch::new(
            self.shape.len,
            self.shape.channels / vector,
            sequences.start,
            sequences.end,
            self.plan.lags,
            self.plan.before,
        )
    }

    /// A flat tensor for the taps' gradient.
    fn new_taps(&self) -> CubeTensor {
        zeros(
            &self.x,
            &[self.plan.lags * self.shape.channels],
            self.dtype(),
        )
    }

    /// `out` = `x` * taps, plus `initial` of a forward pass; without it the adjoint.
    pub(super) fn convolve_directly(
        &self,
        class: &Class,
        x: &CubeTensor,
        taps: &CubeTensor,
        initial: Option<&CubeTensor>,
        out: &CubeTensor,
    ) {
        let vector = vector_width(self.shape.channels, self.dtype());
        let tiles = class.longest.div_ceil(direct::TILE);
        let total = class.count * tiles * (self.shape.channels / vector);
        let (count, dim) = self.grid(total);
        direct::convolve::launch(
            self.client(),
            count,
            dim,
            vector,
            self.buffer(x),
            self.buffer(taps),
            self.buffer(initial.unwrap_or(&self.spare)),
            self.buffer(&self.segments(class)),
            self.buffer(out),
            self.sizes(vector, 0..class.count),
            tiles,
            total,
            self.packed,
            initial.is_some() && self.shape.initial,
            initial.is_none(),
            self.element(),
        );
    }

    /// The taps' gradient.
    pub(super) fn correlate_directly(&self, class: &Class, grad: &CubeTensor) -> CubeTensor {
        let vector = vector_width(self.shape.channels, self.dtype());
        let blocks = self.shape.channels / vector;
        let chunks = class.longest.div_ceil(direct::CHUNK);
        let tiles = self.plan.lags.div_ceil(direct::TILE);
        let runs = (self.wanted() * 256).div_ceil(tiles * blocks);
        let run = (class.count * chunks).div_ceil(runs);
        let runs = (class.count * chunks).div_ceil(run);
        let taps = self.plan.lags * self.shape.channels;
        let parts = empty(&self.x, &[runs, taps], self.dtype());
        let total = runs * tiles * blocks;
        let (count, dim) = self.grid(total);
        direct::correlate::launch(
            self.client(),
            count,
            dim,
            vector,
            self.buffer(&self.x),
            self.buffer(grad),
            self.buffer(&self.segments(class)),
            self.buffer(&parts),
            self.sizes(vector, 0..class.count),
            chunks,
            run,
            total,
            self.packed,
            self.element(),
        );
        part_sums(parts, runs, &[taps], self.dtype())
    }

    /// Cubes that keep the device busy.
    fn wanted(&self) -> usize {
        let hardware = &self.client().properties().hardware;
        match hardware.num_cpu_cores {
            // On a CPU, a place for tests, sums must already be of several runs.
            Some(_) => 8,
            None => 8 * hardware.num_streaming_multiprocessors.unwrap_or(64) as usize,
        }
    }

    pub(super) fn convolve_by_fourier(
        &self,
        class: &Class,
        size: usize,
        taps: &CubeTensor,
        initial: &CubeTensor,
        y: &CubeTensor,
    ) {
        let form = Fourier::new(self, class, size);
        let spectra = form.spectra(taps);
        for sequences in form.portions() {
            let work = form.enter(&self.x, &sequences);
            let sizes = self.sizes(form.vector(), sequences.clone());
            fourier::convolve::launch(
                self.client(),
                form.cubes(sequences.len()),
                form.dim(),
                form.vector(),
                self.buffer(&self.x),
                self.buffer(&spectra),
                self.buffer(&form.table),
                self.buffer(initial),
                self.buffer(&form.segments),
                self.buffer(&work),
                self.buffer(y),
                sizes,
                self.packed,
                self.shape.initial,
                form.tiling.transform,
                self.element(),
            );
            form.leave(&work, &sequences, initial, y, self.shape.initial);
        }
    }

    /// Writes `dx`; the taps' gradient.
    pub(super) fn adjoint_by_fourier(
        &self,
        class: &Class,
        size: usize,
        taps: &CubeTensor,
        grad: &CubeTensor,
        dx: &CubeTensor,
    ) -> CubeTensor {
        let form = Fourier::new(self, class, size);
        let spectra = form.spectra(taps);
        let (run, runs) = form.runs();
        let numbers = 2 * size * self.shape.channels;
        let sums = empty(&self.x, &[runs, numbers], self.dtype());
        for sequences in form.portions() {
            let x = form.enter(&self.x, &sequences);
            let work = form.enter(grad, &sequences);
            let sizes = self.sizes(form.vector(), sequences.clone());
            fourier::adjoint::launch(
                self.client(),
                form.cubes(sequences.len().div_ceil(run)),
                form.dim(),
                form.vector(),
                self.buffer(&self.x),
                self.buffer(grad),
                self.buffer(&spectra),
                self.buffer(&form.table),
                self.buffer(&form.segments),
                self.buffer(&x),
                self.buffer(&work),
                self.buffer(dx),
                self.buffer(&sums),
                sizes,
                run,
                u32::from(sequences.start > 0),
                self.packed,
                form.tiling.transform,
                self.element(),
            );
            form.leave(&work, &sequences, &self.spare, dx, false);
        }
        form.taps(&part_sums(sums, runs, &[numbers], self.dtype()))
    }
}

/// The sequences of one size of transform.
struct Fourier<'a> {
    call: &'a Call,
    class: &'a Class,
    tiling: Tiling,
    table: CubeTensor,
    segments: CubeTensor,
}

impl<'a> Fourier<'a> {
    fn new(call: &'a Call, class: &'a Class, size: usize) -> Self {
        let widest = vector_width(call.shape.channels, call.dtype());
        Self {
            call,
            class,
            tiling: Tiling::new(call.client(), size, widest, call.dtype().size()),
            table: table(&call.x, size),
            segments: call.segments(class),
        }
    }

    fn vector(&self) -> usize {
        self.tiling.vector
    }

    fn blocks(&self) -> usize {
        self.call.shape.channels / self.vector()
    }

    /// Cubes for so many transforms of every block.
    fn cubes(&self, transforms: usize) -> CubeCount {
        let parts = self.tiling.transform.parts();
        CubeCount::Static((transforms * self.blocks() * parts) as u32, 1, 1)
    }

    fn dim(&self) -> CubeDim {
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

    fn portions(&self) -> Vec<Range<usize>> {
        let count = self.class.count;
        let portion = self.portion();
        (0..count)
            .step_by(portion)
            .map(|begin| begin..(begin + portion).min(count))
            .collect()
    }

    /// Sequences of a run, whose correlations one cube sums, and runs of a portion.
    fn runs(&self) -> (usize, usize) {
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

    fn spectra(&self, taps: &CubeTensor) -> CubeTensor {
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
    fn taps(&self, correlations: &CubeTensor) -> CubeTensor {
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
    fn enter(&self, x: &CubeTensor, sequences: &Range<usize>) -> CubeTensor {
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
    fn leave(
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
