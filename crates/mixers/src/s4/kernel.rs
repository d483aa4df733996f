//! The kernel, its state, the recurrence in f64, and the conversion of C.

use super::config::{NAME, S4Config};
use super::discrete::{DiscreteStep, stack};
use crate::error::MixerError;
use crate::layers::parameter;
use crate::lti::reference::pairs;
use crate::lti::{SisoKernel, complex_entry, split, take_complex, tile, times};
use crate::mixer::{Cost, host};
use crate::settings::Checks;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::cauchy::{CauchyInput, cauchy};
use resolvent_kernels::lowrank_scan::{LowRankScanInput, LowRankScanOutput, lowrank_scan};
use resolvent_structure::{Complex64, DplrMatrix, DplrStep, Matrix, StructuredMatrix, linalg};

/// Kernels up to this length come from the recurrence: C (I - A_d^len) cancels while A_d^len is close
/// to the identity, and there is little to win from transforms.
const SHORT: usize = 128;

/// Diagonal-plus-low-rank systems, one per channel; see the text of [`crate::s4`].
#[derive(Module, Debug)]
pub struct S4Kernel {
    /// Output vectors (or their published form, see [`S4Config::l_max`]), [channel, mode, 2].
    pub c: Param<Tensor<3>>,
    /// Input vectors, [n_ssm, mode, 2].
    pub b: Param<Tensor<3>>,
    /// Low-rank part, [rank, n_ssm, mode, 2].
    pub p: Param<Tensor<4>>,
    /// Negated real parts as [`S4Config::real_transform`] stores them, [n_ssm, mode].
    pub a_real: Param<Tensor<2>>,
    /// Negated imaginary parts, [n_ssm, mode].
    pub a_imag: Param<Tensor<2>>,
    /// Step sizes as [`S4Config::dt_transform`] stores them, [channel, 1].
    pub inv_dt: Param<Tensor<2>>,
    /// What step sizes are multiplied by.
    #[module(skip)]
    pub rate: f64,
    /// Sizes and constants.
    #[module(skip)]
    pub config: S4Config,
}

/// One channel in f64.
struct Exact {
    step: DplrStep,
    b: Vec<Complex64>,
    c: Vec<Complex64>,
}

impl S4Kernel {
    /// Runs the same systems on a signal sampled `rate` times as coarsely.
    ///
    /// # Errors
    /// A rate that is not positive; the published form of C, which belongs to one step size.
    pub fn set_rate(&mut self, rate: f64) -> Result<(), MixerError> {
        Checks(NAME).positive("rate", rate)?;
        self.expect_plain("another rate")?;
        self.rate = rate;
        Ok(())
    }

    fn expect_plain(&self, what: &str) -> Result<(), MixerError> {
        if self.config.l_max == 0 {
            return Ok(());
        }
        let expected = format!("0 for {what}; `solved` converts the parameters");
        Err(Checks(NAME).refuse("l_max", self.config.l_max, expected))
    }

    fn lambda(&self) -> ComplexTensor<2> {
        let re = self.config.real_transform.apply(self.a_real.val()).neg();
        let channels = self.config.hidden_size;
        ComplexTensor::new(tile(re, channels), tile(self.a_imag.val().neg(), channels))
    }

    /// Step sizes, `[channel]`.
    pub fn dt(&self) -> Tensor<1> {
        let raw = self.inv_dt.val().reshape([self.config.hidden_size]);
        self.config.dt_transform.apply(raw) * self.rate
    }

    /// Columns of P, each [channel, mode].
    fn columns(&self) -> Vec<ComplexTensor<2>> {
        let [rank, systems, modes, _] = self.p.val().dims();
        (0..rank)
            .map(|i| {
                let column = self.p.val().narrow(0, i, 1).reshape([systems, modes, 2]);
                split(tile(column, self.config.hidden_size))
            })
            .collect()
    }

    fn b(&self) -> ComplexTensor<2> {
        split(tile(self.b.val(), self.config.hidden_size))
    }

    fn step_of(&self) -> DiscreteStep {
        DiscreteStep::new(self.lambda(), &self.columns(), self.b(), self.dt())
    }

