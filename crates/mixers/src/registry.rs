//! All causal mixers by name. A new one is a folder, a line in [`CAUSAL`] and a name in
//! `causal_mixers!`.

use crate::attention::{Attention, AttentionConfig};
use crate::dss::{Dss, DssConfig};
use crate::error::MixerError;
use crate::mamba::{Mamba, MambaConfig};
use crate::mamba2::{Mamba2, Mamba2Config};
use crate::mixer::{CausalMixer, Cost, Pass, forward_mixer};
use crate::rwkv7::{Rwkv7, Rwkv7ChannelConfig, Rwkv7ChannelMix, Rwkv7Config};
use crate::s4::{S4, S4Config};
use crate::s4d::{S4d, S4dConfig};
use crate::s5::{S5, S5Config};
use crate::settings::{MixerSettings, Place, overlay, to_map};
use crate::spacetime::{SpaceTime, SpaceTimeConfig};
use crate::state::State;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value};

/// One line of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// Name in recipes, configurations and tables.
    pub name: &'static str,
    /// One sentence for people.
    pub about: &'static str,
    /// What is not given in a recipe.
    pub defaults: fn() -> Settings,
}

/// Every causal mixer.
pub const CAUSAL: &[Registration] = &[
    Registration {
        name: "mamba",
        about: "selective state space, one decay per channel and state (Mamba-1, S6)",
        defaults: || MambaConfig::default().into(),
    },
    Registration {
        name: "mamba2",
        about: "selective state space, scalar decay per head (Mamba-2, SSD)",
        defaults: || Mamba2Config::default().into(),
    },
    Registration {
        name: "mamba2-lti",
        about: "the same block with step size, B and C independent of the input",
        defaults: || Mamba2Config::time_invariant().into(),
    },
    Registration {
        name: "attention",
        about: "causal softmax attention with rotary positions",
        defaults: || AttentionConfig::default().into(),
    },
    Registration {
        name: "s4",
        about: "diagonal-plus-low-rank state space per channel, from HiPPO (S4)",
        defaults: || S4Config::default().into(),
    },
    Registration {
        name: "s4d",
        about: "diagonal state space per channel (S4D; `init = \"ptd\"` for S4-PTD)",
        defaults: || S4dConfig::default().into(),
    },
    Registration {
        name: "dss",
        about: "diagonal state space per channel with normalised kernels (DSS)",
        defaults: || DssConfig::default().into(),
    },
    Registration {
        name: "s5",
        about: "one diagonal state space for all channels, as a scan (S5; `init = \"ptd\"` for S5-PTD)",
        defaults: || S5Config::default().into(),
    },
    Registration {
        name: "spacetime",
        about: "companion-matrix state space for time series (SpaceTime)",
        defaults: || SpaceTimeConfig::default().into(),
    },
    Registration {
        name: "rwkv7",
        about: "generalised delta rule with a vector-valued decay (RWKV-7 time mix)",
        defaults: || Rwkv7Config::default().into(),
    },
    Registration {
        name: "rwkv7-channel-mix",
        about: "token shift and squared ReLU (RWKV-7 channel mix)",
        defaults: || Rwkv7ChannelConfig::default().into(),
    },
];

/// Declares the two enums, of layers and of settings, and forwards the traits to their variants.
///
/// Every variant is a layer type and its settings, which have
/// `init(&self, place, rng, device) -> Result<Layer, MixerError>`.
macro_rules! causal_mixers {
    ($($variant:ident($config:ident)),+ $(,)?) => {
        /// Any causal mixer: what a model's block holds.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // a handful per model, never moved in a hot loop
        pub enum CausalLayer {
            $(
                #[doc = concat!("See [`", stringify!($variant), "`].")]
                $variant($variant),
            )+
        }

        impl CausalLayer {
            /// Names that burn puts into parameter paths, and that no published layout has.
            pub const VARIANTS: &'static [&'static str] = &[$(stringify!($variant)),+];

            fn inner(&self) -> &dyn CausalMixer {
                match self {
                    $(Self::$variant(layer) => layer,)+
                }
            }
        }

        /// The settings of any causal mixer.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Settings {
            $(
                #[doc = concat!("See [`", stringify!($config), "`].")]
                $variant($config),
            )+
        }

        $(
            impl From<$config> for Settings {
                fn from(settings: $config) -> Self {
                    Self::$variant(settings)
                }
            }
        )+

        impl Settings {
            fn inner(&self) -> &dyn MixerSettings {
                match self {
                    $(Self::$variant(settings) => settings,)+
                }
            }

            /// All fields by name.
            pub fn to_map(&self) -> Map<String, Value> {
                match self {
                    $(Self::$variant(settings) => to_map(settings),)+
                }
            }

            /// These settings with those values of `given` whose names they know.
            ///
            /// # Errors
            /// A value of the wrong kind, by field.
            pub fn with(&self, given: &Map<String, Value>) -> Result<Self, MixerError> {
                let mixer = self.mixer();
                match self {
                    $(Self::$variant(settings) => {
                        Ok(overlay(mixer, settings, given)?.into())
                    })+
                }
            }

            /// A layer with fresh weights drawn from `rng`, and from nothing else.
            ///
            /// # Errors
            /// Settings that do not fit together.
            pub fn init(
                &self,
                place: Place,
                rng: &mut ChaCha8Rng,
                device: &Device,
            ) -> Result<CausalLayer, MixerError> {
                self.validate()?;
                match self {
                    $(Self::$variant(settings) => {
                        Ok(CausalLayer::$variant(settings.init(place, rng, device)?))
                    })+
                }
            }
        }
    };
}

causal_mixers!(
    Mamba(MambaConfig),
    Mamba2(Mamba2Config),
    Attention(AttentionConfig),
    Rwkv7(Rwkv7Config),
    Rwkv7ChannelMix(Rwkv7ChannelConfig),
    S4(S4Config),
    S4d(S4dConfig),
    Dss(DssConfig),
    S5(S5Config),
    SpaceTime(SpaceTimeConfig),
);

impl Settings {
    /// The defaults of the mixer called `name`.
    ///
    /// # Errors
    /// An unknown name.
    pub fn named(name: &str) -> Result<Self, MixerError> {
        let found = CAUSAL.iter().find(|entry| entry.name == name);
        let entry = found.ok_or_else(|| MixerError::Unknown {
            name: name.to_owned(),
            known: CAUSAL.iter().map(|entry| entry.name).collect(),
        })?;
        Ok((entry.defaults)())
    }
}

impl MixerSettings for Settings {
    fn mixer(&self) -> &'static str {
        self.inner().mixer()
    }

    fn width(&self) -> usize {
        self.inner().width()
    }

    fn validate(&self) -> Result<(), MixerError> {
        self.inner().validate()
    }

    fn cost(&self, length: usize) -> Cost {
        self.inner().cost(length)
    }
}

forward_mixer!(CausalLayer);

impl CausalMixer for CausalLayer {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        self.inner().initial_state(batch, device)
    }

    fn advance(
        &self,
        input: Tensor<3>,
        state: State,
        pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), MixerError> {
        self.inner().advance(input, state, pass)
    }
}
