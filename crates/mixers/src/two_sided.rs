//! The layers that see both directions, by the settings of their causal twins, and the choice between
//! the two kinds.

use crate::error::MixerError;
use crate::mixer::{Mixer, forward_mixer};
use crate::registry::{CausalLayer, Settings};
use crate::s4::TwoSidedS4;
use crate::s4d::TwoSidedS4d;
use crate::s5::TwoSidedS5;
use crate::settings::{Checks, MixerSettings, Place};
use burn::module::Module;
use burn::tensor::Device;
use rand_chacha::ChaCha8Rng;

/// Mixers that have a layer for both directions.
pub const TWO_SIDED: &[&str] = &["s4", "s4d", "s5"];

/// Any layer that sees both directions. It has no causal order and cannot be stepped.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // a handful per model, never moved in a hot loop
pub enum TwoSided {
    /// See [`TwoSidedS4`].
    S4(TwoSidedS4),
    /// See [`TwoSidedS4d`].
    S4d(TwoSidedS4d),
    /// See [`TwoSidedS5`].
    S5(TwoSidedS5),
}

/// A layer of a model over whole sequences: causal, or one that sees both directions.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // as above
pub enum AnyLayer {
    /// Sees the past alone.
    Causal(CausalLayer),
    /// Sees both directions.
    TwoSided(TwoSided),
}

impl AnyLayer {
    /// Whether `part` is a name that burn puts into parameter paths for these enums and those inside.
    pub fn is_variant(part: &str) -> bool {
        ["Causal", "TwoSided"].contains(&part) || CausalLayer::VARIANTS.contains(&part)
    }

    fn inner(&self) -> &dyn Mixer {
        match self {
            Self::Causal(layer) => layer,
            Self::TwoSided(TwoSided::S4(layer)) => layer,
            Self::TwoSided(TwoSided::S4d(layer)) => layer,
            Self::TwoSided(TwoSided::S5(layer)) => layer,
        }
    }
}

impl Settings {
    /// Whether [`Settings::init_two_sided`] works for this mixer.
    pub fn has_two_sided(&self) -> bool {
        TWO_SIDED.contains(&self.mixer())
    }

    /// A layer that sees both directions, with fresh weights drawn from `rng`, and from nothing else.
    ///
    /// # Errors
    /// Settings that do not fit together; a mixer without such a layer.
    pub fn init_two_sided(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<TwoSided, MixerError> {
        self.validate()?;
        Ok(match self {
            Self::S4(settings) => TwoSided::S4(settings.init_two_sided(rng, device)?),
            Self::S4d(settings) => TwoSided::S4d(settings.init_two_sided(rng, device)?),
            Self::S5(settings) => TwoSided::S5(settings.init_two_sided(rng, device)?),
            other => {
                let expected = format!("false, or one of the mixers {}", TWO_SIDED.join(", "));
                return Err(Checks(other.mixer()).refuse("bidirectional", true, expected));
            }
        })
    }

    /// One or the other kind of layer.
    ///
    /// # Errors
    /// As [`Settings::init`] and [`Settings::init_two_sided`].
    pub fn init_any(
        &self,
        bidirectional: bool,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<AnyLayer, MixerError> {
        Ok(match bidirectional {
            false => AnyLayer::Causal(self.init(place, rng, device)?),
            true => AnyLayer::TwoSided(self.init_two_sided(rng, device)?),
        })
    }
}

forward_mixer!(AnyLayer);
