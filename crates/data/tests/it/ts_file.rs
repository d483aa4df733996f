//! `.ts` files in every form that the archives have.

use std::path::Path;

use proptest::prelude::*;
use resolvent_data::ts_file::{TsFile, TsTargets, parse_ts, read_ts};

fn parse(text: &str) -> Result<TsFile, String> {
    parse_ts(text, Path::new("a.ts")).map_err(|error| error.to_string())
}

const RAGGED: &str = "# about\n@PROBLEMNAME Vowels\n@timestamps FALSE\n@Missing true\n@univariate false\n\
    @Dimensions 2\n@equalLength false\n@classlabel TRUE b a\n\n@Data\n1,2,?:3,4,5:a\n-1e3, NaN :0.5,7:b\n";

#[test]
fn ts_when_ragged_with_missing_values_is_read_as_it_stands() {
    let file = parse(RAGGED).unwrap();
    assert_eq!(
        (file.name.as_str(), file.len(), file.channels, file.missing),
        ("Vowels", 2, 2, 2)
    );
    assert_eq!(file.targets, TsTargets::Classes(vec![1, 0]));
    assert_eq!(file.series(0, 1), [3.0, 4.0, 5.0]);
    assert_eq!(file.series(1, 0)[0], -1000.0);
    assert!(file.series(0, 0)[2].is_nan() && file.series(1, 0)[1].is_nan());
    assert_eq!((file.equal_length(), file.lengths()), (None, (2, 3)));
}

#[test]
fn ts_when_univariate_latin1_or_regression_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin.ts");
    std::fs::write(
        &path,
        b"# caf\xe9\n@univariate true\n@classLabel true\n@data\n1,2:x\n3,4:y\n",
    )
    .unwrap();
    let file = read_ts(&path).unwrap();
    assert_eq!(
        (file.classes.as_slice(), file.equal_length()),
        (&["x".to_owned(), "y".to_owned()][..], Some(2))
    );
    let file = parse("@targetLabel true\n@data\n1,2:3,4:-0.5\n").unwrap();
    assert_eq!(
        (file.channels, file.targets),
        (2, TsTargets::Numbers(vec![-0.5]))
    );
    let file = parse("@classLabel false\n@data\n1,2:3,4\n").unwrap();
    assert_eq!((file.channels, file.targets), (2, TsTargets::None));
    let file =
        parse("@equalLength true\n@seriesLength 2\n@classLabel true 0 1\r\n@data\r\n1,2:1\r\n")
            .unwrap();
    assert_eq!(file.targets, TsTargets::Classes(vec![1]));
}

#[test]
fn ts_when_wrong_names_line_and_remedy() {
    let cases = [
        ("", "@data is missing"),
        ("1,2:3\n@data\n", "line 1"),
        ("@dimensions two\n@data\n1", "line 1"),
        ("@equalLength maybe\n@data\n1", "true or false"),
        ("@timeStamps true\n@data\n(0,1):1", "equally spaced"),
        ("@data\n(0,1),(1,2):1", "line 2"),
        ("@data\n", "no case"),
        ("@classLabel true a b\n@data\n1,2:c\n", "one of a, b"),
        ("@classLabel true a b\n@data\n1,2\n", "no `:`"),
        (
            "@dimensions 2\n@classLabel true a\n@data\n1,2:a\n",
            "1 channels, expected 2",
        ),
        ("@classLabel true a\n@data\n1:2:a\n3:a\n", "line 4"),
        (
            "@classLabel true a\n@data\n1,x,3:a\n",
            "channel 1, value 2: \"x\"",
        ),
        ("@classLabel true a\n@data\n1,,3:a\n", "value 2"),
        ("@classLabel true a\n@data\n1,inf:a\n", "infinite"),
        (
            "@equalLength true\n@seriesLength 3\n@classLabel true a\n@data\n1,2:a\n",
            "the head says 3",
        ),
        ("@targetLabel true\n@data\n1,2:nan\n", "no finite number"),
    ];
    for (text, word) in cases {
        let error = parse(text).unwrap_err();
        assert!(
            error.contains(word) && error.contains("a.ts"),
            "{text:?}: {error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn ts_when_damaged_never_panics(
        edits in proptest::collection::vec((any::<u8>(), any::<usize>(), any::<char>()), 0..10)
    ) {
        let mut text: Vec<char> = RAGGED.chars().collect();
        for (kind, place, value) in edits {
            let place = place % text.len();
            match kind % 3 {
                0 => text[place] = value,
                1 => text.insert(place, value),
                _ => drop(text.remove(place)),
            }
        }
        if let Ok(file) = parse(&text.into_iter().collect::<String>()) {
            let mut missing = 0;
            for case in 0..file.len() {
                for channel in 0..file.channels {
                    let series = file.series(case, channel);
                    prop_assert!(!series.is_empty());
                    missing += series.iter().filter(|it| it.is_nan()).count();
                }
            }
            prop_assert_eq!(missing, file.missing);
        }
    }
}
