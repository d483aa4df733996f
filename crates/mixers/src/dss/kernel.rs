//! The kernel, its state, and the recurrence in f64.

use super::config::{DssConfig, NAME};
use crate::error::MixerError;
use crate::lti::reference::pairs;
use crate::lti::{SisoKernel, complex_entry, split, take_complex, times};
use crate::mixer::{Cost, host};
use crate::settings::Checks;
use crate::state::State;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::diagonal_scan::{DiagonalScanInput, ScanFactor, diagonal_scan};
use resolvent_kernels::vandermonde::{VandermondeInput, VandermondeOptions, vandermonde};
use resolvent_structure::Complex64;

/// What published code adds to the squared size of a denominator.
const GUARD: f64 = 1e-7;

/// Diagonal systems with normalised kernel rows, one per channel; see the text of [`crate::dss`].
#[derive(Module, Debug)]
pub struct DssKernel {
    /// Real parts of the eigenvalues, `[mode]`.
    pub lambda_re: Param<Tensor<1>>,
    /// Imaginary parts of the eigenvalues, `[mode]`.
    pub lambda_im: Param<Tensor<1>>,
    /// Weights, [channel, mode, 2].
    pub w: Param<Tensor<3>>,
    /// Logarithms of the step sizes, `[channel]`.
    pub log_dt: Param<Tensor<1>>,
    /// Sizes and constants.
    #[module(skip)]
    pub config: DssConfig,
}

/// Eigenvalues turned into the left half plane, and which ones were turned.
struct Folded {
    /// -lambda where Re lambda > 0, else lambda; [channel, mode].
    a: ComplexTensor<2>,
    /// 1 where Re lambda > 0, else 0; [channel, mode].
    turned: Tensor<2>,
    /// `[channel]`.
    dt: Tensor<1>,
}

impl DssKernel {
    fn folded(&self) -> Folded {
        let (channels, modes) = (self.config.hidden_size, self.config.d_state);
        let re = self.lambda_re.val();
        let turned = re.clone().detach().greater_elem(0.0).float();
        let sign = turned.clone() * -2.0 + 1.0;
        let wide = |part: Tensor<1>| part.reshape([1, modes]).expand([channels, modes]);
        Folded {
            a: ComplexTensor::new(wide(re * sign.clone()), wide(self.lambda_im.val() * sign)),
            turned: wide(turned),
            dt: self.log_dt.val().exp(),
        }
    }

    /// Real and imaginary part of gain (`gain`) or factor^`power` of every pole, [channel, mode].
    ///
    /// Vandermonde sums of one pole and one position, rows with coefficient 1 and -i: in f64 and
    /// differentiable, however large the phase.
    fn each(
        &self,
        folded: &Folded,
        gain: bool,
        power: usize,
    ) -> Result<ComplexTensor<2>, MixerError> {
        let (channels, modes) = (self.config.hidden_size, self.config.d_state);
        let count = channels * modes;
        let column = |part: &Tensor<2>| part.clone().reshape([count, 1]);
        let dt = folded.dt.clone().reshape([channels, 1]);
        let ones = Tensor::ones([count, 1], &dt.device());
        let zeros = ones.zeros_like();
        let input = VandermondeInput {
            a: ComplexTensor::new(column(&folded.a.re), column(&folded.a.im)),
            dt: dt.expand([channels, modes]).reshape([count]),
            c: ComplexTensor::new(
                Tensor::cat(vec![ones.clone(), zeros.clone()], 0),
                Tensor::cat(vec![zeros, ones.neg()], 0),
            ),
        };
        let options = VandermondeOptions {
            len: 1,
            gain,
            offset: power,
            pairs: false,
            ..VandermondeOptions::default()
        };
        let both = vandermonde(input, options)?.reshape([2 * count]);
        let part = |at| both.clone().narrow(0, at, count).reshape([channels, modes]);
        Ok(ComplexTensor::new(part(0), part(count)))
    }

    /// w / lambda divided by the row's sum: with gain = (exp(dt a) - 1) / a this is
    /// +- w gain / (exp(L dt a) - 1).
    fn coefficients(&self, folded: &Folded) -> Result<ComplexTensor<2>, MixerError> {
        let gain = self.each(folded, true, 0)?;
        let last = self.each(folded, false, self.config.l_max)?;
        let bottom = ComplexTensor::new(last.re - 1.0, last.im);
        let size =
            bottom.re.clone() * bottom.re.clone() + bottom.im.clone() * bottom.im.clone() + GUARD;
        let inverse = ComplexTensor::new(bottom.re / size.clone(), bottom.im.neg() / size);
        let sign = folded.turned.clone() * -2.0 + 1.0;
        let product = times(split(self.w.val()), times(gain, inverse));
        Ok(ComplexTensor::new(
            product.re * sign.clone(),
            product.im * sign,
        ))
    }