    /// C A_d^l for l = 1..=len: C is carried through the transposed recurrence, whose low-rank part
    /// reads what the other adds to. Outputs are 2 Re(C A_d^l B_d), the state is C A_d^len.
    fn carried(&self, len: usize) -> Result<(DiscreteStep, LowRankScanOutput), MixerError> {
        let c = split(self.c.val());
        let step = self.step_of();
        let [channels, modes] = c.dims();
        let row = |part: Tensor<2>| part.reshape([1, channels, modes]);
        let twice = |part: &Tensor<2>| part.clone() * 2.0;
        let out = lowrank_scan(LowRankScanInput {
            x: Tensor::zeros([1, len, channels], &c.re.device()),
            alpha: step.alpha.clone(),
            beta: step.kappa.clone(),
            kappa: step.beta.clone(),
            b: ComplexTensor::real(c.re.zeros_like()),
            c: ComplexTensor::new(twice(&step.b.re), twice(&step.b.im)),
            initial: Some(ComplexTensor::new(row(c.re), row(c.im))),
            seq_idx: None,
        })?;
        Ok((step, out))
    }

    /// C (I - A_d^len).
    fn truncated(&self, len: usize) -> Result<ComplexTensor<2>, MixerError> {
        let c = split(self.c.val());
        let dims = c.dims();
        let end = self.carried(len)?.1.state;
        let part = |part: Tensor<3>| part.reshape(dims);
        Ok(ComplexTensor::new(c.re - part(end.re), c.im - part(end.im)))
    }

    /// The kernel without transforms: 2 Re(C B_d) and the outputs of the transposed recurrence.
    fn short(&self, len: usize) -> Result<Tensor<2>, MixerError> {
        let channels = self.config.hidden_size;
        let (step, out) = self.carried(len - 1)?;
        let first = times(split(self.c.val()), step.b).re.sum_dim(1) * 2.0;
        if len == 1 {
            return Ok(first);
        }
        let later = out.y.reshape([len - 1, channels]).transpose();
        Ok(Tensor::cat(vec![first, later], 1))
    }

    /// Every channel in f64, from the stored numbers.
    fn exact(&self) -> Result<Vec<Exact>, MixerError> {
        let (real, imag) = (host(&self.a_real.val()), host(&self.a_imag.val()));
        let dt = host(&self.inv_dt.val());
        let [b, c] = [&self.b, &self.c].map(|v| pairs(&host(&v.val())));
        let p = pairs(&host(&self.p.val()));
        let (modes, systems) = (self.config.modes(), self.config.n_ssm);
        let part = |all: &[Complex64], at: usize| all[at * modes..(at + 1) * modes].to_vec();
        (0..self.config.hidden_size)
            .map(|channel| {
                let system = channel % systems;
                let own = system * modes..(system + 1) * modes;
                let lambda = own
                    .map(|n| Complex64::new(-self.config.real_transform.value(real[n]), -imag[n]));
                let rank = self.config.measure.rank();
                let columns = (0..rank).map(|i| part(&p, i * systems + system));
                let matrix = DplrMatrix::new(lambda.collect(), columns.collect())?;
                let dt = self.config.dt_transform.value(dt[channel]) * self.rate;
                let step = DplrStep::new(matrix, dt)?;
                Ok(Exact {
                    b: step.input(&part(&b, system))?,
                    c: part(&c, channel),
                    step,
                })
            })
            .collect()
    }

