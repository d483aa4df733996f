//! Golden files of `oracles/`: values and gradients from PyTorch, mamba-ssm and
//! flash-linear-attention.

use crate::check::{distance, read, tensor};
use burn::tensor::{DType, Device, Int, Tensor};
use resolvent_formats::TensorMap;
use resolvent_kernels::ComplexTensor;
use resolvent_kernels::companion::{CompanionInput, companion};
use resolvent_kernels::conv1d::{Activation, Conv1dInput, Conv1dOptions, Padding, conv1d};
use resolvent_kernels::diagonal_scan::{DiagonalScanInput, ScanFactor, diagonal_scan};
use resolvent_kernels::dplr::{DplrInput, DplrOptions, dplr};
use resolvent_kernels::long_conv::{LongConvInput, Method, long_conv};
use resolvent_kernels::rms_norm::rms_norm;
use resolvent_kernels::selective_scan::{SelectiveScanInput, SelectiveScanOptions, selective_scan};
use resolvent_kernels::ssd::{SsdInput, SsdOptions, ssd};
use resolvent_kernels::vandermonde::{Rule, VandermondeInput, VandermondeOptions, vandermonde};
use std::path::{Path, PathBuf};

/// The folder of golden files: beside the source, or in the working folder of a test binary that
/// was carried to another machine.
fn folder() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../oracles/golden");
    match built.is_dir() {
        true => built,
        false => PathBuf::from("oracles/golden"),
    }
}

/// Every golden file whose name starts with `prefix`.
fn files(prefix: &str) -> Vec<PathBuf> {
    let folder = folder();
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(prefix)
        })
        .collect();
    found.sort();
    assert!(!found.is_empty(), "no golden file {prefix}*");
    found
}

/// One golden file with its inputs as leaf tensors.
struct Golden {
    name: String,
    map: TensorMap,
    device: Device,
}

