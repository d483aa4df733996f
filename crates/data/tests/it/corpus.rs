//! Reading folders, splitting, taking a part.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use resolvent_data::DataError;
use resolvent_data::corpus::{Corpus, SplitMethod, TextFile};

/// `count` files of unequal length and different content.
pub fn numbered(count: usize) -> Corpus {
    let files = (0..count).map(|i| {
        let text = format!("file number {i}\n").repeat(1 + i % 7);
        TextFile::new(format!("{i}.txt"), text.into_bytes())
    });
    Corpus::new("numbered", files.collect())
}

fn names(corpus: &Corpus) -> Vec<&str> {
    corpus.files.iter().map(|file| file.name.as_str()).collect()
}

#[test]
fn from_path_when_given_a_folder_reads_its_text_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("b/c")).unwrap();
    fs::create_dir_all(at(".hidden")).unwrap();
    for (name, text) in [
        ("z.txt", "last"),
        ("b/c/x.md", "first"),
        ("b/again.md", "first"),
        ("empty", ""),
        ("picture", "\0\u{1}"),
        (".hidden/y", "not read"),
    ] {
        fs::write(at(name), text).unwrap();
    }
    let corpus = Corpus::from_path(folder.path()).unwrap();
    assert_eq!(names(&corpus), ["b/again.md", "z.txt"]);
    let omissions = &corpus.omissions;
    assert_eq!(
        (omissions.binary, omissions.empty, omissions.duplicates),
        (1, 1, 1)
    );
    assert_eq!(corpus.concatenated(), b"firstlast");
}

#[test]
fn from_path_when_the_input_is_bad_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("empty.txt"), "").unwrap();
    fs::write(at("picture"), "ab\0").unwrap();
    fs::create_dir(at("folder")).unwrap();
    let error = |name: &str| {
        let error = Corpus::from_path(&at(name)).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
        error
    };
    assert!(matches!(error("absent.txt"), DataError::Unreadable { .. }));
    assert!(matches!(error("empty.txt"), DataError::EmptyCorpus { .. }));
    assert!(matches!(error("folder"), DataError::EmptyCorpus { .. }));
    assert!(matches!(
        error("picture"),
        DataError::NotText { offset: 2, .. }
    ));
}

#[test]
fn from_path_when_the_file_is_huge_refuses_before_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.txt");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    for input in [path.as_path(), folder.path()] {
        let error = Corpus::from_path(input).unwrap_err();
        assert!(matches!(error, DataError::TooLarge { .. }), "{error}");
    }
    if Path::new("/dev/zero").exists() {
        assert!(Corpus::from_path(Path::new("/dev/zero")).is_err());
    }
}

#[test]
fn fingerprint_when_name_or_content_or_border_changes_changes() {
    let of = |files: &[(&str, &str)]| {
        let files = files
            .iter()
            .map(|(n, t)| TextFile::new(*n, t.as_bytes().to_vec()));
        Corpus::new("x", files.collect()).fingerprint()
    };
    let reference = of(&[("a", "12"), ("b", "3")]);
    assert_eq!(reference.len(), 64);
    assert_eq!(reference, of(&[("b", "3"), ("a", "12")]));
    for other in [
        of(&[("a", "12"), ("c", "3")]),
        of(&[("a", "12"), ("b", "4")]),
        of(&[("a", "1"), ("b", "23")]),
        of(&[("a", "12")]),
    ] {
        assert_ne!(reference, other);
    }
}

#[test]
fn split_when_other_files_come_and_go_keeps_every_file_on_its_side() {
    let all = numbered(300);
    let half = Corpus::new("half", all.files.iter().step_by(2).cloned().collect());
    let (all, half) = (all.split(0.2, 3).unwrap(), half.split(0.2, 3).unwrap());
    assert_eq!(all.method, SplitMethod::ByFile);
    let held_out: BTreeSet<&str> = names(&all.held_out).into_iter().collect();
    for name in names(&half.held_out) {
        assert!(held_out.contains(name));
    }
    for name in names(&half.train) {
        assert!(!held_out.contains(name));
    }
    let share = held_out.len() as f64 / 300.0;
    assert!((0.1..0.3).contains(&share), "{share}");
}

#[test]
fn split_when_seeds_differ_differs() {
    let corpus = numbered(300);
    let held_out = |seed| corpus.split(0.2, seed).unwrap().held_out.fingerprint();
    assert_eq!(held_out(1), held_out(1));
    assert_ne!(held_out(1), held_out(2));
}

#[test]
fn split_when_there_is_one_file_holds_out_its_end() {
    let corpus = Corpus::new("one", vec![TextFile::new("a", b"0123456789".to_vec())]);
    let split = corpus.split(0.3, 0).unwrap();
    assert_eq!(split.method, SplitMethod::TailOfEachFile);
    assert_eq!(split.train.concatenated(), b"0123456");
    assert_eq!(split.held_out.concatenated(), b"789");
}

#[test]
fn split_when_nothing_can_be_held_out_is_an_error() {
    let corpus = Corpus::new("one", vec![TextFile::new("a", b"0".to_vec())]);
    assert!(matches!(
        corpus.split(0.1, 0),
        Err(DataError::EmptyCorpus { .. })
    ));
    for fraction in [0.0, 1.0, -1.0, f64::NAN] {
        let error = numbered(9).split(fraction, 0).unwrap_err();
        assert!(error.to_string().contains("held-out fraction"), "{error}");
    }
}

#[test]
fn take_bytes_when_nothing_fits_names_the_smallest_file() {
    let error = numbered(5).take_bytes(3, 0).unwrap_err();
    assert!(error.to_string().contains("14"), "{error}");
}

proptest! {
    #[test]
    fn take_bytes_when_limited_keeps_whole_files_within_the_limit(
        count in 1usize..60, limit in 200usize..3000, seed: u64
    ) {
        let all = numbered(count);
        let part = all.take_bytes(limit, seed).unwrap();
        prop_assert!(part.bytes() <= limit);
        prop_assert!(part.files.iter().all(|file| all.files.contains(file)));
        prop_assert!(part.files.windows(2).all(|pair| pair[0].name < pair[1].name));
        prop_assert_eq!(&all.take_bytes(limit, seed).unwrap(), &part);
        prop_assert!(limit < all.bytes() || part == all);
    }

    #[test]
    fn split_when_any_corpus_loses_no_byte(count in 1usize..60, fraction in 0.05f64..0.6, seed: u64) {
        let all = numbered(count);
        let split = all.split(fraction, seed).unwrap();
        prop_assert_eq!(split.train.bytes() + split.held_out.bytes(), all.bytes());
    }
}
