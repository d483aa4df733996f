//! The layer: parallel form, hand-over with growing keys and values, matrix, cost.

use super::rotary::Rotary;
use crate::error::MixerError;
use crate::layers::Projection;
use crate::mixer::{
    CausalMixer, Cost, Materialised, Mixer, Pass, expect_indices, expect_width, host,
};
use crate::settings::{Checks, MixerSettings, Place};
use crate::state::State;
use burn::module::Module;
use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Device, Int, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_structure::Matrix;
use serde::{Deserialize, Serialize};

const NAME: &str = "attention";
const LAYOUT: &str = "position,head,head_dim";
/// Queries per block: bounds the memory of the scores.
const QUERY_BLOCK: usize = 512;

/// Sizes of an attention layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AttentionConfig {
    /// Channels of input and output.
    pub hidden_size: usize,
    /// Channels per head, even; divides `hidden_size`.
    pub head_dim: usize,
    /// Base of the rotary angles.
    pub rope_theta: f64,
}

impl Default for AttentionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            head_dim: 64,
            rope_theta: 10_000.0,
        }
    }
}

impl MixerSettings for AttentionConfig {
    fn mixer(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.hidden_size
    }

    fn validate(&self) -> Result<(), MixerError> {
        let checks = Checks(NAME);
        checks.sizes(&[
            ("hidden_size", self.hidden_size),
            ("head_dim", self.head_dim),
        ])?;
        checks.divides(("head_dim", self.head_dim), self.hidden_size, "hidden_size")?;
        if !self.head_dim.is_multiple_of(2) {
            let expected = "an even divisor of hidden_size, for the rotation turns pairs";
            return Err(checks.refuse("head_dim", self.head_dim, expected));
        }
        checks.positive("rope_theta", self.rope_theta)
    }

    fn cost(&self, length: usize) -> Cost {
        let (len, width) = (length as u64, self.hidden_size as u64);
        let dense = 8 * width * width;
        // Half of the score matrix is masked and, block-wise, never formed.
        let per_token = dense + 2 * len * width;
        Cost {
            parallel_flops: len.saturating_mul(per_token),
            step_flops: dense + 4 * len * width,
            state_bytes: 8 * len * width,
            parameters: 4 * width * width,
        }
    }
}

impl AttentionConfig {
    /// A layer with fresh weights drawn from `rng`.
    ///
    /// # Errors
    /// As [`MixerSettings::validate`].
    pub fn init(
        &self,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Attention, MixerError> {
        self.validate()?;
        let width = self.hidden_size;
        let mut square = |scale: f32| Projection::new(width, width, scale, rng, device);
        Ok(Attention {
            q_proj: square(1.0),
            k_proj: square(1.0),
            v_proj: square(1.0),
            o_proj: square(place.output_scale()),
            config: self.clone(),
        })
    }
}

/// Causal softmax attention; see the module's text for the equations.
#[derive(Module, Debug)]
pub struct Attention {
    /// [hidden, hidden].
    pub q_proj: Projection,
    /// [hidden, hidden].
    pub k_proj: Projection,
    /// [hidden, hidden].
    pub v_proj: Projection,
    /// [hidden, hidden].
    pub o_proj: Projection,
    /// Sizes.
    #[module(skip)]
    pub config: AttentionConfig,
}

/// Turned queries and keys, and values: [batch, position, head, head_dim].
struct Heads {
    query: Tensor<4>,
    key: Tensor<4>,
    value: Tensor<4>,
}

impl Attention {
    fn heads(&self, input: Tensor<3>, first: usize) -> Result<Heads, MixerError> {
        let [batch, len, hidden] = input.dims();
        expect_width(NAME, hidden, self.config.hidden_size)?;
        let dim = self.config.head_dim;
        let flat = input.reshape([batch * len, hidden]);
        let rotary = Rotary::new(first, len, dim, self.config.rope_theta, &flat.device());
        let split = |projection: &Projection| {
            let out = projection.forward(flat.clone());
            out.reshape([batch, len, hidden / dim, dim])
        };
        Ok(Heads {
            query: rotary.turn(split(&self.q_proj)),
            key: rotary.turn(split(&self.k_proj)),
            value: split(&self.v_proj),
        })
    }

    /// Attention weights [batch, head, query, key] of the queries `first ..`, whose absolute
    /// positions start at `first`; keys start at position 0.
    fn weights(
        &self,
        query: Tensor<4>,
        key: Tensor<4>,
        first: usize,
        packing: Option<&Packing>,
    ) -> Tensor<4> {
        let scale = 1.0 / (self.config.head_dim as f64).sqrt();
        let scores = query.swap_dims(1, 2).matmul(key.permute([0, 2, 3, 1])) * scale;
        let [_, _, queries, keys] = scores.dims();
        let device = scores.device();
        let rows = Tensor::<1, Int>::arange(first as i64..(first + queries) as i64, &device);
        let columns = Tensor::<1, Int>::arange(0..keys as i64, &device);
        let future: Tensor<4, Bool> = columns
            .reshape([1, 1, 1, keys])
            .expand([1, 1, queries, keys])
            .greater(
                rows.reshape([1, 1, queries, 1])
                    .expand([1, 1, queries, keys]),
            );
        let dims = scores.dims();
        let mut scores = scores.mask_fill(future.expand(dims), f64::NEG_INFINITY);
        if let Some(packing) = packing {
            scores = scores.mask_fill(
                packing.foreign(first, queries).expand(dims),
                f64::NEG_INFINITY,
            );
        }
        softmax(scores, 3)
    }