impl Golden {
    fn open(path: &Path) -> Self {
        Self {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            map: TensorMap::read(path).unwrap(),
            device: crate::check::device().autodiff(),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.map.get(name).is_ok()
    }

    fn values(&self, name: &str) -> Vec<f64> {
        self.map.get(name).unwrap().to_f64()
    }

    fn dims<const D: usize>(&self, name: &str) -> [usize; D] {
        self.map.get(name).unwrap().shape().try_into().unwrap()
    }

    fn leaf<const D: usize>(&self, name: &str) -> Tensor<D> {
        tensor(&self.values(name), DType::F32, &self.device)
            .reshape(self.dims::<D>(name))
            .detach()
            .require_grad()
    }

    fn indices(&self) -> Option<Tensor<2, Int>> {
        self.has("seq_idx").then(|| {
            let values: Vec<i64> = self.map.get("seq_idx").unwrap().to_i64().unwrap();
            Tensor::<1, Int>::from_data(values.as_slice(), &self.device)
                .reshape(self.dims::<2>("seq_idx"))
        })
    }

    fn same<const D: usize>(&self, name: &str, got: &Tensor<D>, tolerance: f64) {
        let off = distance(&read(got), &self.values(name), 1e-3);
        assert!(off < tolerance, "{}: {name} off by {off:e}", self.name);
    }
}

#[test]
fn ssd_when_compared_with_mamba_ssm_agrees_in_values_and_gradients() {
    for path in files("ssd_") {
        let g = Golden::open(&path);
        let input = SsdInput {
            x: g.leaf("x"),
            dt: g.leaf("dt"),
            a: g.leaf("a"),
            b: g.leaf("b"),
            c: g.leaf("c"),
            d: Some(g.leaf("d")),
            initial: Some(g.leaf("init")),
            seq_idx: g.indices(),
        };
        let out = ssd(
            input.clone(),
            SsdOptions {
                chunk: 16,
                final_state: true,
            },
        )
        .unwrap();
        let state = out.state.unwrap();
        g.same("y", &out.y, 2e-5);
        g.same("final", &state, 2e-5);
        let gy: Tensor<4> = g.leaf("gy");
        let gfinal: Tensor<4> = g.leaf("gfinal");
        let grads = ((out.y * gy.detach()).sum() + (state * gfinal.detach()).sum()).backward();
        g.same("grad_x", &input.x.grad(&grads).unwrap(), 1e-4);
        g.same("grad_dt", &input.dt.grad(&grads).unwrap(), 1e-4);
        g.same("grad_a", &input.a.grad(&grads).unwrap(), 1e-4);
        g.same("grad_b", &input.b.grad(&grads).unwrap(), 1e-4);
        g.same("grad_c", &input.c.grad(&grads).unwrap(), 1e-4);
        g.same("grad_d", &input.d.unwrap().grad(&grads).unwrap(), 1e-4);
        g.same(
            "grad_init",
            &input.initial.unwrap().grad(&grads).unwrap(),
            1e-4,
        );
    }
}

#[test]
fn selective_scan_when_compared_with_mamba_ssm_agrees_in_values_and_gradients() {
    for path in files("selective_scan_") {
        let g = Golden::open(&path);
        let input = SelectiveScanInput {
            x: g.leaf("x"),
            dt: g.leaf("dt"),
            a: g.leaf("a"),
            b: g.leaf("b"),
            c: g.leaf("c"),
            d: g.has("d").then(|| g.leaf("d")),
            dt_bias: g.has("dt_bias").then(|| g.leaf("dt_bias")),
            z: g.has("z").then(|| g.leaf("z")),
            initial: g.has("init").then(|| g.leaf("init")),
            seq_idx: g.indices(),
        };
        let options = SelectiveScanOptions {
            dt_softplus: !g.name.contains("plain"),
            final_state: true,
        };
        let out = selective_scan(input.clone(), options).unwrap();
        let state = out.state.unwrap();
        g.same("y", &out.y, 2e-5);
        g.same("final", &state, 2e-5);
        let (gy, gfinal): (Tensor<3>, Tensor<3>) = (g.leaf("gy"), g.leaf("gfinal"));
        let grads = ((out.y * gy.detach()).sum() + (state * gfinal.detach()).sum()).backward();
        g.same("grad_x", &input.x.grad(&grads).unwrap(), 1e-4);
        g.same("grad_dt", &input.dt.grad(&grads).unwrap(), 1e-4);
        g.same("grad_a", &input.a.grad(&grads).unwrap(), 1e-4);
        g.same("grad_b", &input.b.grad(&grads).unwrap(), 1e-4);
        g.same("grad_c", &input.c.grad(&grads).unwrap(), 1e-4);
        for (name, values) in [("grad_d", input.d), ("grad_dt_bias", input.dt_bias)] {
            if let Some(values) = values {
                g.same(name, &values.grad(&grads).unwrap(), 1e-4);
            }
        }
        for (name, values) in [("grad_z", input.z), ("grad_init", input.initial)] {
            if let Some(values) = values {
                g.same(name, &values.grad(&grads).unwrap(), 1e-4);
            }
        }
    }
}

#[test]
fn dplr_when_compared_with_flash_linear_attention_agrees_in_values_and_gradients() {
    for (path, chunk) in files("dplr_")
        .iter()
        .flat_map(|p| [(p, 1), (p, 16), (p, 64)])
    {
        let g = Golden::open(path);
        let input = DplrInput {
            r: g.leaf("r"),
            g: g.leaf("g"),
            k: g.leaf("k"),
            v: g.leaf("v"),
            a: g.leaf("a"),
            b: g.leaf("b"),
            initial: Some(g.leaf("init")),
            seq_idx: g.indices(),
        };
        let options = DplrOptions {
            chunk: Some(chunk),
            final_state: true,
            scale: (g.dims::<4>("r")[3] as f64).powf(-0.5),
        };
        let out = dplr(input.clone(), options).unwrap();
        let state = out.state.unwrap();
        g.same("y", &out.y, 2e-5);
        g.same("final", &state, 2e-5);
        let gy: Tensor<4> = g.leaf("gy");
        let gfinal: Tensor<4> = g.leaf("gfinal");
        let grads = ((out.y * gy.detach()).sum() + (state * gfinal.detach()).sum()).backward();
        g.same("grad_r", &input.r.grad(&grads).unwrap(), 1e-4);
        g.same("grad_g", &input.g.grad(&grads).unwrap(), 1e-4);
        g.same("grad_k", &input.k.grad(&grads).unwrap(), 1e-4);
        g.same("grad_v", &input.v.grad(&grads).unwrap(), 1e-4);
        g.same("grad_a", &input.a.grad(&grads).unwrap(), 1e-4);
        g.same("grad_b", &input.b.grad(&grads).unwrap(), 1e-4);
        g.same(
            "grad_init",
            &input.initial.unwrap().grad(&grads).unwrap(),
            1e-4,
        );
    }
}

#[test]
fn conv1d_when_compared_with_torch_agrees_in_values_and_gradients() {
    for path in files("conv1d_") {
        let g = Golden::open(&path);
        let centred = g.name.contains("centred");
        let input = Conv1dInput {
            x: g.leaf("x"),
            weight: g.leaf("weight"),
            bias: Some(g.leaf("bias")),
            initial: (!centred && g.has("init") && g.dims::<3>("init")[2] > 0)
                .then(|| g.leaf("init")),
            seq_idx: g.indices(),
        };
        let options = Conv1dOptions {
            padding: if centred {
                Padding::Centred
            } else {
                Padding::Causal
            },
            activation: if g.name.contains("none") {
                Activation::Identity
            } else {
                Activation::Silu
            },
            final_state: input.initial.is_some(),
        };
        let out = conv1d(input.clone(), options).unwrap();
        g.same("y", &out.y, 1e-5);
        let gy: Tensor<3> = g.leaf("gy");
        let mut loss = (out.y * gy.detach()).sum();
        if let Some(state) = out.state {
            g.same("final", &state, 1e-6);
            let gfinal: Tensor<3> = g.leaf("gfinal");
            loss = loss + (state * gfinal.detach()).sum();
        }
        let grads = loss.backward();
        g.same("grad_x", &input.x.grad(&grads).unwrap(), 1e-5);
        g.same("grad_weight", &input.weight.grad(&grads).unwrap(), 1e-5);
        g.same(
            "grad_bias",
            &input.bias.unwrap().grad(&grads).unwrap(),
            1e-5,
        );
    }
}

#[test]
fn rms_norm_when_compared_with_mamba_ssm_agrees_in_values_and_gradients() {
    for path in files("rms_norm_") {
        let g = Golden::open(&path);
        let group_label = g.name.rsplit("_g").next().unwrap();
        let groups: usize = group_label
            .trim_end_matches(".safetensors")
            .parse()
            .unwrap();
        let gated = g.has("z");
        let (x, weight): (Tensor<3>, Tensor<1>) = (g.leaf("x"), g.leaf("weight"));
        let gate: Option<Tensor<3>> = gated.then(|| g.leaf("z"));
        let y = rms_norm(x.clone(), gate.clone(), weight.clone(), groups, 1e-5).unwrap();
        g.same("y", &y, 1e-5);
        let gy: Tensor<3> = g.leaf("gy");
        let grads = (y * gy.detach()).sum().backward();
        g.same("grad_x", &x.grad(&grads).unwrap(), 2e-5);
        g.same("grad_weight", &weight.grad(&grads).unwrap(), 2e-5);
        if let Some(gate) = gate {
            g.same("grad_z", &gate.grad(&grads).unwrap(), 2e-5);
        }
    }
}

#[test]
fn long_conv_when_compared_with_scipy_agrees() {
    for path in files("lti_long_conv") {
        let g = Golden::open(&path);
        for method in [Method::Direct, Method::Fourier] {
            let input = LongConvInput {
                x: g.leaf("x"),
                kernel: g.leaf("kernel"),
                reverse: Some(g.leaf("reverse")),
                skip: Some(g.leaf("skip")),
                initial: None,
                seq_idx: None,
            };
            g.same("y", &long_conv(input, method).unwrap(), 1e-5);
        }
    }
}

#[test]
fn diagonal_scan_when_compared_with_scipy_agrees() {
    for path in files("lti_scan") {
        let g = Golden::open(&path);
        let input = DiagonalScanInput {
            x: g.leaf("x"),
            a: ScanFactor::Fixed(ComplexTensor::new(g.leaf("a_re"), g.leaf("a_im"))),
            initial: None,
            seq_idx: None,
            reverse: false,
        };
        g.same("h", &diagonal_scan(input).unwrap().h, 1e-5);
    }
}

#[test]
fn vandermonde_when_compared_with_scipy_agrees_under_both_rules() {
    for path in files("lti_kernel_") {
        let g = Golden::open(&path);
        let rule = match g.name.contains("zoh") {
            true => Rule::ZeroOrderHold,
            false => Rule::Bilinear,
        };
        let input = VandermondeInput {
            a: ComplexTensor::new(g.leaf("a_re"), g.leaf("a_im")),
            dt: g.leaf("dt"),
            c: ComplexTensor::new(g.leaf("c_re"), g.leaf("c_im")),
        };
        let options = VandermondeOptions {
            len: g.dims::<2>("kernel")[1],
            rule,
            ..VandermondeOptions::default()
        };
        g.same("kernel", &vandermonde(input, options).unwrap(), 1e-5);
    }
}

#[test]
fn companion_when_compared_with_scipy_agrees() {
    for path in files("lti_companion") {
        let g = Golden::open(&path);
        let input = CompanionInput {
            a: g.leaf("a"),
            b: g.leaf("b"),
            c: g.leaf("c"),
        };
        let len = g.dims::<2>("kernel")[1];
        g.same("kernel", &companion(input, len).unwrap(), 1e-5);
    }
}
