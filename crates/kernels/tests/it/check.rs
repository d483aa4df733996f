//! One check for every operation: values and all gradients, in f64, f32, bf16 and f16.

use burn::tensor::{DType, Device, Tensor, TensorData};
use std::cell::Cell;

thread_local! {
    static CPU_ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Until it is dropped, this thread's tests run on the CPU: see [`cpu_alone`].
pub struct CpuAlone;

impl Drop for CpuAlone {
    fn drop(&mut self) {
        CPU_ALONE.set(false);
    }
}

/// For what the CPU's bodies alone do, whatever device is under test.
pub fn cpu_alone() -> CpuAlone {
    CPU_ALONE.set(true);
    CpuAlone
}

/// The device under test: that of `BURN_DEVICE` (flex, cpu, cuda), printed once.
pub fn device() -> Device {
    static SAID: std::sync::Once = std::sync::Once::new();
    if CPU_ALONE.get() {
        return Device::flex();
    }
    let device = Device::default();
    SAID.call_once(|| println!("device under test: {device:?}"));
    device
}

/// Where f64 runs: on the device under test if it has the format, else on the CPU.
pub fn exact_device() -> Device {
    let device = device();
    match device.supports_dtype(DType::F64) {
        true => device,
        false => Device::flex(),
    }
}

/// Lengths that break chunked code: nothing, one, around a chunk of 64, not a multiple of anything.
pub const AWKWARD_LENGTHS: [usize; 8] = [0, 1, 2, 3, 63, 64, 65, 100];

/// Outputs from inputs, all flat, in f64.
pub type Reference<'a> = dyn Fn(&[Vec<f64>]) -> Vec<Vec<f64>> + 'a;

/// An operation under test. Tensors cross this interface flat; the closures know the shapes.
pub struct OpCase<'a> {
    /// Printed when something differs.
    pub name: String,
    /// Name and values of each differentiable input.
    pub inputs: Vec<(&'static str, Vec<f64>)>,
    /// Outputs from inputs, by the f64 reference.
    pub reference: &'a Reference<'a>,
    /// The same outputs from tensors of any float format.
    pub tensors: &'a dyn Fn(&[Tensor<1>]) -> Vec<Tensor<1>>,
    /// Largest difference allowed in f32, relative to the largest value of the compared array.
    pub tolerance: f64,
}

/// Deterministic values in [-1, 1): the same on every machine and in every run.
pub fn values(seed: u64, count: usize) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
        })
        .collect()
}

/// Values in [low, high).
pub fn values_between(seed: u64, count: usize, low: f64, high: f64) -> Vec<f64> {
    let scale = |v| low + (v + 1.0) / 2.0 * (high - low);
    values(seed, count).into_iter().map(scale).collect()
}

/// A flat tensor of the given format.
pub fn tensor(data: &[f64], dtype: DType, device: &Device) -> Tensor<1> {
    let data = TensorData::new(data.to_vec(), [data.len()]).convert_dtype(dtype);
    Tensor::from_data(data, (device, dtype))
}

/// Flat tensors in f32 on the device under test.
pub fn in_f32(flat: &[Vec<f64>]) -> Vec<Tensor<1>> {
    let device = device();
    let on = |values: &Vec<f64>| tensor(values, DType::F32, &device);
    flat.iter().map(on).collect()
}

/// Elements as f64.
pub fn read<const D: usize>(tensor: &Tensor<D>) -> Vec<f64> {
    tensor.to_data().convert_dtype(DType::F64).iter().collect()
}

/// Largest |got - want| relative to the largest |want| (at least `floor`).
pub fn distance(got: &[f64], want: &[f64], floor: f64) -> f64 {
    assert_eq!(got.len(), want.len(), "element counts differ");
    let scale = want.iter().fold(floor, |m, w| m.max(w.abs()));
    got.iter()
        .zip(want)
        .map(|(g, w)| {
            let difference = (g - w).abs() / scale;
            if difference.is_nan() {
                f64::INFINITY
            } else {
                difference
            }
        })
        .fold(0.0, f64::max)
}

/// Values and gradients of one run on the device.
pub struct Run {
    pub outputs: Vec<Vec<f64>>,
    pub gradients: Vec<Vec<f64>>,
}

