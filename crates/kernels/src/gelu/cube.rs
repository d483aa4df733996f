//! CubeCL body: a unit per vector of elements; in f32 with the polynomial of the CPU body, since the
//! error function of a device is exact next to one and not in the tail.

use super::ops::{GeluBackward, GeluOps};
use crate::cube::{accumulator, buffer, contiguous, element, elements, empty, grid, vector_width};
use crate::float::{SLOPE, TAIL};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use std::f64::consts::PI;

/// The normal distribution function by the polynomial of the CPU body, for f32.
#[cube]
fn phi_single<A: Float>(x: A) -> A {
    let one = A::from_int(1);
    let mut magnitude = x;
    if x < A::from_int(0) {
        magnitude = -x;
    }
    let t = one / (one + A::new(comptime!(SLOPE)) * magnitude);
    let mut p = A::new(comptime!(TAIL[9]));
    p = p * t + A::new(comptime!(TAIL[8]));
    p = p * t + A::new(comptime!(TAIL[7]));
    p = p * t + A::new(comptime!(TAIL[6]));
    p = p * t + A::new(comptime!(TAIL[5]));
    p = p * t + A::new(comptime!(TAIL[4]));
    p = p * t + A::new(comptime!(TAIL[3]));
    p = p * t + A::new(comptime!(TAIL[2]));
    p = p * t + A::new(comptime!(TAIL[1]));
    p = p * t + A::new(comptime!(TAIL[0]));
    let tail = p * t * (-(A::new(0.5) * x * x)).exp();
    let mut phi = one - tail;
    if x < A::from_int(0) {
        phi = tail;
    }
    phi
}

/// The same exact to f64, which only the test device has: near zero by the power series of
/// (Phi - 1/2) / density, elsewhere by the continued fraction of the tail.
#[cube]
fn phi_double<A: Float>(x: A, bell: A) -> A {
    let mut magnitude = x;
    if x < A::from_int(0) {
        magnitude = -x;
    }
    let mut phi = A::new(0.5);
    if magnitude < A::from_int(3) {
        let mut term = x;
        let mut sum = x;
        let mut odd = A::from_int(1);
        for _step in 0..60 {
            odd += A::from_int(2);
            term = term * x * x / odd;
            sum += term;
        }
        phi += bell * sum;
    } else {
        let mut fraction = magnitude;
        let mut count = A::from_int(120);
        for _step in 0..120 {
            fraction = magnitude + count / fraction;
            count -= A::from_int(1);
        }
        phi = bell / fraction;
        if x > A::from_int(0) {
            phi = A::from_int(1) - phi;
        }
    }
    phi
}

/// Phi and the density of every lane; `scale` is 1 / sqrt(2 pi).
#[cube]
fn normal<A: Float, N: Size>(
    x: Vector<A, N>,
    scale: A,
    #[comptime] double: bool,
) -> (Vector<A, N>, Vector<A, N>) {
    let half = Vector::<A, N>::new(A::new(0.5));
    let bell = (-(half * x * x)).exp() * Vector::<A, N>::new(scale);
    let mut phi = half;
    #[unroll]
    for lane in 0..N::value() {
        if comptime!(double) {
            phi.insert(lane, phi_double::<A>(x.extract(lane), bell.extract(lane)));
        } else {
            phi.insert(lane, phi_single::<A>(x.extract(lane)));
        }
    }
    (phi, bell)
}

#[cube(launch)]
fn forward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    y: &mut [Vector<E, N>],
    scale: InputScalar,
    total: usize,
    #[comptime] double: bool,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let value = Vector::<A, N>::cast_from(x[ABSOLUTE_POS]);
        let (phi, _) = normal::<A, N>(value, scale.get::<A>(), double);
        y[ABSOLUTE_POS] = Vector::cast_from(value * phi);
    }
}

#[cube(launch)]
fn backward<E: Float, A: Float, N: Size>(
    x: &[Vector<E, N>],
    dy: &[Vector<E, N>],
    dx: &mut [Vector<E, N>],
    scale: InputScalar,
    total: usize,
    #[comptime] double: bool,
    #[define(E, A)] _types: [ElemType; 2],
) {
    if ABSOLUTE_POS < total {
        let value = Vector::<A, N>::cast_from(x[ABSOLUTE_POS]);
        let upstream = Vector::<A, N>::cast_from(dy[ABSOLUTE_POS]);
        let (phi, bell) = normal::<A, N>(value, scale.get::<A>(), double);
        let slope = phi + value * bell;
        dx[ABSOLUTE_POS] = Vector::cast_from(upstream * slope);
    }
}

/// Vectors of a tensor, and elements of one.
fn vectors(x: &CubeTensor) -> (usize, usize) {
    let count = elements(x);
    let vector = vector_width(count, x.dtype);
    (count / vector, vector)
}

/// 1 / sqrt(2 pi).
fn scale(x: &CubeTensor) -> InputScalar {
    InputScalar::new((0.5 / PI).sqrt(), element(accumulator(x.dtype)))
}

impl GeluOps for CubeBackend {
    fn gelu_exact(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let x = contiguous(x);
        let y = empty(&x, &[elements(&x)], x.dtype);
        let (total, vector) = vectors(&x);
        if total > 0 {
            let (count, dim) = grid(&x.client, total);
            forward::launch(
                &x.client,
                count,
                dim,
                vector,
                buffer(&x, &x),
                buffer(&y, &y),
                scale(&x),
                total,
                x.dtype == DType::F64,
                [x.dtype, accumulator(x.dtype)].map(element),
            );
        }
        y
    }
}

impl GeluBackward for CubeBackend {
    fn gelu_exact_backward(x: FloatTensor<Self>, grad: FloatTensor<Self>) -> FloatTensor<Self> {
        let (x, grad) = (contiguous(x), contiguous(grad));
        let dx = empty(&x, &[elements(&x)], x.dtype);
        let (total, vector) = vectors(&x);
        if total > 0 {
            let (count, dim) = grid(&x.client, total);
            backward::launch(
                &x.client,
                count,
                dim,
                vector,
                buffer(&x, &x),
                buffer(&grad, &grad),
                buffer(&dx, &dx),
                scale(&x),
                total,
                x.dtype == DType::F64,
                [x.dtype, accumulator(x.dtype)].map(element),
            );
        }
        dx
    }
}
