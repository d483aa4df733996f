//! Modules to maps and back, and what is refused.

use burn::module::Param;
use burn::tensor::{Device, Tensor};

use super::*;

#[derive(Module, Debug)]
struct Layer {
    a_log: Param<Tensor<1>>,
    weight: Param<Tensor<2>>,
}

#[derive(Module, Debug)]
struct Stack {
    layers: Vec<Layer>,
    bias: Option<Param<Tensor<1>>>,
}

fn stack(start: f32) -> Stack {
    let device = Device::flex().autodiff();
    let layer = |at: f32| Layer {
        a_log: Param::from_tensor(Tensor::from_data([at, 0.1], &device)),
        weight: Param::from_tensor(Tensor::from_data(
            [[1.0, 2.0, at], [0.3, 5.0, 6.0]],
            &device,
        )),
    };
    Stack {
        layers: vec![layer(start), layer(start + 1.0)],
        bias: Some(Param::from_tensor(Tensor::from_data([start], &device))),
    }
}

fn published(path: &str) -> String {
    path.replace("a_log", "A_log")
}

fn refusal(change: impl FnOnce(&mut TensorMap)) -> String {
    let mut tensors = export(&stack(1.0), published).unwrap();
    change(&mut tensors);
    import(stack(9.0), &tensors, published)
        .unwrap_err()
        .to_string()
}

fn tensor(shape: &[usize], values: &[f32]) -> TensorData {
    TensorData::from_f32(shape.to_vec(), values).unwrap()
}

#[test]
fn weights_when_exported_and_imported_are_the_same_and_trainable() {
    let tensors = export(&stack(0.7), published).unwrap();
    let names: Vec<&str> = tensors.names().collect();
    let expected = [
        "bias",
        "layers.0.A_log",
        "layers.0.weight",
        "layers.1.A_log",
        "layers.1.weight",
    ];
    assert_eq!(names, expected);
    assert_eq!(tensors.f32("layers.1.A_log", &[2]).unwrap(), [1.7, 0.1]);
    let filled = import(stack(9.0), &tensors, published).unwrap();
    assert_eq!(export(&filled, published).unwrap(), tensors);
    let weight = filled.layers[0].weight.val();
    assert!(weight.is_autodiff() && weight.is_require_grad());
}

#[test]
fn import_when_a_tensor_is_missing_names_the_nearest() {
    let message = refusal(|tensors| {
        let data = tensors.take("layers.1.A_log").unwrap();
        tensors.insert("layers.1.A_logs", data).unwrap();
    });
    assert!(message.contains("`layers.1.A_log`"), "{message}");
    assert!(
        message.contains("did you mean `layers.1.A_logs`?"),
        "{message}"
    );
}

#[test]
fn import_when_a_tensor_is_unexpected_names_it() {
    let message = refusal(|tensors| {
        tensors
            .insert("layers.2.A_log", tensor(&[1], &[0.0]))
            .unwrap()
    });
    assert!(
        message.contains("`layers.2.A_log` does not belong"),
        "{message}"
    );
    assert!(
        message.contains("nearest parameter is `layers."),
        "{message}"
    );
}

#[test]
fn import_when_a_shape_differs_names_both() {
    let message = refusal(|tensors| tensors.insert("bias", tensor(&[2], &[0.0, 0.0])).unwrap());
    assert!(
        message.contains("has shape [2]") && message.contains("has [1]"),
        "{message}"
    );
}

#[test]
fn import_when_a_value_is_not_finite_names_its_index() {
    let values = [0.0, 0.0, 0.0, 0.0, f32::NEG_INFINITY, f32::NAN];
    let message = refusal(|tensors| {
        tensors
            .insert("layers.0.weight", tensor(&[2, 3], &values))
            .unwrap()
    });
    assert!(
        message.contains("`layers.0.weight` holds -inf at index [1, 1]"),
        "{message}"
    );
}

#[test]
fn names_when_two_parameters_share_one_are_refused() {
    let rename: Rename = |path| path.replace("1", "0");
    for error in [
        export(&stack(1.0), rename).unwrap_err(),
        describe(&stack(1.0), rename).unwrap_err(),
    ] {
        assert!(
            error.to_string().contains("both published as `layers.0."),
            "{error}"
        );
    }
}

#[test]
fn description_when_asked_lists_paths_shapes_and_counts() {
    let parameters = describe(&stack(1.0), published).unwrap();
    let weight = &parameters[1];
    assert_eq!((weight.path.as_str(), weight.count), ("layers.0.weight", 6));
    assert_eq!(weight.shape, [2, 3]);
    assert_eq!(parameters[0].name, "layers.0.A_log");
    assert_eq!(count_parameters(&stack(1.0)), 17);
}

#[test]
fn identifiers_when_made_from_paths_are_equal_in_every_copy() {
    let ids = |module: Stack| -> Vec<ParamId> {
        let parameters = describe(&with_path_ids(module), identity).unwrap();
        parameters
            .into_iter()
            .map(|parameter| parameter.id)
            .collect()
    };
    let mut first = ids(stack(1.0));
    assert_eq!(first, ids(stack(5.0)));
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 5);
    let before = export(&stack(1.0), identity).unwrap();
    assert_eq!(
        export(&with_path_ids(stack(1.0)), identity).unwrap(),
        before
    );
}
