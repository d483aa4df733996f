//! Explicit vectors, for loops that must keep their state in registers.
//!
//! [`super::vectorise`] leaves the choice of registers to LLVM, which is enough where every value is
//! read and written once. A scan holds several vectors over many positions; here they are values of
//! pulp's types. Multiply-adds are fused everywhere (a machine without the instruction computes the
//! same bits, slowly), and lanes never mix, so the result is the same at every vector width.

use super::Real;
use bytemuck::Pod;
use pulp::Simd;

/// Element types that exist as vectors.
pub(crate) trait Vector: Real {
    /// One register of `Self`.
    type V<S: Simd>: Pod;

    /// Every lane holds `value`.
    fn v_splat<S: Simd>(simd: S, value: Self) -> Self::V<S>;
    /// a + b.
    fn v_add<S: Simd>(simd: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// a - b.
    fn v_sub<S: Simd>(simd: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// a b.
    fn v_mul<S: Simd>(simd: S, a: Self::V<S>, b: Self::V<S>) -> Self::V<S>;
    /// a b + c, rounded once.
    fn v_fma<S: Simd>(simd: S, a: Self::V<S>, b: Self::V<S>, c: Self::V<S>) -> Self::V<S>;
    /// 2^x.
    ///
    /// # Numerics
    /// `f32`: relative error below 2e-7 on [-126, 127], exactly 1 at 0; zero below -126.5, saturated
    /// at 2^127 above; NaN stays NaN. `f64`: the standard library's.
    fn v_exp2<S: Simd>(simd: S, x: Self::V<S>) -> Self::V<S>;
    /// 1 / (1 + exp(-x)), relative error below 3e-7 in `f32`.
    fn v_sigmoid<S: Simd>(simd: S, x: Self::V<S>) -> Self::V<S>;
    /// ln(1 + exp(x)), relative error below 3e-7 in `f32`, also where the result is small.
    fn v_softplus<S: Simd>(simd: S, x: Self::V<S>) -> Self::V<S>;

    /// Elements of a register.
    #[inline(always)]
    fn lanes<S: Simd>() -> usize {
        size_of::<Self::V<S>>() / size_of::<Self>()
    }

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

/// Applies a scalar function to every lane: what `f64`, which only checks results, makes do with.
#[inline(always)]
fn each<S: Simd>(x: S::f64s, f: impl Fn(f64) -> f64) -> S::f64s {
    let mut x = x;
    for lane in bytemuck::cast_slice_mut::<S::f64s, f64>(std::slice::from_mut(&mut x)) {
        *lane = f(*lane);
    }
    x
}

impl Vector for f64 {
    type V<S: Simd> = S::f64s;

    #[inline(always)]
    fn v_splat<S: Simd>(simd: S, value: Self) -> S::f64s {
        simd.splat_f64s(value)
    }

    #[inline(always)]
    fn v_add<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.add_f64s(a, b)
    }

    #[inline(always)]
    fn v_sub<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.sub_f64s(a, b)
    }

    #[inline(always)]
    fn v_mul<S: Simd>(simd: S, a: S::f64s, b: S::f64s) -> S::f64s {
        simd.mul_f64s(a, b)
    }

    #[inline(always)]
    fn v_fma<S: Simd>(simd: S, a: S::f64s, b: S::f64s, c: S::f64s) -> S::f64s {
        simd.mul_add_f64s(a, b, c)
    }

    #[inline(always)]
    fn v_exp2<S: Simd>(_: S, x: S::f64s) -> S::f64s {
        each::<S>(x, f64::exp2)
    }

    #[inline(always)]
    fn v_sigmoid<S: Simd>(_: S, x: S::f64s) -> S::f64s {
        each::<S>(x, super::sigmoid)
    }

    #[inline(always)]
    fn v_softplus<S: Simd>(_: S, x: S::f64s) -> S::f64s {
        each::<S>(x, |x| {
            let above = if x > 0.0 { x } else { 0.0 };
            above + (-x.abs()).exp().ln_1p()
        })
    }
}

impl Vector for f32 {
    type V<S: Simd> = S::f32s;

    #[inline(always)]
    fn v_splat<S: Simd>(simd: S, value: Self) -> S::f32s {
        simd.splat_f32s(value)
    }

