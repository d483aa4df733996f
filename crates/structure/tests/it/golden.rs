//! Golden files of `oracles/`: quadrature of the HiPPO bases, and SciPy on linear systems.

use resolvent_structure::discretise::{Rule, discretise_dense};
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::linalg::exponential;
use resolvent_structure::{
    CompanionMatrix, DplrMatrix, DplrStep, Matrix, StateSpace, StructuredMatrix, controllability,
    distance_to_instability,
};
use serde_json::Value;

use crate::sample::{distance, relative_distance};

/// The cases of one group of a golden file.
fn cases(file: &str, group: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../oracles/golden");
    let text = std::fs::read_to_string(format!("{folder}/{file}.json")).unwrap();
    let content: Value = serde_json::from_str(&text).unwrap();
    let found = content[group].as_array().unwrap().clone();
    assert!(!found.is_empty(), "{file}.json has no {group}");
    found
}

fn numbers(case: &Value, key: &str) -> Vec<f64> {
    let list = case[key].as_array().unwrap_or_else(|| panic!("no {key}"));
    list.iter().map(|x| x.as_f64().unwrap()).collect()
}

fn size(case: &Value, key: &str) -> usize {
    usize::try_from(case[key].as_u64().unwrap()).unwrap()
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap()
}

/// A matrix of the given number of rows.
fn matrix(case: &Value, key: &str, rows: usize) -> Matrix {
    let data = numbers(case, key);
    Matrix::new(rows, data.len() / rows, data).unwrap()
}

#[test]
fn hippo_matrices_equal_the_quadrature_of_their_bases() {
    for case in cases("hippo", "families") {
        let family: Family = case["family"].as_str().unwrap().parse().unwrap();
        let mut ours = HippoMatrix::new(family, 8).unwrap();
        if let Some(window) = case["window"].as_f64() {
            ours = ours.with_window(window).unwrap();
        }
        let (mut dense, mut gram) = (ours.dense(), ours.gram());
        if family == Family::FouD {
            // The element that is never driven has no quadrature.
            let without = |m: &Matrix| {
                let skip = |i, j| i == 1 || j == 1;
                Matrix::from_fn(8, 8, |i, j| {
                    if skip(i, j) {
                        0.0
                    } else {
                        m.get(i, j).unwrap()
                    }
                })
            };
            (dense, gram) = (without(&dense).unwrap(), without(&gram).unwrap());
        }
        let name = family.name();
        assert!(
            distance(dense.as_slice(), &numbers(&case, "a")) < 1e-10,
            "{name}: A"
        );
        assert!(
            distance(&ours.input(), &numbers(&case, "b")) < 1e-12,
            "{name}: B"
        );
        assert!(
            distance(gram.as_slice(), &numbers(&case, "gram")) < 1e-12,
            "{name}: Gram"
        );
    }
}

#[test]
fn legs_kernels_equal_scipy() {
    let legs = HippoMatrix::new(Family::LegS, 16).unwrap();
    for case in cases("hippo", "legs_kernels") {
        let kernel = legs.kernel(number(&case, "t")).unwrap();
        assert!(distance(&kernel, &numbers(&case, "kernel")) < 1e-12);
    }
}

#[test]
fn legs_spectra_equal_numpy() {
    for case in cases("hippo", "legs_spectra") {
        let legs = HippoMatrix::new(Family::LegS, size(&case, "state")).unwrap();
        let modes = legs.diagonalise().unwrap().modes;
        let ours: Vec<f64> = modes.eigenvalues().iter().map(|z| -z.im).collect();
        assert!(relative_distance(&ours, &numbers(&case, "imaginary")) < 1e-13);
    }
}

#[test]
fn legs_distances_equal_a_search_over_frequencies() {
    for case in cases("hippo", "legs_distances") {
        let legs = HippoMatrix::new(Family::LegS, size(&case, "state")).unwrap();
        let ours = distance_to_instability(&legs.dense()).unwrap();
        let expected = number(&case, "distance");
        assert!((ours / expected - 1.0).abs() < 1e-5, "{ours} {expected}");
    }
}

