//! Tables with one labelled series per row.

use std::path::Path;

use resolvent_data::labelled_table::{LabelledTable, parse_labelled_table};

fn parse(text: &str, label: Option<&str>) -> Result<LabelledTable, String> {
    parse_labelled_table(text.as_bytes(), Path::new("t.csv"), label).map_err(|e| e.to_string())
}

#[test]
fn table_when_named_or_numbered_finds_its_label() {
    for (text, label) in [
        ("kind,a,b\nx,1,2\ny,3,\n", Some("kind")),
        ("x;1;2\ny;3;\n", Some("1")),
        ("a\tb\tkind\n1\t2\tx\n3\t\ty\n", None),
    ] {
        let table = parse(text, label).unwrap();
        assert_eq!(table.labels, ["x", "y"], "{text}");
        assert_eq!(table.series(0), [1.0, 2.0]);
        assert_eq!(table.series(1), [3.0]);
    }
    let gap = parse("?,2,x\n1,2,y\n", None).unwrap();
    assert!(gap.series(0)[0].is_nan() && gap.series(0)[1] == 2.0);
}

#[test]
fn table_when_wrong_names_line_and_column() {
    for (text, label, words) in [
        ("", None, "no row"),
        ("a,b,kind\n", None, "no case"),
        ("1,2,x\n1,two,y\n", None, "line 2: column 2: \"two\""),
        ("1,2,x\n1,inf,y\n", None, "column 2 holds an infinite value"),
        ("1,2,x\n1,y\n", None, "2 fields, expected 3"),
        ("1,2,x\n,,y\n", None, "line 2: the row holds no value"),
        ("1,2,x\n", Some("class"), "no column \"class\""),
        ("1,2,x\n", Some("4"), "position from 1 to 3"),
    ] {
        let error = parse(text, label).unwrap_err();
        assert!(error.contains(words), "{error} lacks {words}");
    }
}