    #[inline(always)]
    fn v_add<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.add_f32s(a, b)
    }

    #[inline(always)]
    fn v_sub<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.sub_f32s(a, b)
    }

    #[inline(always)]
    fn v_mul<S: Simd>(simd: S, a: S::f32s, b: S::f32s) -> S::f32s {
        simd.mul_f32s(a, b)
    }

    #[inline(always)]
    fn v_fma<S: Simd>(simd: S, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        simd.mul_add_f32s(a, b, c)
    }

    #[inline(always)]
    fn v_exp2<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        let x = clamp(simd, x, 127.0);
        let (k, scale) = power_of_two(simd, x);
        simd.mul_f32s(exp2_fraction(simd, simd.sub_f32s(x, k)), scale)
    }

    #[inline(always)]
    fn v_sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        let one = simd.splat_f32s(1.0);
        let e = exp(simd, simd.neg_f32s(x));
        simd.div_f32s(one, simd.add_f32s(one, e))
    }

    #[inline(always)]
    fn v_softplus<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
        let e = exp(simd, simd.neg_f32s(simd.abs_f32s(x)));
        // max may lose a NaN, which the other term then still holds.
        simd.add_f32s(simd.max_f32s(x, simd.splat_f32s(0.0)), ln_1p(simd, e))
    }
}

/// x limited to [-limit, limit]; NaN stays NaN.
#[inline(always)]
fn clamp<S: Simd>(simd: S, x: S::f32s, limit: f32) -> S::f32s {
    let (low, high) = (simd.splat_f32s(-limit), simd.splat_f32s(limit));
    if S::IS_SCALAR {
        // f32::max would turn NaN into the limit; the vector instructions return their second
        // operand or NaN.
        let x = simd.select_f32s(simd.less_than_f32s(x, low), low, x);
        return simd.select_f32s(simd.less_than_f32s(high, x), high, x);
    }
    simd.min_f32s(high, simd.max_f32s(low, x))
}

/// k = round(x) and 2^k for x in [-127, 127]; 2^-127 comes out as zero.
///
/// Adding 1.5 * 2^23 rounds to the nearest integer, which then stands in the low bits of the sum;
/// with the exponent's bias added too, shifting them up gives the bits of 2^k.
#[inline(always)]
fn power_of_two<S: Simd>(simd: S, x: S::f32s) -> (S::f32s, S::f32s) {
    const ROUND: f32 = 12_582_912.0 + 127.0;
    let round = simd.splat_f32s(ROUND);
    let shifted = simd.add_f32s(x, round);
    let bits = simd.transmute_u32s_f32s(shifted);
    let scale = simd.wrapping_dyn_shl_u32s(bits, simd.splat_u32s(23));
    (
        simd.sub_f32s(shifted, round),
        simd.transmute_f32s_u32s(scale),
    )
}

/// 2^f for |f| <= 1/2: 1 + f q(f), q fitted for the least relative error of the whole (1.6e-8 with
/// coefficients in f32). The fixed 1 keeps slow decays exact, which many steps multiply.
#[inline(always)]
fn exp2_fraction<S: Simd>(simd: S, f: S::f32s) -> S::f32s {
    const Q: [f32; 6] = [
        std::f32::consts::LN_2,
        0.240_226_48,
        0.055_503_324,
        0.009_618_437,
        0.001_339_887_4,
        0.000_153_533_62,
    ];
    let mut q = simd.splat_f32s(Q[5]);
    for coefficient in Q[..5].iter().rev() {
        q = simd.mul_add_f32s(q, f, simd.splat_f32s(*coefficient));
    }
    simd.mul_add_f32s(q, f, simd.splat_f32s(1.0))
}

/// exp(x), zero below -87.7, saturated at 2^127 above: ln 2 in two parts keeps the reduced argument
/// exact, which x log2(e) would not be.
#[inline(always)]
fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let log2_e = simd.splat_f32s(std::f32::consts::LOG2_E);
    let x = clamp(simd, x, 88.0);
    let (k, scale) = power_of_two(simd, simd.mul_f32s(x, log2_e));
    let r = simd.mul_add_f32s(k, simd.splat_f32s(-LN2_HIGH), x);
    let r = simd.mul_add_f32s(k, simd.splat_f32s(-LN2_LOW), r);
    simd.mul_f32s(exp2_fraction(simd, simd.mul_f32s(r, log2_e)), scale)
}

