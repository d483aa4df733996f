//! The global norm against a plain sum, and what clipping does to it.

use burn::optim::GradientsParams;
use resolvent_learn::clip::{clip_by_norm, squared_norm};
use resolvent_learn::trainer::Experiment;

use crate::tiny::{Tiny, Walk};

fn gradients(model: &Tiny) -> GradientsParams {
    let loss = Walk::default().loss(model, 1, 0).unwrap();
    GradientsParams::from_grads(loss.backward(), model)
}

fn values(model: &Tiny, gradients: &GradientsParams) -> Vec<f32> {
    let mut all: Vec<f32> = Vec::new();
    let matrices = [model.embedding.id, model.head.weight.id];
    let vectors = [model.scale.id, model.head.bias.id];
    for id in matrices {
        all.extend(
            gradients
                .get::<2>(id)
                .unwrap()
                .try_into_vec_as::<f32>()
                .unwrap(),
        );
    }
    for id in vectors {
        all.extend(
            gradients
                .get::<1>(id)
                .unwrap()
                .try_into_vec_as::<f32>()
                .unwrap(),
        );
    }
    all
}

fn norm(values: &[f32]) -> f64 {
    values
        .iter()
        .map(|value| f64::from(*value).powi(2))
        .sum::<f64>()
        .sqrt()
}

#[test]
fn norm_when_taken_on_the_device_equals_the_plain_sum() {
    let model = Tiny::new(6);
    let gradients = gradients(&model);
    let squared: f32 = squared_norm(&model, &gradients).unwrap().into_scalar();
    let expected = norm(&values(&model, &gradients));
    assert!((f64::from(squared).sqrt() - expected).abs() < 1e-6 * expected);
    assert!(squared_norm(&model, &GradientsParams::new()).is_none());
}

#[test]
fn gradients_when_clipped_keep_their_direction_and_have_the_limit_as_norm() {
    let model = Tiny::new(6);
    let before = values(&model, &gradients(&model));
    let length = norm(&before);
    let limit = 0.1 * length;
    let clipped = clip_by_norm(&model, gradients(&model), length, limit);
    let after = values(&model, &clipped);
    assert!((norm(&after) - limit).abs() < 1e-6 * length);
    for (left, right) in before.iter().zip(&after) {
        assert!((0.1 * left - right).abs() < 1e-7);
    }
    for unclipped in [0.0, 2.0 * length] {
        let same = clip_by_norm(&model, gradients(&model), length, unclipped);
        assert_eq!(values(&model, &same), before);
    }
}
