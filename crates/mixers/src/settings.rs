//! What a mixer is built from: its settings, its place in the depth, and the checks they share.

use crate::error::MixerError;
use crate::mixer::Cost;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// No size of a mixer is larger: products of four of them still fit the counters of [`Cost`].
const LARGEST_SIZE: usize = 1 << 24;

/// The settings of one mixer: sizes and constants under their published key names.
///
/// They are plain serde structures, so that a recipe, a `config.json` and Rust code speak of the
/// same fields. Fields are numbers, words, flags or lists of them, never optional: a recipe's keys
/// are checked against the serialised defaults.
pub trait MixerSettings {
    /// Name of the mixer in the registry.
    fn mixer(&self) -> &'static str;

    /// Channels of input and output.
    fn width(&self) -> usize;

    /// Checks that all sizes fit together.
    ///
    /// # Errors
    /// The field, its value and what would be right.
    fn validate(&self) -> Result<(), MixerError>;

    /// What the mixer costs for one sequence of `length`, without building it.
    fn cost(&self, length: usize) -> Cost;
}

/// Where in a model's depth a mixer stands; initial values may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Number of the layer, from 0.
    pub layer: usize,
    /// Layers of the model, at least 1.
    pub layers: usize,
}

impl Place {
    /// A mixer on its own.
    pub const ALONE: Self = Self {
        layer: 0,
        layers: 1,
    };

    /// Scale of a projection into the residual stream: its variance is shared by all layers.
    pub fn output_scale(&self) -> f32 {
        1.0 / (self.layers.max(1) as f32).sqrt()
    }
}

/// The fields of `settings` by name.
pub(crate) fn to_map<C: Serialize>(settings: &C) -> Map<String, Value> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(map)) => map,
        // Settings are structures of numbers and words; nothing else can come out.
        _ => Map::new(),
    }
}

/// `defaults` with those values of `given` whose names it knows.
///
/// Other names are left to other mixers: what one recipe says of several lets one line swap them.
///
/// # Errors
/// A value of the wrong kind, by field.
pub(crate) fn overlay<C: Serialize + DeserializeOwned>(
    mixer: &'static str,
    defaults: &C,
    given: &Map<String, Value>,
) -> Result<C, MixerError> {
    let mut map = to_map(defaults);
    for (key, value) in &mut map {
        if let Some(new) = given.get(key) {
            value.clone_from(new);
        }
    }
    serde_path_to_error::deserialize(Value::Object(map)).map_err(|error| MixerError::Setting {
        mixer,
        field: error.path().to_string(),
        reason: error.inner().to_string(),
    })
}

/// Collects the checks of one mixer's settings; every failure names field, value and remedy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checks(pub &'static str);

impl Checks {
    /// The refusal of `field`.
    pub fn refuse(
        self,
        field: &'static str,
        got: impl ToString,
        expected: impl Into<String>,
    ) -> MixerError {
        MixerError::Config {
            mixer: self.0,
            field,
            got: got.to_string(),
            expected: expected.into(),
        }
    }

    /// Every size lies between 1 and 16 Mi.
    pub fn sizes(self, sizes: &[(&'static str, usize)]) -> Result<(), MixerError> {
        for &(field, value) in sizes {
            if value == 0 {
                return Err(self.refuse(field, value, "at least 1"));
            }
            if value > LARGEST_SIZE {
                return Err(self.refuse(field, value, format!("at most {LARGEST_SIZE}")));
            }
        }
        Ok(())
    }

    /// `value` divides `total`, which `formula` explains.
    pub fn divides(
        self,
        (field, value): (&'static str, usize),
        total: usize,
        formula: &str,
    ) -> Result<(), MixerError> {
        if value > 0 && total.is_multiple_of(value) {
            return Ok(());
        }
        let expected = format!(
            "a divisor of {formula} = {total}; {} would do",
            nearest_divisor(total, value)
        );
        Err(self.refuse(field, value, expected))
    }

    /// `value` is a finite number above zero.
    pub fn positive(self, field: &'static str, value: f64) -> Result<(), MixerError> {
        if value.is_finite() && value > 0.0 {
            return Ok(());
        }
        Err(self.refuse(field, value, "a positive number"))
    }
}

/// The divisor of `total` that lies closest to `wanted`.
fn nearest_divisor(total: usize, wanted: usize) -> usize {
    (0..=wanted)
        .find_map(|distance| {
            [wanted - distance, wanted.saturating_add(distance)]
                .into_iter()
                .find(|candidate| *candidate > 0 && total.is_multiple_of(*candidate))
        })
        .unwrap_or(1)
}
