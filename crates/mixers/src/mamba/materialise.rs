//! The matrices that the block applies: one per channel, semiseparable of rank N.

use super::layer::{Carried, Mamba};
use crate::error::MixerError;
use crate::layers::softplus;
use crate::mixer::{Materialised, host};
use burn::tensor::Tensor;
use resolvent_structure::Matrix;

/// M_ij = sum_n C_i,n B_j,n exp(A_n (s_i - s_j)) Delta_j + D delta_ij for j <= i, per batch row and
/// channel, with s the running sum of the step sizes.
///
/// Every channel is a head of one channel: step sizes and decays are its own.
pub(super) fn materialise(mixer: &Mamba, input: Tensor<3>) -> Result<Materialised, MixerError> {
    let (scan, _) = mixer.drive(input, Carried::default())?;
    let [batch, len, channels] = scan.x.dims();
    let bias = mixer.dt_proj.bias.val().reshape([1, 1, channels]);
    let host = HostScan {
        dt: host(&softplus(scan.dt + bias)),
        a: host(&scan.a),
        b: host(&scan.b),
        c: host(&scan.c),
        d: host(&mixer.d.val()),
        len,
        channels,
        state: mixer.config.state_size,
    };
    let matrices = (0..batch * channels)
        .map(|at| host.channel(at / channels, at % channels))
        .collect::<Result<Vec<Matrix>, MixerError>>()?;
    Ok(Materialised {
        matrices,
        values: scan.x.reshape([batch, len, channels, 1]),
    })
}

struct HostScan {
    /// After bias and softplus.
    dt: Vec<f64>,
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
    d: Vec<f64>,
    len: usize,
    channels: usize,
    state: usize,
}

impl HostScan {
    fn channel(&self, row: usize, channel: usize) -> Result<Matrix, MixerError> {
        let step = |t: usize| self.dt[(row * self.len + t) * self.channels + channel];
        let sums: Vec<f64> = (0..self.len)
            .scan(0.0, |sum, t| {
                *sum += step(t);
                Some(*sum)
            })
            .collect();
        let rates = &self.a[channel * self.state..][..self.state];
        let at = |t: usize| (row * self.len + t) * self.state;
        Ok(Matrix::from_fn(self.len, self.len, |i, j| {
            if j > i {
                return 0.0;
            }
            let (c, b) = (&self.c[at(i)..], &self.b[at(j)..]);
            let carried: f64 = rates
                .iter()
                .zip(c.iter().zip(b))
                .map(|(rate, (c, b))| c * b * (rate * (sums[i] - sums[j])).exp())
                .sum();
            carried * step(j) + if i == j { self.d[channel] } else { 0.0 }
        })?)
    }
}
