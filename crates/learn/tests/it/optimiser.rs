//! Parameter groups, and optimiser state as tensors.

use burn::optim::GradientsParams;
use resolvent_formats::{TensorData, TensorMap};
use resolvent_learn::optimiser::Optimiser;
use resolvent_learn::recipe::OptimiserSection;

use crate::tiny::{Tiny, Walk, published, recipe};
use resolvent_learn::trainer::Experiment;

/// One update; the batch depends on `step`.
fn update(optimiser: &mut Optimiser, model: Tiny, step: usize) -> Tiny {
    let loss = Walk::default().loss(&model, step, 0).unwrap();
    let gradients = GradientsParams::from_grads(loss.backward(), &model);
    optimiser.step(model, gradients, 0.01)
}

fn optimiser(section: &OptimiserSection, model: &Tiny) -> Optimiser {
    Optimiser::new(section, model, published).unwrap()
}

#[test]
fn group_when_its_rate_scale_is_zero_stays_put_and_the_rest_moves() {
    let mut section = recipe(&[]).optimiser;
    section.groups[0].rate_scale = 0.0;
    let before = Tiny::new(6);
    let mut optimiser = optimiser(&section, &before);
    let after = update(&mut optimiser, before.clone(), 1).weights();
    let before = before.weights();
    // `D` is the published name of `scale`; `bias` that of the head.
    for (name, moves) in [
        ("D", false),
        ("head.bias", false),
        ("embedding", true),
        ("head.weight", true),
    ] {
        let changed = before.get(name).unwrap() != after.get(name).unwrap();
        assert_eq!(changed, moves, "{name}");
    }
}

#[test]
fn decay_when_a_group_has_its_own_applies_to_it_alone() {
    let mut section = recipe(&[]).optimiser;
    section.groups[0].rate_scale = 1.0;
    let trained = |section: &OptimiserSection| {
        let model = Tiny::new(6);
        let mut optimiser = optimiser(section, &model);
        update(&mut optimiser, model, 1).weights()
    };
    let plain = trained(&section);
    section.groups[0].weight_decay = 0.5;
    let decayed = trained(&section);
    // One step of decoupled decay takes rate * decay * value = 0.01 * 0.5 * 1 off every scale.
    let difference: Vec<f32> = plain
        .get("D")
        .unwrap()
        .to_f32()
        .iter()
        .zip(decayed.get("D").unwrap().to_f32())
        .map(|(left, right)| left - right)
        .collect();
    assert!(
        difference.iter().all(|value| (value - 0.005).abs() < 1e-6),
        "{difference:?}"
    );
    assert_eq!(
        plain.get("embedding").unwrap(),
        decayed.get("embedding").unwrap()
    );
}

#[test]
fn state_when_saved_and_loaded_into_new_identifiers_continues_exactly() {
    let section = recipe(&[]).optimiser;
    let mut model = Tiny::new(6);
    let mut first = optimiser(&section, &model);
    for step in 1..=3 {
        model = update(&mut first, model, step);
    }
    let state = TensorMap::parse(&first.save().unwrap().to_bytes().unwrap()).unwrap();
    assert!(state.names().any(|name| name.starts_with("head.weight/")));

    let other = Tiny::new(6);
    let other = resolvent_models::weights::import(other, &model.weights(), published).unwrap();
    let mut second = optimiser(&section, &other).load(&state).unwrap();
    let expected = update(&mut first, model, 4);
    let resumed = update(&mut second, other, 4);
    assert_eq!(resumed.weights(), expected.weights());
    assert_eq!(second.save().unwrap(), first.save().unwrap());
}

#[test]
fn state_when_it_does_not_fit_is_refused_by_name() {
    let section = recipe(&[]).optimiser;
    let model = Tiny::new(6);
    let mut trained = optimiser(&section, &model);
    let model = update(&mut trained, model, 1);
    let state = trained.save().unwrap();
    let fresh = || optimiser(&section, &model);
    let refusal = |state: &TensorMap| match fresh().load(state) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    };

    let moment = state
        .names()
        .find(|name| name.contains("moment_1"))
        .unwrap();
    let moment = moment.to_owned();
    let rank = format!("{}/__rank", moment.split('/').next().unwrap());
    let wrong = |name: &str, data: TensorData| {
        let mut state = state.clone();
        state.insert(name, data).unwrap();
        refusal(&state)
    };
    let cut = TensorData::from_f32(vec![2], &[0.0, 0.0]).unwrap();
    assert!(wrong(&moment, cut.clone()).contains("has shape [2]"));
    assert!(wrong("nowhere/momentum.moment_1", cut.clone()).contains("no parameter"));
    assert!(wrong("noslash", cut).contains("path/field"));
    let rank_of_5 = TensorData::from_bytes(
        resolvent_formats::Dtype::U64,
        Vec::new(),
        5_u64.to_le_bytes().to_vec(),
    );
    assert!(wrong(&rank, rank_of_5.unwrap()).contains("axes"));
    let mut incomplete = state.clone();
    incomplete.take(&moment).unwrap();
    let message = refusal(&incomplete);
    assert!(message.contains("missing"), "{message}");
}
