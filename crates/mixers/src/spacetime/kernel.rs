//! Companion kernels, their states, and the recurrence in f64.

use super::config::{NAME, SpaceTimeConfig, StateMatrix};
use crate::error::MixerError;
use crate::lti::SisoKernel;
use crate::mixer::{Cost, host};
use crate::settings::MixerSettings;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::companion::{CompanionInput, companion};
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};

pub(super) const LAYOUT: &str = "channel,state";
/// Below this 1-norm a last column is left as it is.
const SMALLEST_NORM: f64 = 1e-4;

/// Companion systems, shared by heads; see the text of [`crate::spacetime`].
#[derive(Module, Debug)]
pub struct CompanionKernel {
    /// Last columns before normalisation, [n_kernels, d_state]; absent for a plain shift.
    pub a: Option<Param<Tensor<2>>>,
    /// Input columns, [n_kernels, d_state]; absent for a plain shift, where it is the first unit vector,
    /// and beside `g`, where it is g - a.
    pub b: Option<Param<Tensor<2>>>,
    /// Output rows, [n_kernels, d_state].
    pub c: Param<Tensor<2>>,
    /// Rows that predict the next input, [n_kernels, d_state]; absent beside `g`, where it is the last
    /// unit vector.
    pub k: Option<Param<Tensor<2>>>,
    /// Last columns of the closed loop before they are bounded, [n_kernels, d_state].
    pub g: Option<Param<Tensor<2>>>,
    /// Sizes and constants.
    #[module(skip)]
    pub config: SpaceTimeConfig,
}

/// [batch, length, channel] moved one position later, zeros first.
pub(super) fn delayed(values: Tensor<3>) -> Tensor<3> {
    let [batch, len, channels] = values.dims();
    let zeros = Tensor::zeros([batch, 1, channels], (&values.device(), values.dtype()));
    match len {
        0 | 1 => zeros.narrow(1, 0, len.max(1)),
        _ => Tensor::cat(vec![zeros, values.narrow(1, 0, len - 1)], 1),
    }
}

/// Causal convolution of [batch, length, channel] with [channel, tap].
pub(super) fn convolve(
    x: Tensor<3>,
    kernel: Tensor<2>,
    initial: Option<Tensor<3>>,
) -> Result<Tensor<3>, MixerError> {
    let input = LongConvInput {
        x,
        kernel,
        reverse: None,
        skip: None,
        initial,
        seq_idx: None,
    };
    Ok(long_conv(input, Method::Auto)?)
}

impl CompanionKernel {
    /// [n_kernels, d_state] to [channel, d_state].
    pub(super) fn wide(&self, values: Tensor<2>) -> Tensor<2> {
        let [kernels, state] = values.dims();
        let heads = self.config.n_heads;
        values
            .reshape([kernels, 1, state])
            .expand([kernels, heads, state])
            .reshape([kernels * heads, state])
    }

    /// Normalised last columns, [n_kernels, d_state].
    pub(super) fn a(&self) -> Tensor<2> {
        match &self.a {
            Some(a) => {
                let a = a.val();
                let norm = a.clone().abs().sum_dim(1).clamp_min(SMALLEST_NORM);
                a / norm
            }
            None => self.c.val().zeros_like(),
        }
    }

    /// Input columns, [n_kernels, d_state].
    pub(super) fn b(&self) -> Tensor<2> {
        match (self.g(), &self.b) {
            (Some(g), _) => g - self.a(),
            (None, Some(b)) => b.val(),
            (None, None) => self.unit(0),
        }
    }

    /// Last columns of the closed loop, [n_kernels, d_state], with a sum of magnitudes of at most 1;
    /// shorter ones stay as they are.
    pub(super) fn g(&self) -> Option<Tensor<2>> {
        let g = self.g.as_ref()?.val();
        let norm = g.clone().abs().sum_dim(1).clamp_min(1.0);
        Some(g / norm)
    }

