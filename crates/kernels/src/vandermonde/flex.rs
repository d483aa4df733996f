//! CPU body: one task per channel.
//!
//! Position l = b T + j is position j of block b: z^l = (z^T)^b z^j. With the powers of one block and
//! the first powers of all blocks, a row is a product of a [block, 2 state] and a [2 state, T] real
//! matrix, and the backward pass the transposed one.

use super::VandermondeShape;
use super::ops::{VandermondeBackward, VandermondeGradients, VandermondeOps, VandermondeSaved};
use crate::complex::{join, part};
use crate::float::Real;
use crate::gemm::{Into, Mat, gemm};
use crate::host::{Host, tensor};
use crate::poles::Pole;
use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_flex::FlexTensor;
use rayon::prelude::*;
use realfft::num_complex::Complex64;

const ZERO: Complex64 = Complex64::new(0.0, 0.0);

/// Positions per block for a row of `len`: a power of two near its square root.
fn period(len: usize) -> usize {
    ((len as f64).sqrt() as usize).next_power_of_two().max(8)
}

/// Powers of the poles of one channel.
pub(crate) struct Powers<T> {
    len: usize,
    period: usize,
    /// [re | im | re of the derivative | im of it, state][period]: z^j and j z^(j-1).
    table: Vec<T>,
    /// z^(b period) and its derivative with respect to z, [block][state].
    starts: Vec<(Complex64, Complex64)>,
    state: usize,
}

impl<T: Real> Powers<T> {
    /// Powers 0..len of every pole.
    pub(crate) fn new(factors: &[Complex64], len: usize) -> Self {
        let (state, period) = (factors.len(), period(len));
        let blocks = len.div_ceil(period);
        let mut table = vec![T::zero(); 4 * state * period];
        let mut starts = vec![(ZERO, ZERO); blocks * state];
        for (n, &z) in factors.iter().enumerate() {
            let (mut power, mut slope) = (Complex64::new(1.0, 0.0), ZERO);
            for j in 0..period {
                for (part, value) in [power.re, power.im, slope.re, slope.im]
                    .into_iter()
                    .enumerate()
                {
                    table[(part * state + n) * period + j] = T::from_f64(value);
                }
                // d z^(j+1) = z^j + z d z^j
                slope = power + z * slope;
                power *= z;
            }
            let (step, step_slope) = (power, slope);
            let (mut power, mut slope) = (Complex64::new(1.0, 0.0), ZERO);
            for block in 0..blocks {
                starts[block * state + n] = (power, slope);
                slope = step * slope + step_slope * power;
                power *= step;
            }
        }
        Self {
            len,
            period,
            table,
            starts,
            state,
        }
    }