/// Runs the case in `dtype` with the cotangents `weights`.
pub fn run(case: &OpCase<'_>, dtype: DType, weights: &[Vec<f64>]) -> Run {
    let device = match dtype {
        DType::F64 => exact_device().autodiff(),
        _ => device().autodiff(),
    };
    let inputs: Vec<Tensor<1>> = case
        .inputs
        .iter()
        .map(|(_, data)| tensor(data, dtype, &device).require_grad())
        .collect();
    let outputs = (case.tensors)(&inputs);
    let loss = outputs
        .iter()
        .zip(weights)
        .filter(|(_, weights)| !weights.is_empty())
        .map(|(output, weights)| (output.clone() * tensor(weights, dtype, &device)).sum())
        .reduce(|a, b| a + b);
    let gradients = match loss {
        None => case
            .inputs
            .iter()
            .map(|(_, d)| vec![0.0; d.len()])
            .collect(),
        Some(loss) => {
            let grads = loss.backward();
            let gradient = |input: &Tensor<1>| match input.grad(&grads) {
                Some(gradient) => read(&gradient),
                None => vec![0.0; input.dims()[0]],
            };
            inputs.iter().map(gradient).collect()
        }
    };
    Run {
        outputs: outputs.iter().map(read).collect(),
        gradients,
    }
}

/// Compares values and gradients of every format with the f64 reference.
///
/// Gradients in f64 are held against central differences of the reference (a dozen elements of each
/// input), the other formats against f64.
pub fn check_op(case: &OpCase<'_>) {
    let inputs: Vec<Vec<f64>> = case.inputs.iter().map(|(_, d)| d.clone()).collect();
    let want = (case.reference)(&inputs);
    let weights: Vec<Vec<f64>> = want
        .iter()
        .enumerate()
        .map(|(i, output)| values(77 + i as u64, output.len()))
        .collect();
    let exact = run(case, DType::F64, &weights);
    for (i, (got, want)) in exact.outputs.iter().zip(&want).enumerate() {
        let off = distance(got, want, 1e-3);
        assert!(
            off < 1e-10,
            "{}: output {i} off by {off:e} in f64",
            case.name
        );
    }
    check_differences(case, &inputs, &weights, &exact);
    for (dtype, tolerance) in [
        (DType::F32, case.tolerance),
        (DType::BF16, 4e-2),
        (DType::F16, 1e-2),
    ] {
        if !device().supports_dtype(dtype) {
            println!("{}: {dtype:?} skipped, the device lacks it", case.name);
            continue;
        }
        // The inputs as this format can hold them: rounding them is not the operation's error.
        let device = Device::flex();
        let rounded = OpCase {
            name: format!("{} in {dtype:?}", case.name),
            inputs: case
                .inputs
                .iter()
                .map(|(name, data)| (*name, read(&tensor(data, dtype, &device))))
                .collect(),
            ..*case
        };
        let weights: Vec<Vec<f64>> = weights
            .iter()
            .map(|w| read(&tensor(w, dtype, &device)))
            .collect();
        let exact = run(&rounded, DType::F64, &weights);
        let got = run(&rounded, dtype, &weights);
        for (i, (got, want)) in got.outputs.iter().zip(&exact.outputs).enumerate() {
            let off = distance(got, want, 1e-3);
            assert!(
                off < tolerance,
                "{}: output {i} off by {off:e}",
                rounded.name
            );
        }
        for (((name, _), got), want) in case.inputs.iter().zip(&got.gradients).zip(&exact.gradients)
        {
            let off = distance(got, want, 1e-2);
            let name = format!("{}: gradient of {name}", rounded.name);
            assert!(off < 4.0 * tolerance, "{name} off by {off:e}");
        }
    }
}

/// Central differences of sum(weights * reference), step 1e-6, relative tolerance 1e-6.
fn check_differences(case: &OpCase<'_>, inputs: &[Vec<f64>], weights: &[Vec<f64>], exact: &Run) {
    const STEP: f64 = 1e-6;
    let loss = |inputs: &[Vec<f64>]| -> f64 {
        (case.reference)(inputs)
            .iter()
            .zip(weights)
            .flat_map(|(output, weights)| output.iter().zip(weights).map(|(o, w)| o * w))
            .sum()
    };
    for (index, (name, data)) in case.inputs.iter().enumerate() {
        let scale = exact.gradients[index]
            .iter()
            .fold(1e-1, |m: f64, g| m.max(g.abs()));
        let stride = data.len().div_ceil(12).max(1);
        for at in (0..data.len()).step_by(stride) {
            let mut moved = inputs.to_vec();
            moved[index][at] = data[at] + STEP;
            let up = loss(&moved);
            moved[index][at] = data[at] - STEP;
            let slope = (up - loss(&moved)) / (2.0 * STEP);
            let got = exact.gradients[index][at];
            assert!(
                (got - slope).abs() < 2e-6 * scale,
                "{}: d/d{name}[{at}] is {got:e}, differences say {slope:e}",
                case.name
            );
        }
    }
}