    /// softmax(q k^T) v in blocks of queries: [batch, query, head, head_dim].
    fn attend(&self, heads: Heads, first: usize, packing: Option<&Packing>) -> Tensor<4> {
        let len = heads.query.dims()[1];
        let value = heads.value.swap_dims(1, 2);
        let blocks = (0..len).step_by(QUERY_BLOCK).map(|start| {
            let count = QUERY_BLOCK.min(len - start);
            let query = heads.query.clone().narrow(1, start, count);
            // Keys behind the block's last query are masked anyway: do not compute them.
            let seen = first + start + count;
            let key = heads.key.clone().narrow(1, 0, seen);
            let weights = self.weights(query, key, first + start, packing);
            weights
                .matmul(value.clone().narrow(2, 0, seen))
                .swap_dims(1, 2)
        });
        let blocks: Vec<Tensor<4>> = blocks.collect();
        if blocks.is_empty() {
            return heads.query;
        }
        Tensor::cat(blocks, 1)
    }

    fn project(&self, mixed: Tensor<4>) -> Tensor<3> {
        let [batch, len, heads, dim] = mixed.dims();
        let flat = self
            .o_proj
            .forward(mixed.reshape([batch * len, heads * dim]));
        flat.reshape([batch, len, heads * dim])
    }
}

/// Indices of packed sequences, to keep queries from foreign keys.
struct Packing(Tensor<2, Int>);

impl Packing {
    /// [batch, 1, query, key]: true where query and key belong to different sequences.
    fn foreign(&self, first: usize, queries: usize) -> Tensor<4, Bool> {
        let [batch, _] = self.0.dims();
        let keys = first + queries;
        let dims = [batch, 1, queries, keys];
        let rows = self
            .0
            .clone()
            .narrow(1, first, queries)
            .reshape([batch, 1, queries, 1]);
        let columns = self
            .0
            .clone()
            .narrow(1, 0, keys)
            .reshape([batch, 1, 1, keys]);
        rows.expand(dims).not_equal(columns.expand(dims))
    }
}

impl Mixer for Attention {
    fn name(&self) -> &'static str {
        NAME
    }

    fn width(&self) -> usize {
        self.config.hidden_size
    }

    fn forward(&self, input: Tensor<3>, pass: &mut Pass) -> Result<Tensor<3>, MixerError> {
        expect_indices(NAME, pass, &input)?;
        expect_width(NAME, input.dims()[2], self.config.hidden_size)?;
        if input.dims().contains(&0) {
            return Ok(input);
        }
        let heads = self.heads(input, 0)?;
        let packing = pass.seq_idx.clone().map(Packing);
        Ok(self.project(self.attend(heads, 0, packing.as_ref())))
    }

    fn reference(&self, input: &[f64], _batch: usize, length: usize) -> Vec<f64> {
        let weights = super::reference::AttentionWeights::of(self);
        input
            .chunks((length * self.config.hidden_size).max(1))
            .flat_map(|row| super::reference::forward(&self.config, &weights, row))
            .collect()
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        let Heads { query, key, value } = self.heads(input, 0)?;
        let weights = self.weights(query, key, 0, None);
        let [_, _, len, _] = weights.dims();
        let matrices = host(&weights)
            .chunks((len * len).max(1))
            .map(|values| Ok(Matrix::new(len, len, values.to_vec())?))
            .collect::<Result<_, MixerError>>()?;
        Ok(Materialised {
            matrices,
            values: value,
        })
    }

    fn finish(&self, _input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        Ok(self.project(mixed))
    }

    fn cost(&self, length: usize) -> Cost {
        self.config.cost(length)
    }
}

impl CausalMixer for Attention {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        let dim = self.config.head_dim;
        let shape = [batch, 0, self.config.hidden_size / dim, dim];
        let mut state = State::new();
        state.insert("key", LAYOUT, Tensor::<4>::zeros(shape, device));
        state.insert("value", LAYOUT, Tensor::<4>::zeros(shape, device));
        state
    }

    fn advance(
        &self,
        input: Tensor<3>,
        mut state: State,
        _pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        expect_width(NAME, input.dims()[2], self.config.hidden_size)?;
        if input.dims().contains(&0) {
            return Ok((input, state));
        }
        let batch = input.dims()[0];
        let mut past = Vec::new();
        for name in ["key", "value"] {
            let entry: Tensor<4> = state.take(name, LAYOUT)?;
            let dim = self.config.head_dim;
            let seen = entry.dims()[1];
            State::expect(
                name,
                &entry,
                [batch, seen, self.config.hidden_size / dim, dim],
            )?;
            past.push(entry);
        }
        let first = past[0].dims()[1];
        State::expect("value", &past[1], past[0].dims())?;
        let heads = self.heads(input, first)?;
        let mut join = |new: Tensor<4>| -> Tensor<4> {
            let old = past.remove(0);
            if first == 0 {
                new
            } else {
                Tensor::cat(vec![old, new], 1)
            }
        };
        let (key, value) = (join(heads.key), join(heads.value));
        let mut state = State::new();
        state.insert("key", LAYOUT, key.clone());
        state.insert("value", LAYOUT, value.clone());
        let heads = Heads {
            query: heads.query,
            key,
            value,
        };
        Ok((self.project(self.attend(heads, first, None)), state))
    }
}
