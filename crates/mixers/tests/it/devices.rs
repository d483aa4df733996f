//! On the device of `BURN_DEVICE`, whole mixers give what they give on the CPU: parallel form, state,
//! and single steps, which have fused bodies of their own there.

use crate::support::{input, read, relative_error, small};
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use resolvent_mixers::registry::CAUSAL;
use resolvent_mixers::{CausalLayer, CausalMixer, Mixer, MixerError, Pass};

/// Largest difference, relative to the largest value. On CUDA burn's products of f32 round their operands to
/// TF32, eleven bits.
fn tolerance(device: &Device) -> f64 {
    match format!("{device:?}").contains("Cuda") {
        true => 4e-3,
        false => 2e-5,
    }
}

const BATCH: usize = 2;
const LENGTH: usize = 21;

/// A pass with or without the values that a first layer would have left.
fn pass(layer: &CausalLayer, first: Option<&Tensor<3>>, device: &Device) -> Pass {
    let first = first.filter(|_| layer.name() == "rwkv7");
    Pass {
        first_values: first.map(|values| values.clone().to_device(device)),
        ..Pass::default()
    }
}

/// Output of everything at once, and of a hand-over into single steps.
fn outputs(
    layer: &CausalLayer,
    first: bool,
    device: &Device,
) -> Result<[Tensor<3>; 2], MixerError> {
    let x = input(BATCH, LENGTH, layer.width()).to_device(device);
    let values = first.then(|| input(BATCH, LENGTH, layer.width()) * 0.5);
    let whole = layer.forward(x.clone(), &mut pass(layer, values.as_ref(), device))?;
    let lead = LENGTH - 4;
    let part = |from: usize, count: usize| {
        let values = values.clone().map(|values| values.narrow(1, from, count));
        (
            x.clone().narrow(1, from, count),
            pass(layer, values.as_ref(), device),
        )
    };
    let state = layer.initial_state(BATCH, device);
    let (some, mut with) = part(0, lead);
    let (y, mut state) = layer.advance(some, state, &mut with)?;
    let mut all = vec![y];
    for at in lead..LENGTH {
        let (one, mut with) = part(at, 1);
        let (y, next) = layer.advance(one, state, &mut with)?;
        all.push(y);
        state = next;
    }
    Ok([whole, Tensor::cat(all, 1)])
}

#[test]
fn mixers_when_on_the_device_under_test_give_what_the_cpu_gives() {
    let (cpu, device) = (Device::flex(), Device::default());
    if device == cpu {
        println!(
            "skipped: run with BURN_DEVICE=cuda or BURN_DEVICE=cpu in a build with that feature"
        );
        return;
    }
    // All of them before it fails: time on a device is dear.
    let mut wrong = Vec::new();
    for entry in CAUSAL {
        for (groups, first) in [(1, false), (2, true)] {
            let layer = small(entry.name, groups);
            let want = outputs(&layer, first, &cpu).unwrap();
            let got = outputs(&layer.to_device(&device), first, &device).unwrap();
            for (what, (got, want)) in ["parallel", "steps"].into_iter().zip(got.iter().zip(&want))
            {
                let off = relative_error(&read(got), &read(want));
                println!("{}, groups {groups}, {what}: {off:.1e}", entry.name);
                if off > tolerance(&device) {
                    wrong.push(format!("{}, groups {groups}, {what}: {off:e}", entry.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
