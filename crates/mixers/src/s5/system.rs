//! Eigenvalues, step sizes and the input map: everything up to the state.

use super::config::{NAME, S5Config};
use crate::error::MixerError;
use crate::lti::reference::pairs;
use crate::mixer::host;
use crate::settings::Checks;
use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::diagonal_scan::{
    DiagonalScanInput, DiagonalScanOutput, ScanFactor, diagonal_scan,
};
use resolvent_kernels::linear::linear;
use resolvent_kernels::vandermonde::reference::discretise;
use resolvent_kernels::vandermonde::{VandermondeInput, VandermondeOptions, vandermonde};
use resolvent_structure::Complex64;

/// No real part lies above this when eigenvalues are clipped.
const CLIP: f64 = -1e-4;

/// A diagonal system with many inputs; see the text of [`crate::s5`].
#[derive(Module, Debug)]
pub struct S5System {
    /// Real parts of the eigenvalues, `[mode]`.
    pub lambda_re: Param<Tensor<1>>,
    /// Imaginary parts of the eigenvalues, `[mode]`.
    pub lambda_im: Param<Tensor<1>>,
    /// Input matrix, [mode, channel, 2].
    pub b: Param<Tensor<3>>,
    /// Logarithms of the step sizes, [mode, 1].
    pub log_step: Param<Tensor<2>>,
    /// What step sizes are multiplied by (`step_rescale` of the published code).
    #[module(skip)]
    pub rate: f64,
    /// Sizes and constants.
    #[module(skip)]
    pub config: S5Config,
}

/// One scan to make.
pub(super) struct Run<'a> {
    /// [batch, length, channel].
    pub input: &'a Tensor<3>,
    pub initial: Option<ComplexTensor<2>>,
    pub seq_idx: Option<Tensor<2, Int>>,
    pub reverse: bool,
}

impl S5System {
    /// Runs the same system on a signal sampled `rate` times as coarsely.
    ///
    /// # Errors
    /// A rate that is not positive.
    pub fn set_rate(&mut self, rate: f64) -> Result<(), MixerError> {
        Checks(NAME).positive("rate", rate)?;
        self.rate = rate;
        Ok(())
    }

    /// Factor per step and input gain of every mode.
    ///
    /// They are Vandermonde sums of one pole and one position, rows with coefficient 1 and -i giving
    /// real and imaginary parts: so they are discretised in f64, and differentiable.
    pub(super) fn discretised(&self) -> Result<[ComplexTensor<1>; 2], MixerError> {
        let modes = self.config.modes();
        let re = self.lambda_re.val();
        let re = match self.config.clip_eigs {
            true => re.clamp_max(CLIP),
            false => re,
        };
        let column = |part: Tensor<1>| part.reshape([modes, 1]);
        let a = ComplexTensor::new(column(re), column(self.lambda_im.val()));
        let dt = self.log_step.val().reshape([modes]).exp() * self.rate;
        let ones = Tensor::ones([modes, 1], &dt.device());
        let zeros = ones.zeros_like();
        let c = ComplexTensor::new(
            Tensor::cat(vec![ones.clone(), zeros.clone()], 0),
            Tensor::cat(vec![zeros, ones.neg()], 0),
        );
        let parts = |gain: bool, offset: usize| -> Result<ComplexTensor<1>, MixerError> {
            let input = VandermondeInput {
                a: a.clone(),
                dt: dt.clone(),
                c: c.clone(),
            };
            let options = VandermondeOptions {
                len: 1,
                rule: self.config.disc.rule(),
                gain,
                offset,
                pairs: false,
            };
            let both = vandermonde(input, options)?.reshape([2 * modes]);
            let part = |start| both.clone().narrow(0, start, modes);
            Ok(ComplexTensor::new(part(0), part(modes)))
        };
        Ok([parts(false, 1)?, parts(true, 0)?])
    }

    /// gain B u at every position: [batch, length, 2 mode], real parts first.
    pub(super) fn driven(&self, input: &Tensor<3>, gain: ComplexTensor<1>) -> Tensor<3> {
        let [batch, len, channels] = input.dims();
        let modes = self.config.modes();
        let b = self.b.val();
        let part = |at| b.clone().narrow(2, at, 1).reshape([modes, channels]);
        let (b_re, b_im) = (part(0), part(1));
        let column = |part: Tensor<1>| part.reshape([modes, 1]);
        let (g_re, g_im) = (column(gain.re), column(gain.im));
        let re = b_re.clone() * g_re.clone() - b_im.clone() * g_im.clone();
        let im = b_re * g_im + b_im * g_re;
        let weight = Tensor::cat(vec![re, im], 0);
        let flat = input.clone().reshape([batch * len, channels]);
        linear(flat, weight).reshape([batch, len, 2 * modes])
    }

    /// The states.
    pub(super) fn scan(&self, run: Run<'_>) -> Result<DiagonalScanOutput, MixerError> {
        let [factor, gain] = self.discretised()?;
        Ok(diagonal_scan(DiagonalScanInput {
            x: self.driven(run.input, gain),
            a: ScanFactor::Fixed(factor),
            initial: run.initial,
            seq_idx: run.seq_idx,
            reverse: run.reverse,
        })?)
    }

    /// Factor and gain in f64, from the stored numbers.
    pub(super) fn exact(&self) -> Vec<(Complex64, Complex64)> {
        let (re, im) = (host(&self.lambda_re.val()), host(&self.lambda_im.val()));
        let steps = host(&self.log_step.val());
        let modes = re.iter().zip(&im).zip(&steps);
        modes
            .map(|((&re, &im), step)| {
                let re = if self.config.clip_eigs {
                    re.min(CLIP)
                } else {
                    re
                };
                let dt = step.exp() * self.rate;
                discretise(self.config.disc.rule(), Complex64::new(re, im), dt)
            })
            .collect()
    }

    /// States [length][mode] of one sequence [length, channel] in f64.
    pub(super) fn states(&self, input: &[f64], reverse: bool) -> Vec<Vec<Complex64>> {
        let (channels, poles) = (self.config.hidden_size, self.exact());
        let b = pairs(&host(&self.b.val()));
        let mut h = vec![Complex64::new(0.0, 0.0); poles.len()];
        let mut rows: Vec<&[f64]> = input.chunks(channels).collect();
        if reverse {
            rows.reverse();
        }
        let step = |u: &&[f64]| {
            for (n, (h, (z, gain))) in h.iter_mut().zip(&poles).enumerate() {
                let b = &b[n * channels..][..channels];
                let driven: Complex64 = b.iter().zip(*u).map(|(b, u)| b * u).sum();
                *h = z * *h + gain * driven;
            }
            h.clone()
        };
        let mut states: Vec<Vec<Complex64>> = rows.iter().map(step).collect();
        if reverse {
            states.reverse();
        }
        states
    }
}
