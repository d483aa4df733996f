//! The readers of published texts and their stand-ins, on small folders of the same form.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use resolvent_data::DataError;
use resolvent_data::corpus::{Corpus, TextFile};
use resolvent_data::lra::{
    PairOptions, message_body, parse_aan, read_aan, read_brown, read_imdb, read_spam_assassin,
    same_document_pairs,
};
use resolvent_data::sequences::{CharacterVocabulary, PADDED_BYTES, byte_tokens};

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn imdb_when_read_has_both_parts_in_the_order_of_names() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["train", "test"] {
        for (kind, text) in [("pos", "good"), ("neg", "bad")] {
            for i in 0..3 {
                write(
                    folder.path(),
                    &format!("{part}/{kind}/{i}_7.txt"),
                    format!("{part} {text} {i}"),
                );
            }
        }
    }
    write(folder.path(), "train/pos/urls.lst", "not a review");
    let [train, test] = read_imdb(folder.path()).unwrap();
    assert_eq!(
        (train.labels.as_slice(), train.classes),
        (&[0, 0, 0, 1, 1, 1][..], 2)
    );
    assert_eq!(train.get(4), (&b"train good 1"[..], 1));
    assert_eq!(test.get(0), (&b"test bad 0"[..], 0));
    let [kept, held_out] = train.hold_out(0.5, 0).unwrap();
    assert_eq!(kept.len() + held_out.len(), 6);
    assert!(train.hold_out(1.0, 0).is_err());
    fs::remove_dir_all(folder.path().join("test/neg")).unwrap();
    let error = read_imdb(folder.path()).unwrap_err().to_string();
    assert!(error.contains("neg"), "{error}");
}

#[test]
fn tokens_when_made_of_bytes_leave_zero_for_padding() {
    assert_eq!(byte_tokens(&[0, 255, 7], 2), [1, 256]);
    assert!(
        byte_tokens(&[255], 9)
            .iter()
            .all(|it| usize::from(*it) < PADDED_BYTES)
    );
}

#[test]
fn vocabulary_when_fitted_numbers_frequent_characters_of_the_training_part_alone() {
    let folder = tempfile::tempdir().unwrap();
    for part in ["train", "test"] {
        for kind in ["pos", "neg"] {
            write(
                folder.path(),
                &format!("{part}/{kind}/0.txt"),
                "eeee é bb a\u{0}",
            );
        }
    }
    let [train, _] = read_imdb(folder.path()).unwrap();
    let vocabulary = CharacterVocabulary::fit([&train.items], 2).unwrap();
    // e 8, space 6, b 4, then NUL, a and é with 2 each by code point.
    assert_eq!(vocabulary.len(), 3 + 6);
    assert_eq!(
        vocabulary.encode("eb zé".as_bytes(), 10),
        [3, 5, 4, 1, 8, 2]
    );
    assert_eq!(vocabulary.encode(b"eb z", 3), [3, 5, 2]);
    assert_eq!(vocabulary.encode(b"eb z", 0), [0; 0]);
    assert_eq!(
        CharacterVocabulary::fit([&train.items], 5).unwrap().len(),
        3 + 2
    );
    assert!(CharacterVocabulary::fit([&train.items], 0).is_err());
}

