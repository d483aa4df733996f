//! Plans of the real Fourier transform, and lengths for which it is fast.

use crate::float::Real;
use realfft::{ComplexToReal, FftNum, RealFftPlanner, RealToComplex};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

pub(crate) use realfft::num_complex::Complex;

/// An element type that can be transformed.
///
/// # Numerics
/// Both types are transformed in their own precision; errors grow with the logarithm of the length,
/// relative to the largest value.
pub(crate) trait Fourier: Real + FftNum {
    /// Plans of this type made so far; making one costs more than running it.
    fn planner() -> &'static Mutex<RealFftPlanner<Self>>;
}

macro_rules! plans {
    ($type:ty) => {
        impl Fourier for $type {
            fn planner() -> &'static Mutex<RealFftPlanner<Self>> {
                static PLANNER: LazyLock<Mutex<RealFftPlanner<$type>>> =
                    LazyLock::new(|| Mutex::new(RealFftPlanner::new()));
                &PLANNER
            }
        }
    };
}
plans!(f32);
plans!(f64);

/// Both directions of one length, unnormalised: forward then inverse multiplies by `size`.
#[derive(Clone)]
pub(crate) struct RealFft<T: Fourier> {
    /// Length of the real side.
    pub size: usize,
    forward: Arc<dyn RealToComplex<T>>,
    inverse: Arc<dyn ComplexToReal<T>>,
}

impl<T: Fourier> RealFft<T> {
    /// A plan for `size` real values, at least one.
    pub(crate) fn new(size: usize) -> Self {
        let mut planner = T::planner().lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            size,
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
        }
    }

    /// Values of the half spectrum.
    pub(crate) fn bins(&self) -> usize {
        self.size / 2 + 1
    }

    /// An empty work space for either direction.
    pub(crate) fn scratch(&self) -> Vec<Complex<T>> {
        let length = self.forward.get_scratch_len();
        let zero = Complex::new(T::zero(), T::zero());
        vec![zero; length.max(self.inverse.get_scratch_len())]
    }

    /// X_k = sum_t x_t exp(-2 pi i k t / size), k = 0..=size/2; destroys `values`.
    pub(crate) fn forward(
        &self,
        values: &mut [T],
        spectrum: &mut [Complex<T>],
        scratch: &mut [Complex<T>],
    ) {
        let done = self.forward.process_with_scratch(values, spectrum, scratch);
        debug_assert!(done.is_ok(), "lengths come from this plan");
    }

    /// x_t = sum over the full spectrum of X_k exp(2 pi i k t / size); destroys `spectrum`.
    ///
    /// The imaginary parts at k = 0 and k = size/2 are taken as zero.
    pub(crate) fn inverse(
        &self,
        spectrum: &mut [Complex<T>],
        values: &mut [T],
        scratch: &mut [Complex<T>],
    ) {
        if let Some(first) = spectrum.first_mut() {
            first.im = T::zero();
        }
        if self.size.is_multiple_of(2)
            && let Some(last) = spectrum.last_mut()
        {
            last.im = T::zero();
        }
        let done = self.inverse.process_with_scratch(spectrum, values, scratch);
        debug_assert!(done.is_ok(), "lengths come from this plan");
    }
}

/// The smallest even length of at least `needed` (and 2) that is a power of two or three times one.
pub(crate) fn fast_size(needed: usize) -> usize {
    let power = needed.max(2).next_power_of_two();
    let three_quarters = power / 4 * 3;
    match three_quarters >= needed && three_quarters >= 6 {
        true => three_quarters,
        false => power,
    }
}

#[cfg(test)]
mod tests {
    use super::{Complex, RealFft, fast_size};

    #[test]
    fn fast_size_when_asked_is_even_and_large_enough() {
        for needed in 0..5000 {
            let size = fast_size(needed);
            assert!(
                size >= needed && size >= 2 && size.is_multiple_of(2),
                "{needed}: {size}"
            );
            assert!(size <= 2 * needed.max(1), "{needed}: {size}");
        }
        assert_eq!([fast_size(1025), fast_size(2047)], [1536, 2048]);
    }

    #[test]
    fn transform_when_there_and_back_multiplies_by_the_size() {
        for size in [1, 2, 3, 6, 7, 8, 15, 24] {
            let plan = RealFft::<f64>::new(size);
            let x: Vec<f64> = (0..size).map(|t| (t * t % 7) as f64 - 2.0).collect();
            let mut spectrum = vec![Complex::new(0.0, 0.0); plan.bins()];
            let mut scratch = plan.scratch();
            let mut back = vec![0.0; size];
            plan.forward(&mut x.clone(), &mut spectrum, &mut scratch);
            plan.inverse(&mut spectrum, &mut back, &mut scratch);
            for (back, x) in back.iter().zip(&x) {
                assert!((back / size as f64 - x).abs() < 1e-13);
            }
        }
    }
}
