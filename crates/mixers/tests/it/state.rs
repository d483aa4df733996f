//! States as values: snapshot, restore, select, expand, nest.

use crate::support::{assert_close, input, read, small};
use burn::tensor::{Device, Tensor};
use resolvent_mixers::registry::CAUSAL;
use resolvent_mixers::{CausalMixer, Mixer, Pass, State};

#[test]
fn state_when_snapshot_and_restored_continues_bit_for_bit() {
    for name in CAUSAL.iter().map(|entry| entry.name) {
        let layer = small(name, 1);
        let device = Device::flex();
        let x = input(2, 20, layer.width());
        let first = x.clone().narrow(1, 0, 12);
        let (_, state) = layer
            .advance(first, layer.initial_state(2, &device), &mut Pass::default())
            .unwrap();
        let restored = State::from_bytes(&state.to_bytes().unwrap(), &device).unwrap();
        let rest = x.narrow(1, 12, 8);
        let (a, _) = layer
            .advance(rest.clone(), state, &mut Pass::default())
            .unwrap();
        let (b, _) = layer.advance(rest, restored, &mut Pass::default()).unwrap();
        assert_eq!(read(&a), read(&b), "{name}");
    }
}

#[test]
fn state_when_selected_continues_as_the_selected_rows() {
    let layer = small("mamba2", 1);
    let device = Device::flex();
    let x = input(3, 9, layer.width());
    let (_, state) = layer
        .advance(
            x.clone().narrow(1, 0, 5),
            layer.initial_state(3, &device),
            &mut Pass::default(),
        )
        .unwrap();
    let (all, _) = layer
        .advance(
            x.clone().narrow(1, 5, 4),
            state.clone(),
            &mut Pass::default(),
        )
        .unwrap();
    let rows = state.select(&[2, 0]).unwrap();
    let rest = x.narrow(1, 5, 4);
    let picked = Tensor::cat(vec![rest.clone().narrow(0, 2, 1), rest.narrow(0, 0, 1)], 0);
    let (some, _) = layer.advance(picked, rows, &mut Pass::default()).unwrap();
    let want = Tensor::cat(vec![all.clone().narrow(0, 2, 1), all.narrow(0, 0, 1)], 0);
    // Matrix products of another number of rows round differently.
    assert_close("selected rows", &read(&some), &read(&want), 1e-6);
    assert_eq!(state.expand(4).unwrap().batch(), 4);
    assert!(
        state
            .select(&[3])
            .unwrap_err()
            .to_string()
            .contains("row 3 asked of a state of 3")
    );
}

#[test]
fn state_when_nested_comes_back_under_its_prefix() {
    let layer = small("mamba2", 1);
    let mut outer = State::new();
    outer.nest("layers.0", layer.initial_state(1, &Device::flex()));
    outer.nest("layers.10", layer.initial_state(1, &Device::flex()));
    let inner = outer.unnest("layers.0");
    assert_eq!(inner.names().collect::<Vec<_>>(), ["conv", "ssm"]);
    assert_eq!(outer.names().count(), 2);
}

#[test]
fn state_when_bytes_are_cut_or_foreign_is_refused() {
    let device = Device::flex();
    let bytes = small("mamba2", 1)
        .initial_state(1, &device)
        .to_bytes()
        .unwrap();
    for cut in [0, 7, 8, 50, bytes.len() - 1] {
        assert!(
            State::from_bytes(&bytes[..cut], &device).is_err(),
            "cut at {cut}"
        );
    }
    let mut map = resolvent_formats::TensorMap::new();
    let tensor = resolvent_formats::TensorData::from_f32(vec![1], &[0.0]).unwrap();
    map.insert("ssm", tensor).unwrap();
    assert!(State::from_tensors(&map, &device).is_err(), "no layout");
}