    /// Rows of the unit vector number `at`, [n_kernels, d_state].
    pub(super) fn unit(&self, at: usize) -> Tensor<2> {
        let zeros = self.c.val().detach().zeros_like();
        let [kernels, state] = zeros.dims();
        let one = Tensor::ones([kernels, 1], (&zeros.device(), zeros.dtype()));
        zeros.slice_assign([0..kernels, at..(at + 1).min(state)], one)
    }

    /// row A^k b for k = 0..len, [channel, len], for rows [n_kernels, d_state].
    pub(super) fn response(&self, row: Tensor<2>, len: usize) -> Result<Tensor<2>, MixerError> {
        let input = CompanionInput {
            a: self.a(),
            b: self.b(),
            c: row,
        };
        Ok(self.wide(companion(input, len)?))
    }

    /// row A^k x for k = 0..len, [batch, len, channel], for states x [batch, channel, d_state].
    pub(super) fn free(
        &self,
        row: Tensor<2>,
        x: &Tensor<3>,
        len: usize,
    ) -> Result<Tensor<3>, MixerError> {
        self.run(self.a(), row, x, len)
    }

    /// The same for the companion matrix with the last columns `a` [n_kernels, d_state].
    pub(super) fn run(
        &self,
        a: Tensor<2>,
        row: Tensor<2>,
        x: &Tensor<3>,
        len: usize,
    ) -> Result<Tensor<3>, MixerError> {
        let [batch, channels, state] = x.dims();
        let rows = self.wide(row).unsqueeze::<3>();
        let input = CompanionInput {
            a: self.wide(a),
            b: x.clone().reshape([batch * channels, state]),
            c: rows
                .expand([batch, channels, state])
                .reshape([batch * channels, state]),
        };
        let free = companion(input, len)?;
        Ok(free.reshape([batch, channels, len]).swap_dims(1, 2))
    }

    /// The state behind `input` [batch, length, channel] from `x` [batch, channel, d_state].
    ///
    /// The last element v of the state is a convolution of its own; the others are the last inputs
    /// and last v, shifted:
    /// x_i = sum_m (a_{i-m} v_{len-1-m} + b_{i-m} u_{len-1-m}) + x0_{i-len}.
    pub(super) fn behind(&self, input: &Tensor<3>, x: Tensor<3>) -> Result<Tensor<3>, MixerError> {
        let [batch, len, channels] = input.dims();
        let state = self.config.d_state;
        let last = self.unit(state - 1);
        let free = self.free(last.clone(), &x, len)?;
        let forced = convolve(input.clone(), self.response(last, len)?, None)?;
        let v = free + delayed(forced);
        let seen = state.min(len);
        // The latest first, filled up with zeros to d_state.
        let latest = |values: Tensor<3>| {
            let part = values.narrow(1, len - seen, seen).flip([1]);
            if seen == state {
                return part;
            }
            let options = (&part.device(), part.dtype());
            let zeros = Tensor::zeros([batch, state - seen, channels], options);
            Tensor::cat(vec![part, zeros], 1)
        };
        let from_v = convolve(latest(v), self.wide(self.a()), None)?;
        let both = convolve(latest(input.clone()), self.wide(self.b()), Some(from_v))?;
        let next = both.swap_dims(1, 2);
        if len >= state {
            return Ok(next);
        }
        let options = (&x.device(), x.dtype());
        let zeros = Tensor::zeros([batch, channels, len], options);
        Ok(next + Tensor::cat(vec![zeros, x.narrow(2, 0, state - len)], 2))
    }

    /// One position, `u` [batch, 1, channel] from `x` [batch, channel, d_state]: y and the next state,
    /// x'_i = x_{i-1} + a_i x_last + b_i u, y = c x'.
    fn step(&self, u: Tensor<3>, x: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
        let state = self.config.d_state;
        let last = x.clone().narrow(2, state - 1, 1);
        let row = |values: Tensor<2>| self.wide(values).unsqueeze::<3>();
        let mut next = row(self.a()) * last.clone() + row(self.b()) * u.swap_dims(1, 2);
        if state > 1 {
            let shifted = vec![last.zeros_like(), x.narrow(2, 0, state - 1)];
            next = next + Tensor::cat(shifted, 2);
        }
        let y = (next.clone() * row(self.c.val())).sum_dim(2);
        // Not by swapping axes: with the feature `fusion` burn 0.22.1 adds such a view to the first position
        // of a longer tensor in the wrong order.
        let [batch, channels, _] = y.dims();
        (y.reshape([batch, 1, channels]), next)
    }

