//! Initial values, as in the published training code; quality depends on them.

use super::channel_mix::Rwkv7ChannelMix;
use super::config::{Rwkv7ChannelConfig, Rwkv7Config};
use super::time_mix::Rwkv7;
use crate::error::MixerError;
use crate::layers::{LayerNorm, Projection, orthogonal, parameter, uniform};
use crate::settings::{MixerSettings, Place};
use burn::module::Param;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

/// Gain of the orthogonal second factors.
const LOW_RANK_GAIN: f32 = 0.1;

/// Where a layer stands, as the two fractions that the rules speak of.
struct Depth {
    /// 0 in the first layer, 1 in the last.
    done: f64,
    /// 1 in the first layer, almost 0 in the last.
    left: f64,
}

impl Depth {
    fn new(place: Place) -> Self {
        let (layer, layers) = (place.layer as f64, place.layers.max(1) as f64);
        Self {
            done: layer / (layers - 1.0).max(1.0),
            left: 1.0 - layer / layers,
        }
    }
}

/// A [1, 1, channel] parameter whose value at channel i is `rule(i)`.
fn by_channel(width: usize, device: &Device, rule: impl Fn(usize) -> f64) -> Param<Tensor<3>> {
    let values = (0..width).map(|i| rule(i) as f32).collect();
    parameter(values, [1, 1, width], device)
}

/// 1 - (i / channels)^power.
fn lerp(width: usize, device: &Device, power: f64) -> Param<Tensor<3>> {
    by_channel(width, device, |i| {
        1.0 - (i as f64 / width as f64).powf(power)
    })
}

/// A projection drawn from U(-bound / sqrt(in), bound / sqrt(in)).
fn projection(
    [outputs, inputs]: [usize; 2],
    bound: f32,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Projection {
    let bound = bound / (inputs as f32).sqrt();
    let values = match bound {
        0.0 => vec![0.0; outputs * inputs],
        bound => uniform(rng, outputs * inputs, bound),
    };
    Projection {
        weight: parameter(values, [outputs, inputs], device),
    }
}

impl Rwkv7Config {
    /// A time mix with fresh weights drawn from `rng`, and from nothing else.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Rwkv7, MixerError> {
        self.validate()?;
        let (width, dim, ranks) = (self.hidden_size, self.head_dim, self.ranks());
        let depth = Depth::new(place);
        let along = |i: usize| i as f64 / (width - 1).max(1) as f64;
        let linear = |i: usize| along(i) - 0.5;
        let zigzag = |i: usize| {
            let half = ((dim - 1) as f64 / 2.0).max(0.5);
            let z = ((i % dim) as f64 - (dim - 1) as f64 / 2.0) / half;
            z * z.abs()
        };
        let vector = |rule: &dyn Fn(usize) -> f64| by_channel(width, device, rule);
        let first = |rank: usize| parameter(vec![0.0; width * rank], [width, rank], device);
        let mut second = |rank: usize| {
            let gain = LOW_RANK_GAIN * (rank as f32 / width as f32).max(1.0).sqrt();
            parameter(orthogonal(rng, rank, width, gain), [rank, width], device)
        };
        let (w2, a2) = (second(ranks.decay), second(ranks.rate));
        let (v2, g2) = (second(ranks.value), second(ranks.gate));
        let mut square = |bound: f32| projection([width, width], bound, rng, device);
        let norm = (((place.layer + 1) as f64 / place.layers.max(1) as f64).powf(0.7)) as f32;
        Ok(Rwkv7 {
            x_r: lerp(width, device, 0.2 * depth.left),
            x_w: lerp(width, device, 0.9 * depth.left),
            x_k: lerp(width, device, 0.7 * depth.left),
            x_v: lerp(width, device, 0.7 * depth.left),
            x_a: lerp(width, device, 0.9 * depth.left),
            x_g: lerp(width, device, 0.2 * depth.left),
            w0: vector(&|i| {
                let speed = -6.0 + 6.0 * along(i).powf(1.0 + depth.done.powf(0.3));
                speed + 0.5 + 2.5 * zigzag(i)
            }),
            w1: first(ranks.decay),
            w2,
            a0: vector(&|i| -0.19 + 0.3 * zigzag(i) + 0.4 * linear(i)),
            a1: first(ranks.rate),
            a2,
            v0: vector(&|i| 0.73 - 0.4 * linear(i)),
            v1: first(ranks.value),
            v2,
            g1: first(ranks.gate),
            g2,
            k_k: vector(&|i| 0.71 - 0.1 * linear(i)),
            k_a: vector(&|_| 1.02),
            r_k: parameter(vec![-0.04; width], [width / dim, dim], device),
            receptance: square(0.5),
            key: square(0.05),
            value: square(0.5),
            output: square(0.0),
            ln_x: LayerNorm {
                weight: parameter(vec![norm; width], [width], device),
                bias: parameter(vec![0.0; width], [width], device),
            },
            config: self.clone(),
        })
    }
}

impl Rwkv7ChannelConfig {
    /// A channel mix with fresh weights drawn from `rng`, and from nothing else.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Rwkv7ChannelMix, MixerError> {
        self.validate()?;
        let (width, inner) = (self.hidden_size, self.inner());
        Ok(Rwkv7ChannelMix {
            x_k: lerp(width, device, Depth::new(place).left.powi(4)),
            key: projection([inner, width], 0.5, rng, device),
            value: projection([width, inner], 0.0, rng, device),
            config: self.clone(),
        })
    }
}
