//! Generation by single steps with constant memory, which can be put aside and taken up again.

use super::model::LanguageModel;
use crate::error::ModelError;
use burn::tensor::Tensor;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_formats::TensorMap;
use resolvent_mixers::State;
use std::path::Path;

/// Tokens of a text that are read at once.
const PIECE: usize = 4096;
/// Entry of a stored state that holds the logits of the next token.
const NEXT: &str = "next";
/// Its axis.
const NEXT_LAYOUT: &str = "vocab";

/// A text in progress: the model's state behind it and the logits of its next token.
///
/// Memory does not grow with the text for mixers whose state does not. A stored continuation goes on
/// exactly where it stopped, in this process or another.
#[derive(Debug, Clone)]
pub struct Continuation<'a> {
    model: &'a LanguageModel,
    state: State,
    /// [1, vocab].
    logits: Tensor<2>,
}

impl<'a> Continuation<'a> {
    /// Reads a prompt from the initial state.
    ///
    /// # Errors
    /// An empty prompt; a token outside the vocabulary.
    pub fn start(model: &'a LanguageModel, prompt: &[u32]) -> Result<Self, ModelError> {
        let mut started = Self {
            model,
            state: model.initial_state(1),
            logits: Tensor::zeros([1, model.config.vocab_size], &model.device()),
        };
        if prompt.is_empty() {
            return Err(ModelError::Sampling {
                option: "prompt",
                got: "empty".into(),
                expected: "at least one token",
            });
        }
        started.read(prompt)?;
        Ok(started)
    }

    /// Takes up what [`save`](Self::save) stored.
    ///
    /// # Errors
    /// A file that is no stored continuation, or one of another model.
    pub fn load(model: &'a LanguageModel, path: &Path) -> Result<Self, ModelError> {
        let mut state = State::from_tensors(&TensorMap::read(path)?, &model.device())?;
        let logits: Tensor<2> = state.take(NEXT, NEXT_LAYOUT)?;
        let expected = [1, model.config.vocab_size];
        if logits.dims() != expected {
            return Err(ModelError::Config {
                field: NEXT.to_owned(),
                got: format!("{:?}", logits.dims()),
                expected: format!("{expected:?} for this model"),
            });
        }
        let loaded = Self {
            model,
            state,
            logits,
        };
        // Reading one token checks every entry against the model; its result is thrown away.
        loaded.clone().read(&[0])?;
        Ok(loaded)
    }

    /// Stores the state and the logits of the next token as a safetensors file, whole or not at all.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let mut state = self.state.clone();
        state.insert(NEXT, NEXT_LAYOUT, self.logits.clone());
        Ok(state.to_tensors()?.write(path)?)
    }

    /// Reads tokens, in pieces of 4,096.
    ///
    /// # Errors
    /// A token outside the vocabulary, and then nothing of its piece has been read.
    pub fn read(&mut self, tokens: &[u32]) -> Result<(), ModelError> {
        for piece in tokens.chunks(PIECE) {
            let piece = self.model.tokens(piece, piece.len())?;
            let state = std::mem::take(&mut self.state);
            (self.logits, self.state) = self.model.advance_last(piece, state)?;
        }
        Ok(())
    }

    /// The state behind everything read and drawn so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Draws the next token and steps over it.
    ///
    /// # Errors
    /// Does not fail for a model that read its prompt.
    pub fn next_token(&mut self, sampler: &mut Sampler) -> Result<u32, ModelError> {
        let logits: Vec<f32> = self.logits.to_data().iter().collect();
        let token = sampler.draw(&logits);
        self.read(&[token])?;
        Ok(token)
    }
}

/// How the next token is drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Divides the logits; 0 takes the most likely token.
    pub temperature: f64,
    /// Keeps only the most likely tokens; 0 keeps all.
    pub top_k: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 0.8,
            top_k: 0,
            seed: 0,
        }
    }
}

/// Draws tokens from logits; its draws are a function of the options alone.
#[derive(Debug, Clone)]
pub struct Sampler {
    sampling: Sampling,
    rng: ChaCha8Rng,
}

impl Sampler {
    /// A sampler at the beginning of its draws.
    ///
    /// # Errors
    /// A temperature that is negative or not finite.
    pub fn new(sampling: Sampling) -> Result<Self, ModelError> {
        if !(sampling.temperature >= 0.0 && sampling.temperature.is_finite()) {
            return Err(ModelError::Sampling {
                option: "temperature",
                got: sampling.temperature.to_string(),
                expected: "zero or a positive number",
            });
        }
        let rng = ChaCha8Rng::seed_from_u64(sampling.seed);
        Ok(Self { sampling, rng })
    }

    /// The most likely token at temperature 0, else one by softmax(logits / temperature) over the
    /// `top_k` most likely.
    fn draw(&mut self, logits: &[f32]) -> u32 {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
        if self.sampling.temperature == 0.0 {
            return order[0] as u32;
        }
        if self.sampling.top_k > 0 {
            order.truncate(self.sampling.top_k);
        }
        let highest = f64::from(logits[order[0]]);
        let weight =
            |&at: &usize| ((f64::from(logits[at]) - highest) / self.sampling.temperature).exp();
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let mut left = self.rng.random_range(0.0..1.0) * weights.iter().sum::<f64>();
        for (token, weight) in order.iter().zip(&weights) {
            left -= weight;
            if left < 0.0 {
                return *token as u32;
            }
        }
        order[order.len() - 1] as u32
    }
}
