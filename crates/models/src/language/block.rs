//! One block: mixers with a norm before each, added to the residual stream.

use super::architecture::{Architecture, Norm};
use super::config::LanguageConfig;
use crate::error::ModelError;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::{CausalLayer, CausalMixer, Mixer, Pass, Place, State};

/// Prefix of the channel mixer's entries inside the state of a block.
const CHANNEL: &str = "channel";

/// h + mixer(norm(h)), and the same once more with the channel mixer where there is one.
#[derive(Module, Debug)]
pub struct Block {
    /// Before the mixer.
    pub norm: Norm,
    /// Any causal mixer.
    pub mixer: CausalLayer,
    /// Before the channel mixer.
    pub channel_norm: Option<Norm>,
    /// The second mixer of architectures that have one.
    pub channel_mixer: Option<CausalLayer>,
}

impl Block {
    pub(super) fn new(
        config: &LanguageConfig,
        architecture: &Architecture,
        place: Place,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let norm = || architecture.norm(config.hidden_size(), device);
        let second = architecture.channel_mixer.as_ref();
        Ok(Self {
            norm: norm(),
            mixer: config.mixer.init(place, rng, device)?,
            channel_norm: second.map(|_| norm()),
            channel_mixer: second
                .map(|settings| settings.init(place, rng, device))
                .transpose()?,
        })
    }

    /// The channel mixer with its norm.
    fn second(&self) -> Option<(&Norm, &CausalLayer)> {
        self.channel_norm.as_ref().zip(self.channel_mixer.as_ref())
    }

    /// The parallel form on the residual stream [batch, length, hidden].
    pub(super) fn forward(
        &self,
        mut hidden: Tensor<3>,
        eps: f64,
        pass: &mut Pass,
    ) -> Result<Tensor<3>, ModelError> {
        let normed = self.norm.forward(hidden.clone(), eps)?;
        hidden = hidden + self.mixer.forward(normed, pass)?;
        if let Some((norm, mixer)) = self.second() {
            let normed = norm.forward(hidden.clone(), eps)?;
            hidden = hidden + mixer.forward(normed, pass)?;
        }
        Ok(hidden)
    }

    /// As [`Block::forward`], from and to a state.
    pub(super) fn advance(
        &self,
        mut hidden: Tensor<3>,
        eps: f64,
        mut state: State,
        pass: &mut Pass,
    ) -> Result<(Tensor<3>, State), ModelError> {
        let channel = state.unnest(CHANNEL);
        let normed = self.norm.forward(hidden.clone(), eps)?;
        let (mixed, mut next) = self.mixer.advance(normed, state, pass)?;
        hidden = hidden + mixed;
        if let Some((norm, mixer)) = self.second() {
            let normed = norm.forward(hidden.clone(), eps)?;
            let (mixed, channel) = mixer.advance(normed, channel, pass)?;
            next.nest(CHANNEL, channel);
            hidden = hidden + mixed;
        }
        Ok((hidden, next))
    }

    /// The state before the first position.
    pub(super) fn initial_state(&self, batch: usize, device: &Device) -> State {
        let mut state = self.mixer.initial_state(batch, device);
        if let Some(mixer) = &self.channel_mixer {
            state.nest(CHANNEL, mixer.initial_state(batch, device));
        }
        state
    }
}
