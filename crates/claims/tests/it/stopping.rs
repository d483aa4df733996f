//! Every experiment stops where it is asked to.

use resolvent_claims::{CLAIMS, ClaimError, Options, Progress};

/// Stops at the first step.
struct Stopper;

impl Progress for Stopper {
    fn is_stopped(&self) -> bool {
        true
    }
}

/// What is said of these is known to the letter; of the others, that it is said.
const FIRST_STAGES: [(&str, &str); 2] = [
    ("mamba", "selective-copying, mamba2, seed 1"),
    ("spacetime", "AR(4), seed 1"),
];

#[test]
fn experiments_when_stopped_say_during_what() {
    let options = Options {
        quick: true,
        seeds: vec![1],
        ..Options::default()
    };
    for claim in CLAIMS {
        let error = (claim.run)(&options, &mut Stopper).unwrap_err();
        let ClaimError::Interrupted { stage } = error else {
            panic!("{}: {error}", claim.slug);
        };
        assert!(!stage.is_empty(), "{}", claim.slug);
        let known = FIRST_STAGES.iter().find(|(slug, _)| *slug == claim.slug);
        assert!(known.is_none_or(|(_, first)| *first == stage), "{stage}");
    }
}