    /// a, b and c of every kernel in f64, from the stored numbers.
    pub(super) fn exact(&self) -> [Vec<f64>; 3] {
        let (kernels, state) = (self.config.n_kernels(), self.config.d_state);
        // Rows over the sum of their magnitudes, which counts as at least `least`.
        let normalised = |rows: &Param<Tensor<2>>, least: f64| -> Vec<f64> {
            let raw = host(&rows.val());
            let rows = raw.chunks(state).flat_map(|row| {
                let norm: f64 = row.iter().map(|v| v.abs()).sum();
                row.iter().map(move |v| v / norm.max(least))
            });
            rows.collect()
        };
        let a = match &self.a {
            Some(a) => normalised(a, SMALLEST_NORM),
            None => vec![0.0; kernels * state],
        };
        let b = match (&self.g, &self.b) {
            (Some(g), _) => {
                let g = normalised(g, 1.0);
                g.iter().zip(&a).map(|(g, a)| g - a).collect()
            }
            (None, Some(b)) => host(&b.val()),
            (None, None) => {
                let unit = (0..kernels * state).map(|at| f64::from(u8::from(at % state == 0)));
                unit.collect()
            }
        };
        [a, b, host(&self.c.val())]
    }
}

impl SisoKernel for CompanionKernel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn channels(&self) -> usize {
        self.config.hidden_size
    }

    fn kernel(&self, len: usize) -> Result<Tensor<2>, MixerError> {
        match self.config.ssm {
            // c A^k b is the k-th element of c while k < d_state.
            StateMatrix::Shift if self.g.is_none() && len <= self.config.d_state => {
                Ok(self.wide(self.c.val().narrow(1, 0, len)))
            }
            _ => self.response(self.c.val(), len),
        }
    }

    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let dims = [batch, self.config.hidden_size, self.config.d_state];
        let mut state = State::new();
        state.insert("state", LAYOUT, Tensor::<3>::zeros(dims, device));
        state
    }

    fn advance(
        &self,
        input: &Tensor<3>,
        mut state: State,
    ) -> Result<(Tensor<3>, State), MixerError> {
        let [batch, len, channels] = input.dims();
        let x: Tensor<3> = state.take("state", LAYOUT)?;
        State::expect("state", &x, [batch, channels, self.config.d_state])?;
        let mut next = State::new();
        if len == 1 {
            let (y, x) = self.step(input.clone(), x);
            next.insert("state", LAYOUT, x);
            return Ok((y, next));
        }
        // y_k reads the state behind input k, one step after the state before it.
        let free = self.free(self.c.val(), &x, len + 1)?.narrow(1, 1, len);
        let y = convolve(input.clone(), self.kernel(len)?, Some(free))?;
        next.insert("state", LAYOUT, self.behind(input, x)?);
        Ok((y, next))
    }

    fn recurrence(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let [a, b, c] = self.exact();
        let (channels, state) = (self.config.hidden_size, self.config.d_state);
        let mut y = vec![0.0; input.len()];
        for row in 0..batch {
            for channel in 0..channels {
                let own = channel / self.config.n_heads * state;
                let mut x = vec![0.0; state];
                for t in 0..length {
                    let at = (row * length + t) * channels + channel;
                    let last = x[state - 1];
                    x.rotate_right(1);
                    x[0] = 0.0;
                    for (i, x) in x.iter_mut().enumerate() {
                        *x += a[own + i] * last + b[own + i] * input[at];
                    }
                    y[at] = x.iter().zip(&c[own..]).map(|(x, c)| x * c).sum();
                }
            }
        }
        y
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.cost(length)
    }
}
