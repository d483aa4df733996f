//! The model: a network between taking the window's mean away and giving it back.

use super::config::ForecasterConfig;
use super::spacetime::SpaceTimeNetwork;
use super::stack::StackNetwork;
use crate::error::{ModelError, refused};
use crate::sequence::Dropout;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::Settings;

/// Windows that are forecast at once.
const PIECE: usize = 64;

/// SpaceTime, or a stack of any other causal mixer.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one per model, never moved in a hot loop
pub enum Network {
    /// See [`SpaceTimeNetwork`].
    SpaceTime(SpaceTimeNetwork),
    /// See [`StackNetwork`].
    Stack(StackNetwork),
}

impl Network {
    /// Names that burn puts into parameter paths.
    pub(super) const VARIANTS: &'static [&'static str] = &["SpaceTime", "Stack"];
}

/// What a network says of windows; everything without the windows' means.
#[derive(Debug, Clone)]
pub struct Trace {
    /// [window, horizon].
    pub forecast: Tensor<2>,
    /// SpaceTime's outputs over the window: position t predicts value t + 1, [window, context].
    pub open: Option<Tensor<2>>,
    /// The decoder's inputs and its predictions of the next ones, [window, context, channel] each.
    pub inputs: Option<(Tensor<3>, Tensor<3>)>,
}

/// A forecaster; see the module's text.
#[derive(Module, Debug)]
pub struct Forecaster {
    /// What forecasts.
    pub network: Network,
    /// What the model was built from.
    #[module(skip)]
    pub config: ForecasterConfig,
}

impl Forecaster {
    pub(super) fn new(
        config: &ForecasterConfig,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<Self, ModelError> {
        let network = match &config.mixer {
            Settings::SpaceTime(layer) => {
                Network::SpaceTime(SpaceTimeNetwork::new(config, layer, rng, device)?)
            }
            _ => Network::Stack(StackNetwork::new(config, rng, device)?),
        };
        Ok(Self {
            network,
            config: config.clone(),
        })
    }

    /// Where the parameters lie.
    pub fn device(&self) -> Device {
        match &self.network {
            Network::SpaceTime(network) => network.output.bias.device(),
            Network::Stack(network) => network.output.bias.device(),
        }
    }

    /// Spectral radius of SpaceTime's closed loop, none for other networks: above 1, forecasts grow by
    /// that factor from step to step, once they are far behind the data.
    ///
    /// # Errors
    /// Weights that are not finite.
    pub fn closed_loop_radius(&self) -> Result<Option<f64>, ModelError> {
        match &self.network {
            Network::SpaceTime(network) => Ok(Some(network.decoder.closed_loop_radius()?)),
            Network::Stack(_) => Ok(None),
        }
    }

    /// Windows on the model's device, [window, length].
    ///
    /// # Errors
    /// A length of 0, values that fill no whole window, values that are not finite.
    pub fn windows(&self, values: &[f32], length: usize) -> Result<Tensor<2>, ModelError> {
        if length == 0 || values.is_empty() || !values.len().is_multiple_of(length) {
            let expected = "windows of one length above 0";
            return Err(refused("windows", values.len(), expected));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let got = format!("{} at value {at}", values[at]);
            return Err(refused("windows", got, "finite values"));
        }
        let shape = [values.len() / length, length];
        Ok(Tensor::from_data(
            TensorData::new(values.to_vec(), shape),
            &self.device(),
        ))
    }

    /// What the network says of `lag` [window, context] and the `horizon` behind it, and the windows'
    /// means [window, 1], which are not in it.
    ///
    /// # Errors
    /// No window, a context or horizon of 0.
    pub fn trace(
        &self,
        lag: Tensor<2>,
        horizon: usize,
        drop: &mut Dropout,
    ) -> Result<(Trace, Tensor<2>), ModelError> {
        if lag.dims().contains(&0) || horizon == 0 {
            let got = format!("{horizon} behind {:?}", lag.dims());
            return Err(refused(
                "horizon",
                got,
                "at least 1, behind at least one window",
            ));
        }
        let mean = lag.clone().mean_dim(1);
        let centred = lag - mean.clone();
        let trace = match &self.network {
            Network::SpaceTime(network) => network.forward(centred, horizon, drop)?,
            Network::Stack(network) => network.forward(centred, horizon, drop)?,
        };
        Ok((trace, mean))
    }

    /// Forecasts [window, horizon] behind `lag` [window, context], both standardised.
    ///
    /// # Errors
    /// As [`Forecaster::trace`].
    pub fn forward(&self, lag: Tensor<2>, horizon: usize) -> Result<Tensor<2>, ModelError> {
        let (trace, mean) = self.trace(lag, horizon, &mut Dropout::off())?;
        Ok(trace.forecast + mean)
    }

    /// Forecasts of standardised windows on the host, `[window, horizon]` row-major; `told` is called
    /// with the number of windows done.
    ///
    /// # Errors
    /// As [`Forecaster::windows`]; a forecast that is not finite (a closed loop may grow beyond every
    /// bound when far more is asked for than was trained); a device that cannot be read.
    pub fn forecast(
        &self,
        windows: &[f32],
        horizon: usize,
        told: &mut dyn FnMut(usize),
    ) -> Result<Vec<f64>, ModelError> {
        let context = self.config.context;
        let mut forecasts = Vec::with_capacity(windows.len() / context.max(1) * horizon);
        for (index, piece) in windows.chunks(PIECE * context).enumerate() {
            let lag = self.windows(piece, context)?;
            let values = self.forward(lag, horizon)?.to_data();
            forecasts.extend(values.iter::<f32>().map(f64::from));
            told(index * PIECE + piece.len() / context);
        }
        if let Some(at) = forecasts.iter().position(|value| !value.is_finite()) {
            let got = format!("{} at step {}", forecasts[at], at % horizon + 1);
            let expected =
                "finite forecasts; ask for a shorter horizon, or train with a longer one";
            return Err(refused("horizon", got, expected));
        }
        Ok(forecasts)
    }
}
