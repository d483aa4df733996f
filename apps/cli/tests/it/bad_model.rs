//! Model folders and states that are broken or belong elsewhere.

use std::fs;

use crate::world::World;

#[test]
fn model_when_truncated_or_corrupt_is_named() {
    let world = World::new();
    let path = world.trained().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    let mut lying = whole.clone();
    lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    let broken: [&[u8]; 4] = [&whole[..whole.len() / 2], &whole[..5], b"", &lying];
    for bytes in broken {
        fs::write(&path, bytes).unwrap();
        for command in [&["inspect", "run"][..], &["generate", "--model", "run"]] {
            world.run(command).fails(2, &["model.safetensors"]);
        }
    }
}

#[test]
fn model_when_of_another_shape_names_the_tensor_and_both_shapes() {
    let world = World::new();
    let run = world.trained();
    let config = fs::read_to_string(run.join("config.json")).unwrap();
    let wider = config.replace("\"hidden_size\": 32", "\"hidden_size\": 64");
    let wider = wider.replace("\"num_heads\": 4", "\"num_heads\": 8");
    fs::write(run.join("config.json"), wider).unwrap();
    let done = world.run(&["inspect", "run"]);
    done.fails(2, &["backbone.embeddings.weight", "[256, 32]", "[256, 64]"]);
}

#[test]
fn model_when_its_configuration_is_wrong_names_the_field() {
    let world = World::new();
    let run = world.trained();
    let config = fs::read_to_string(run.join("config.json")).unwrap();
    for (from, to, words) in [
        ("\"head_dim\": 16", "\"head_dim\": 15", ["head_dim", "15"]),
        ("\"head_dim\": 16", "\"head_dim\": -16", ["head_dim", "-16"]),
        ("{", "{{", ["config.json", "line 1"]),
    ] {
        fs::write(run.join("config.json"), config.replacen(from, to, 1)).unwrap();
        world.run(&["inspect", "run"]).fails(2, &words);
    }
    world
        .run(&["inspect", "absent"])
        .fails(2, &["absent", "config.json"]);
}

#[test]
fn checkpoint_when_of_another_shape_or_broken_is_refused_by_name() {
    let world = World::new();
    let run = world.trained();
    let other = world.quickstart(&[
        "--steps",
        "2",
        "--out",
        "other",
        "--set",
        "model.hidden_size=64",
    ]);
    assert_eq!(other.code, Some(0), "{other:?}");
    let newest = run.join("checkpoints/step-00000002/model.safetensors");
    fs::copy(world.path("other/model.safetensors"), &newest).unwrap();
    let done = world.run(&["quickstart", "--resume", "--out", "run"]);
    done.fails(2, &["[256, 64]", "[256, 32]"]);

    // A broken one is skipped for the one before it, with a warning that names it.
    fs::write(&newest, b"broken").unwrap();
    let done = world.run(&["quickstart", "--resume", "--out", "run"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("skipping the checkpoint"), "{done:?}");
}

#[test]
fn state_when_it_belongs_elsewhere_is_refused_by_name() {
    let world = World::new();
    world.trained();
    world.write("junk", "no state");
    let load = |state: &str, model: &str| {
        world.run(&["generate", "--model", model, "--load-state", state])
    };
    load("junk", "run").fails(2, &["junk"]);
    load("absent", "run").fails(2, &["absent"]);
    load("run/model.safetensors", "run").fails(2, &["layout"]);
    let wide = [
        "--steps",
        "1",
        "--out",
        "wide",
        "--set",
        "model.state_size=16",
    ];
    assert_eq!(world.quickstart(&wide).code, Some(0));
    let saved = world.run(&[
        "generate",
        "--model",
        "wide",
        "--tokens",
        "3",
        "--save-state",
        "s",
    ]);
    assert_eq!(saved.code, Some(0), "{saved:?}");
    load("s", "run").fails(2, &["s: ", "[1, 96, 3]", "[1, 80, 3]"]);
}

#[test]
fn generation_when_a_flag_cannot_work_names_it() {
    let world = World::new();
    world.trained();
    for temperature in ["-1", "nan", "inf"] {
        let flag = format!("--temperature={temperature}");
        let done = world.run(&["generate", "--model", "run", &flag]);
        done.fails(2, &["temperature"]);
    }
    let done = world.run(&["inspect", "run", "--length", "0"]);
    done.fails(2, &["--length", "0"]);
}
