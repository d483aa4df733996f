//! Accuracies and paired differences of trained variants.

use super::Trial;
use crate::report::{Figure, Spread};

/// Accuracies of a variant, one per seed.
pub fn accuracies(trials: &[Trial], variant: &str) -> Vec<f64> {
    let own = trials.iter().filter(|it| it.variant == variant);
    own.map(|it| it.accuracy).collect()
}

/// Mean accuracies of variants, with their spread in the name.
pub fn beside(trials: &[Trial], variants: &[&str]) -> Vec<Figure> {
    let one = |variant: &&str| {
        let spread = Spread::of(&accuracies(trials, variant));
        let of = format!(
            "{variant}, trained, accuracy ({:.1} to {:.1})",
            spread.min, spread.max
        );
        Figure::percent(of, spread.mean())
    };
    variants.iter().map(one).collect()
}

/// The smaller or the larger of two accuracies.
type Choose = fn(f64, f64) -> f64;

/// With every seed, the difference between what `one` and `other` make of the accuracies of theirs.
pub fn differences(
    trials: &[Trial],
    (ones, one): (&[&str], Choose),
    (others, other): (&[&str], Choose),
) -> Vec<f64> {
    let reduced = |variants: &[&str], pick: Choose| -> Vec<f64> {
        let all: Vec<Vec<f64>> = variants.iter().map(|it| accuracies(trials, it)).collect();
        let seeds = all.iter().map(Vec::len).min().unwrap_or(0);
        let of_seed = |seed: usize| all.iter().map(|it| it[seed]).reduce(pick);
        (0..seeds).filter_map(of_seed).collect()
    };
    let pairs = reduced(ones, one).into_iter().zip(reduced(others, other));
    pairs.map(|(a, b)| a - b).collect()
}
