//! Element types of the CPU bodies and the vectorised elementary functions they need.
//!
//! Most of it is written as branch-free scalar code that LLVM vectorises once it stands inside
//! [`vectorise`]; no intrinsics, so the same source serves SSE2, AVX2, AVX-512 and NEON, and
//! multiplications and additions are never contracted: the result is the same on all of them.
//! [`Vector`] has explicit vectors for the scans.

mod exp;
mod normal;
mod simd;

use burn::tensor::Element;
#[cfg(feature = "cube")]
pub(crate) use normal::{SLOPE, TAIL};
pub(crate) use simd::Vector;
use std::iter::Sum;
use std::ops::AddAssign;

/// A floating point type with CPU bodies: `f32` for use, `f64` for checking.
pub trait Real:
    num_traits::Float + AddAssign + Sum + Element + bytemuck::Pod + Default + Send + Sync
{
    /// Exponential that LLVM can vectorise.
    ///
    /// # Numerics
    /// `f32`: relative error below 2e-7 on [-87.3, 88.3]; zero below, saturated at 2.2e38 above;
    /// NaN stays NaN. `f64`: the standard library's.
    fn exp_fast(self) -> Self;

    /// Normal distribution function that LLVM can vectorise.
    ///
    /// # Numerics
    /// `f32`: absolute error below 2e-7, relative below 6e-7 + 1e-7 x^2. `f64`: libm's.
    fn normal_cdf_fast(self) -> Self;

    /// Rounds from `f64`.
    fn from_f64(value: f64) -> Self;

    /// Widens to `f64`.
    fn into_f64(self) -> f64;
}

impl Real for f32 {
    #[inline(always)]
    fn exp_fast(self) -> Self {
        exp::exp_f32(self)
    }

    #[inline(always)]
    fn normal_cdf_fast(self) -> Self {
        normal::normal_cdf_f32(self)
    }

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    #[inline(always)]
    fn into_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    #[inline(always)]
    fn exp_fast(self) -> Self {
        self.exp()
    }

    #[inline(always)]
    fn normal_cdf_fast(self) -> Self {
        0.5 * libm::erfc(-self * std::f64::consts::FRAC_1_SQRT_2)
    }

    #[inline(always)]
    fn from_f64(value: f64) -> Self {
        value
    }

    #[inline(always)]
    fn into_f64(self) -> f64 {
        self
    }
}

/// Logistic function 1 / (1 + exp(-x)).
#[inline(always)]
pub(crate) fn sigmoid<T: Real>(x: T) -> T {
    T::one() / (T::one() + (-x).exp_fast())
}

/// Runs a *short* `body` compiled for the widest vector unit of this machine.
///
/// Functions that `body` calls must be `#[inline(always)]`, or they keep the baseline code. So does a
/// closure that has become long by what was inlined into it: the compiler then calls it instead of
/// inlining it, and nothing tells. For more than a loop use [`vectorised!`], which cannot fail that way.
#[inline(always)]
pub(crate) fn vectorise<R>(body: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(body)
}

/// Declares a function that is compiled for the widest vector unit of this machine, whatever its
/// length. Functions that it calls must be `#[inline(always)]`, or they keep the baseline code.
macro_rules! vectorised {
    ($(#[$meta:meta])* fn $name:ident<$T:ident>($($arg:ident: $type:ty),+ $(,)?) $body:block) => {
        $crate::float::vectorised! {
            $(#[$meta])* fn $name<$T>($($arg: $type),+) -> () $body
        }
    };
    ($(#[$meta:meta])* fn $name:ident<$T:ident>($($arg:ident: $type:ty),+ $(,)?) -> $out:ty $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        fn $name<$T: $crate::float::Real>($($arg: $type),+) -> $out {
            struct VectorisedBody<A>(A);
            impl<$T: $crate::float::Real> pulp::WithSimd for VectorisedBody<($($type,)+)> {
                type Output = $out;

                #[inline(always)]
                fn with_simd<S: pulp::Simd>(self, _: S) -> $out {
                    let ($($arg,)+) = self.0;
                    $body
                }
            }
            pulp::Arch::new().dispatch(VectorisedBody(($($arg,)+)))
        }
    };
}
pub(crate) use vectorised;

/// Dot product with sixteen independent partial sums, so that it vectorises without reassociation.
#[inline(always)]
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    const LANES: usize = 16;
    let mut partial = [T::zero(); LANES];
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            partial[lane] += x[lane] * y[lane];
        }
    }
    let mut sum = sum_lanes(&partial);
    for (&x, &y) in a_rest.iter().zip(b_rest) {
        sum += x * y;
    }
    sum
}

/// Sum of sixteen values in one order at every vector width: halves are added until one is left.
#[inline(always)]
pub(crate) fn sum_lanes<T: Real>(values: &[T; 16]) -> T {
    let eight: [T; 8] = std::array::from_fn(|i| values[i] + values[i + 8]);
    let four: [T; 4] = std::array::from_fn(|i| eight[i] + eight[i + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}
