//! Scalar functions that several kernels need, NaN kept.

use cubecl::prelude::*;

/// 1 / (1 + exp(-z)); saturates without NaN.
#[cube]
pub(crate) fn sigmoid<A: Float>(z: A) -> A {
    let one = A::from_int(1);
    one / (one + (-z).exp())
}

/// ln(1 + exp(x)) without overflow, relatively exact for small results too.
#[cube]
pub(crate) fn softplus<A: Float>(x: A) -> A {
    let zero = A::from_int(0);
    let mut positive = x;
    let mut folded = -x;
    if x < zero {
        positive = zero;
        folded = x;
    }
    // ln(1 + e) loses e's last bits in the sum; what they make of ln is e / (w - 1) of it (Kahan).
    let one = A::from_int(1);
    let e = folded.exp();
    let w = one + e;
    let mut rest = e;
    if w != one {
        rest = w.ln() * e / (w - one);
    }
    positive + rest
}

/// Sum of the lanes of a vector.
#[cube]
pub(crate) fn lane_sum<A: Float, N: Size>(value: Vector<A, N>) -> A {
    let mut sum = A::from_int(0);
    #[unroll]
    for lane in 0..N::value() {
        sum += value.extract(lane);
    }
    sum
}

/// 2^x of every lane by the one instruction that NVIDIA devices have for it: relative error 2^-22,
/// results below 2^-126 are zero. For those devices alone.
#[cube]
pub(crate) fn exp2_approximate<A: Float, N: Size>(x: Vector<A, N>) -> Vector<A, N> {
    let mut value = x;
    #[unroll]
    for lane in 0..N::value() {
        let exponent = f32::cast_from(x.extract(lane));
        let power: f32;
        gpu_asm!("ex2.approx.ftz.f32 {}, {};", out(_) power, in(_) exponent, options(pure, nomem));
        value.insert(lane, A::cast_from(power));
    }
    value
}
