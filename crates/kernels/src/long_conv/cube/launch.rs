//! Launching the kernels of both forms.

use super::form::Form;
use super::plan::Class;
use super::rows::SizesLaunch;
use super::table::upload;
use super::{Call, direct, fourier};
use crate::cube::{buffer, empty, part_sums, vector_width, zeros};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use std::ops::Range;

impl Call {
    pub(super) fn buffer(&self, tensor: &CubeTensor) -> BufferArg {
        buffer(tensor, &self.spare)
    }

    pub(super) fn segments(&self, class: &Class) -> CubeTensor {
        match self.packed {
            true => upload(&self.x, bytemuck::cast_slice(&class.segments), DType::U32),
            false => empty(&self.x, &[1], DType::U32),
        }
    }

    /// Sizes of a launch over some sequences, for vectors of so many channels.
    pub(super) fn sizes(&self, vector: usize, sequences: Range<usize>) -> SizesLaunch {
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
    pub(super) fn new_taps(&self) -> CubeTensor {
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
    pub(super) fn wanted(&self) -> usize {
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
        let form = Form::new(self, class, size);
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
        let form = Form::new(self, class, size);
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
