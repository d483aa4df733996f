//! What any language model has to beat, on the same held-out bytes.

use resolvent_data::DataError;
use resolvent_data::baselines::{MAX_ORDER, NgramModel, xz_bits_per_byte, xz_primed_bits_per_byte};
use resolvent_data::corpus::Corpus;
use serde::Serialize;

use super::prepared::Prepared;
use super::watch::{Stage, Watch, staged};
use crate::error::LearnError;

/// A baseline's score.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Baseline {
    /// What it is.
    pub name: String,
    /// Bits per byte on the evaluated bytes.
    pub bits_per_byte: f64,
    /// What it learned from.
    pub learned_from: &'static str,
}

/// Scores the n-grams of order 0 to 3 and `xz -9e`, without and with the training text.
///
/// # Errors
/// [`LearnError::Experiment`] around [`DataError::Compressor`] when memory runs out.
pub fn baselines(prepared: &Prepared, watch: &dyn Watch) -> Result<Vec<Baseline>, LearnError> {
    let mut all = ngrams(prepared, watch).map_err(LearnError::experiment)?;
    all.extend(compressors(prepared, watch).map_err(LearnError::experiment)?);
    Ok(all)
}

fn ngrams(prepared: &Prepared, watch: &dyn Watch) -> Result<Vec<Baseline>, DataError> {
    let text = &prepared.evaluated;
    let learned = prepared.train.bytes() as u64;
    let scored = text.bytes() as u64;
    let orders = MAX_ORDER as u64 + 1;
    staged(
        watch,
        Stage::Ngrams,
        learned + orders * scored,
        |progress| {
            let model = NgramModel::train(MAX_ORDER, &prepared.train)?;
            progress(learned);
            let score = |order: usize| {
                let bits_per_byte = ngram_bits(&model, order, text);
                progress(learned + (order as u64 + 1) * scored);
                Baseline {
                    name: format!("order-{order} n-gram"),
                    bits_per_byte,
                    learned_from: "training text",
                }
            };
            Ok((0..=MAX_ORDER).map(score).collect())
        },
    )
}

/// The model of order `order` is the one of the highest order shown no more than `order` bytes.
fn ngram_bits(model: &NgramModel, order: usize, text: &Corpus) -> f64 {
    let mut bits = 0.0;
    for file in &text.files {
        for (place, &next) in file.bytes.iter().enumerate() {
            let context = &file.bytes[place.saturating_sub(order)..place];
            bits -= model.probability(context, next).log2();
        }
    }
    bits / text.bytes() as f64
}

fn compressors(prepared: &Prepared, watch: &dyn Watch) -> Result<[Baseline; 2], DataError> {
    let Prepared {
        train, evaluated, ..
    } = prepared;
    let alone = evaluated.bytes() as u64;
    let both = alone + train.bytes() as u64;
    let unprimed = staged(watch, Stage::Compressor, alone, |progress| {
        xz_bits_per_byte(evaluated, &mut |done, _| progress(done))
    })?;
    let primed = staged(watch, Stage::PrimedCompressor, both, |progress| {
        xz_primed_bits_per_byte(train, evaluated, &mut |done, _| progress(done))
    })?;
    Ok([
        Baseline {
            name: "xz -9e".to_owned(),
            bits_per_byte: unprimed,
            learned_from: "nothing",
        },
        Baseline {
            name: "xz -9e behind the training text".to_owned(),
            bits_per_byte: primed,
            learned_from: "training text",
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use resolvent_data::corpus::TextFile;

    #[test]
    fn ngram_when_shown_less_context_equals_the_lower_order() {
        let file = |name: &str, text: &str| TextFile::new(name, text.as_bytes().to_vec());
        let train = Corpus::new("train", vec![file("a", "abracadabra abracadabra")]);
        let text = Corpus::new("text", vec![file("b", "abrakadabra"), file("c", "cad")]);
        let highest = NgramModel::train(MAX_ORDER, &train).unwrap();
        for order in 0..=MAX_ORDER {
            let own = NgramModel::train(order, &train).unwrap();
            let expected = own.bits_per_byte(&text).unwrap();
            assert!((ngram_bits(&highest, order, &text) - expected).abs() < 1e-12);
        }
    }
}