/// ln(1 + e) for e in [0, 1]: 2 artanh(s) with s = e / (2 + e) <= 1/3, odd terms up to s^13.
#[inline(always)]
fn ln_1p<S: Simd>(simd: S, e: S::f32s) -> S::f32s {
    let s = simd.div_f32s(e, simd.add_f32s(e, simd.splat_f32s(2.0)));
    let square = simd.mul_f32s(s, s);
    let mut sum = simd.splat_f32s(1.0 / 13.0);
    for odd in [11.0_f32, 9.0, 7.0, 5.0, 3.0] {
        sum = simd.mul_add_f32s(sum, square, simd.splat_f32s(1.0 / odd));
    }
    let twice = simd.add_f32s(s, s);
    simd.mul_add_f32s(simd.mul_f32s(sum, square), twice, twice)
}

#[cfg(test)]
mod tests {
    use super::Vector;
    use pulp::{Arch, Scalar, Simd, WithSimd};

    #[derive(Clone, Copy)]
    enum Function {
        Exp2,
        Sigmoid,
        Softplus,
    }

    struct Map<'a> {
        function: Function,
        values: &'a mut [f32],
    }

    impl WithSimd for Map<'_> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) {
            for value in f32::cast_mut::<S>(self.values) {
                *value = match self.function {
                    Function::Exp2 => f32::v_exp2(simd, *value),
                    Function::Sigmoid => f32::v_sigmoid(simd, *value),
                    Function::Softplus => f32::v_softplus(simd, *value),
                };
            }
        }
    }

    /// Values of one function by the vectors of this machine; they must equal the scalar path.
    fn map(function: Function, values: &[f32]) -> Vec<f32> {
        let mut out = values.to_vec();
        out.resize(values.len().next_multiple_of(16), 0.0);
        let mut scalar = out.clone();
        Arch::new().dispatch(Map {
            function,
            values: &mut out,
        });
        Map {
            function,
            values: &mut scalar,
        }
        .with_simd(Scalar::new());
        for (a, b) in out.iter().zip(&scalar) {
            assert!(a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()));
        }
        out.truncate(values.len());
        out
    }

    fn worst(function: Function, range: (f32, f32), exact: impl Fn(f64) -> f64) -> f64 {
        let steps = 300_000;
        let values: Vec<f32> = (0..=steps)
            .map(|i| range.0 + (range.1 - range.0) * i as f32 / steps as f32)
            .collect();
        map(function, &values)
            .iter()
            .zip(&values)
            .map(|(&got, &x)| {
                let want = exact(f64::from(x));
                (f64::from(got) - want).abs() / want
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn vector_functions_when_in_range_are_within_a_few_ulp_of_f64() {
        let exp2 = worst(Function::Exp2, (-126.0, 127.0), f64::exp2);
        assert!(exp2 < 2e-7, "exp2: {exp2:e}");
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let sigmoid = worst(Function::Sigmoid, (-86.0, 86.0), sigmoid);
        assert!(sigmoid < 3e-7, "sigmoid: {sigmoid:e}");
        let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
        let softplus = worst(Function::Softplus, (-86.0, 86.0), softplus);
        assert!(softplus < 3e-7, "softplus: {softplus:e}");
    }

    #[test]
    fn vector_functions_when_outside_range_saturate_and_keep_nan() {
        let far = [-1e30, f32::NEG_INFINITY, 0.0, 1e30, f32::INFINITY];
        let exp2 = map(Function::Exp2, &far);
        assert_eq!(exp2[..3], [0.0, 0.0, 1.0]);
        assert!(exp2[3..].iter().all(|v| v.is_finite() && *v > 1e38));
        assert_eq!(map(Function::Softplus, &far[..2]), [0.0, 0.0]);
        assert_eq!(map(Function::Softplus, &[50.0, 1e30]), [50.0, 1e30]);
        assert_eq!(map(Function::Sigmoid, &far[3..4]), [1.0]);
        for function in [Function::Exp2, Function::Sigmoid, Function::Softplus] {
            assert!(map(function, &[f32::NAN])[0].is_nan());
        }
    }
}