    /// out_l = Re sum_n c_n z_n^l.
    pub(crate) fn evaluate(&self, c: &[Complex64], out: &mut [T]) {
        let (state, period) = (self.state, self.period);
        if self.len == 0 {
            return;
        }
        let blocks = self.len.div_ceil(period);
        let mut left = vec![T::zero(); blocks * 2 * state];
        let rows = left.chunks_mut((2 * state).max(1));
        for (left, starts) in rows.zip(self.starts.chunks(state.max(1))) {
            for (n, (c, (power, _))) in c.iter().zip(starts).enumerate() {
                let value = c * power;
                left[n] = T::from_f64(value.re);
                left[state + n] = T::from_f64(-value.im);
            }
        }
        let table = Mat::rows(&self.table, 2 * state, period, period);
        let whole = self.len / period;
        if whole > 0 {
            let left = Mat::rows(&left, whole, 2 * state, 2 * state);
            gemm(out, period, Into::Store, left, table);
        }
        if whole < blocks {
            let mut last = vec![T::zero(); period];
            let left = Mat::rows(&left[whole * 2 * state..], 1, 2 * state, 2 * state);
            gemm(&mut last, period, Into::Store, left, table);
            let rest = &mut out[whole * period..];
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }

    /// S0_n = sum_l g_l z_n^l and S1_n = sum_l g_l l z_n^(l-1), its derivative.
    pub(crate) fn moments(&self, g: &[T]) -> Vec<(Complex64, Complex64)> {
        let (state, period) = (self.state, self.period);
        let mut sums = vec![(ZERO, ZERO); state];
        if self.len == 0 || state == 0 {
            return sums;
        }
        let blocks = self.len.div_ceil(period);
        let mut padded = g.to_vec();
        padded.resize(blocks * period, T::zero());
        let mut inner = vec![T::zero(); blocks * 4 * state];
        gemm(
            &mut inner,
            4 * state,
            Into::Store,
            Mat::rows(&padded, blocks, period, period),
            Mat::rows(&self.table, 4 * state, period, period).t(),
        );
        for (inner, starts) in inner.chunks(4 * state).zip(self.starts.chunks(state)) {
            let part = |index: usize, n: usize| inner[index * state + n].into_f64();
            for (n, ((s0, s1), (power, slope))) in sums.iter_mut().zip(starts).enumerate() {
                let value = Complex64::new(part(0, n), part(1, n));
                let derivative = Complex64::new(part(2, n), part(3, n));
                *s0 += power * value;
                *s1 += slope * value + power * derivative;
            }
        }
        sums
    }
}

/// Inputs in f64 and the options; parameters are few, so widening them costs nothing.
struct Inputs {
    a: Vec<Complex64>,
    dt: Vec<f64>,
    c: Vec<Complex64>,
    shape: VandermondeShape,
}

impl Inputs {
    fn new<T: Real>(saved: &VandermondeSaved<Flex>) -> Self {
        let hosts = [
            &saved.a_re,
            &saved.a_im,
            &saved.dt,
            &saved.c_re,
            &saved.c_im,
        ]
        .map(Host::new);
        let [a_re, a_im, dt, c_re, c_im] = hosts.each_ref().map(Host::slice::<T>);
        Self {
            a: join(a_re, a_im),
            dt: dt.iter().map(|dt| dt.into_f64()).collect(),
            c: join(c_re, c_im),
            shape: saved.shape,
        }
    }

    /// The discretised poles of `channel`, and their powers.
    fn powers<T: Real>(&self, channel: usize) -> (Vec<Pole>, Powers<T>) {
        let (state, options) = (self.shape.state, self.shape.options);
        let poles: Vec<Pole> = self.a[channel * state..][..state]
            .iter()
            .map(|&a| {
                let pole = Pole::new(options.rule, a, self.dt[channel]);
                if options.gain {
                    pole
                } else {
                    pole.without_gain()
                }
            })
            .collect();
        let factors: Vec<Complex64> = poles.iter().map(|pole| pole.factor).collect();
        (poles, Powers::new(&factors, options.len))
    }

    /// Rows of `channel`.
    fn rows(&self, channel: usize) -> impl Iterator<Item = usize> + use<> {
        (channel..self.shape.rows).step_by(self.shape.channels)
    }

