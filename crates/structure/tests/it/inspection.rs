//! Inspections of named matrices: known values, absent values, bounds.

use resolvent_structure::discretise::Rule;
use resolvent_structure::inspection::{Inspection, InspectionOptions};
use resolvent_structure::{MatrixSpec, StructureError};

use crate::sample::generator;

fn inspect(text: &str, length: usize) -> Result<Inspection, StructureError> {
    let options = InspectionOptions {
        rule: Rule::Bilinear,
        step_size: 0.01,
        length,
    };
    text.parse::<MatrixSpec>()?
        .inspect(&options, &mut generator(1))
}

#[test]
fn inspection_when_of_legs_has_the_known_values() {
    let small = inspect("hippo:legs:8", 600).unwrap();
    let mut real: Vec<f64> = small.eigenvalues.iter().map(|z| z.re).collect();
    real.sort_by(f64::total_cmp);
    assert_eq!(real, [-8.0, -7.0, -6.0, -5.0, -4.0, -3.0, -2.0, -1.0]);
    assert!(small.is_stable && !small.is_normal);
    let distance = small.distance_to_instability.unwrap();
    assert!((distance - 0.603).abs() < 1e-3, "{distance}");
    assert_eq!(small.reach.as_ref().unwrap().rank, 8);
    assert!(small.eigenvector_condition.unwrap() > 1e3);
    // K_0(t) = exp(-t), and the samples of the impulse response tend to the kernel / step size.
    let (element, kernel) = &small.element_kernels[0];
    assert_eq!((*element, kernel.len()), (0, 600));
    assert!((kernel[100] / 0.01 - (-1.0_f64).exp()).abs() < 5e-3);
    assert_eq!(small.times[100], 1.0);
    let continuous = small.impulse_response.unwrap();
    assert!((continuous[300] - small.kernel[300] / 0.01).abs() < 0.05);
    // At N = 64 eigenvectors cannot be told apart.
    let large = inspect("hippo:legs:64", 4).unwrap();
    assert_eq!(large.eigenvector_condition, None);
}

#[test]
fn inspection_when_of_other_kinds_says_what_has_a_meaning() {
    for text in ["s4d:lin:8", "s4d:rand:8", "s5:2:8", "hippo:foud:8"] {
        let it = inspect(text, 16).unwrap();
        assert!(it.is_normal && it.is_stable, "{text}");
        assert_eq!(it.eigenvector_condition, Some(1.0), "{text}");
        assert!(
            (it.distance_to_instability.unwrap() - 0.5).abs() < 1e-5,
            "{text}"
        );
    }
    let fout = inspect("hippo:fout:8", 16).unwrap();
    assert!(!fout.is_stable && fout.reach.is_none() && fout.distance_to_instability.is_none());
    let shift = inspect("shift:5", 9).unwrap();
    assert_eq!((shift.spectral_radius, shift.is_stable), (0.0, true));
    assert!(shift.impulse_response.is_none());
    assert_eq!(shift.kernel, [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(shift.reach.unwrap().rank, 5);
    let growing = inspect("companion:2", 8).unwrap();
    assert!(!growing.is_stable && growing.reach.is_none());
    let one = inspect("hippo:legs:1", 1).unwrap();
    assert_eq!((one.eigenvalues.len(), one.kernel.len()), (1, 1));
    assert_eq!(one.eigenvector_condition, Some(1.0));
}

#[test]
fn inspection_when_out_of_bounds_is_refused() {
    let message = |text: &str, length| inspect(text, length).unwrap_err().to_string();
    assert!(message("hippo:legs:513", 8).contains("state is 513, expected at most 512"));
    assert!(message("hippo:legs:4", 0).contains("length is 0"));
    assert!(message("hippo:legs:4", 65_537).contains("65537"));
    assert!(message("companion:8", 4000).contains("finite"));
    let spec: MatrixSpec = "hippo:legs:4".parse().unwrap();
    for step_size in [0.0, -1.0, f64::NAN] {
        let options = InspectionOptions {
            rule: Rule::ZeroOrderHold,
            step_size,
            length: 4,
        };
        let error = spec.inspect(&options, &mut generator(1)).unwrap_err();
        assert!(error.to_string().contains("step_size"), "{error}");
    }
}
