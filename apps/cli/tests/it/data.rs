//! `resolvent data`, with a package client of our own in the place of the real ones.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::world::{Done, World, finished};

#[test]
fn data_when_listed_names_every_set_and_says_which_are_here() {
    let world = World::new();
    let done = world.run(&["data", "list", "--json", "--cache", "cache"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let list: Value = serde_json::from_str(&done.out).unwrap();
    let shown = world.run(&["data", "list", "--cache", "cache"]);
    for it in list.as_array().unwrap() {
        assert_eq!(it["cached"], false);
        assert!(it["bytes"].as_u64().unwrap() > 0);
        assert!(shown.out.contains(it["id"].as_str().unwrap()));
    }
    assert!(list.as_array().unwrap().len() > 20);
}

#[test]
fn data_when_shown_has_licence_citation_and_hashes() {
    let world = World::new();
    let done = world.run(&["data", "show", "sunspots", "--cache", "cache"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    for word in [
        "licence",
        "cite",
        "statsmodels",
        "sunspots.csv",
        "SHA-256",
        "data fetch sunspots",
    ] {
        assert!(done.out.contains(word), "no {word} in {}", done.out);
    }
    let done = world.run(&[
        "data",
        "show",
        "fashion-mnist",
        "--json",
        "--cache",
        "cache",
    ]);
    let it: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(it["files"].as_array().unwrap().len(), 4);
}

#[test]
fn data_when_wrongly_named_or_damaged_is_refused() {
    let world = World::new();
    for action in ["show", "fetch"] {
        world
            .run(&["data", action, "sunspot"])
            .fails(2, &["sunspot", "sunspots"]);
        assert_eq!(world.run(&["data", action]).code, Some(2));
    }
    assert_eq!(world.run(&["data"]).code, Some(2));
    fs::create_dir_all(world.path("cache/sunspots")).unwrap();
    world.write("cache/sunspots/sunspots.csv", "YEAR,SUNACTIVITY\n1700,6\n");
    let done = world.run(&["data", "show", "sunspots", "--cache", "cache"]);
    done.fails(1, &["sunspots.csv", "SHA-256"]);
}

/// Runs `data fetch sunspots` with `PATH` set to one folder.
#[cfg(unix)]
fn fetch_with(world: &World, path: &Path) -> Done {
    let mut command = world.command(&["data", "fetch", "sunspots", "--cache", "cache"]);
    finished(command.env("PATH", path).output().unwrap())
}

#[cfg(unix)]
#[test]
fn fetch_when_the_client_is_missing_or_fails_says_so_and_leaves_nothing() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::new();
    let programs = world.path("programs");
    fs::create_dir(&programs).unwrap();
    let done = fetch_with(&world, &programs);
    done.fails(
        1,
        &[
            "sunspots",
            "statsmodels==0.15.0",
            "python3 -m pip",
            "install Python",
        ],
    );
    let client = programs.join("python3");
    let script = "#!/bin/sh\ncase \"$*\" in *--version*) exit 0;; esac\necho 'no route to the index' >&2\nexit 3\n";
    fs::write(&client, script).unwrap();
    fs::set_permissions(&client, fs::Permissions::from_mode(0o755)).unwrap();
    let done = fetch_with(&world, &programs);
    done.fails(
        1,
        &[
            "python3 -m pip download",
            "no route to the index",
            "network",
        ],
    );
    // A client that brings something else.
    let script =
        "#!/bin/sh\ncase \"$*\" in *--version*) exit 0;; esac\necho junk > statsmodels.whl\n";
    fs::write(&client, script).unwrap();
    let done = fetch_with(&world, &programs);
    done.fails(1, &["statsmodels 0.15.0", "statsmodels.whl"]);
    assert_eq!(fs::read_dir(world.path("cache")).unwrap().count(), 0);
}
