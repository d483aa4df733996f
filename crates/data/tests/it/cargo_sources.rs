//! The corpus of locked crates: a made-up cargo home, and the real one.

use std::fs;
use std::path::Path;

use resolvent_data::DataError;
use resolvent_data::corpus::{CargoSources, Corpus, cargo_home, parse_lock};

const LOCK: &str = r#"
version = 4

[[package]]
name = "resolvent-data"
version = "0.1.0"

[[package]]
name = "alpha"
version = "1.0.0"
source = "registry+https://example.org/index"
checksum = "00"

[[package]]
name = "alpha"
version = "2.0.0"
source = "sparse+https://example.org/index"

[[package]]
name = "windows-sys"
version = "0.1.0"
source = "registry+https://example.org/index"

[[package]]
name = "absent"
version = "0.3.1+build.7"
source = "registry+https://example.org/index"

[[package]]
name = "from-git"
version = "0.1.0"
source = "git+https://example.org/repo"
"#;

fn made_up_home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = home.path().join("registry/src/index-0123").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    for i in 0..40 {
        let old = format!("// file {i} of the old version");
        let new = format!("// file {i} of the new version");
        write(&format!("alpha-1.0.0/src/f{i}.rs"), old.as_bytes());
        write(&format!("alpha-2.0.0/src/f{i}.rs"), new.as_bytes());
    }
    write("alpha-1.0.0/src/same.rs", b"// the same in both");
    write("alpha-2.0.0/src/same.rs", b"// the same in both");
    write("alpha-2.0.0/README.md", b"not a source");
    write("alpha-2.0.0/src/latin.rs", b"// caf\xe9");
    write("alpha-2.0.0/src/table.rs", &vec![b'1'; (256 << 10) + 1]);
    write("windows-sys-0.1.0/src/lib.rs", b"// bindings");
    write("from-git-0.1.0/src/lib.rs", b"// not from a registry");
    home
}

#[test]
fn from_cargo_sources_when_a_home_is_given_takes_what_the_lock_pins() {
    let home = made_up_home();
    let corpus = Corpus::from_cargo_sources(LOCK, home.path()).unwrap();
    assert_eq!(corpus.files.len(), 81);
    assert!(
        corpus
            .files
            .iter()
            .all(|file| file.name.starts_with("alpha-"))
    );
    let omissions = &corpus.omissions;
    assert_eq!(omissions.missing_packages, ["absent-0.3.1+build.7"]);
    assert_eq!((omissions.oversized, omissions.binary), (1, 1));
    assert_eq!((omissions.duplicates, omissions.binding_packages), (1, 1));
    let again = Corpus::from_cargo_sources(LOCK, home.path()).unwrap();
    assert_eq!(again.fingerprint(), corpus.fingerprint());
}

#[test]
fn split_when_a_crate_has_two_versions_keeps_both_on_one_side() {
    let home = made_up_home();
    let corpus = Corpus::from_cargo_sources(LOCK, home.path()).unwrap();
    let split = corpus.split(0.3, 0).unwrap();
    let key = |name: &str| name.split_once('/').unwrap().1.to_owned();
    let held_out: Vec<String> = split.held_out.files.iter().map(|f| key(&f.name)).collect();
    assert!(!held_out.is_empty());
    assert!(
        split
            .train
            .files
            .iter()
            .all(|file| !held_out.contains(&key(&file.name)))
    );
}

#[test]
fn take_bytes_when_listing_reads_only_what_fits() {
    let home = made_up_home();
    let sources = CargoSources::list(LOCK, home.path()).unwrap();
    let all = sources.bytes();
    let corpus = sources.take_bytes(all / 2, 5).read().unwrap();
    assert!(corpus.bytes() <= all / 2 && corpus.bytes() > all / 4);
}

#[test]
fn from_cargo_sources_when_nothing_is_unpacked_says_what_to_do() {
    let home = tempfile::tempdir().unwrap();
    let error = Corpus::from_cargo_sources(LOCK, home.path()).unwrap_err();
    assert!(matches!(error, DataError::Unreadable { .. }), "{error}");
    fs::create_dir_all(home.path().join("registry/src/index")).unwrap();
    let error = Corpus::from_cargo_sources(LOCK, home.path()).unwrap_err();
    assert!(error.to_string().contains("cargo fetch"), "{error}");
}

#[test]
fn parse_lock_when_a_name_would_leave_the_folder_is_an_error() {
    for name in ["../../etc", "a/b", "", ".."] {
        let lock = format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"");
        assert!(parse_lock(&lock).is_err(), "{name}");
    }
    assert!(
        parse_lock("[[package]]\nname = 3")
            .unwrap_err()
            .to_string()
            .contains("name")
    );
    assert_eq!(parse_lock("").unwrap(), []);
}

#[test]
fn list_when_given_this_workspace_finds_the_crates_it_was_built_from() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let Ok(lock) = fs::read_to_string(lock) else {
        println!("skipped: run `cargo generate-lockfile`");
        return;
    };
    let home = cargo_home().unwrap();
    if !home.join("registry/src").is_dir() {
        println!("skipped: run `cargo fetch` (the crates may be vendored)");
        return;
    }
    let sources = CargoSources::list(&lock, &home).unwrap();
    let corpus = sources.take_bytes(2 << 20, 0).read().unwrap();
    println!(
        "{} files, {} bytes; {}",
        corpus.files.len(),
        corpus.bytes(),
        corpus.omissions
    );
    assert!(corpus.bytes() > 1 << 20);
}
