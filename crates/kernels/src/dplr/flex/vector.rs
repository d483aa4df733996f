//! Vectors of either float format, for the loops whose sums must stay in registers.
//!
//! Multiply-adds are fused, and a sum over keys is split by the width of the machine's vectors: the
//! last bits of a result depend on that width, never on the number of threads.

use crate::float::Real;
use bytemuck::Pod;
use pulp::Simd;

/// A float format with vectors.
pub(super) trait Vector: Real {
    /// One register.
    type V<S: Simd>: Pod;

    fn v_splat<S: Simd>(simd: S, value: Self) -> Self::V<S>;
    fn v_mul<S: Simd>(simd: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// a b + c.
    fn v_fma<S: Simd>(simd: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    /// Sum of the lanes.
    fn v_sum<S: Simd>(simd: S, a: Self::V<S>) -> Self;

    /// A slice as registers; its length must be a multiple of their width.
    #[inline(always)]
    fn cast<S: Simd>(values: &[Self]) -> &[Self::V<S>] {
        bytemuck::cast_slice(values)
    }

    /// A mutable slice as registers; its length must be a multiple of their width.
    #[inline(always)]
    fn cast_mut<S: Simd>(values: &mut [Self]) -> &mut [Self::V<S>] {
        bytemuck::cast_slice_mut(values)
    }
}

macro_rules! vector {
    ($float:ty, $register:ident, $splat:ident, $mul:ident, $fma:ident, $sum:ident) => {
        impl Vector for $float {
            type V<S: Simd> = S::$register;

            #[inline(always)]
            fn v_splat<S: Simd>(simd: S, value: Self) -> S::$register {
                simd.$splat(value)
            }

            #[inline(always)]
            fn v_mul<S: Simd>(simd: S, a: S::$register, b: S::$register) -> S::$register {
                simd.$mul(a, b)
            }

            #[inline(always)]
            fn v_fma<S: Simd>(
                simd: S,
                a: S::$register,
                b: S::$register,
                c: S::$register,
            ) -> S::$register {
                simd.$fma(a, b, c)
            }

            #[inline(always)]
            fn v_sum<S: Simd>(simd: S, a: S::$register) -> Self {
                simd.$sum(a)
            }
        }
    };
}

vector!(
    f32,
    f32s,
    splat_f32s,
    mul_f32s,
    mul_add_f32s,
    reduce_sum_f32s
);
vector!(
    f64,
    f64s,
    splat_f64s,
    mul_f64s,
    mul_add_f64s,
    reduce_sum_f64s
);
