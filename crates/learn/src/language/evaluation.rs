//! Bits per byte on held-out text, in all and by position in the window.

use burn::tensor::{Int, Tensor, TensorData};
use resolvent_data::windows::{EvalWindow, EvalWindows, SEPARATOR};
use resolvent_models::language::{LanguageModel, token_losses};
use serde::Serialize;

use crate::error::LearnError;

/// Tokens that are scored at once: bounds the memory of a pass whatever the window.
const TOKENS_AT_ONCE: usize = 4096;

/// What a model needed for the bytes of a text, by the position of the byte in its window.
#[derive(Debug, Clone, PartialEq)]
pub struct ByPosition {
    /// Sum of -log2 p over all windows, by position.
    bits: Vec<f64>,
    /// Bytes scored, by position.
    counts: Vec<u64>,
}

/// One point of the curve over positions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CurvePoint {
    /// First position of the stretch, from 1: the number of tokens read before the byte.
    pub from: usize,
    /// Last position of the stretch.
    pub to: usize,
    /// Mean bits per byte over the stretch.
    pub bits_per_byte: f64,
    /// Bytes that the mean is over.
    pub bytes: u64,
}

impl CurvePoint {
    /// Where the point is drawn on a logarithmic axis: the geometric middle of its stretch.
    pub fn position(&self) -> f64 {
        (self.from as f64 * self.to as f64).sqrt()
    }
}

impl ByPosition {
    fn new(length: usize) -> Self {
        Self {
            bits: vec![0.0; length],
            counts: vec![0; length],
        }
    }

    /// Bytes scored.
    pub fn bytes(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Mean over all bytes; NaN when there was none.
    pub fn bits_per_byte(&self) -> f64 {
        self.bits.iter().sum::<f64>() / self.bytes() as f64
    }

    /// Means over stretches of growing length (1, 2, 3, 4-5, 6-7, 8-11, 12-15, ...), which are
    /// evenly spaced on a logarithmic axis and average the more bytes the longer they are.
    pub fn curve(&self) -> Vec<CurvePoint> {
        let length = self.bits.len();
        let mut points = Vec::new();
        let mut from = 1;
        while from <= length {
            let next = next_stretch(from);
            // A remainder of less than half a stretch would be a mean over too few bytes.
            let ends = next > length || next + (next_stretch(next) - next) / 2 > length;
            let to = if ends { length } else { next - 1 };
            let bytes: u64 = self.counts[from - 1..to].iter().sum();
            let bits: f64 = self.bits[from - 1..to].iter().sum();
            if bytes > 0 {
                points.push(CurvePoint {
                    from,
                    to,
                    bits_per_byte: bits / bytes as f64,
                    bytes,
                });
            }
            from = to + 1;
        }
        points
    }

    fn add(&mut self, window: &EvalWindow<'_>, nats: &[f32]) {
        for (position, (target, nats)) in window.targets().iter().zip(nats).enumerate() {
            if *target != SEPARATOR {
                self.bits[position] += f64::from(*nats) / std::f64::consts::LN_2;
                self.counts[position] += 1;
            }
        }
    }
}

/// Where the stretch after the one beginning at `from` begins: 2, 3, 4, 6, 8, 12, 16, ..., the powers
/// of two and their one and a half.
fn next_stretch(from: usize) -> usize {
    match from {
        1 => 2,
        from if from.is_power_of_two() => from + from / 2,
        from => from / 3 * 4,
    }
}

/// Scores all windows with a model on a plain device; `progress` takes the bytes done.
///
/// Separators are read but not scored.
///
/// # Errors
/// [`LearnError::Device`] when results cannot be read back, [`LearnError::Model`].
pub fn measure(
    model: &LanguageModel,
    windows: &EvalWindows,
    progress: &mut dyn FnMut(u64),
) -> Result<ByPosition, LearnError> {
    let all: Vec<EvalWindow<'_>> = windows.iter().collect();
    let length = all.first().map_or(1, |window| window.targets().len());
    let mut result = ByPosition::new(length);
    let mut done = 0;
    // All windows are of one length but the last, which is scored by itself.
    for group in all.chunk_by(|left, right| left.tokens.len() == right.tokens.len()) {
        let length = group[0].targets().len();
        for rows in group.chunks((TOKENS_AT_ONCE / length).max(1)) {
            let nats = losses(model, rows, length)?;
            for (window, nats) in rows.iter().zip(nats.chunks(length)) {
                result.add(window, nats);
            }
            done += rows.len() * length;
            progress(done as u64);
        }
    }
    Ok(result)
}

/// Nats of every target, [window, length] row by row.
fn losses(
    model: &LanguageModel,
    windows: &[EvalWindow<'_>],
    length: usize,
) -> Result<Vec<f32>, LearnError> {
    let rows = windows.len() * length;
    let inputs: Vec<u32> = windows
        .iter()
        .flat_map(|window| window.inputs().iter().map(|byte| u32::from(*byte)))
        .collect();
    let targets: Vec<i64> = windows
        .iter()
        .flat_map(|window| window.targets().iter().map(|byte| i64::from(*byte)))
        .collect();
    let tokens = model.tokens(&inputs, length)?;
    let targets = Tensor::<1, Int>::from_data(TensorData::new(targets, [rows]), &model.device());
    let hidden = model.hidden(tokens, None)?;
    let width = hidden.dims()[2];
    let logits = model.head(hidden.reshape([rows, width]));
    token_losses(logits, targets)?
        .try_into_vec_as()
        .map_err(|error| LearnError::Device {
            step: 0,
            reason: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curve_when_binned_covers_every_position_once() {
        for length in [1, 2, 3, 5, 8, 100, 512, 2048] {
            let mut result = ByPosition::new(length);
            result.counts.fill(1);
            result.bits.fill(2.0);
            let curve = result.curve();
            let mut next = 1;
            for point in &curve {
                assert_eq!(point.from, next);
                assert!(point.to >= point.from && point.bits_per_byte == 2.0);
                next = point.to + 1;
            }
            assert_eq!(next, length + 1, "length {length}: {curve:?}");
        }
    }

    #[test]
    fn separators_when_targets_are_not_counted() {
        let mut result = ByPosition::new(2);
        let window = EvalWindow {
            start: 0,
            tokens: b"a\0b",
        };
        result.add(&window, &[9.0, std::f32::consts::LN_2]);
        assert_eq!(result.bytes(), 1);
        assert!((result.bits_per_byte() - 1.0).abs() < 1e-6);
    }
}
