//! Recipes, texts and folders that cannot work: one paragraph, exit code 2, nothing written.

use crate::world::World;

/// Runs `train` on a recipe that is the tiny one with these lines put over it.
fn train(world: &World, recipe: &str) -> crate::world::Done {
    world.write("recipe.toml", recipe);
    world.run(&["train", "recipe.toml", "--out", "out"])
}

#[test]
fn recipe_when_wrong_names_line_field_value_and_remedy() {
    let cases: &[(&str, &[&str])] = &[
        (
            "[train]\nbacth = 2",
            &["recipe.toml", "line 2", "train.bacth", "batch"],
        ),
        ("[trian]\nbatch = 2", &["trian", "train"]),
        (
            "[train]\nbatch = \"two\"",
            &["line 2", "train.batch", "two", "whole number"],
        ),
        ("[train]\nbatch = 2.5", &["train.batch", "2.5"]),
        ("[train]\nbatch = 0", &["train.batch", "0", "at least 1"]),
        ("[train]\nlength = -4", &["train.length", "-4", "negative"]),
        ("[model]\nhidden_size = 0", &["model.hidden_size", "0"]),
        (
            "[model]\nhidden_size = 100",
            &["model.head_dim", "64", "100 * 2"],
        ),
        (
            "[model]\nmixer = \"mamba9\"",
            &["model.mixer", "mamba9", "mamba2"],
        ),
        (
            "[model]\nvocab_size = 300",
            &["model.vocab_size", "300", "256"],
        ),
        (
            "[model]\nhidden_size = 1048576",
            &["model.hidden_size", "1048576"],
        ),
        ("[train]\nminutes = -1.0", &["train.minutes", "-1"]),
        (
            "[optimiser]\nlearning_rate = nan",
            &["optimiser.learning_rate", "NaN"],
        ),
        (
            "[data]\nsource = \"web\"",
            &["data.source", "web", "cargo-sources"],
        ),
        ("[data]\nsource = \"path\"", &["data.path", "missing"]),
        ("[data]\nheld_out = 1.5", &["data.held_out", "1.5"]),
        ("[train\nbatch = 2", &["recipe.toml", "line 1", "TOML"]),
    ];
    let world = World::new();
    for (recipe, words) in cases {
        train(&world, recipe).fails(2, words);
        assert!(!world.path("out").exists(), "{recipe} left a folder");
    }
}

#[test]
fn flags_when_wrong_are_named() {
    let world = World::new();
    let cases: &[(&[&str], &[&str])] = &[
        (&["--set", "train.bacth=2"], &["train.bacth", "batch"]),
        (&["--set", "train.batch"], &["train.batch", "key=value"]),
        (&["--set", "train.batch=-1"], &["train.batch", "-1"]),
        (&["--minutes", "0"], &["train.minutes", "0"]),
        (&["--minutes", "nan"], &["train.minutes", "NaN"]),
        (&["--steps", "0"], &["train.steps", "0"]),
        (&["--mixer", "mamba9"], &["model.mixer", "mamba9"]),
        (
            &["--seed", "18446744073709551615"],
            &["train.seed", "18446744073709551615"],
        ),
    ];
    for (flags, words) in cases {
        world.quickstart(flags).fails(2, words);
    }
    for flags in [
        &["--steps", "-3"][..],
        &["--steps", "three"],
        &["--stepz", "3"],
    ] {
        let done = world.quickstart(flags);
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(flags.iter().any(|flag| done.err.contains(flag)), "{done:?}");
    }
    assert!(!world.path("runs").exists());
}

#[test]
fn recipe_when_it_cannot_be_read_is_named() {
    let world = World::new();
    world
        .run(&["train", "absent.toml"])
        .fails(2, &["absent.toml", "recipe"]);
    world.run(&["train", "text"]).fails(2, &["text"]);
    world.write("binary.toml", [0xff, 0xfe, 0x00]);
    world
        .run(&["train", "binary.toml"])
        .fails(2, &["binary.toml", "UTF-8"]);
}

#[test]
fn text_when_unusable_is_named_and_leaves_no_folder() {
    let world = World::new();
    world.write("empty.txt", "");
    world.write("short.txt", "too short");
    world.write("zero.txt", b"text\0text".repeat(100));
    std::fs::create_dir(world.path("nothing")).unwrap();
    let cases: &[(&str, &[&str])] = &[
        ("empty.txt", &["empty.txt", "no text"]),
        ("nothing", &["nothing", "no text"]),
        ("absent.txt", &["absent.txt", "cannot read"]),
        ("zero.txt", &["zero.txt", "byte 4"]),
        ("short.txt", &["9 bytes", "34"]),
        ("/dev/null", &["/dev/null"]),
    ];
    for (text, words) in cases {
        // The second --text would be refused, so the arguments are not those of the tiny run.
        let done = world.run(&["quickstart", "--text", text, "--set", "train.length=32"]);
        done.fails(2, words);
    }
    assert!(!world.path("runs").exists());
}

#[cfg(unix)]
#[test]
fn text_when_not_readable_is_named() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    let path = world.write("secret.txt", "text ".repeat(100));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(&path).is_ok() {
        println!("skipped: this user reads every file; run as an ordinary user");
        return;
    }
    let done = world.run(&["quickstart", "--text", "secret.txt"]);
    done.fails(2, &["secret.txt", "ermission"]);
}

#[test]
fn folder_when_it_holds_a_run_is_left_alone() {
    let world = World::new();
    let run = world.trained();
    let before = std::fs::read(run.join("metrics.jsonl")).unwrap();
    let done = world.quickstart(&["--steps", "2", "--out", "run"]);
    done.fails(2, &["run", "already holds a run", "--resume", "--out"]);
    assert_eq!(std::fs::read(run.join("metrics.jsonl")).unwrap(), before);
}

#[test]
fn device_when_this_build_has_it_not_is_named() {
    let world = World::new();
    let mut command = world.command(&["inspect", "run"]);
    let output = command.env("BURN_DEVICE", "cuda").output().unwrap();
    crate::world::finished(output).fails(2, &["BURN_DEVICE", "cuda", "flex"]);
    let flag = world.run(&["inspect", "run", "--device", "tpu"]);
    flag.fails(2, &["--device", "tpu", "flex"]);
}