    fn sums(
        &self,
        folded: &Folded,
        c: ComplexTensor<2>,
        len: usize,
    ) -> Result<Tensor<2>, MixerError> {
        let input = VandermondeInput {
            a: folded.a.clone(),
            dt: folded.dt.clone(),
            c,
        };
        let options = VandermondeOptions {
            len,
            gain: false,
            pairs: false,
            ..VandermondeOptions::default()
        };
        Ok(vandermonde(input, options)?)
    }

    fn any_turned(&self) -> bool {
        host(&self.lambda_re.val()).iter().any(|&re| re > 0.0)
    }
}

impl SisoKernel for DssKernel {
    fn name(&self) -> &'static str {
        NAME
    }

    fn channels(&self) -> usize {
        self.config.hidden_size
    }

    fn kernel(&self, len: usize) -> Result<Tensor<2>, MixerError> {
        let whole = self.config.l_max;
        if len > whole {
            let expected = format!("at least the length {len}");
            return Err(Checks(NAME).refuse("l_max", whole, expected));
        }
        let folded = self.folded();
        let c = self.coefficients(&folded)?;
        let keep = folded.turned.clone() * -1.0 + 1.0;
        let kept = ComplexTensor::new(c.re.clone() * keep.clone(), c.im.clone() * keep);
        let plain = self.sums(&folded, kept, len)?;
        if !self.any_turned() {
            return Ok(plain);
        }
        let turned = folded.turned.clone();
        let turned = ComplexTensor::new(c.re * turned.clone(), c.im * turned);
        let reversed = self.sums(&folded, turned, whole)?.flip([1]);
        Ok(plain + reversed.narrow(1, 0, len))
    }

    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let dims = [batch, self.config.hidden_size, self.config.d_state];
        complex_entry(ComplexTensor::real(Tensor::zeros(dims, device)))
    }

    /// The scan over all modes at once; chunks of a sequence are what it is for.
    fn advance(&self, input: &Tensor<3>, state: State) -> Result<(Tensor<3>, State), MixerError> {
        let [batch, len, channels] = input.dims();
        let modes = self.config.d_state;
        let state = take_complex(state, [batch, channels, modes])?;
        if self.any_turned() {
            let expected = "at most 0 in every mode: others have no stable recurrence";
            return Err(Checks(NAME).refuse("lambda_re", "positive", expected));
        }
        let folded = self.folded();
        let c = self.coefficients(&folded)?;
        let factor = self.each(&folded, false, 1)?;
        let count = channels * modes;
        let driven = input
            .clone()
            .reshape([batch, len, channels, 1])
            .expand([batch, len, channels, modes])
            .reshape([batch, len, count]);
        let flat = |part: Tensor<3>| part.reshape([batch, count]);
        let out = diagonal_scan(DiagonalScanInput {
            x: Tensor::cat(vec![driven.clone(), driven.zeros_like()], 2),
            a: ScanFactor::Fixed(ComplexTensor::new(
                factor.re.reshape([count]),
                factor.im.reshape([count]),
            )),
            initial: Some(ComplexTensor::new(flat(state.re), flat(state.im))),
            seq_idx: None,
            reverse: false,
        })?;
        let next = out.state();
        let cube = |part: Tensor<2>| part.reshape([batch, channels, modes]);
        let next = complex_entry(ComplexTensor::new(cube(next.re), cube(next.im)));
        let wide = |part: Tensor<2>| part.reshape([1, 1, count]);
        let weights = Tensor::cat(vec![wide(c.re), wide(c.im).neg()], 2);
        let terms = (out.h * weights).reshape([batch * len, 2, channels, modes]);
        let y = terms.sum_dim(3).sum_dim(1).reshape([batch, len, channels]);
        Ok((y, next))
    }

    fn recurrence(&self, input: &[f64], batch: usize, length: usize) -> Vec<f64> {
        let (re, im) = (host(&self.lambda_re.val()), host(&self.lambda_im.val()));
        let (w, steps) = (pairs(&host(&self.w.val())), host(&self.log_dt.val()));
        let (channels, modes) = (self.config.hidden_size, self.config.d_state);
        let mut y = vec![0.0; input.len()];
        for channel in 0..channels {
            for n in 0..modes {
                let lambda = Complex64::new(re[n], im[n]);
                let z = (lambda * steps[channel].exp()).exp();
                // The row's sum as a sum: the quotient in closed form is what is being checked.
                let mut total = Complex64::new(0.0, 0.0);
                let mut power = Complex64::new(1.0, 0.0);
                for _ in 0..self.config.l_max {
                    total += power;
                    power *= z;
                }
                let c = w[channel * modes + n] / lambda / total;
                for row in 0..batch {
                    let mut h = Complex64::new(0.0, 0.0);
                    for t in 0..length {
                        let at = (row * length + t) * channels + channel;
                        h = z * h + input[at];
                        y[at] += (c * h).re;
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
