//! One channel of one sequence by Fourier transforms.

use super::super::LongConvShape;
use super::plan::Transform;
use crate::float::{Real, vectorise};
use crate::fourier::{Complex, Fourier, RealFft};
use rayon::prelude::*;

/// A transform with the spectra of all channels' kernels, divided by its size.
pub(super) struct Spectra<T: Fourier> {
    pub transform: Transform,
    pub fft: RealFft<T>,
    kernels: Vec<Complex<T>>,
}

impl<T: Fourier> Spectra<T> {
    /// `kernel`, `reverse`: [channel, tap].
    pub(super) fn new(
        transform: Transform,
        shape: &LongConvShape,
        kernel: &[T],
        reverse: &[T],
    ) -> Self {
        let fft = RealFft::<T>::new(transform.size);
        let zero = Complex::new(T::zero(), T::zero());
        let mut kernels = vec![zero; shape.channels * fft.bins()];
        let scale = T::one() / <T as Real>::from_f64(transform.size as f64);
        kernels
            .par_chunks_mut(fft.bins())
            .enumerate()
            .for_each_init(
                || (vec![T::zero(); transform.size], fft.scratch()),
                |(values, scratch), (channel, spectrum)| {
                    values.fill(T::zero());
                    let taps = &kernel[channel * shape.taps..][..transform.taps];
                    for (value, &tap) in values.iter_mut().zip(taps) {
                        *value = tap * scale;
                    }
                    let taps = &reverse[channel * shape.reverse_taps..][..transform.reverse_taps];
                    for (value, &tap) in values.iter_mut().rev().zip(taps) {
                        *value = tap * scale;
                    }
                    fft.forward(values, spectrum, scratch);
                },
            );
        Self {
            transform,
            fft,
            kernels,
        }
    }

    fn kernel(&self, channel: usize) -> &[Complex<T>] {
        &self.kernels[channel * self.fft.bins()..][..self.fft.bins()]
    }

    /// The taps whose correlation spectrum (times size) is `spectrum`; the reversed ones likewise.
    pub(super) fn taps(
        &self,
        spectrum: &mut [Complex<T>],
        work: &mut Work<T>,
        mut each: impl FnMut(Tap, T),
    ) {
        self.fft
            .inverse(spectrum, &mut work.values, &mut work.scratch);
        let scale = T::one() / <T as Real>::from_f64(self.transform.size as f64);
        let values = work.values.iter().take(self.transform.taps);
        for (m, &value) in values.enumerate() {
            each(Tap::Past(m), value * scale);
        }
        let values = work.values.iter().rev().take(self.transform.reverse_taps);
        for (m, &value) in values.enumerate() {
            each(Tap::Future(m), value * scale);
        }
    }
}

/// Which kernel a gradient belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tap {
    Past(usize),
    Future(usize),
}

/// Buffers of one task for one transform.
pub(super) struct Work<T: Fourier> {
    values: Vec<T>,
    x: Vec<Complex<T>>,
    g: Vec<Complex<T>>,
    scratch: Vec<Complex<T>>,
}

impl<T: Fourier> Work<T> {
    pub(super) fn new(fft: &RealFft<T>) -> Self {
        let zero = Complex::new(T::zero(), T::zero());
        Self {
            values: vec![T::zero(); fft.size],
            x: vec![zero; fft.bins()],
            g: vec![zero; fft.bins()],
            scratch: fft.scratch(),
        }
    }

    fn load(&mut self, values: impl ExactSizeIterator<Item = T>) {
        let len = values.len();
        for (to, from) in self.values.iter_mut().zip(values) {
            *to = from;
        }
        self.values[len..].fill(T::zero());
    }

    /// The convolution of `x` with the kernels of `channel`; at least as many values as x has.
    pub(super) fn forward(
        &mut self,
        spectra: &Spectra<T>,
        channel: usize,
        x: impl ExactSizeIterator<Item = T>,
    ) -> &[T] {
        self.load(x);
        spectra
            .fft
            .forward(&mut self.values, &mut self.x, &mut self.scratch);
        let kernel = spectra.kernel(channel);
        vectorise(|| multiply(&mut self.x, kernel));
        spectra
            .fft
            .inverse(&mut self.x, &mut self.values, &mut self.scratch);
        &self.values
    }

    /// The gradient of `x` from that of the output, `g`; adds the kernels' spectrum to `sum`.
    pub(super) fn backward(
        &mut self,
        spectra: &Spectra<T>,
        channel: usize,
        (x, g): (
            impl ExactSizeIterator<Item = T>,
            impl ExactSizeIterator<Item = T>,
        ),
        sum: &mut [Complex<T>],
    ) -> &[T] {
        self.load(x);
        let fft = &spectra.fft;
        fft.forward(&mut self.values, &mut self.x, &mut self.scratch);
        self.load(g);
        fft.forward(&mut self.values, &mut self.g, &mut self.scratch);
        let kernel = spectra.kernel(channel);
        vectorise(|| {
            add_correlation(sum, &self.x, &self.g);
            multiply_conjugate(&mut self.g, kernel);
        });
        fft.inverse(&mut self.g, &mut self.values, &mut self.scratch);
        &self.values
    }
}

/// x *= k.
#[inline(always)]
fn multiply<T: Real>(x: &mut [Complex<T>], k: &[Complex<T>]) {
    for (x, k) in x.iter_mut().zip(k) {
        let (re, im) = (x.re, x.im);
        x.re = re * k.re - im * k.im;
        x.im = re * k.im + im * k.re;
    }
}

/// g *= conj(k).
#[inline(always)]
fn multiply_conjugate<T: Real>(g: &mut [Complex<T>], k: &[Complex<T>]) {
    for (g, k) in g.iter_mut().zip(k) {
        let (re, im) = (g.re, g.im);
        g.re = re * k.re + im * k.im;
        g.im = im * k.re - re * k.im;
    }
}

/// sum += conj(x) g.
#[inline(always)]
fn add_correlation<T: Real>(sum: &mut [Complex<T>], x: &[Complex<T>], g: &[Complex<T>]) {
    for ((sum, x), g) in sum.iter_mut().zip(x).zip(g) {
        sum.re += x.re * g.re + x.im * g.im;
        sum.im += x.re * g.im - x.im * g.re;
    }
}
