//! JSON errors name file, field, value and what is expected.

use std::fs;
use std::path::Path;

use resolvent_formats::{FormatError, parse_json, read_json, write_json_atomic};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    width: u32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    name: String,
    layers: Vec<Layer>,
}

fn message(text: &str) -> String {
    parse_json::<Config>(text.as_bytes(), Path::new("config.json"))
        .unwrap_err()
        .to_string()
}

#[test]
fn read_json_when_written_by_us_gives_the_same_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    let config = Config {
        name: "a \"quoted\" name".into(),
        layers: vec![Layer { width: 3 }],
    };
    write_json_atomic(&path, &config).unwrap();
    assert_eq!(read_json::<Config>(&path).unwrap(), config);
    assert!(fs::read_to_string(&path).unwrap().ends_with("}\n"));
}

#[test]
fn parse_json_when_a_type_is_wrong_names_file_field_value_and_expectation() {
    let text = message(r#"{"name": "x", "layers": [{"width": 1}, {"width": "wide"}]}"#);
    for part in ["config.json", "layers[1].width", "wide", "u32", "line 1"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert!(message(r#"{"name": "x", "layers": [{"width": -1}]}"#).contains("-1"));
}

#[test]
fn parse_json_when_a_field_is_unknown_or_missing_names_it() {
    let text = message(r#"{"name": "x", "layers": [{"widht": 1}]}"#);
    assert!(text.contains("widht") && text.contains("`width`"), "{text}");
    assert!(message(r#"{"name": "x"}"#).contains("layers"));
}

#[test]
fn parse_json_when_text_follows_or_is_cut_is_an_error() {
    assert!(message(r#"{"name": "x", "layers": []} {}"#).contains("trailing"));
    assert!(message(r#"{"name": "x", "lay"#).contains("EOF"));
    assert!(message(&"[".repeat(100_000)).contains("config.json"));
}

#[test]
fn read_json_when_the_path_is_no_readable_file_says_which() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_path_buf(), folder.path().join("absent")] {
        let error = read_json::<Config>(&path).unwrap_err();
        assert!(matches!(error, FormatError::Read { .. }));
        assert!(error.to_string().contains(path.to_str().unwrap()));
    }
}

#[test]
fn read_json_when_the_file_is_huge_refuses_before_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge.json");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = read_json::<Config>(&path).unwrap_err();
    assert!(matches!(error, FormatError::TooLarge { bytes, .. } if bytes == 1 << 40));
}
