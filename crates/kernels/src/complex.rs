//! Complex tensors as pairs of real ones: burn has no complex element type.

use crate::device::{in_dtype, require_float, zeros};
use crate::error::{KernelError, expect_axis};
use crate::float::Real;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType};
use burn::tensor::{DType, Tensor};
use realfft::num_complex::Complex64;

/// A complex tensor: real and imaginary parts of one shape.
#[derive(Debug, Clone)]
pub struct ComplexTensor<const D: usize> {
    /// Real part.
    pub re: Tensor<D>,
    /// Imaginary part, of the shape of `re`.
    pub im: Tensor<D>,
}

impl<const D: usize> ComplexTensor<D> {
    /// From its two parts.
    pub fn new(re: Tensor<D>, im: Tensor<D>) -> Self {
        Self { re, im }
    }

    /// A real tensor: the imaginary part is zero.
    pub fn real(re: Tensor<D>) -> Self {
        let im = zeros(re.dims(), (&re.device(), re.dtype()));
        Self { re, im }
    }

    /// Lengths of the axes (of the real part).
    pub fn dims(&self) -> [usize; D] {
        self.re.dims()
    }

    /// Both parts in one format.
    pub(crate) fn in_dtype(self, dtype: DType) -> Self {
        Self {
            re: in_dtype(self.re, dtype),
            im: in_dtype(self.im, dtype),
        }
    }

    /// Checks that both parts are float tensors of shape `expected`, axis by axis.
    pub(crate) fn expect(
        &self,
        op: &'static str,
        name: &'static str,
        axes: [(&'static str, usize, &'static str); D],
    ) -> Result<(), KernelError> {
        require_float(op, name, self.re.dtype())?;
        for (part, why) in [(&self.re, None), (&self.im, Some("its real part sets it"))] {
            for (got, (axis, expected, reason)) in part.dims().into_iter().zip(axes) {
                expect_axis(op, (name, axis), got, expected, why.unwrap_or(reason))?;
            }
        }
        Ok(())
    }
}

/// A complex tensor on backend primitives.
#[derive(Debug, Clone, ExtensionType)]
#[extension_type(fusion: cfg(feature = "fusion"))]
pub struct ComplexPrimitive<B: Backend> {
    /// Real part.
    pub re: FloatTensor<B>,
    /// Imaginary part, of the shape of `re`.
    pub im: FloatTensor<B>,
}

impl<B: Backend> ComplexPrimitive<B> {
    /// From its two parts.
    pub fn new([re, im]: [FloatTensor<B>; 2]) -> Self {
        Self { re, im }
    }

    /// Its two parts.
    pub fn parts(self) -> [FloatTensor<B>; 2] {
        [self.re, self.im]
    }
}

/// Complex numbers in f64 from two slices.
pub(crate) fn join<T: Real>(re: &[T], im: &[T]) -> Vec<Complex64> {
    let pairs = re.iter().zip(im);
    pairs
        .map(|(re, im)| Complex64::new(re.into_f64(), im.into_f64()))
        .collect()
}

/// Real and imaginary parts, rounded.
pub(crate) fn part<T: Real>(values: &[Complex64]) -> (Vec<T>, Vec<T>) {
    let re = values.iter().map(|v| T::from_f64(v.re)).collect();
    let im = values.iter().map(|v| T::from_f64(v.im)).collect();
    (re, im)
}
