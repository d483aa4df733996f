//! The fixed filters of the first block: differences and what moving averages leave.

use super::config::SpaceTimeConfig;
use crate::error::MixerError;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resolvent_structure::{difference_filter, moving_average_residual};

/// Taps of every filter; moving averages are shorter.
pub(crate) const TAPS: usize = 64;
/// Shortest moving average.
const SHORTEST: usize = 4;
/// Filters of either kind before the pattern repeats.
const KINDS: usize = 4;

/// The taps of every channel's filter, [channel, tap], tap 0 the present.
pub(super) fn filters(config: &SpaceTimeConfig) -> Result<Vec<Vec<f64>>, MixerError> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.ma_seed);
    let mut filters = Vec::with_capacity(config.hidden_size);
    for kernel in 0..config.n_kernels() {
        let taps = match kernel % (2 * KINDS) {
            order if order < KINDS => difference_filter(order, TAPS)?,
            _ => moving_average_residual(rng.random_range(SHORTEST..TAPS), TAPS)?,
        };
        filters.extend(vec![taps; config.n_heads]);
    }
    Ok(filters)
}

/// The same as a tensor.
pub(super) fn filter_tensor(
    config: &SpaceTimeConfig,
    device: &Device,
) -> Result<Tensor<2>, MixerError> {
    let filters = filters(config)?;
    let values: Vec<f32> = filters.iter().flatten().map(|&v| v as f32).collect();
    let values = TensorData::new(values, [config.hidden_size, TAPS]);
    Ok(Tensor::from_data(values, device))
}
