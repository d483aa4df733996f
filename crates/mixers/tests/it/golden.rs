//! Attention against transformers' Llama layer.

use crate::support::{assert_close, read};
use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use resolvent_formats::TensorMap;
use resolvent_mixers::attention::{Attention, AttentionConfig};
use resolvent_mixers::layers::Projection;
use resolvent_mixers::{Mixer, Pass};
use std::path::Path;

#[test]
fn attention_when_compared_with_transformers_agrees() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/golden/attention.safetensors");
    let map = TensorMap::read(&path).unwrap();
    let device = Device::flex();
    let tensor = |name: &str| {
        let data = map.get(name).unwrap();
        TensorData::new(data.to_f32(), data.shape().to_vec())
    };
    let projection = |name: &str| Projection {
        weight: Param::from_tensor(Tensor::from_data(tensor(name), &device)),
    };
    let x: Tensor<3> = Tensor::from_data(tensor("x"), &device);
    let heads: usize = map.metadata()["heads"].parse().unwrap();
    let width = x.dims()[2];
    let layer = Attention {
        q_proj: projection("q"),
        k_proj: projection("k"),
        v_proj: projection("v"),
        o_proj: projection("o"),
        config: AttentionConfig {
            hidden_size: width,
            head_dim: width / heads,
            rope_theta: map.metadata()["rope_theta"].parse().unwrap(),
        },
    };
    let y = read(&layer.forward(x, &mut Pass::default()).unwrap());
    assert_close("attention", &y, &map.get("y").unwrap().to_f64(), 1e-5);
}
