//! Generation by single steps with constant memory.

use super::model::LanguageModel;
use crate::error::ModelError;
use burn::tensor::Tensor;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use resolvent_mixers::State;

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

/// Draws one token after another; holds one state, whatever has been generated.
pub struct Generator<'a> {
    model: &'a LanguageModel,
    state: State,
    logits: Tensor<2>,
    sampling: Sampling,
    rng: ChaCha8Rng,
}

impl<'a> Generator<'a> {
    /// Reads the prompt in pieces of 4,096 tokens.
    ///
    /// # Errors
    /// An empty prompt, a token outside the vocabulary, a temperature that is negative or no number.
    pub fn new(
        model: &'a LanguageModel,
        prompt: &[u32],
        sampling: Sampling,
    ) -> Result<Self, ModelError> {
        const PIECE: usize = 4096;
        if !(sampling.temperature >= 0.0 && sampling.temperature.is_finite()) {
            return Err(ModelError::Sampling {
                option: "temperature",
                got: sampling.temperature.to_string(),
                expected: "zero or a positive number",
            });
        }
        let mut state = model.initial_state(1);
        let mut logits = None;
        for piece in prompt.chunks(PIECE) {
            let tokens = model.tokens(piece, piece.len())?;
            let (last, next) = model.advance_last(tokens, state)?;
            logits = Some(last);
            state = next;
        }
        let Some(logits) = logits else {
            return Err(ModelError::Sampling {
                option: "prompt",
                got: "empty".into(),
                expected: "at least one token",
            });
        };
        let rng = ChaCha8Rng::seed_from_u64(sampling.seed);
        Ok(Self {
            model,
            state,
            logits,
            sampling,
            rng,
        })
    }

    /// The state behind everything read and drawn so far.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Draws the next token and steps over it.
    ///
    /// # Errors
    /// Does not fail for a model that read its prompt.
    pub fn next_token(&mut self) -> Result<u32, ModelError> {
        let logits: Vec<f32> = self.logits.to_data().iter().collect();
        let token = self.draw(&logits);
        let tokens = self.model.tokens(&[token], 1)?;
        let state = std::mem::take(&mut self.state);
        (self.logits, self.state) = self.model.advance_last(tokens, state)?;
        Ok(token)
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]).then(a.cmp(&b)));
        if self.sampling.temperature == 0.0 {
            return order[0] as u32;
        }
        if self.sampling.top_k > 0 {
            order.truncate(self.sampling.top_k);
        }
        let highest = f64::from(logits[order[0]]);
        let weight =
            |i: &usize| ((f64::from(logits[*i]) - highest) / self.sampling.temperature).exp();
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
