//! The model: embedding, blocks, norm, head.

use super::architecture::{Architecture, Norm};
use super::block::Block;
use super::config::LanguageConfig;
use crate::error::{ModelError, refused};
use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_kernels::embedding::embedding;
use resolvent_kernels::linear::linear;
use resolvent_kernels::reshape;
use resolvent_mixers::layers::{Projection, normal, parameter, uniform};
use resolvent_mixers::{Cost, MixerError, Pass, Place, State};

/// Standard deviation of a fresh embedding.
const EMBEDDING_STD: f32 = 0.02;
/// RWKV-7's embedding starts in U(-1e-4, 1e-4): the norm behind it sets the scale.
const RWKV_EMBEDDING: f32 = 1e-4;
/// Standard deviation of RWKV-7's head, times sqrt(hidden). Published is an orthogonal matrix whose
/// elements have this deviation, which for a full vocabulary would take minutes to draw.
const RWKV_HEAD: f32 = 0.5;

/// Token vectors.
#[derive(Module, Debug)]
pub struct Embedding {
    /// [vocab, hidden].
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// `[token]` to [token, hidden].
    ///
    /// # Errors
    /// A device without a body of the operation.
    pub fn forward(&self, tokens: Tensor<1, Int>) -> Result<Tensor<2>, ModelError> {
        let rows = embedding(self.weight.val(), tokens);
        Ok(rows.map_err(MixerError::from)?)
    }
}

/// Everything below the head.
#[derive(Module, Debug)]
pub struct Backbone {
    /// Token vectors.
    pub embeddings: Embedding,
    /// Of the token vectors, in architectures that have it.
    pub embedding_norm: Option<Norm>,
    /// Blocks in order.
    pub layers: Vec<Block>,
    /// Before the head.
    pub norm_f: Norm,
}

/// A language model; see the module's text.
#[derive(Module, Debug)]
pub struct LanguageModel {
    /// Everything below the head.
    pub backbone: Backbone,
    /// [vocab, hidden], absent when tied to the embedding.
    pub lm_head: Option<Projection>,
    /// What the model was built from.
    #[module(skip)]
    pub config: LanguageConfig,
}

impl LanguageModel {
    pub(super) fn new(
        config: &LanguageConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let architecture = Architecture::of(&config.mixer);
        let (hidden, rows) = (config.hidden_size(), config.vocab_size);
        let values = match architecture.rwkv_tables {
            true => uniform(rng, rows * hidden, RWKV_EMBEDDING),
            false => normal(rng, rows * hidden, EMBEDDING_STD),
        };
        let embeddings = Embedding {
            weight: parameter(values, [rows, hidden], device),
        };
        let layers = config.num_hidden_layers;
        let layers = (0..layers)
            .map(|layer| {
                let place = Place { layer, layers };
                Block::new(config, &architecture, place, rng, device)
            })
            .collect::<Result<_, ModelError>>()?;
        let own_head = || match architecture.rwkv_tables {
            true => {
                let values = normal(rng, rows * hidden, RWKV_HEAD / (hidden as f32).sqrt());
                Projection {
                    weight: parameter(values, [rows, hidden], device),
                }
            }
            false => Projection::new(hidden, rows, 1.0, rng, device),
        };
        let norm = || architecture.norm(hidden, device);
        Ok(Self {
            lm_head: (!config.tie_word_embeddings).then(own_head),
            backbone: Backbone {
                embeddings,
                embedding_norm: architecture.embedding_norm.then(norm),
                layers,
                norm_f: norm(),
            },
            config: config.clone(),
        })
    }

    /// Tokens on the model's device, checked against the vocabulary: [batch, length].
    ///
    /// # Errors
    /// A token outside the vocabulary.
    ///
    /// # Panics
    /// Never: rows beyond the last whole one are dropped.
    pub fn tokens(&self, tokens: &[u32], length: usize) -> Result<Tensor<2, Int>, ModelError> {
        let vocabulary = self.config.vocab_size;
        if let Some(position) = tokens.iter().position(|&t| t as usize >= vocabulary) {
            return Err(ModelError::Token {
                token: i64::from(tokens[position]),
                position,
                vocabulary,
            });
        }
        let batch = tokens.len() / length.max(1);
        let values: Vec<i64> = tokens[..batch * length]
            .iter()
            .map(|&t| i64::from(t))
            .collect();
        let device = self.device();
        if values.is_empty() {
            return Ok(Tensor::zeros([batch, length], &device));
        }
        Ok(Tensor::<1, Int>::from_data(values.as_slice(), &device).reshape([batch, length]))
    }

    /// Where the parameters lie.
    pub fn device(&self) -> Device {
        self.backbone.embeddings.weight.val().device()
    }

    /// What the first block reads.
    fn embed(&self, tokens: Tensor<2, Int>) -> Result<Tensor<3>, ModelError> {
        let rows = self.rows(tokens)?;
        match &self.backbone.embedding_norm {
            Some(norm) => Ok(norm.forward(rows, self.config.layer_norm_epsilon)?),
            None => Ok(rows),
        }
    }