#[test]
fn aan_when_read_keeps_pairs_and_cuts_texts() {
    let folder = tempfile::tempdir().unwrap();
    let text = "1\tP1\tP2\tfirst text\tsecond text\n0.0\tP3\tP4\tab\tcd\te\n\n";
    write(folder.path(), "new_aan_pairs.train.tsv", text);
    let pairs = read_aan(&folder.path().join("new_aan_pairs.train.tsv"), 6).unwrap();
    assert_eq!(pairs.labels, [1, 0]);
    assert_eq!(
        (pairs.first.get(0), pairs.second.get(0)),
        (&b"first "[..], &b"second"[..])
    );
    assert_eq!(pairs.second.get(1), b"cd\te");
    assert_eq!(
        parse_aan(text.as_bytes(), 6, Path::new("x")).unwrap(),
        pairs
    );
    for (text, word) in [
        ("1\ta\tb\tc", "4 columns"),
        ("2\ta\tb\tc\td", "label"),
        ("", "no pair"),
    ] {
        let error = parse_aan(text.as_bytes(), 6, Path::new("aan.tsv"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(word) && error.contains("line 1"), "{error}");
    }
}

#[test]
fn spam_assassin_when_read_labels_by_folder_and_drops_heads() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["easy-ham-1", "easy-ham-2", "hard-ham-1", "spam-1", "spam-2"] {
        write(
            folder.path(),
            &format!("{name}/1.txt"),
            format!("Date: x\r\n\r\nbody of {name}"),
        );
        write(folder.path(), &format!("{name}/1.json"), "{}");
    }
    let set = read_spam_assassin(folder.path(), true).unwrap();
    assert_eq!(set.labels, [0, 0, 0, 1, 1]);
    assert_eq!(set.get(3).0, b"body of spam-1");
    assert!(
        read_spam_assassin(folder.path(), false)
            .unwrap()
            .get(3)
            .0
            .starts_with(b"Date")
    );
    assert_eq!(message_body(b"a\n\nb\r\n\r\nc"), b"b\r\n\r\nc");
    assert_eq!(message_body(b"no head"), b"no head");
}

#[test]
fn brown_when_read_loses_its_tags() {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "ca01",
        "\n\n\tThe/at 1\\/2/cd Jury/nn-tl said/vbd ./.\n\n\tNo/at\n",
    );
    write(folder.path(), "cats.txt", "ca01 news");
    write(folder.path(), "README", "about");
    let corpus = read_brown(folder.path()).unwrap();
    assert_eq!(corpus.files.len(), 1);
    assert_eq!(corpus.files[0].bytes, b"The 1\\/2 Jury said .\nNo\n");
}

#[test]
fn pairs_when_drawn_are_balanced_and_true() {
    let file = |i: u8| {
        TextFile::new(
            format!("{i}"),
            (0..500u16)
                .flat_map(|at| [i, (at % 250) as u8 + 1])
                .collect(),
        )
    };
    let corpus = Corpus::new("five", (1..=5).map(file).collect());
    let options = PairOptions {
        window: 64,
        pairs: 400,
        seed: 0,
    };
    let pairs = same_document_pairs(&corpus, options).unwrap();
    assert_eq!(pairs, same_document_pairs(&corpus, options).unwrap());
    let file_of = |window: &[u8]| {
        let counts = (1..=5).map(|i| window.iter().filter(|it| **it == i).count());
        counts.enumerate().max_by_key(|it| it.1).unwrap().0
    };
    for (i, label) in pairs.labels.iter().enumerate() {
        let (first, second) = (pairs.first.get(i), pairs.second.get(i));
        assert_eq!((first.len(), second.len()), (64, 64));
        assert_eq!(u32::from(file_of(first) == file_of(second)), *label);
    }
    let ones: u32 = pairs.labels.iter().sum();
    assert!((150..=250).contains(&ones), "{ones}");
    for window in [0, 501, usize::MAX] {
        let wrong = same_document_pairs(&corpus, PairOptions { window, ..options });
        assert!(matches!(wrong, Err(DataError::OutOfRange { .. })));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn aan_when_damaged_never_panics(bytes in proptest::collection::vec(
        prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'1'), any::<u8>()], 0..80
    ), length in 0usize..10) {
        if let Ok(pairs) = parse_aan(&bytes, length, Path::new("x")) {
            prop_assert!(pairs.first.iter().chain(pairs.second.iter()).all(|it| it.len() <= length));
            prop_assert_eq!(pairs.first.len(), pairs.labels.len());
        }
    }
}
