//! Numbers that carry what they are.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A number with its unit and its owner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured: a model's name, for instance.
    pub of: String,
    /// The value, in `unit`.
    pub value: f64,
    /// The unit: `%`, `x`, `ms`.
    pub unit: String,
}

impl Figure {
    /// A number with its owner and unit.
    pub fn new(of: impl Into<String>, value: f64, unit: &str) -> Self {
        Self {
            of: of.into(),
            value,
            unit: unit.to_owned(),
        }
    }

    /// A percentage.
    pub fn percent(of: impl Into<String>, value: f64) -> Self {
        Self::new(of, value, "%")
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} {} ({})",
            shown(self.value),
            self.unit,
            self.of
        )
    }
}

/// A figure over the seeds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Spread {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// One value per seed, in the order of the report's seeds.
    pub per_seed: Vec<f64>,
}

impl Spread {
    /// The spread of one value per seed; all zero without any.
    pub fn of(per_seed: &[f64]) -> Self {
        let fold = |start: f64, pick: fn(f64, f64) -> f64| {
            per_seed.iter().copied().reduce(pick).unwrap_or(start)
        };
        Self {
            min: fold(0.0, f64::min),
            max: fold(0.0, f64::max),
            per_seed: per_seed.to_vec(),
        }
    }

    /// Mean over the seeds; zero without any.
    pub fn mean(&self) -> f64 {
        // An empty sum of floats is minus zero.
        let sum = self.per_seed.iter().fold(0.0, |sum, value| sum + value);
        sum / self.per_seed.len().max(1) as f64
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}", shown(self.min), shown(self.max))
    }
}

/// One decimal where that says something, and otherwise as many as it takes.
fn shown(value: f64) -> String {
    match value.abs() {
        0.0 | 1.0..1e6 => format!("{value:.1}"),
        1e-3..1.0 => format!("{value:.3}"),
        _ => format!("{value:.2e}"),
    }
}
