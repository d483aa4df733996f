//! The S4 form: transfer function, step and kernel against dense matrices.

use resolvent_structure::discretise::Rule;
use resolvent_structure::hippo::{Family, HippoMatrix};
use resolvent_structure::{
    Complex64, DplrMatrix, DplrStep, StateSpace, StructureError, StructuredMatrix,
};
use rstest::rstest;

use crate::sample::{Sampler, relative_distance};

/// A HiPPO system in both forms: dense, and with complex input and output for the DPLR one.
struct Pair {
    dense: StateSpace,
    dplr: DplrMatrix,
    input: Vec<Complex64>,
    output: Vec<Complex64>,
}

fn pair(family: Family, state: usize, seed: u64) -> Pair {
    let matrix = HippoMatrix::new(family, state).unwrap();
    let nplr = matrix.diagonalise().unwrap();
    let output = Sampler::new(seed).vector(state);
    Pair {
        output: nplr.modes.output_vector(&output).unwrap(),
        dplr: DplrMatrix::from_nplr(&nplr).unwrap(),
        input: nplr.input,
        dense: StateSpace::new(matrix.dense(), matrix.input(), output).unwrap(),
    }
}

impl Pair {
    fn step(&self, step_size: f64) -> DplrStep {
        DplrStep::new(self.dplr.clone(), step_size).unwrap()
    }

    fn reference(&self, step_size: f64, length: usize) -> Vec<f64> {
        let discrete = self.dense.discretise(Rule::Bilinear, step_size).unwrap();
        discrete.kernel(length).unwrap()
    }
}

#[rstest]
fn response_when_compared_with_dense_agrees(
    #[values(Family::LegS, Family::LegT, Family::LagT, Family::FouT, Family::FouD)] family: Family,
    #[values(2, 16, 64)] state: usize,
) {
    let pair = pair(family, state, 1);
    for w in [0.1, 1.0, 30.0, 1e4] {
        let s = Complex64::new(0.0, w);
        let ours = pair.dplr.response(s, &pair.input, &pair.output).unwrap();
        let expected = pair.dense.response(w).unwrap();
        let error = (ours - expected).norm() / expected.norm().max(1e-3);
        assert!(error < 1e-10, "{family} at {w}: {error}");
    }
}

#[rstest]
fn kernel_when_compared_with_dense_powers_agrees(
    #[values(2, 4, 16, 64)] state: usize,
    #[values(1, 2, 3, 7, 8, 64, 65, 97, 255, 256)] length: usize,
) {
    for (seed, step_size) in [(1, 1e-3), (2, 1e-2), (3, 0.1)] {
        let pair = pair(Family::LegS, state, seed);
        let step = pair.step(step_size);
        let ours = step.kernel(&pair.input, &pair.output, length).unwrap();
        let expected = pair.reference(step_size, length);
        let error = relative_distance(&ours, &expected);
        assert!(error < 1e-10, "step size {step_size}: {error}");
        let recurrence = step.kernel_by_recurrence(&pair.input, &pair.output, length);
        let error = relative_distance(&recurrence.unwrap(), &expected);
        assert!(error < 1e-10, "recurrence, step size {step_size}: {error}");
    }
}

#[rstest]
fn kernel_when_family_is_any_agrees(
    #[values(Family::LegT, Family::LagT, Family::FouT, Family::FouS, Family::FouD)] family: Family,
    #[values(1, 2, 37, 128)] length: usize,
) {
    let pair = pair(family, 32, 5);
    let ours = pair
        .step(0.02)
        .kernel(&pair.input, &pair.output, length)
        .unwrap();
    let error = relative_distance(&ours, &pair.reference(0.02, length));
    assert!(error < 1e-9, "{family}: {error}");
}

#[test]
fn kernel_when_mode_meets_a_node_comes_from_the_recurrence() {
    // FouT has an undamped mode at frequency zero, where the first node lies.
    let pair = pair(Family::FouT, 8, 2);
    let step = pair.step(0.1);
    let truncated = step.truncated_output(&pair.output, 16).unwrap();
    let error = step
        .kernel_from_truncated(&pair.input, &truncated, 16)
        .unwrap_err();
    assert!(matches!(error, StructureError::Singular { .. }), "{error}");
    let ours = step.kernel(&pair.input, &pair.output, 16).unwrap();
    assert!(relative_distance(&ours, &pair.reference(0.1, 16)) < 1e-12);
}

#[test]
fn kernel_when_matrix_is_random_equals_its_real_form() {
    let mut rng = Sampler::new(4);
    for rank in [0, 1, 2, 3] {
        let dplr = rng.dplr(7, rank);
        let (input, output) = (rng.complex_vector(7), rng.complex_vector(7));
        let real = |z: &Complex64| [z.re, z.im];
        let row = |c: &Complex64| [2.0 * c.re, -2.0 * c.im];
        let dense = StateSpace::new(
            dplr.dense(),
            input.iter().flat_map(real).collect(),
            output.iter().flat_map(row).collect(),
        );
        let expected = dense
            .unwrap()
            .discretise(Rule::Bilinear, 0.3)
            .unwrap()
            .kernel(33)
            .unwrap();
        let step = DplrStep::new(dplr, 0.3).unwrap();
        let ours = step.kernel(&input, &output, 33).unwrap();
        assert!(relative_distance(&ours, &expected) < 1e-11, "rank {rank}");
    }
}

#[test]
fn kernel_when_length_doubles_keeps_its_beginning() {
    let pair = pair(Family::LegS, 32, 3);
    let step = pair.step(0.01);
    let short = step.kernel(&pair.input, &pair.output, 100).unwrap();
    let long = step.kernel(&pair.input, &pair.output, 200).unwrap();
    assert!(relative_distance(&long[..100], &short) < 1e-11);
    // Every second sample at half the step size is close to the kernel of twice the step size.
    let doubled = pair
        .step(0.02)
        .kernel(&pair.input, &pair.output, 50)
        .unwrap();
    assert!(relative_distance(&doubled, &pair.reference(0.02, 50)) < 1e-11);
    assert!(
        step.kernel(&pair.input, &pair.output, 0)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn arguments_when_wrong_are_named() {
    let pair = pair(Family::LegS, 4, 1);
    let step = pair.step(0.1);
    assert!(step.kernel(&pair.input[..1], &pair.output, 4).is_err());
    assert!(step.kernel(&pair.input, &[], 4).is_err());
    let nan = vec![Complex64::new(f64::NAN, 0.0); 2];
    assert!(step.kernel(&nan, &pair.output, 4).is_err());
    assert!(step.kernel(&pair.input, &nan, 4).is_err());
    assert!(step.kernel(&pair.input, &pair.output, usize::MAX).is_err());
    for step_size in [0.0, -1.0, f64::NAN] {
        assert!(DplrStep::new(pair.dplr.clone(), step_size).is_err());
    }
    let growing = DplrMatrix::diagonal(vec![Complex64::new(2.0, 0.0)]).unwrap();
    assert!(matches!(
        DplrStep::new(growing.clone(), 1.0),
        Err(StructureError::Singular { .. })
    ));
    let explodes = DplrStep::new(growing, 0.9).unwrap();
    let one = [Complex64::ONE];
    assert!(explodes.kernel(&one, &one, 100_000).is_err());
    assert!(DplrMatrix::new(nan.clone(), vec![]).is_err());
    assert!(DplrMatrix::new(pair.input.clone(), vec![nan]).is_err());
    assert!(DplrMatrix::new(pair.input, vec![vec![Complex64::ONE]]).is_err());
}