    /// The same systems with C itself as parameter.
    ///
    /// Solves C (I - A_d^l_max) = c for every channel in f64: O(d_state^3 log l_max) each, once.
    ///
    /// # Errors
    /// An eigenvalue of A_d^l_max at 1, with which C is not determined.
    pub fn solved(&self) -> Result<Self, MixerError> {
        let length = self.config.l_max;
        if length == 0 {
            return Ok(self.clone());
        }
        let mut values = Vec::new();
        for channel in self.exact()? {
            let mut power = channel.step.dense();
            let mut whole = Matrix::identity(power.rows())?;
            let mut left = length;
            while left > 0 {
                if left % 2 == 1 {
                    whole = whole.product(&power)?;
                }
                power = power.product(&power)?;
                left /= 2;
            }
            let order = whole.rows();
            // The functional 2 Re(C h) has the real coordinates (2 Re C, -2 Im C).
            let row: Vec<f64> = channel.c.iter().flat_map(|c| [c.re, -c.im]).collect();
            let transposed = Matrix::from_fn(order, order, |i, j| {
                let unit = if i == j { 1.0 } else { 0.0 };
                unit - whole.as_slice()[j * order + i]
            })?;
            let solved = linalg::solve(&transposed, &Matrix::new(order, 1, row)?)?;
            let pairs = solved.as_slice().chunks_exact(2);
            values.extend(pairs.flat_map(|c| [c[0] as f32, -c[1] as f32]));
        }
        let dims = self.c.val().dims();
        let mut plain = self.clone();
        plain.c = parameter(values, dims, &self.c.val().device());
        plain.config.l_max = 0;
        Ok(plain)
    }
}

impl SisoKernel for S4Kernel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn channels(&self) -> usize {
        self.config.hidden_size
    }

    fn kernel(&self, len: usize) -> Result<Tensor<2>, MixerError> {
        let published = self.config.l_max;
        if published > 0 && len > published {
            let expected = format!("at least the length {len}; `solved` lifts the limit");
            return Err(Checks(NAME).refuse("l_max", published, expected));
        }
        if published == 0 && (1..=SHORT).contains(&len) {
            return self.short(len);
        }
        let (nodes, c) = match published {
            0 => (len, self.truncated(len)?),
            _ => (published, split(self.c.val())),
        };
        let channels = self.config.hidden_size;
        let input = CauchyInput {
            lambda: self.lambda(),
            p: stack(self.columns(), channels, self.config.modes()),
            b: self.b(),
            c,
            dt: self.dt(),
        };
        let kernel = cauchy(input, nodes)?;
        Ok(if nodes == len {
            kernel
        } else {
            kernel.narrow(1, 0, len)
        })
    }

    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let dims = [batch, self.config.hidden_size, self.config.modes()];
        complex_entry(ComplexTensor::real(Tensor::zeros(dims, device)))
    }

    fn advance(&self, input: &Tensor<3>, state: State) -> Result<(Tensor<3>, State), MixerError> {
        self.expect_plain("stepping")?;
        let [batch, _, channels] = input.dims();
        let state = take_complex(state, [batch, channels, self.config.modes()])?;
        let step = self.step_of();
        let c = split(self.c.val());
        let out = lowrank_scan(LowRankScanInput {
            x: input.clone(),
            alpha: step.alpha,
            beta: step.beta,
            kappa: step.kappa,
            b: step.b,
            c: ComplexTensor::new(c.re * 2.0, c.im * 2.0),
            initial: Some(state),
            seq_idx: None,
        })?;
        Ok((out.y, complex_entry(out.state)))
    }

    /// # Panics
    /// Never for parameters that a layer can hold: step sizes are positive and finite.
    fn recurrence(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let plain = match self.solved() {
            Ok(plain) => plain,
            Err(_) => return vec![f64::NAN; input.len()],
        };
        let Ok(channels) = plain.exact() else {
            return vec![f64::NAN; input.len()];
        };
        let width = channels.len();
        let mut y = vec![0.0; input.len()];
        for row in 0..batch {
            for (channel, exact) in channels.iter().enumerate() {
                let mut h = vec![0.0; 2 * exact.b.len()];
                for t in 0..length {
                    let at = (row * length + t) * width + channel;
                    h = exact.step.matvec(&h).unwrap_or_default();
                    for (h, b) in h.chunks_exact_mut(2).zip(&exact.b) {
                        h[0] += b.re * input[at];
                        h[1] += b.im * input[at];
                    }
                    let terms = h.chunks_exact(2).zip(&exact.c);
                    let sum: f64 = terms.map(|(h, c)| c.re * h[0] - c.im * h[1]).sum();
                    y[at] = 2.0 * sum;
                }
            }
        }
        y
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.kernel_cost(length)
    }
}
