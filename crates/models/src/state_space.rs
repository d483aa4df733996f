//! Single layers of S4 and S4D under the names and shapes of their published PyTorch code.
//!
//! Source of the names: checkpoints of `state-spaces/s4`, version 4, and its minimal file `s4d.py`.
//!
//! | published, behind the layer's prefix | shape | here |
//! |---|---|---|
//! | `layer.D` | [1, channel] | `d` |
//! | `layer.kernel.C` | [1, channel, mode, 2] | `kernel.c` |
//! | `layer.kernel.B` | [1, n_ssm, mode, 2] | `kernel.b` |
//! | `layer.kernel.P` | [rank, n_ssm, mode, 2] | `kernel.p` |
//! | `layer.kernel.A_real`, `layer.kernel.A_imag` | [n_ssm, mode] | `kernel.a_real`, `kernel.a_imag` |
//! | `layer.kernel.inv_dt` | [channel, 1] | `kernel.inv_dt` |
//! | `layer.kernel.l_kernel` | scalar | [`S4Config::l_max`], 0 for C itself |
//! | `output_linear.0.weight`, `.bias` | [2 channel, channel], [2 channel] | `output_linear` |
//!
//! | minimal S4D | shape | here |
//! |---|---|---|
//! | `D` | `[channel]` | `d` |
//! | `kernel.C` | [channel, mode, 2] | `kernel.c` |
//! | `kernel.log_dt` | `[channel]` | `kernel.log_dt` |
//! | `kernel.log_A_real`, `kernel.A_imag` | [channel, mode] | `kernel.log_a_real`, `kernel.a_imag` |
//! | `output_linear.0.weight`, `.bias` | [2 channel, channel, 1], [2 channel] | `output_linear` |
//!
//! A file does not say how step sizes are stored: the configurations of version 4 have softplus, the class
//! alone the exponential. Layers with two directions (two rows of C and D for one state matrix) are refused,
//! for here each direction has a matrix of its own. In a whole model of version 4 block `i` has the prefix
//! `model.layers.{i}.layer.`.

use crate::error::{ModelError, refused};
use crate::weights::{export, identity, import};
use burn::tensor::Device;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use resolvent_formats::{TensorData, TensorMap};
use resolvent_mixers::lti::Transform;
use resolvent_mixers::s4::{Measure, S4, S4Config};
use resolvent_mixers::s4d::{S4d, S4dConfig};
use resolvent_mixers::{MixerSettings, Place};

/// Published name, name here, axes of length 1 that the published shape has and ours has not: before and
/// behind.
type Entry = (&'static str, &'static str, usize, usize);

const S4_NAMES: [Entry; 9] = [
    ("layer.D", "d", 1, 0),
    ("layer.kernel.C", "kernel.c", 1, 0),
    ("layer.kernel.B", "kernel.b", 1, 0),
    ("layer.kernel.P", "kernel.p", 0, 0),
    ("layer.kernel.A_real", "kernel.a_real", 0, 0),
    ("layer.kernel.A_imag", "kernel.a_imag", 0, 0),
    ("layer.kernel.inv_dt", "kernel.inv_dt", 0, 0),
    ("output_linear.0.weight", "output_linear.weight", 0, 0),
    ("output_linear.0.bias", "output_linear.bias", 0, 0),
];
const L_KERNEL: &str = "layer.kernel.l_kernel";

const S4D_NAMES: [Entry; 7] = [
    ("D", "d", 0, 0),
    ("kernel.C", "kernel.c", 0, 0),
    ("kernel.log_dt", "kernel.log_dt", 0, 0),
    ("kernel.log_A_real", "kernel.log_a_real", 0, 0),
    ("kernel.A_imag", "kernel.a_imag", 0, 0),
    ("output_linear.0.weight", "output_linear.weight", 0, 1),
    ("output_linear.0.bias", "output_linear.bias", 0, 0),
];

/// Reads a causal S4 layer whose tensors begin with `prefix`; other tensors are left alone.
///
/// # Errors
/// A missing or misshapen tensor, by its published name; two directions; sizes that are no layer.
pub fn read_s4(
    map: &TensorMap,
    prefix: &str,
    dt_transform: Transform,
    device: &Device,
) -> Result<S4, ModelError> {
    let axes = |name: &str, expected: usize| axes(map, &format!("{prefix}{name}"), expected);
    let c = axes("layer.kernel.C", 4)?;
    let p = axes("layer.kernel.P", 4)?;
    let measure = match p[0] {
        1 => Measure::Legs,
        2 => Measure::Legt,
        rank => return Err(refused("layer.kernel.P", rank, "a rank of 1 or 2")),
    };
    let length = map.get(&format!("{prefix}{L_KERNEL}"))?.to_i64()?;
    let l_max = match length[..] {
        [length] if length >= 0 => length as usize,
        _ => {
            let got = format!("{length:?}");
            return Err(refused(L_KERNEL, got, "one length, or 0 for C itself"));
        }
    };
    let config = S4Config {
        hidden_size: c[1],
        d_state: c[2].saturating_mul(2),
        n_ssm: p[1],
        measure,
        dt_transform,
        l_max,
        ..S4Config::default()
    };
    let ours = renamed(map, prefix, &S4_NAMES)?;
    config.validate()?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let layer = config.init(Place::ALONE, &mut rng, device)?;
    import(layer, &ours, identity)
}

