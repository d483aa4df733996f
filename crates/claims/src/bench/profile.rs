//! Where the processor time of a piece of work goes: the stacks of all threads, sampled.
//!
//! A sample belongs to the innermost function on its stack that names an operation: one of ours, one of
//! burn's, or a part of the training loop. Jobs that an operation hands to other threads may have no
//! caller on their stack; they are counted as products or as vector loops, which only our operations have.

use serde::Serialize;

/// What products are called whose operation is not on the stack, and burn's own.
pub(super) const PRODUCTS: &str = "matrix products";
/// Loops of our operations, on threads that do not say of which.
const LOOPS: &str = "fused vector loops";
/// Samples that name no operation: mostly the allocator and waiting threads.
const REST: &str = "everything else";
/// Samples a second of processor time; one per tick of the kernel's clock at most.
const RATE: i32 = 997;

/// Where the processor time of a row's work went.
#[derive(Debug, Clone, Serialize)]
pub struct Profile {
    /// Samples taken.
    pub samples: usize,
    /// Shares, the largest first.
    pub parts: Vec<Part>,
}

/// The share of one operation.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// Operation: a bare name is one of ours, "burn: name" one of burn's.
    pub name: String,
    /// Percent of all samples.
    pub percent: f64,
}

/// What a function belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Owner {
    /// An operation: outer functions do not matter.
    Operation(String),
    /// Arithmetic for whichever operation is further out, and its name if none is.
    Inner(&'static str),
}

/// The identifier behind `prefix` in a function's path.
fn module_behind<'a>(function: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = &function[function.find(prefix)? + prefix.len()..];
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    Some(&rest[..end.unwrap_or(rest.len())]).filter(|name| !name.is_empty())
}

fn owner(function: &str) -> Option<Owner> {
    const SHARED: [&str; 3] = ["float", "host", "columns"];
    if let Some(name) = module_behind(function, "resolvent_kernels::") {
        return match name {
            "gemm" => Some(Owner::Inner(PRODUCTS)),
            name if SHARED.contains(&name) => None,
            name => Some(Owner::Operation(name.to_owned())),
        };
    }
    if function.starts_with("gemm") || function.contains("<gemm") {
        return Some(Owner::Inner(PRODUCTS));
    }
    if function.starts_with("pulp::") {
        return Some(Owner::Inner(LOOPS));
    }
    let burn = module_behind(function, "burn_flex::ops::");
    match burn.or_else(|| module_behind(function, "burn_flex::")) {
        Some("matmul") => Some(Owner::Operation(PRODUCTS.to_owned())),
        Some("ops" | "tensor" | "backend" | "layout") | None => training(function),
        Some(name) => Some(Owner::Operation(format!("burn: {name}"))),
    }
}

/// Parts of a training step that are no tensor operation.
fn training(function: &str) -> Option<Owner> {
    let parts = [
        ("resolvent_learn::optimiser", "optimiser"),
        ("resolvent_learn::clip", "clipping"),
        ("burn_autodiff", "graph of gradients"),
    ];
    let found = parts.iter().find(|(path, _)| function.contains(path));
    found.map(|(_, name)| Owner::Operation((*name).to_owned()))
}

/// The operation of a stack, given innermost function first.
fn operation<'a>(stack: impl Iterator<Item = &'a str>) -> String {
    let mut inside = None;
    for owner in stack.filter_map(owner) {
        match owner {
            Owner::Operation(name) => return name,
            Owner::Inner(name) => inside = inside.or(Some(name)),
        }
    }
    inside.unwrap_or(REST).to_owned()
}

/// Does the work and samples it; without a profile where the system cannot be sampled.
#[cfg(unix)]
pub(super) fn sampled<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Option<Profile>, E> {
    let sampler = pprof::ProfilerGuardBuilder::default()
        .frequency(RATE)
        .build();
    work()?;
    let report = sampler.and_then(|sampler| sampler.report().build()).ok();
    Ok(report.map(|report| {
        let mut counts = std::collections::BTreeMap::<String, usize>::new();
        for (stack, count) in &report.data {
            let symbols = stack.frames.iter().flatten().map(|symbol| symbol.name());
            let names: Vec<String> = symbols.collect();
            let name = operation(names.iter().map(String::as_str));
            *counts.entry(name).or_default() += usize::try_from(*count).unwrap_or(0);
        }
        shares(counts)
    }))
}

/// Does the work: this system has no sampler.
#[cfg(not(unix))]
pub(super) fn sampled<E>(work: impl FnOnce() -> Result<(), E>) -> Result<Option<Profile>, E> {
    work().map(|()| None)
}

#[cfg(unix)]
fn shares(counts: std::collections::BTreeMap<String, usize>) -> Profile {
    let samples: usize = counts.values().sum();
    let percent = |count: usize| 100.0 * count as f64 / samples.max(1) as f64;
    let part = |(name, count)| Part {
        name,
        percent: percent(count),
    };
    let mut parts: Vec<Part> = counts.into_iter().map(part).collect();
    parts.sort_by(|a, b| b.percent.total_cmp(&a.percent));
    Profile { samples, parts }
}

#[cfg(test)]
mod tests {
    use super::operation;

    fn of(stack: &[&str]) -> String {
        operation(stack.iter().copied())
    }

    #[test]
    fn operation_when_nested_is_the_innermost_that_names_one() {
        let stack = [
            "__memset_avx2",
            "resolvent_kernels::float::exp::exp",
            "resolvent_kernels::ssd::flex::forward::chunk",
            "burn_flex::ops::matmul::gemm",
        ];
        assert_eq!(of(&stack), "ssd");
        let autodiff = [
            "burn_flex::ops::binary::binary_op",
            "<resolvent_kernels::ssd::autodiff::SsdNode as burn_autodiff::ops::Backward>::backward",
        ];
        assert_eq!(of(&autodiff), "burn: binary");
    }

    #[test]
    fn operation_when_inside_a_product_is_its_caller_if_known() {
        let product = "gemm_common::gemm::gemm_basic_generic";
        assert_eq!(
            of(&[product, "resolvent_kernels::dplr::flex::solve"]),
            "dplr"
        );
        assert_eq!(
            of(&[product, "resolvent_kernels::gemm::gemm"]),
            "matrix products"
        );
        assert_eq!(
            of(&[product, "rayon_core::registry::main_loop"]),
            "matrix products"
        );
        assert_eq!(
            of(&["pulp::x86::v3::V3::vectorize", "main"]),
            "fused vector loops"
        );
        assert_eq!(of(&["malloc", "main"]), "everything else");
    }

    #[test]
    fn sampled_when_work_spins_finds_it() {
        let spin = || {
            let start = std::time::Instant::now();
            let mut sum = 0_u64;
            while start.elapsed().as_millis() < 200 {
                sum = std::hint::black_box(sum.wrapping_add(1));
            }
            Ok::<(), ()>(())
        };
        let profile = super::sampled(spin);
        #[cfg(unix)]
        {
            let profile = profile.expect("no error").expect("a sampler");
            let total: f64 = profile.parts.iter().map(|part| part.percent).sum();
            // The loop is part of no operation.
            assert!(profile.parts.iter().any(|part| part.name == super::REST));
            assert!((total - 100.0).abs() < 1e-9);
        }
        #[cfg(not(unix))]
        assert!(profile.expect("no error").is_none());
    }
}
