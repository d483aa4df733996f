//! Sizes of the two mixers; key names as in flash-linear-attention's `RWKV7Config`.

use crate::error::MixerError;
use crate::mixer::Cost;
use crate::settings::{Checks, MixerSettings};
use serde::{Deserialize, Serialize};

/// Low-rank widths are multiples of this in the published rule.
const RANK_STEP: f64 = 32.0;

/// Sizes of one RWKV-7 layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rwkv7Config {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// Channels per head; divides `hidden_size`.
    pub head_dim: usize,
    /// Rank of the decay's projection; 0 stands for the published rule, 2.5 sqrt(hidden_size) to
    /// the nearest multiple of 32.
    pub decay_low_rank_dim: usize,
    /// Rank of the learning rate's projection; 0: the same rule.
    pub a_low_rank_dim: usize,
    /// Rank of the value residual's projection; 0: 1.7 sqrt(hidden_size) likewise.
    pub v_low_rank_dim: usize,
    /// Rank of the gate's projection; 0: 5 sqrt(hidden_size) likewise.
    pub gate_low_rank_dim: usize,
    /// Inner width of the channel mix that stands behind the time mix in a language model; 0: four
    /// times `hidden_size`. The time mix does not read it.
    pub intermediate_size: usize,
    /// Epsilon of the group norm.
    pub group_norm_epsilon: f64,
}

impl Default for Rwkv7Config {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            head_dim: 64,
            decay_low_rank_dim: 0,
            a_low_rank_dim: 0,
            v_low_rank_dim: 0,
            gate_low_rank_dim: 0,
            intermediate_size: 0,
            group_norm_epsilon: 64e-5,
        }
    }
}

/// The low-rank widths, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ranks {
    pub decay: usize,
    pub rate: usize,
    pub value: usize,
    pub gate: usize,
}

impl Ranks {
    fn sum(self) -> usize {
        self.decay + self.rate + self.value + self.gate
    }
}

impl Rwkv7Config {
    /// Heads.
    pub fn num_heads(&self) -> usize {
        self.hidden_size / self.head_dim.max(1)
    }

    /// The channel mix of the same layer.
    pub fn channel_mix(&self) -> Rwkv7ChannelConfig {
        Rwkv7ChannelConfig {
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
        }
    }

    pub(super) fn ranks(&self) -> Ranks {
        let root = (self.hidden_size as f64).sqrt();
        let rank = |given: usize, factor: f64| match given {
            0 => ((factor * root / RANK_STEP).round().max(1.0) * RANK_STEP) as usize,
            given => given,
        };
        Ranks {
            decay: rank(self.decay_low_rank_dim, 2.5),
            rate: rank(self.a_low_rank_dim, 2.5),
            value: rank(self.v_low_rank_dim, 1.7),
            gate: rank(self.gate_low_rank_dim, 5.0),
        }
    }
}

impl MixerSettings for Rwkv7Config {
    fn mixer(&self) -> &'static str {
        "rwkv7"
    }

    fn width(&self) -> usize {
        self.hidden_size
    }

    fn validate(&self) -> Result<(), MixerError> {
        let checks = Checks(self.mixer());
        let ranks = self.ranks();
        checks.sizes(&[
            ("hidden_size", self.hidden_size),
            ("head_dim", self.head_dim),
            ("decay_low_rank_dim", ranks.decay),
            ("a_low_rank_dim", ranks.rate),
            ("v_low_rank_dim", ranks.value),
            ("gate_low_rank_dim", ranks.gate),
            ("intermediate_size", self.channel_mix().inner()),
        ])?;
        checks.divides(("head_dim", self.head_dim), self.hidden_size, "hidden_size")?;
        checks.positive("group_norm_epsilon", self.group_norm_epsilon)
    }

    fn cost(&self, length: usize) -> Cost {
        let (len, width) = (length as u64, self.hidden_size as u64);
        let (head, ranks) = (self.head_dim as u64, self.ranks().sum() as u64);
        let dense = 4 * width * width + 2 * width * ranks;
        // Reading with kk and with r, decay and two rank-one updates: nine per state element.
        let per_token = 2 * dense + 9 * width * head;
        Cost {
            parallel_flops: len.saturating_mul(per_token),
            step_flops: per_token,
            state_bytes: 4 * width * (1 + head),
            parameters: dense + 14 * width,
        }
    }
}

/// Sizes of one channel mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Rwkv7ChannelConfig {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// Inner width; 0 stands for four times `hidden_size`.
    pub intermediate_size: usize,
}

impl Default for Rwkv7ChannelConfig {
    fn default() -> Self {
        Rwkv7Config::default().channel_mix()
    }
}

impl Rwkv7ChannelConfig {
    /// Inner width, resolved.
    pub fn inner(&self) -> usize {
        match self.intermediate_size {
            0 => self.hidden_size.saturating_mul(4),
            given => given,
        }
    }
}

impl MixerSettings for Rwkv7ChannelConfig {
    fn mixer(&self) -> &'static str {
        "rwkv7-channel-mix"
    }

    fn width(&self) -> usize {
        self.hidden_size
    }

    fn validate(&self) -> Result<(), MixerError> {
        Checks(self.mixer()).sizes(&[
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.inner()),
        ])
    }

    fn cost(&self, length: usize) -> Cost {
        let (width, inner) = (self.hidden_size as u64, self.inner() as u64);
        let dense = 2 * width * inner;
        Cost {
            parallel_flops: (length as u64).saturating_mul(2 * dense),
            step_flops: 2 * dense,
            state_bytes: 4 * width,
            parameters: dense + width,
        }
    }
}