    fn coefficients(&self, row: usize) -> &[Complex64] {
        &self.c[row * self.shape.state..][..self.shape.state]
    }
}

fn forward<T: Real>(saved: &VandermondeSaved<Flex>) -> FlexTensor {
    let inputs = Inputs::new::<T>(saved);
    let shape = saved.shape;
    let (len, offset) = (shape.options.len, shape.options.offset as u32);
    let mut kernel = vec![T::zero(); shape.rows * len];
    let mut of_channel: Vec<Vec<&mut [T]>> = (0..shape.channels).map(|_| Vec::new()).collect();
    for (row, values) in kernel.chunks_mut(len.max(1)).enumerate() {
        of_channel[row % shape.channels].push(values);
    }
    of_channel
        .into_par_iter()
        .enumerate()
        .for_each(|(channel, rows)| {
            let (poles, powers) = inputs.powers::<T>(channel);
            for (row, out) in inputs.rows(channel).zip(rows) {
                let c = inputs.coefficients(row).iter().zip(&poles);
                let c: Vec<Complex64> = c
                    .map(|(c, pole)| c * pole.gain * pole.factor.powu(offset) * shape.scale())
                    .collect();
                powers.evaluate(&c, out);
            }
        });
    tensor(kernel, &[shape.rows, len])
}

/// Gradients of one channel: a, dt, and c of its rows one after the other.
struct Channel {
    a: Vec<Complex64>,
    dt: f64,
    c: Vec<Complex64>,
}

/// With F = sum_l g_l c gain z^(l + offset) the loss moves as s Re dF: holomorphic in c, gain and z,
/// so every gradient is s conj(dF / d parameter).
fn backward_channel<T: Real>(inputs: &Inputs, grad: &[T], channel: usize) -> Channel {
    let (options, scale) = (inputs.shape.options, inputs.shape.scale());
    let (poles, powers) = inputs.powers::<T>(channel);
    let mut out = Channel {
        a: vec![ZERO; poles.len()],
        dt: 0.0,
        c: Vec::new(),
    };
    for row in inputs.rows(channel) {
        let sums = powers.moments(&grad[row * options.len..][..options.len]);
        for (n, (pole, (s0, s1))) in poles.iter().zip(sums).enumerate() {
            let c = inputs.coefficients(row)[n];
            let (mut value, mut slope) = (s0, s1);
            if options.offset > 0 {
                let before = pole.factor.powu(options.offset as u32 - 1);
                slope = pole.factor * before * s1 + s0 * before * options.offset as f64;
                value = pole.factor * before * s0;
            }
            let by_factor = c * pole.gain * slope;
            let by_gain = c * value;
            out.c.push((pole.gain * value).conj() * scale);
            out.a[n] += (by_factor * pole.factor_a + by_gain * pole.gain_a).conj() * scale;
            out.dt += (by_factor * pole.factor_dt + by_gain * pole.gain_dt).re * scale;
        }
    }
    out
}

fn backward<T: Real>(
    saved: &VandermondeSaved<Flex>,
    grad: &FlexTensor,
) -> VandermondeGradients<Flex> {
    let inputs = Inputs::new::<T>(saved);
    let shape = saved.shape;
    let grad = Host::new(grad);
    let grad = grad.slice::<T>();
    let channels: Vec<Channel> = (0..shape.channels)
        .into_par_iter()
        .map(|channel| backward_channel(&inputs, grad, channel))
        .collect();
    let a: Vec<Complex64> = channels.iter().flat_map(|c| c.a.iter().copied()).collect();
    let mut c = vec![ZERO; shape.rows * shape.state];
    for (channel, values) in channels.iter().enumerate() {
        let rows = inputs.rows(channel);
        for (row, values) in rows.zip(values.c.chunks(shape.state.max(1))) {
            c[row * shape.state..][..shape.state].copy_from_slice(values);
        }
    }
    let dt = channels.iter().map(|c| T::from_f64(c.dt)).collect();
    let ((a_re, a_im), (c_re, c_im)) = (part::<T>(&a), part::<T>(&c));
    VandermondeGradients {
        a_re: tensor(a_re, &[shape.channels, shape.state]),
        a_im: tensor(a_im, &[shape.channels, shape.state]),
        dt: tensor(dt, &[shape.channels]),
        c_re: tensor(c_re, &[shape.rows, shape.state]),
        c_im: tensor(c_im, &[shape.rows, shape.state]),
    }
}

impl VandermondeOps for Flex {
    fn vandermonde(
        a_re: FloatTensor<Self>,
        a_im: FloatTensor<Self>,
        dt: FloatTensor<Self>,
        c_re: FloatTensor<Self>,
        c_im: FloatTensor<Self>,
        shape: VandermondeShape,
    ) -> FloatTensor<Self> {
        let saved = VandermondeSaved::<Self> {
            a_re,
            a_im,
            dt,
            c_re,
            c_im,
            shape,
        };
        match saved.c_re.dtype() {
            DType::F64 => forward::<f64>(&saved),
            _ => forward::<f32>(&saved),
        }
    }
}

impl VandermondeBackward for Flex {
    fn vandermonde_backward(
        saved: VandermondeSaved<Self>,
        grad: FloatTensor<Self>,
    ) -> VandermondeGradients<Self> {
        match saved.c_re.dtype() {
            DType::F64 => backward::<f64>(&saved, &grad),
            _ => backward::<f32>(&saved, &grad),
        }
    }
}
