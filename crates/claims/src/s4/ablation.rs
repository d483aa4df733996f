//! The initialisation again, trained end to end: HiPPO against matrices drawn at random.

use crate::report::{Bound, Draft};
use crate::trained::{Trial, Variant, beside, differences};

const LEGS: &str = "s4, hippo-legs";
const RANDOM: &str = "s4, random";
const RANDOM_DIAGONAL: &str = "s4d-rand";
const REAL: &str = "s4d-real";

/// What is trained.
pub(super) const VARIANTS: [Variant; 4] = [
    Variant {
        name: LEGS,
        overrides: &["model.mixer=s4"],
    },
    Variant {
        name: RANDOM,
        overrides: &["model.mixer=s4", "model.measure=random"],
    },
    Variant {
        name: RANDOM_DIAGONAL,
        overrides: &["model.mixer=s4d", "model.init=rand"],
    },
    Variant {
        name: REAL,
        overrides: &["model.mixer=s4d", "model.init=real"],
    },
];

pub(super) fn beats_random(trials: &[Trial]) -> Draft {
    let others = [RANDOM, RANDOM_DIAGONAL, REAL];
    Draft {
        claim: "Trained end to end on images as pixel sequences, S4 from HiPPO-LegS is better than S4 from random matrices.".into(),
        paper: "random initialisation 15 points and more below HiPPO (sequential CIFAR, at most 100,000 parameters)".into(),
        baseline: beside(trials, &[&[LEGS], &others[..]].concat()),
        ours: "test accuracy of hippo-legs minus that of the best random or real start, percentage points".into(),
        unit: "points",
        values: differences(trials, (&[LEGS], f64::max), (&others, f64::max)),
        bound: Bound::AtLeast(5.0),
    }
}
