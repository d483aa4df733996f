//! All mixers by name. A new one is a folder and a line in each of the two lists below.

use crate::attention::{Attention, AttentionConfig};
use crate::error::MixerError;
use crate::mamba2::{Mamba2, Mamba2Config};
use crate::mixer::{CausalMixer, Cost, Materialised, Mixer};
use crate::state::State;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use rand_chacha::ChaCha8Rng;

/// Sizes that every causal mixer can be built from; each takes what concerns it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sizes {
    /// The union of the fields; the attention baseline reads `hidden_size` and `head_dim`.
    pub block: Mamba2Config,
}

/// One line of the registry.
#[derive(Debug, Clone, Copy)]
pub struct Registration {
    /// Name in recipes, configurations and tables.
    pub name: &'static str,
    /// One sentence for people.
    pub about: &'static str,
    build: fn(&Sizes, &mut ChaCha8Rng, &Device) -> Result<CausalLayer, MixerError>,
    cost: fn(&Sizes, usize) -> Cost,
}

/// Every causal mixer.
pub const CAUSAL: &[Registration] = &[
    Registration {
        name: "mamba2",
        about: "selective state space, scalar decay per head (Mamba-2, SSD)",
        build: |sizes, rng, device| Ok(CausalLayer::Mamba2(sizes.block.init(rng, device)?)),
        cost: |sizes, length| sizes.block.cost(length),
    },
    Registration {
        name: "mamba2-lti",
        about: "the same block with step size, B and C independent of the input",
        build: |sizes, rng, device| {
            Ok(CausalLayer::Mamba2(
                sizes.time_invariant().init(rng, device)?,
            ))
        },
        cost: |sizes, length| sizes.time_invariant().cost(length),
    },
    Registration {
        name: "attention",
        about: "causal softmax attention with rotary positions",
        build: |sizes, rng, device| {
            Ok(CausalLayer::Attention(sizes.attention().init(rng, device)?))
        },
        cost: |sizes, length| sizes.attention().cost(length),
    },
];

impl Sizes {
    fn time_invariant(&self) -> Mamba2Config {
        Mamba2Config {
            selective: false,
            ..self.block.clone()
        }
    }

    fn attention(&self) -> AttentionConfig {
        AttentionConfig {
            hidden_size: self.block.hidden_size,
            head_dim: self.block.head_dim,
            output_scale: self.block.output_scale,
            ..AttentionConfig::default()
        }
    }
}

/// The registration of the mixer called `name`.
///
/// # Errors
/// An unknown name.
fn find(name: &str) -> Result<&'static Registration, MixerError> {
    let found = CAUSAL.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| MixerError::Unknown {
        name: name.to_owned(),
        known: CAUSAL.iter().map(|entry| entry.name).collect(),
    })
}

/// What the mixer called `name` would cost, without building it.
///
/// # Errors
/// An unknown name.
pub fn cost(name: &str, sizes: &Sizes, length: usize) -> Result<Cost, MixerError> {
    Ok((find(name)?.cost)(sizes, length))
}

/// Builds the mixer called `name`.
///
/// # Errors
/// An unknown name; sizes that the mixer refuses.
pub fn build(
    name: &str,
    sizes: &Sizes,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Result<CausalLayer, MixerError> {
    (find(name)?.build)(sizes, rng, device)
}

/// Declares the enum of layers and forwards both traits to its variants.
macro_rules! causal_layers {
    ($($variant:ident),+) => {
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
            fn inner(&self) -> &dyn CausalMixer {
                match self {
                    $(Self::$variant(layer) => layer,)+
                }
            }
        }
    };
}

causal_layers!(Mamba2, Attention);

impl Mixer for CausalLayer {
    fn name(&self) -> &'static str {
        self.inner().name()
    }

    fn width(&self) -> usize {
        self.inner().width()
    }

    fn forward(
        &self,
        input: Tensor<3>,
        seq_idx: Option<Tensor<2, Int>>,
    ) -> Result<Tensor<3>, MixerError> {
        self.inner().forward(input, seq_idx)
    }

    fn materialise(&self, input: Tensor<3>) -> Result<Materialised, MixerError> {
        self.inner().materialise(input)
    }

    fn finish(&self, input: Tensor<3>, mixed: Tensor<4>) -> Result<Tensor<3>, MixerError> {
        self.inner().finish(input, mixed)
    }

    fn cost(&self, length: usize) -> Cost {
        self.inner().cost(length)
    }
}

impl CausalMixer for CausalLayer {
    fn initial_state(&self, batch: usize, device: &Device) -> State {
        self.inner().initial_state(batch, device)
    }

    fn advance(&self, input: Tensor<3>, state: State) -> Result<(Tensor<3>, State), MixerError> {
        self.inner().advance(input, state)
    }

    fn step(&self, input: Tensor<2>, state: State) -> Result<(Tensor<2>, State), MixerError> {
        self.inner().step(input, state)
    }
}
