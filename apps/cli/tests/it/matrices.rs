//! `inspect --matrix`: tables, JSON, files, and names that cannot work.

use std::fs;

use serde_json::Value;

use crate::world::World;

#[test]
fn matrix_when_inspected_shows_a_table() {
    let world = World::new();
    let done = world.run(&["inspect", "--matrix", "hippo:legs:64"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    for text in [
        "hippo:legs:64",
        "spectral abscissa",
        "-1.000000",
        "cannot be told apart",
        "distance to instability",
        "0.5489",
        "eigenvalues (56 more with --json)",
    ] {
        assert!(done.out.contains(text), "no {text:?} in {}", done.out);
    }
}

#[test]
fn matrix_when_of_every_kind_gives_a_document() {
    let world = World::new();
    for (spec, order) in [
        ("hippo:legs:1", 1),
        ("hippo:legt:5", 5),
        ("hippo:fout:8:1", 8),
        ("hippo:lagt:4", 4),
        ("hippo:fous:4", 4),
        ("hippo:foud:4", 4),
        ("dplr:legs:6", 6),
        ("s4d:inv:6", 6),
        ("s4d:rand:6", 6),
        ("s5:2:8", 8),
        ("companion:0.2,0.3", 2),
        ("shift:3", 3),
    ] {
        let arguments = [
            "inspect", "--matrix", spec, "--json", "--length", "7", "--rule", "zoh",
        ];
        let done = world.run(&arguments);
        assert_eq!(done.code, Some(0), "{spec} {done:?}");
        let document: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(document["matrix"], spec);
        assert_eq!(
            document["eigenvalues"].as_array().unwrap().len(),
            order,
            "{spec}"
        );
        assert_eq!(document["kernel"].as_array().unwrap().len(), 7, "{spec}");
        assert!(document["spectral_radius"].is_number(), "{spec}");
    }
}

#[test]
fn matrix_when_given_a_folder_leaves_plots_and_a_page() {
    let world = World::new();
    let arguments = [
        "inspect",
        "--matrix",
        "s4d:lin:8",
        "--out",
        "seen",
        "--length",
        "50",
    ];
    let done = world.run(&arguments);
    assert_eq!(done.code, Some(0), "{done:?}");
    let read = |name: &str| fs::read_to_string(world.path("seen").join(name)).unwrap();
    for name in ["eigenvalues", "discrete_eigenvalues", "impulse", "kernels"] {
        assert!(read(&format!("{name}.svg")).starts_with("<svg"));
    }
    // Four eigenvalues and their conjugates, and one dot in the legend.
    assert_eq!(read("eigenvalues.svg").matches("<circle").count(), 9);
    assert_eq!(read("report.html").matches("<svg").count(), 4);
    let document: Value = serde_json::from_str(&read("inspection.json")).unwrap();
    assert_eq!(document["is_normal"], true);
}

#[test]
fn matrix_when_it_cannot_be_inspected_says_why() {
    let world = World::new();
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["hippo:lega:64"],
            &["hippo:lega:64", "lega", "did you mean `legs`", "fout"],
        ),
        (&["s4d:lim:8"], &["lim", "did you mean `lin`", "quad"]),
        (&["hipo:legs:8"], &["did you mean `hippo`", "companion"]),
        (&["hippo:legs"], &["hippo:FAMILY:STATE"]),
        (&["hippo:legs:0"], &["state is 0"]),
        (&["hippo:legs:100000"], &["100000", "at most 512"]),
        (&["s4d:lin:7"], &["7", "even"]),
        (
            &["hippo:legs:8", "--step", "0"],
            &["step_size", "0", "above zero"],
        ),
        (&["hippo:legs:8", "--step", "-1"], &["step_size", "-1"]),
        (&["hippo:legs:8", "--length", "0"], &["length is 0"]),
        (&["hippo:legs:8", "--length", "9999999"], &["9999999"]),
        (&["companion:9", "--length", "5000"], &["kernel", "finite"]),
    ];
    for (arguments, words) in cases {
        let mut all = vec!["inspect", "--matrix"];
        all.extend(*arguments);
        all.extend(["--out", "never"]);
        world.run(&all).fails(2, words);
        assert!(!world.path("never").exists(), "{arguments:?}");
    }
    world.write("file", "x");
    world
        .run(&["inspect", "--matrix", "shift:2", "--out", "file"])
        .fails(2, &["--out", "file"]);
}

#[test]
fn inspect_when_given_nothing_or_both_is_wrong_usage() {
    let world = World::new();
    for arguments in [
        &["inspect"][..],
        &["inspect", "run", "--matrix", "shift:2"],
        &["inspect", "run", "--step", "0.1"],
    ] {
        let done = world.run(arguments);
        assert_eq!(done.code, Some(2), "{done:?}");
    }
}