/// The layer's tensors under their published names, with `prefix` before each.
///
/// # Errors
/// A device that cannot be read.
pub fn write_s4(layer: &S4, prefix: &str) -> Result<TensorMap, ModelError> {
    let mut map = published(&export(layer, identity)?, prefix, &S4_NAMES)?;
    let length = TensorData::from_i64(Vec::new(), &[layer.kernel.config.l_max as i64])?;
    map.insert(format!("{prefix}{L_KERNEL}"), length)?;
    Ok(map)
}

/// Reads a layer of the minimal S4D file, which has a state matrix for every channel and B inside C.
///
/// # Errors
/// As [`read_s4`].
pub fn read_s4d(map: &TensorMap, prefix: &str, device: &Device) -> Result<S4d, ModelError> {
    let c = axes(map, &format!("{prefix}kernel.C"), 3)?;
    let config = S4dConfig {
        hidden_size: c[0],
        d_state: c[1].saturating_mul(2),
        n_ssm: c[0],
        ..S4dConfig::default()
    };
    let ours = renamed(map, prefix, &S4D_NAMES)?;
    config.validate()?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    let layer = config.init(Place::ALONE, &mut rng, device)?;
    import(layer, &ours, identity)
}

/// The layer's tensors under the names of the minimal S4D file, with `prefix` before each.
///
/// # Errors
/// A layer that the file cannot hold: B as a parameter, real eigenvalues, fewer state matrices than
/// channels, the perturbed initialisation (whose modes are no pairs), other transforms than exp.
pub fn write_s4d(layer: &S4d, prefix: &str) -> Result<TensorMap, ModelError> {
    let config = &layer.kernel.config;
    let plain = S4dConfig::default();
    let fits = config.n_ssm == config.hidden_size
        && !config.train_b
        && layer.kernel.a_imag.is_some()
        && config.modes() * 2 == config.d_state
        && config.disc == plain.disc
        && config.real_transform == plain.real_transform
        && config.imag_transform == plain.imag_transform
        && config.dt_transform == plain.dt_transform;
    if !fits {
        let expected = "n_ssm = hidden_size, complex pairs, B inside C, zero-order hold and exponential transforms, as the minimal S4D file has";
        return Err(refused("layer", "another kind of S4D", expected));
    }
    published(&export(layer, identity)?, prefix, &S4D_NAMES)
}

fn axes(map: &TensorMap, name: &str, expected: usize) -> Result<Vec<usize>, ModelError> {
    let shape = map.get(name)?.shape().to_vec();
    match shape.len() == expected && !shape.contains(&0) {
        true => Ok(shape),
        false => {
            let expected = format!("{expected} axes of at least 1");
            Err(refused(name, format!("{shape:?}"), expected))
        }
    }
}

/// From published names and shapes to ours.
fn renamed(map: &TensorMap, prefix: &str, entries: &[Entry]) -> Result<TensorMap, ModelError> {
    let mut ours = TensorMap::new();
    for (published, own, before, behind) in entries {
        let name = format!("{prefix}{published}");
        let tensor = map.get(&name)?;
        let shape = tensor.shape();
        let inner = shape.len().checked_sub(before + behind);
        let kept = inner.map(|inner| *before..before + inner);
        let Some(kept) = kept.filter(|kept| {
            let outer = shape[..kept.start].iter().chain(&shape[kept.end..]);
            outer.copied().all(|axis| axis == 1)
        }) else {
            let expected = format!(
                "{before} leading and {behind} trailing axes of length 1: a layer with one direction"
            );
            return Err(refused(&name, format!("{shape:?}"), expected));
        };
        let values = tensor.bytes().to_vec();
        let data = TensorData::from_bytes(tensor.dtype(), shape[kept].to_vec(), values)?;
        ours.insert(*own, data)?;
    }
    Ok(ours)
}

/// From our names and shapes to the published ones.
fn published(ours: &TensorMap, prefix: &str, entries: &[Entry]) -> Result<TensorMap, ModelError> {
    let mut map = TensorMap::new();
    for (published, own, before, behind) in entries {
        let tensor = ours.get(own)?;
        let ones = |count: usize| std::iter::repeat_n(1, count);
        let shape = ones(*before).chain(tensor.shape().iter().copied());
        let shape = shape.chain(ones(*behind)).collect();
        let values = tensor.bytes().to_vec();
        let data = TensorData::from_bytes(tensor.dtype(), shape, values)?;
        map.insert(format!("{prefix}{published}"), data)?;
    }
    Ok(map)
}