    fn rows(&self, tokens: Tensor<2, Int>) -> Result<Tensor<3>, ModelError> {
        let [batch, length] = tokens.dims();
        let shape = [batch, length, self.config.hidden_size()];
        if batch * length == 0 {
            return Ok(reshape(Tensor::<1>::empty([0], &self.device()), shape));
        }
        let tokens = tokens.reshape([batch * length]);
        Ok(self.backbone.embeddings.forward(tokens)?.reshape(shape))
    }

    /// Hidden vectors behind the final norm: [batch, length, hidden].
    ///
    /// # Errors
    /// Decreasing sequence indices.
    pub fn hidden(
        &self,
        tokens: Tensor<2, Int>,
        seq_idx: Option<Tensor<2, Int>>,
    ) -> Result<Tensor<3>, ModelError> {
        let eps = self.config.layer_norm_epsilon;
        let mut h = self.embed(tokens)?;
        let mut pass = Pass {
            seq_idx,
            ..Pass::default()
        };
        for block in &self.backbone.layers {
            h = block.forward(h, eps, &mut pass)?;
        }
        Ok(self.backbone.norm_f.forward(h, eps)?)
    }

    /// Logits [row, vocab] of hidden vectors [row, hidden].
    pub fn head(&self, hidden: Tensor<2>) -> Tensor<2> {
        match &self.lm_head {
            Some(head) => head.forward(hidden),
            None => linear(hidden, self.backbone.embeddings.weight.val()),
        }
    }

    /// Logits of every position, [batch, length, vocab].
    ///
    /// # Errors
    /// Decreasing sequence indices.
    pub fn logits(
        &self,
        tokens: Tensor<2, Int>,
        seq_idx: Option<Tensor<2, Int>>,
    ) -> Result<Tensor<3>, ModelError> {
        let [batch, length] = tokens.dims();
        let hidden = self.hidden(tokens, seq_idx)?;
        Ok(self.all_logits(hidden, batch, length))
    }

    fn all_logits(&self, hidden: Tensor<3>, batch: usize, length: usize) -> Tensor<3> {
        let vocabulary = self.config.vocab_size;
        if batch * length == 0 {
            return reshape(hidden, [batch, length, vocabulary]);
        }
        let width = hidden.dims()[2];
        let flat = hidden.reshape([batch * length, width]);
        self.head(flat).reshape([batch, length, vocabulary])
    }

    /// The state before the first token.
    pub fn initial_state(&self, batch: usize) -> State {
        let device = self.device();
        let mut state = State::new();
        for (index, block) in self.backbone.layers.iter().enumerate() {
            let inner = block.initial_state(batch, &device);
            state.nest(&format!("layers.{index}"), inner);
        }
        state
    }

    /// Logits of every position given the state before the first, and the state behind the last.
    ///
    /// # Errors
    /// A state of another model or batch.
    pub fn advance(
        &self,
        tokens: Tensor<2, Int>,
        state: State,
    ) -> Result<(Tensor<3>, State), ModelError> {
        let [batch, length] = tokens.dims();
        let (hidden, state) = self.advance_hidden(tokens, state)?;
        Ok((self.all_logits(hidden, batch, length), state))
    }

    /// As [`LanguageModel::advance`], with logits of the last position only: [batch, vocab].
    ///
    /// # Errors
    /// A state of another model or batch; no tokens.
    pub fn advance_last(
        &self,
        tokens: Tensor<2, Int>,
        state: State,
    ) -> Result<(Tensor<2>, State), ModelError> {
        let [batch, length] = tokens.dims();
        if batch * length == 0 {
            return Err(refused("tokens", "none", "at least one token"));
        }
        let (hidden, state) = self.advance_hidden(tokens, state)?;
        let width = hidden.dims()[2];
        let last = hidden.narrow(1, length - 1, 1).reshape([batch, width]);
        Ok((self.head(last), state))
    }

    fn advance_hidden(
        &self,
        tokens: Tensor<2, Int>,
        mut state: State,
    ) -> Result<(Tensor<3>, State), ModelError> {
        let eps = self.config.layer_norm_epsilon;
        let mut h = self.embed(tokens)?;
        let mut next = State::new();
        let mut pass = Pass::default();
        for (index, block) in self.backbone.layers.iter().enumerate() {
            let prefix = format!("layers.{index}");
            let (hidden, inner) = block.advance(h, eps, state.unnest(&prefix), &mut pass)?;
            next.nest(&prefix, inner);
            h = hidden;
        }
        Ok((self.backbone.norm_f.forward(h, eps)?, next))
    }

    /// Cost of the whole model for one sequence of `length`.
    pub fn cost(&self, length: usize) -> Cost {
        self.config.cost(length)
    }
}
