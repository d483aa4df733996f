//! The manifest, and fetching with clients that are not there.

use std::collections::HashSet;
use std::path::Path;

use resolvent_data::DataError;
use resolvent_data::packages::{
    Client, Content, DATA_SETS, DataSet, FetchEvent, PackedFile, PackedFolder, fetch,
};

#[test]
fn manifest_when_read_is_whole_and_unambiguous() {
    let mut ids = HashSet::new();
    for it in DATA_SETS {
        assert!(ids.insert(it.id), "{} stands twice", it.id);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(it.id.chars().all(plain), "{}", it.id);
        assert!(!it.about.is_empty() && !it.licence.is_empty() && !it.citation.is_empty());
        assert!(!it.package.contains("://") && !it.citation.contains("://"));
        let hash = |text: &str| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
        match it.content {
            Content::Files(files) => {
                let names: HashSet<&str> = files.iter().map(PackedFile::name).collect();
                assert_eq!(names.len(), files.len(), "{}: two files of one name", it.id);
                assert!(files.iter().all(|file| hash(file.sha256) && file.bytes > 0));
            }
            Content::Folder(folder) => assert!(hash(folder.sha256) && folder.files > 0),
        }
        assert_eq!(DataSet::find(it.id).unwrap(), it);
    }
    let near = DataSet::find("japanese-vowel").unwrap_err().to_string();
    assert!(near.contains("japanese-vowels"), "{near}");
    let far = DataSet::find("xyzzy").unwrap_err().to_string();
    assert!(far.contains("data list"), "{far}");
}

const FILES: &[PackedFile] = &[PackedFile {
    member: "a/b.txt",
    bytes: 5,
    // Of "hello".
    sha256: "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
}];

fn data_set(package: &'static str) -> DataSet {
    DataSet {
        id: "small",
        about: "",
        licence: "",
        citation: "",
        client: Client::Cargo,
        package,
        version: "0.0.0",
        content: Content::Files(FILES),
    }
}

#[test]
fn fetch_when_cached_checks_the_hash_and_calls_no_client() {
    let cache = tempfile::tempdir().unwrap();
    let it = data_set("no-such-package-of-ours");
    std::fs::create_dir(cache.path().join("small")).unwrap();
    std::fs::write(cache.path().join("small/b.txt"), "hello").unwrap();
    let folder = fetch(&it, cache.path(), &mut |event| panic!("{event:?}")).unwrap();
    assert_eq!(folder, cache.path().join("small"));
    assert_eq!(it.verify(cache.path()).unwrap(), [folder.join("b.txt")]);
    for (text, word) in [
        ("hellp", "5 bytes"),
        ("hell", "4 bytes"),
        ("hello, world", "at least 6 bytes"),
    ] {
        std::fs::write(folder.join("b.txt"), text).unwrap();
        let error = it.verify(cache.path()).unwrap_err();
        assert!(matches!(error, DataError::Mismatch { .. }) && !error.is_bad_input());
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn fetch_when_stopped_leaves_nothing() {
    let cache = tempfile::tempdir().unwrap();
    let mut events = 0;
    let result = fetch(
        &data_set("no-such-package-of-ours"),
        cache.path(),
        &mut |event| {
            events += 1;
            assert!(
                matches!(event, FetchEvent::Running(command) if command.starts_with("cargo vendor"))
            );
            false
        },
    );
    assert!(matches!(result, Err(DataError::Interrupted)), "{result:?}");
    assert_eq!(events, 1);
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn folder_when_a_member_would_leave_it_takes_it_not() {
    let folder = PackedFolder {
        prefix: "package/data",
        suffix: ".txt",
        files: 0,
        bytes: 0,
        sha256: "",
    };
    assert_eq!(folder.name_of("package/data/a/b.txt"), Some("a/b.txt"));
    for name in [
        "package/data/../x.txt",
        "package/data//x.txt",
        "package/data/a/./x.txt",
        "package/database/x.txt",
        "package/data/x.json",
        "package/data/c:\\x.txt",
        "x.txt",
    ] {
        assert_eq!(folder.name_of(name), None, "{name}");
    }
    let listed = DataSet {
        content: Content::Folder(folder),
        ..data_set("x")
    };
    let cache = tempfile::tempdir().unwrap();
    std::fs::create_dir(cache.path().join("small")).unwrap();
    std::fs::write(cache.path().join("small/a.txt"), "a").unwrap();
    let error = listed.verify(cache.path()).unwrap_err();
    assert!(matches!(error, DataError::Mismatch { .. }), "{error}");
    assert!(!listed.is_cached(Path::new("/nowhere")));
}
