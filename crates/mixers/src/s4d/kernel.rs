//! The kernel, its state, and the recurrence in f64.

use super::config::{NAME, S4dConfig};
use crate::error::MixerError;
use crate::lti::reference::pairs;
use crate::lti::{SisoKernel, complex_entry, split, take_complex, tile, times};
use crate::mixer::{Cost, host};
use crate::settings::Checks;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::diagonal_state::{DiagonalStateInput, diagonal_state};
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};
use resolvent_kernels::vandermonde::reference::discretise;
use resolvent_kernels::vandermonde::{VandermondeInput, VandermondeOptions, vandermonde};
use resolvent_structure::Complex64;

/// Diagonal systems, one per channel; see the text of [`crate::s4d`].
#[derive(Module, Debug)]
pub struct S4dKernel {
    /// Output vectors, [channel, mode, 2].
    pub c: Param<Tensor<3>>,
    /// Step sizes as [`S4dConfig::dt_transform`] stores them, `[channel]`.
    pub log_dt: Param<Tensor<1>>,
    /// Negated real parts as [`S4dConfig::real_transform`] stores them, [n_ssm, mode].
    pub log_a_real: Param<Tensor<2>>,
    /// Imaginary parts as [`S4dConfig::imag_transform`] stores them, [n_ssm, mode].
    pub a_imag: Option<Param<Tensor<2>>>,
    /// Input vectors, [n_ssm, mode, 2].
    pub b: Option<Param<Tensor<3>>>,
    /// What step sizes are multiplied by.
    #[module(skip)]
    pub rate: f64,
    /// Sizes and constants.
    #[module(skip)]
    pub config: S4dConfig,
}

impl S4dKernel {
    /// Runs the same systems on a signal sampled `rate` times as coarsely.
    ///
    /// # Errors
    /// A rate that is not positive.
    pub fn set_rate(&mut self, rate: f64) -> Result<(), MixerError> {
        Checks(NAME).positive("rate", rate)?;
        self.rate = rate;
        Ok(())
    }

    /// Eigenvalues, [channel, mode].
    pub fn a(&self) -> ComplexTensor<2> {
        let re = self
            .config
            .real_transform
            .apply(self.log_a_real.val())
            .neg();
        let im = match &self.a_imag {
            Some(im) => self.config.imag_transform.apply(im.val()),
            None => re.zeros_like(),
        };
        let channels = self.config.hidden_size;
        ComplexTensor::new(tile(re, channels), tile(im, channels))
    }

    /// Step sizes, `[channel]`.
    pub fn dt(&self) -> Tensor<1> {
        self.config.dt_transform.apply(self.log_dt.val()) * self.rate
    }

    /// C B, [channel, mode].
    fn cb(&self) -> ComplexTensor<2> {
        let c = split(self.c.val());
        match &self.b {
            Some(b) => times(c, split(tile(b.val(), self.config.hidden_size))),
            None => c,
        }
    }

    fn sums(
        &self,
        c: ComplexTensor<2>,
        options: VandermondeOptions,
    ) -> Result<Tensor<2>, MixerError> {
        let input = VandermondeInput {
            a: self.a(),
            dt: self.dt(),
            c,
        };
        let options = VandermondeOptions {
            rule: self.config.disc.rule(),
            ..options
        };
        Ok(vandermonde(input, options)?)
    }

    /// Eigenvalues, step sizes and C B in f64, from the stored numbers.
    fn exact(&self) -> (Vec<Complex64>, Vec<f64>, Vec<Complex64>) {
        let config = &self.config;
        let real = host(&self.log_a_real.val());
        let imag = self.a_imag.as_ref().map(|im| host(&im.val()));
        let b = self.b.as_ref().map(|b| pairs(&host(&b.val())));
        let (modes, per_system) = (config.modes(), real.len());
        let a = real.iter().enumerate().map(|(at, &re)| {
            let im = imag
                .as_ref()
                .map_or(0.0, |im| config.imag_transform.value(im[at]));
            Complex64::new(-config.real_transform.value(re), im)
        });
        let a: Vec<Complex64> = a.collect();
        let dt = host(&self.log_dt.val());
        let dt = dt
            .iter()
            .map(|&dt| config.dt_transform.value(dt) * self.rate);
        let c = pairs(&host(&self.c.val()));
        let cb = c.iter().enumerate().map(|(at, c)| match &b {
            Some(b) => c * b[at % per_system],
            None => *c,
        });
        let wide = (0..config.hidden_size * modes).map(|at| a[at % per_system]);
        (wide.collect(), dt.collect(), cb.collect())
    }
}

impl SisoKernel for S4dKernel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn channels(&self) -> usize {
        self.config.hidden_size
    }

    fn kernel(&self, len: usize) -> Result<Tensor<2>, MixerError> {
        let options = VandermondeOptions {
            len,
            ..VandermondeOptions::default()
        };
        self.sums(self.cb(), options)
    }

    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let dims = [batch, self.config.hidden_size, self.config.modes()];
        complex_entry(ComplexTensor::real(Tensor::zeros(dims, device)))
    }

    fn advance(&self, input: &Tensor<3>, state: State) -> Result<(Tensor<3>, State), MixerError> {
        let [batch, len, channels] = input.dims();
        let dims = [batch, channels, self.config.modes()];
        let state = take_complex(state, dims)?;
        let next = DiagonalStateInput {
            x: input.clone(),
            a: self.a(),
            dt: self.dt(),
            initial: Some(state.clone()),
            seq_idx: None,
        };
        let next = diagonal_state(next, self.config.disc.rule())?;
        let cb = self.cb();
        let spread = |part: Tensor<2>| part.unsqueeze::<3>().expand(dims);
        if len == 1 {
            // 2 Re(C B h): what one position shows is its state, and no kernel need be made.
            let seen = next.re.clone() * spread(cb.re) - next.im.clone() * spread(cb.im);
            let y = seen.sum_dim(2).swap_dims(1, 2) * 2.0;
            return Ok((y, complex_entry(next)));
        }
        let c = times(ComplexTensor::new(spread(cb.re), spread(cb.im)), state);
        let flat = |part: Tensor<3>| part.reshape([batch * channels, dims[2]]);
        let options = VandermondeOptions {
            len,
            gain: false,
            offset: 1,
            ..VandermondeOptions::default()
        };
        let carried = self.sums(ComplexTensor::new(flat(c.re), flat(c.im)), options)?;
        let carried = carried.reshape([batch, channels, len]).swap_dims(1, 2);
        let conv = LongConvInput {
            x: input.clone(),
            kernel: self.kernel(len)?,
            reverse: None,
            skip: None,
            initial: Some(carried),
            seq_idx: None,
        };
        let y = long_conv(conv, Method::Auto)?;
        Ok((y, complex_entry(next)))
    }

    fn recurrence(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let (a, dt, cb) = self.exact();
        let (channels, modes) = (self.config.hidden_size, self.config.modes());
        let mut y = vec![0.0; batch * length * channels];
        for row in 0..batch {
            for (channel, &dt) in dt.iter().enumerate() {
                for n in channel * modes..(channel + 1) * modes {
                    let (z, gain) = discretise(self.config.disc.rule(), a[n], dt);
                    let mut h = Complex64::new(0.0, 0.0);
                    for t in 0..length {
                        let at = (row * length + t) * channels + channel;
                        h = z * h + gain * input[at];
                        y[at] += 2.0 * (cb[n] * h).re;
                    }
                }
            }
        }
        y
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.kernel_cost(length)
    }
}
