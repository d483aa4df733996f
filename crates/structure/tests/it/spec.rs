//! Names of state matrices: round trips, errors, arbitrary text.

use proptest::prelude::*;
use resolvent_structure::discretise::Rule;
use resolvent_structure::{MatrixSpec, StructuredMatrix};

use crate::sample::generator;

#[test]
fn spelling_when_read_and_written_is_the_same() {
    let table = [
        ("hippo:legs:64", 64),
        ("hippo:legt:5", 5),
        ("hippo:fout:8:1", 8),
        ("hippo:foud:2", 2),
        ("dplr:legs:8", 8),
        ("dplr:legt:4:0.5", 4),
        ("s4d:lin:16", 16),
        ("s4d:rand:16", 16),
        ("s5:4:16", 16),
        ("companion:0.1,-0.2,0.3", 3),
        ("shift:6", 6),
    ];
    for (text, order) in table {
        let spec: MatrixSpec = text.parse().unwrap();
        assert_eq!(spec.to_string(), text);
        let matrix = spec.build(&mut generator(1)).unwrap();
        assert_eq!(matrix.shape(), (order, order), "{text}");
        assert_eq!(matrix.dense().shape(), (order, order), "{text}");
    }
    let upper: MatrixSpec = "hippo:LegS:4".parse().unwrap();
    assert_eq!(upper, "hippo:legs:4".parse().unwrap());
}

#[test]
fn spelling_when_wrong_says_what_would_be_right() {
    let message = |text: &str| text.parse::<MatrixSpec>().unwrap_err().to_string();
    assert!(message("legs").contains("hippo:FAMILY:STATE"));
    assert!(message("hippo:legs").contains("hippo:FAMILY:STATE"));
    assert!(message("hippo:lega:64").contains("legs, legt"));
    assert!(message("hippo:legs:many").contains("state size `many`"));
    assert!(message("hippo:legs:0").contains("state is 0"));
    assert!(message("hippo:fout:3").contains("even number"));
    assert!(message("dplr:legs:3").contains("even number"));
    assert!(message("hippo:legs:4:2").contains("only legt, fout and fous"));
    assert!(message("s4d:inv:7").contains("even number"));
    assert!(message("s4d:best:8").contains("legs, inv, lin"));
    assert!(message("s5:3:16").contains("divisor"));
    assert!(message("companion:1,x").contains("`x`"));
    assert!(message("companion:NaN").contains("finite"));
    assert!(message("shift:-1").contains("`-1`"));
    assert!(message("hippo:legs:99999999999999").contains("address space"));
    assert!(message("").contains("unknown state matrix ``"));
    assert!(message("hippo:lega:64").contains("did you mean `legs`?"));
    assert!(message("s4d:lim:8").contains("did you mean `lin`?"));
    assert!(message("hipo:legs:64").contains("did you mean `hippo`?"));
}

#[test]
fn system_when_made_from_a_name_has_the_named_matrix() {
    for text in [
        "hippo:legs:6",
        "hippo:legs:1",
        "dplr:legt:6",
        "s4d:rand:6",
        "s4d:legs:6",
        "s5:3:6",
        "companion:0.1,0.2",
        "shift:1",
    ] {
        let spec: MatrixSpec = text.parse().unwrap();
        let system = spec.system(&mut generator(3)).unwrap();
        let built = spec.build(&mut generator(3)).unwrap().dense();
        assert_eq!(system.state_matrix(), &built, "{text}");
        assert_eq!(spec.state_size(), built.rows(), "{text}");
        assert_eq!(system.input().len(), built.rows(), "{text}");
        assert!(system.input().iter().any(|b| *b != 0.0), "{text}");
    }
}

#[test]
fn system_when_in_modal_coordinates_is_the_same_system() {
    // V^* B, and an output that is the sum of modes, in two spellings of one diagonal matrix.
    let kernel = |text: &str| {
        let spec: MatrixSpec = text.parse().unwrap();
        let system = spec.system(&mut generator(3)).unwrap();
        system
            .discretise(Rule::Bilinear, 0.05)
            .unwrap()
            .kernel(20)
            .unwrap()
    };
    // S4D-LegS has half the input of the block of S5, and the conjugate phases.
    let (diagonal, block) = (kernel("s4d:legs:8"), kernel("s5:1:8"));
    for (half, whole) in diagonal.iter().zip(&block) {
        assert!((2.0 * half - whole).abs() < 1e-10, "{half} {whole}");
    }
}

proptest! {
    #[test]
    fn spelling_when_arbitrary_never_panics(text in ".{0,40}") {
        let _ = text.parse::<MatrixSpec>();
    }

    #[test]
    fn spelling_when_nearly_right_round_trips(
        kind in "hippo|dplr|s4d|s5|shift|companion",
        rest in "(:(legs|fout|lin|rand|[0-9]{1,3}|0\\.5|-1|,)){0,3}",
    ) {
        if let Ok(spec) = format!("{kind}{rest}").parse::<MatrixSpec>() {
            prop_assert_eq!(spec.to_string().parse::<MatrixSpec>().unwrap(), spec);
        }
    }
}
