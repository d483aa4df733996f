//! The model: encoder, stack, mean, head.

use super::config::{ClassifierConfig, InputKind};
use crate::error::{ModelError, refused};
use crate::language::Embedding;
use crate::sequence::{Backbone, Dropout, Padding};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::layers::{Affine, normal, parameter};

/// Cases side by side, padded on the right to the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseBatch {
    /// What the cases consist of.
    pub values: Values,
    /// `[case]`: the true lengths, each at least 1.
    pub lengths: Vec<usize>,
}

/// The content of a batch, row-major, as it was measured; what stands in the padding is not read.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// [case, position, channel]; NaN where a value is missing.
    Series(Vec<f32>),
    /// [case, position].
    Tokens(Vec<u32>),
}

/// A classifier; see the module's text.
#[derive(Module, Debug)]
pub struct Classifier {
    /// Of series.
    pub encoder: Option<Affine>,
    /// Of tokens.
    pub embedding: Option<Embedding>,
    /// The stack.
    pub backbone: Backbone,
    /// From the mean to the logits.
    pub head: Affine,
    /// What the model was built from.
    #[module(skip)]
    pub config: ClassifierConfig,
}

impl Classifier {
    pub(super) fn new(
        config: &ClassifierConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let hidden = config.backbone.hidden_size();
        let (encoder, embedding) = match &config.input {
            InputKind::Series { means, .. } => {
                (Some(Affine::new(means.len(), hidden, rng, device)), None)
            }
            InputKind::Tokens { vocabulary } => {
                let values = normal(rng, vocabulary * hidden, 1.0);
                let weight = parameter(values, [*vocabulary, hidden], device);
                (None, Some(Embedding { weight }))
            }
        };
        Ok(Self {
            encoder,
            embedding,
            backbone: config.backbone.init(rng, device)?,
            head: Affine::new(hidden, config.labels.len(), rng, device),
            config: config.clone(),
        })
    }

    /// Where the parameters lie.
    pub fn device(&self) -> Device {
        self.head.weight.val().device()
    }

    /// Logits of a batch, [case, class]. `dropout` is given in training alone.
    ///
    /// # Errors
    /// Values of the other kind, of another number than lengths and channels say, or infinite; a token
    /// outside the vocabulary; no case, or one without length.
    pub fn logits(
        &self,
        batch: &CaseBatch,
        dropout: Option<ChaCha8Rng>,
    ) -> Result<Tensor<2>, ModelError> {
        let lengths = &batch.lengths;
        let (cases, longest) = (lengths.len(), lengths.iter().copied().max().unwrap_or(0));
        if lengths.contains(&0) || cases == 0 {
            let got = format!("{cases} cases, the longest of {longest}");
            return Err(refused("batch", got, "cases of at least one position"));
        }
        let device = self.device();
        let hidden = self.encode(&batch.values, lengths, longest)?;
        let mask: Vec<f32> = lengths
            .iter()
            .flat_map(|&length| (0..longest).map(move |at| f32::from(u8::from(at < length))))
            .collect();
        let mask = Tensor::<3>::from_data(TensorData::new(mask, [cases, longest, 1]), &device);
        let is_ragged = lengths.iter().any(|it| *it != longest);
        let mut dropout = match dropout {
            Some(rng) => Dropout::training(self.config.backbone.dropout, rng),
            None => Dropout::off(),
        };
        let padding = is_ragged.then(|| Padding {
            mask: mask.clone(),
            positions: lengths.iter().sum(),
        });
        let hidden = self
            .backbone
            .forward(hidden, padding.as_ref(), &mut dropout)?;
        let width = hidden.dims()[2];
        let shares: Vec<f32> = lengths.iter().map(|it| 1.0 / *it as f32).collect();
        let shares = Tensor::<2>::from_data(TensorData::new(shares, [cases, 1]), &device);
        let pooled = (hidden * mask).sum_dim(1).reshape([cases, width]) * shares;
        Ok(self.head.forward(pooled))
    }

    /// [case, position, hidden].
    fn encode(
        &self,
        values: &Values,
        lengths: &[usize],
        longest: usize,
    ) -> Result<Tensor<3>, ModelError> {
        let cases = lengths.len();
        let rows = cases * longest;
        let hidden = self.config.backbone.hidden_size();
        let flat = match (values, &self.config.input, &self.encoder, &self.embedding) {
            (Values::Series(values), InputKind::Series { means, deviations }, Some(encoder), _) => {
                let channels = means.len();
                expect_count(values.len(), rows * channels)?;
                let values = standardised(values, lengths, (means, deviations))?;
                let data = TensorData::new(values, [rows, channels]);
                encoder.forward(Tensor::from_data(data, &self.device()))
            }
            (Values::Tokens(tokens), InputKind::Tokens { vocabulary }, _, Some(embedding)) => {
                expect_count(tokens.len(), rows)?;
                let tokens = checked(tokens, lengths, *vocabulary)?;
                let indices = Tensor::<1, Int>::from_data(tokens.as_slice(), &self.device());
                embedding.forward(indices)?
            }
            (_, InputKind::Series { .. }, ..) => {
                return Err(refused("batch", "tokens", "real values, as in training"));
            }
            (_, InputKind::Tokens { .. }, ..) => {
                return Err(refused("batch", "real values", "tokens, as in training"));
            }
        };
        Ok(flat.reshape([cases, longest, hidden]))
    }
}

fn expect_count(got: usize, expected: usize) -> Result<(), ModelError> {
    match got == expected {
        true => Ok(()),
        false => {
            let expected = format!("{expected}, as lengths and channels of the model say");
            Err(refused("batch", format!("{got} values"), &expected))
        }
    }
}

/// (x - mean) / deviation in f64; zero in the padding and where a value is missing.
fn standardised(
    values: &[f32],
    lengths: &[usize],
    (means, deviations): (&[f64], &[f64]),
) -> Result<Vec<f32>, ModelError> {
    let channels = means.len();
    let mut out = vec![0.0; values.len()];
    let per_case = values.len() / lengths.len();
    for (case, length) in lengths.iter().enumerate() {
        for at in case * per_case..case * per_case + length * channels {
            let (value, channel) = (values[at], at % channels);
            if value.is_infinite() {
                let position = at % per_case / channels;
                let got = format!("{value} in case {case}, position {position}, channel {channel}");
                return Err(refused(
                    "batch",
                    got,
                    "finite values, or NaN for missing ones",
                ));
            }
            if !value.is_nan() {
                out[at] = ((f64::from(value) - means[channel]) / deviations[channel]) as f32;
            }
        }
    }
    Ok(out)
}

/// Tokens for the embedding; 0 in the padding.
fn checked(tokens: &[u32], lengths: &[usize], vocabulary: usize) -> Result<Vec<i64>, ModelError> {
    let mut out = vec![0; tokens.len()];
    let longest = tokens.len() / lengths.len();
    for (case, length) in lengths.iter().enumerate() {
        for position in 0..*length {
            let token = tokens[case * longest + position];
            if token as usize >= vocabulary {
                return Err(ModelError::Token {
                    token: i64::from(token),
                    position,
                    vocabulary,
                });
            }
            out[case * longest + position] = i64::from(token);
        }
    }
    Ok(out)
}
