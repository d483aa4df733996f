//! The registry tells the truth.

use std::collections::HashSet;
use std::path::Path;

use resolvent_claims::report::Report;
use resolvent_claims::systems::{SYSTEMS, Status, System};
use resolvent_claims::{CLAIMS, find};

#[test]
fn systems_when_counted_are_39_and_their_bases() {
    let (bases, published): (Vec<&System>, Vec<&System>) =
        SYSTEMS.iter().partition(|system| system.base);
    assert_eq!(published.len(), 39);
    let bases: HashSet<&str> = bases.iter().map(|system| system.slug).collect();
    let expected = [
        "mamba",
        "rwkv7",
        "lra",
        "riemannian",
        "peft",
        "ssm-serving",
        "fla-kernels",
    ];
    assert_eq!(bases, HashSet::from(expected));
    let slugs: HashSet<&str> = SYSTEMS.iter().map(|system| system.slug).collect();
    assert_eq!(slugs.len(), SYSTEMS.len());
    assert!(SYSTEMS.iter().all(|system| !system.title.is_empty()));
}

#[test]
fn claims_when_listed_belong_to_systems() {
    for claim in CLAIMS {
        assert!(SYSTEMS.iter().any(|system| system.slug == claim.slug));
        assert_eq!(find(claim.slug).unwrap().slug, claim.slug);
    }
    let error = find("nothing").unwrap_err().to_string();
    assert!(
        error.contains("nothing") && error.contains("mamba"),
        "{error}"
    );
}

#[test]
fn works_when_said_is_shown_by_a_full_report() {
    let reports = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../reports");
    for system in SYSTEMS {
        let Status::Works { command, .. } = system.status else {
            continue;
        };
        let path = reports.join(format!("{}.json", system.slug));
        let text = std::fs::read_to_string(&path).expect("a report of every system that works");
        let report: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(report.slug, system.slug);
        assert_eq!(report.command, command);
        assert!(!report.quick, "a smoke run shows nothing");
    }
}
