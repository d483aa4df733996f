//! Small mixers, inputs and comparisons for the tests of this crate.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resolvent_mixers::{CausalLayer, Place, Settings};
use serde_json::{Value, json};

/// A mixer small enough to materialise, with nothing at a special size.
///
/// Every mixer takes the sizes that it knows. Weights that start small are drawn instead: a mixer
/// whose output starts at zero would pass any comparison.
pub fn small(name: &str, groups: usize) -> CausalLayer {
    small_with(name, groups, json!({}))
}

/// The same with `more` settings.
pub fn small_with(name: &str, groups: usize, more: Value) -> CausalLayer {
    let Value::Object(mut sizes) = json!({
        "hidden_size": 12,
        "state_size": 5,
        "d_state": 8,
        "blocks": groups,
        "n_ssm": groups,
        "n_heads": groups,
        "l_max": if name == "dss" { 64 } else { 0 },
        "head_dim": 6,
        "n_groups": groups,
        "chunk_size": 16,
        "time_step_rank": 3,
        "decay_low_rank_dim": 3,
        "a_low_rank_dim": 4,
        "v_low_rank_dim": 2,
        "gate_low_rank_dim": 5,
        "intermediate_size": 20,
    }) else {
        unreachable!("an object was written")
    };
    if let Value::Object(more) = more {
        sizes.extend(more);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let settings = Settings::named(name).unwrap().with(&sizes).unwrap();
    let layer = settings
        .init(Place::ALONE, &mut rng, &Device::flex())
        .unwrap();
    layer.map(&mut Grown(&mut rng))
}

/// Replaces parameters that are below 0.1 throughout by values in [-0.5, 0.5).
pub struct Grown<'a>(pub &'a mut ChaCha8Rng);

impl ModuleMapper for Grown<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let rng = &mut *self.0;
        param.map(|tensor| {
            if read(&tensor).iter().any(|value| value.abs() >= 0.1) {
                return tensor;
            }
            let values: Vec<f32> = (0..tensor.dims().iter().product())
                .map(|_| rng.random_range(-0.5..0.5))
                .collect();
            let data = TensorData::new(values, tensor.dims());
            Tensor::from_data(data, &tensor.device()).set_require_grad(tensor.is_require_grad())
        })
    }
}

/// Values in [-1, 1).
pub fn input(batch: usize, len: usize, width: usize) -> Tensor<3> {
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let values: Vec<f32> = (0..batch * len * width)
        .map(|_| rng.random_range(-1.0..1.0))
        .collect();
    Tensor::from_data(
        TensorData::new(values, [batch, len, width]),
        &Device::flex(),
    )
}

/// Elements as f64.
pub fn read<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().convert_dtype(DType::F64).iter().collect()
}

/// The scale of a comparison: the largest value, and 1e-3 at least.
fn scale(want: &[f64]) -> f64 {
    want.iter().fold(1e-3, |most: f64, w| most.max(w.abs()))
}

/// Largest difference, relative to the largest value; infinite where one is no number.
pub fn relative_error(got: &[f64], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len(), "element counts");
    let scale = scale(want);
    let off = |(g, w): (&f64, &f64)| (g - w).abs() / scale;
    let larger = |most: f64, off: f64| {
        if off.is_nan() {
            f64::INFINITY
        } else {
            most.max(off)
        }
    };
    got.iter().zip(want).map(off).fold(0.0, larger)
}

/// Fails unless the largest difference, relative to the largest value, is below `tolerance`.
pub fn assert_close(what: &str, got: &[f64], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len(), "{what}: element counts");
    let scale = scale(want);
    for (at, (g, w)) in got.iter().zip(want).enumerate() {
        let off = (g - w).abs() / scale;
        assert!(
            off <= tolerance,
            "{what}: element {at} is {g:e}, expected {w:e}"
        );
    }
}
