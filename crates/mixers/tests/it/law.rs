//! parallel = chunked with state hand-over = step by step = reference = matrix times input.

use crate::support::{assert_close, input, read, small, small_with};
use burn::tensor::{Device, Int, Tensor, TensorData};
use resolvent_mixers::registry::CAUSAL;
use resolvent_mixers::{CausalLayer, CausalMixer, Mixer, Pass};
use serde_json::{Value, json};

const LENGTHS: [usize; 5] = [1, 3, 16, 17, 50];
const TOLERANCE: f64 = 2e-5;

/// Every registered mixer, in the group counts that its width allows, and in forms that settings
/// other than sizes give it.
fn all() -> Vec<CausalLayer> {
    let entries = CAUSAL.iter();
    let sizes = entries.flat_map(|entry| [1, 2].map(|groups| small(entry.name, groups)));
    let forms = forms()
        .into_iter()
        .map(|(name, more)| small_with(name, 2, more));
    sizes.chain(forms).collect()
}

fn forms() -> Vec<(&'static str, Value)> {
    vec![
        ("s4", json!({ "measure": "legt" })),
        ("s4", json!({ "measure": "random", "n_ssm": 2 })),
        (
            "s4",
            json!({ "measure": "fout", "dt_transform": "softplus" }),
        ),
        ("s4d", json!({ "init": "ptd" })),
        (
            "s4d",
            json!({ "init": "real", "disc": "bilinear", "train_b": true }),
        ),
        (
            "s4d",
            json!({ "init": "rand", "real_transform": "softplus", "imag_transform": "relu" }),
        ),
        ("s5", json!({ "init": "ptd", "activation": "full_glu" })),
        (
            "s5",
            json!({ "disc": "bilinear", "activation": "half_glu2", "c_init": "complex_normal" }),
        ),
        (
            "spacetime",
            json!({ "preprocess": true, "closed_loop": true }),
        ),
        ("spacetime", json!({ "ssm": "shift" })),
        (
            "spacetime",
            json!({ "closed_loop": true, "feedback": "bounded" }),
        ),
        (
            "spacetime",
            json!({ "closed_loop": true, "feedback": "bounded", "ssm": "shift" }),
        ),
    ]
}

#[test]
fn law_when_parallel_equals_the_reference() {
    for layer in all() {
        for len in LENGTHS {
            let x = input(2, len, layer.width());
            let want = layer.reference(&read(&x), 2, len);
            let got = read(&layer.forward(x, &mut Pass::default()).unwrap());
            assert_close(
                &format!("{} length {len}", layer.name()),
                &got,
                &want,
                TOLERANCE,
            );
        }
    }
}

#[test]
fn law_when_handed_over_in_uneven_chunks_equals_parallel() {
    for layer in all() {
        let x = input(2, 50, layer.width());
        let want = read(&layer.forward(x.clone(), &mut Pass::default()).unwrap());
        let mut state = layer.initial_state(2, &Device::flex());
        let mut parts = Vec::new();
        let mut start = 0;
        for count in [1, 2, 13, 16, 17, 1] {
            let (y, next) = layer
                .advance(
                    x.clone().narrow(1, start, count),
                    state,
                    &mut Pass::default(),
                )
                .unwrap();
            parts.push(y);
            state = next;
            start += count;
        }
        assert_close(
            layer.name(),
            &read(&Tensor::cat(parts, 1)),
            &want,
            TOLERANCE,
        );
    }
}

#[test]
fn law_when_stepped_equals_parallel() {
    for layer in all() {
        let x = input(3, 20, layer.width());
        let want = read(&layer.forward(x.clone(), &mut Pass::default()).unwrap());
        let mut state = layer.initial_state(3, &Device::flex());
        let mut parts = Vec::new();
        for t in 0..20 {
            let column = x.clone().narrow(1, t, 1).reshape([3, layer.width()]);
            let (y, next) = layer.step(column, state, &mut Pass::default()).unwrap();
            parts.push(y.reshape([3, 1, layer.width()]));
            state = next;
        }
        assert_close(
            layer.name(),
            &read(&Tensor::cat(parts, 1)),
            &want,
            TOLERANCE,
        );
    }
}