#[test]
fn discretisation_equals_scipy() {
    for case in cases("state_space", "discretise") {
        let state = size(&case, "state");
        let (a, b) = (matrix(&case, "a", state), matrix(&case, "b", state));
        for (rule, name) in [(Rule::ZeroOrderHold, "zoh"), (Rule::Bilinear, "bilinear")] {
            let (ad, bd) = discretise_dense(rule, &a, &b, number(&case, "dt")).unwrap();
            let error = relative_distance(ad.as_slice(), &numbers(&case, &format!("{name}_a")));
            assert!(error < 1e-12, "{} {name}: A {error}", case["name"]);
            let error = relative_distance(bd.as_slice(), &numbers(&case, &format!("{name}_b")));
            assert!(error < 1e-12, "{} {name}: B {error}", case["name"]);
        }
    }
}

#[test]
fn exponential_equals_scipy() {
    for case in cases("state_space", "exponential") {
        let ours = exponential(&matrix(&case, "a", size(&case, "state"))).unwrap();
        let error = relative_distance(ours.as_slice(), &numbers(&case, "exponential"));
        assert!(error < 1e-11, "{error}");
    }
}

#[test]
fn legs_convolution_kernels_equal_a_loop_of_powers() {
    for case in cases("state_space", "kernels") {
        let (state, length) = (size(&case, "state"), size(&case, "length"));
        let legs = HippoMatrix::new(Family::LegS, state).unwrap();
        let (c, dt) = (numbers(&case, "c"), number(&case, "dt"));
        let system = StateSpace::new(legs.dense(), legs.input(), c.clone()).unwrap();
        for (rule, name) in [(Rule::ZeroOrderHold, "zoh"), (Rule::Bilinear, "bilinear")] {
            let discrete = system.discretise(rule, dt).unwrap();
            for ours in [discrete.kernel(length), discrete.kernel_by_doubling(length)] {
                let error = relative_distance(&ours.unwrap(), &numbers(&case, name));
                assert!(error < 1e-10, "{name} of {state}: {error}");
            }
        }
        let nplr = legs.diagonalise().unwrap();
        let step = DplrStep::new(DplrMatrix::from_nplr(&nplr).unwrap(), dt).unwrap();
        let output = nplr.modes.output_vector(&c).unwrap();
        let ours = step.kernel(&nplr.input, &output, length).unwrap();
        let error = relative_distance(&ours, &numbers(&case, "bilinear"));
        assert!(error < 1e-10, "S4 of {state}: {error}");
    }
}

#[test]
fn companion_kernels_equal_a_loop_of_powers() {
    for case in cases("state_space", "companion") {
        let ours = CompanionMatrix::new(numbers(&case, "a")).unwrap();
        let expected = numbers(&case, "kernel");
        let (b, c) = (numbers(&case, "b"), numbers(&case, "c"));
        let kernel = ours.kernel(&b, &c, expected.len()).unwrap();
        let error = relative_distance(&kernel, &expected);
        assert!(error < 1e-12, "order {}: {error}", ours.order());
    }
}

#[test]
fn gramians_equal_scipy() {
    for case in cases("state_space", "gramians") {
        let legs = HippoMatrix::new(Family::LegS, size(&case, "state")).unwrap();
        let input = Matrix::new(legs.state_size(), 1, legs.input()).unwrap();
        let rule = Some((Rule::Bilinear, number(&case, "dt")));
        for (rule, name) in [(None, "continuous"), (rule, "bilinear")] {
            let ours = controllability(&legs.dense(), &input, rule).unwrap();
            let error = relative_distance(ours.gramian.as_slice(), &numbers(&case, name));
            assert!(error < 1e-10, "{name}: {error}");
        }
    }
}
