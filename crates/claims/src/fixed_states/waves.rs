//! Waveforms to classify, made here: ten templates in smooth noise.
//!
//! In the spirit of MNIST-1D (Greydanus and Kobak, arXiv 2011.14439), with templates and constants of
//! our own. A template of twelve values is scaled, sheared, laid somewhere on a canvas of forty,
//! smooth noise is added, and everything is drawn at the length asked for.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use resolvent_structure::Matrix;

use crate::error::ClaimError;

/// Number of classes.
pub const CLASSES: usize = 10;
/// Values of a template.
const TEMPLATE: usize = 12;
/// Values of the canvas it is laid on.
const CANVAS: usize = 40;

/// Twelve values per class, drawn once for all: random walks, centred, of unit size.
fn templates() -> Vec<Vec<f64>> {
    let mut rng = super::generator(0x7e3a, super::Purpose::Training);
    let template = |_| {
        let mut level = 0.0;
        let mut walk: Vec<f64> = (0..TEMPLATE)
            .map(|_| {
                level = 0.6 * level + rng.random_range(-1.0..1.0);
                level
            })
            .collect();
        let mean = walk.iter().sum::<f64>() / TEMPLATE as f64;
        walk.iter_mut().for_each(|x| *x -= mean);
        let size = (walk.iter().map(|x| x * x).sum::<f64>() / TEMPLATE as f64).sqrt();
        walk.iter().map(|x| x / size).collect()
    };
    (0..CLASSES).map(template).collect()
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Waves {
    /// Samples of a sequence.
    pub length: usize,
    /// The template lies anywhere in the first `within` of the canvas, a part between 0.3 and 1; what
    /// follows is noise.
    pub within: f64,
    /// Size of the smooth noise; that of a template is 1.
    pub noise: f64,
}

/// Labelled sequences.
#[derive(Debug, Clone)]
pub struct Examples {
    /// `[examples, length]`.
    pub sequences: Matrix,
    /// `[examples]`, below [`CLASSES`].
    pub labels: Vec<usize>,
}

impl Waves {
    /// Draws examples, all classes equally often as far as the number allows.
    ///
    /// # Errors
    /// When the matrix could not be addressed.
    pub fn draw(&self, examples: usize, rng: &mut ChaCha8Rng) -> Result<Examples, ClaimError> {
        let templates = templates();
        let labels: Vec<usize> = (0..examples).map(|i| i % CLASSES).collect();
        let mut data = Vec::with_capacity(examples * self.length);
        for &label in &labels {
            data.extend(self.sequence(&templates[label], rng));
        }
        Ok(Examples {
            sequences: Matrix::new(examples, self.length, data)?,
            labels,
        })
    }

    fn sequence(&self, template: &[f64], rng: &mut ChaCha8Rng) -> Vec<f64> {
        let room = ((CANVAS as f64 * self.within) as usize).clamp(TEMPLATE, CANVAS) - TEMPLATE;
        let start = rng.random_range(0..=room);
        let (scale, shear) = (rng.random_range(0.7..1.3), rng.random_range(-0.3..0.3));
        let mut canvas = smooth_noise(self.noise, rng);
        for (k, value) in template.iter().enumerate() {
            let tilt = shear * (2.0 * k as f64 / (TEMPLATE - 1) as f64 - 1.0);
            canvas[start + k] += scale * value + tilt;
        }
        let place = |t: usize| {
            let at = t as f64 * (CANVAS - 1) as f64 / (self.length.max(2) - 1) as f64;
            let left = (at as usize).min(CANVAS - 2);
            let part = at - left as f64;
            (1.0 - part) * canvas[left] + part * canvas[left + 1]
        };
        let mut white = || 0.002 * rng.random_range(-1.7..1.7);
        (0..self.length).map(|t| place(t) + white()).collect()
    }
}

/// Noise of the given size, correlated over about three values of the canvas.
fn smooth_noise(size: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let white: Vec<f64> = (0..CANVAS + 4)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    let weights = [0.25, 0.6, 1.0, 0.6, 0.25];
    // Variance of a uniform number, times that of the filter.
    let norm = (weights.iter().map(|w| w * w).sum::<f64>() / 3.0).sqrt();
    let value = |k: usize| {
        let sum: f64 = weights.iter().zip(&white[k..]).map(|(w, x)| w * x).sum();
        size * sum / norm
    };
    (0..CANVAS).map(value).collect()
}
