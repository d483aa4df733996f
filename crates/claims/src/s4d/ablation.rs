//! The initialisations again, trained end to end.

use crate::report::{Bound, Draft};
use crate::trained::{Trial, Variant, beside, differences};

const STRUCTURED: [&str; 3] = ["s4d-legs", "s4d-inv", "s4d-lin"];
const CONTROLS: [&str; 2] = ["s4d-rand", "s4d-real"];

/// What is trained.
pub(super) const VARIANTS: [Variant; 5] = [
    Variant {
        name: STRUCTURED[0],
        overrides: &["model.mixer=s4d", "model.init=legs"],
    },
    Variant {
        name: STRUCTURED[1],
        overrides: &["model.mixer=s4d", "model.init=inv"],
    },
    Variant {
        name: STRUCTURED[2],
        overrides: &["model.mixer=s4d", "model.init=lin"],
    },
    Variant {
        name: CONTROLS[0],
        overrides: &["model.mixer=s4d", "model.init=rand"],
    },
    Variant {
        name: CONTROLS[1],
        overrides: &["model.mixer=s4d", "model.init=real"],
    },
];

pub(super) fn alike(trials: &[Trial]) -> Draft {
    Draft {
        claim: "Trained end to end on images as pixel sequences, LegS, Inv and Lin are alike."
            .into(),
        paper: "sequential CIFAR: Inv 90.69, Lin 90.42, LegS 89.92 %, S4 91.80 %".into(),
        baseline: beside(trials, &STRUCTURED),
        ours: "best minus worst of the three, percentage points of test accuracy".into(),
        unit: "points",
        values: differences(trials, (&STRUCTURED, f64::max), (&STRUCTURED, f64::min)),
        bound: Bound::AtMost(2.0),
    }
}

pub(super) fn beat_controls(trials: &[Trial]) -> Draft {
    Draft {
        claim: "Trained, each of them beats random and real frequencies.".into(),
        paper: "the initialisation of the imaginary parts matters most; random ones hurt".into(),
        baseline: beside(trials, &CONTROLS),
        ours:
            "worst of LegS, Inv, Lin minus best of the others, percentage points of test accuracy"
                .into(),
        unit: "points",
        values: differences(trials, (&STRUCTURED, f64::min), (&CONTROLS, f64::max)),
        bound: Bound::AtLeast(5.0),
    }
}