#[test]
fn law_when_materialised_matrix_times_input_equals_parallel() {
    for layer in all() {
        let x = input(2, 17, layer.width());
        let want = read(&layer.forward(x.clone(), &mut Pass::default()).unwrap());
        let materialised = layer.materialise(x.clone()).unwrap();
        let [batch, len, heads, dim] = materialised.values.dims();
        let values = read(&materialised.values);
        let mut mixed = vec![0.0_f32; values.len()];
        for (at, matrix) in materialised.matrices.iter().enumerate() {
            let (row, head) = (at / heads, at % heads);
            for p in 0..dim {
                let index = |t: usize| ((row * len + t) * heads + head) * dim + p;
                let column: Vec<f64> = (0..len).map(|t| values[index(t)]).collect();
                for t in 0..len {
                    let weights = matrix.row(t).unwrap();
                    let sum: f64 = weights.iter().zip(&column).map(|(w, x)| w * x).sum();
                    mixed[index(t)] = sum as f32;
                }
            }
        }
        let mixed = TensorData::new(mixed, [batch, len, heads, dim]);
        let mixed = Tensor::from_data(mixed, &Device::flex());
        let got = read(&layer.finish(x, mixed).unwrap());
        assert_close(layer.name(), &got, &want, TOLERANCE);
    }
}

#[test]
fn law_when_sequences_are_packed_equals_separate_runs() {
    for layer in all() {
        let x = input(1, 40, layer.width());
        let lengths = [1, 14, 25];
        let indices: Vec<i64> = lengths
            .iter()
            .enumerate()
            .flat_map(|(i, &len)| vec![i as i64; len])
            .collect();
        let seq_idx =
            Tensor::<1, Int>::from_data(indices.as_slice(), &Device::flex()).reshape([1, 40]);
        let packed = read(
            &layer
                .forward(x.clone(), &mut Pass::packed(seq_idx))
                .unwrap(),
        );
        let mut start = 0;
        let mut parts = Vec::new();
        for len in lengths {
            parts.push(
                layer
                    .forward(x.clone().narrow(1, start, len), &mut Pass::default())
                    .unwrap(),
            );
            start += len;
        }
        assert_close(
            layer.name(),
            &packed,
            &read(&Tensor::cat(parts, 1)),
            TOLERANCE,
        );
    }
}

#[test]
fn law_when_a_later_input_changes_earlier_outputs_do_not() {
    for layer in all() {
        let x = input(1, 30, layer.width());
        let changed = Tensor::cat(
            vec![x.clone().narrow(1, 0, 21), x.clone().narrow(1, 21, 9) * 3.0],
            1,
        );
        let a = read(
            &layer
                .forward(x, &mut Pass::default())
                .unwrap()
                .narrow(1, 0, 21),
        );
        let b = read(
            &layer
                .forward(changed, &mut Pass::default())
                .unwrap()
                .narrow(1, 0, 21),
        );
        assert_eq!(a, b, "{}", layer.name());
    }
}

#[test]
fn cost_when_counted_equals_the_parameters_and_state_that_exist() {
    use burn::module::Module;
    for layer in all() {
        let mut state = layer.initial_state(1, &Device::flex());
        let x = input(1, 7, layer.width());
        state = layer.advance(x, state, &mut Pass::default()).unwrap().1;
        let cost = layer.cost(7);
        assert_eq!(
            cost.parameters,
            layer.num_params() as u64,
            "{}",
            layer.name()
        );
        assert_eq!(
            cost.state_bytes,
            state.bytes_per_row() as u64,
            "{}",
            layer.name()
        );
    }
}
