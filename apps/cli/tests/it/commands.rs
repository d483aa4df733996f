//! Each command once, as it is meant.

use std::fs;

use serde_json::Value;

use crate::world::{World, metrics};

#[test]
fn quickstart_when_it_ends_leaves_the_whole_folder() {
    let world = World::new();
    let done = world.quickstart(&["--steps", "3", "--json"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let run = world.path("runs/quickstart-1");
    for name in [
        "config.json",
        "model.safetensors",
        "recipe.toml",
        "metrics.jsonl",
        "report.html",
        "checkpoints/step-00000003/progress.json",
    ] {
        assert!(run.join(name).is_file(), "{name} is missing");
    }
    let steps = metrics(&run)
        .iter()
        .filter(|it| it["kind"] == "step")
        .count();
    assert_eq!(steps, 3);
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let results = &document["results"];
    assert_eq!(results["baselines"].as_array().unwrap().len(), 6);
    let bits = results["score"]["bits_per_byte"].as_f64().unwrap();
    assert!(bits > 0.0 && bits < 9.0, "{bits}");
    let page = fs::read_to_string(run.join("report.html")).unwrap();
    assert_eq!(page.matches("<svg").count(), 2);
    assert!(page.contains(results["corpus"]["fingerprint"].as_str().unwrap()));
}

#[test]
fn quickstart_when_repeated_takes_the_next_folder_and_gives_the_same_metrics() {
    let world = World::new();
    for _ in 0..2 {
        let done = world.quickstart(&["--steps", "3", "--seed", "7"]);
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(done.out.is_empty(), "{done:?}");
    }
    let first = metrics(&world.path("runs/quickstart-1"));
    assert_eq!(first, metrics(&world.path("runs/quickstart-2")));
}

#[test]
fn train_when_given_a_recipe_equals_the_quickstart_of_the_same_values() {
    let world = World::new();
    let run = world.trained();
    fs::copy(run.join("recipe.toml"), world.path("mine.toml")).unwrap();
    let done = world.run(&["train", "mine.toml"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(metrics(&run), metrics(&world.path("runs/mine-1")));
}

#[test]
fn mixers_when_named_all_train_and_continue_a_text() {
    let world = World::new();
    for mixer in ["mamba2-lti", "attention"] {
        let done = world.quickstart(&["--steps", "2", "--mixer", mixer, "--out", mixer]);
        assert_eq!(done.code, Some(0), "{done:?}");
        let done = world.run(&["generate", "--model", mixer, "--tokens", "8"]);
        assert_eq!(done.code, Some(0), "{done:?}");
    }
}

#[test]
fn generation_when_put_aside_goes_on_as_if_it_had_not_been() {
    let world = World::new();
    world.trained();
    let generate = |arguments: &[&str]| {
        let mut all = vec!["generate", "--model", "run", "--temperature", "0"];
        all.extend(arguments);
        let done = world.run(&all);
        assert_eq!(done.code, Some(0), "{done:?}");
        done.out
    };
    let whole = generate(&["--prompt", "let s", "--tokens", "24"]);
    let first = generate(&["--prompt", "let s", "--tokens", "10", "--save-state", "s"]);
    let second = generate(&["--load-state", "s", "--tokens", "14"]);
    assert_eq!(whole, first + &second);
}

#[test]
fn inspect_when_asked_for_json_counts_what_the_file_holds() {
    let world = World::new();
    world.trained();
    let done = world.run(&["inspect", "run", "--json", "--length", "100"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let document: Value = serde_json::from_str(&done.out).unwrap();
    let parameters = document["parameters"].as_array().unwrap();
    let counted: u64 = parameters
        .iter()
        .map(|it| it["count"].as_u64().unwrap())
        .sum();
    assert_eq!(document["costs"]["parameters"], counted);
    assert_eq!(document["costs"]["state_bytes_per_further_position"], 0);
    let shown = world.run(&["inspect", "run"]);
    assert!(
        shown.out.contains("backbone.layers.0.mixer.A_log"),
        "{shown:?}"
    );
}

#[test]
fn systems_when_listed_are_all_there() {
    let world = World::new();
    let done = world.run(&["systems", "--json"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let list: Value = serde_json::from_str(&done.out).unwrap();
    let systems = list.as_array().unwrap();
    assert_eq!(systems.iter().filter(|it| it["base"] == false).count(), 39);
    let shown = world.run(&["systems"]);
    for system in systems {
        assert!(shown.out.contains(system["slug"].as_str().unwrap()));
    }
}

#[test]
fn names_when_unknown_list_the_known_ones() {
    let world = World::new();
    world
        .run(&["reproduce", "mambo"])
        .fails(2, &["mambo", "mamba"]);
    world
        .run(&["reproduce", "mamba", "--seeds", "1,1"])
        .fails(2, &["seeds", "1"]);
    world.run(&["bench", "sdd"]).fails(2, &["sdd", "ssd"]);
}
