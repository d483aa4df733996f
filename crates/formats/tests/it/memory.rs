//! Parsing a hostile file stays within four times its size.

use std::fs;

use resolvent_formats::TensorMap;

use crate::children;

/// A file whose header is all shape: `{"a":{"dtype":"U8","shape":[0,1,1,...],"data_offsets":[0,0]}}`.
fn file_of_one_long_shape(axes: usize) -> Vec<u8> {
    let shape = format!("0{}", ",1".repeat(axes - 1));
    file_of_header(format!(
        r#"{{"a":{{"dtype":"U8","shape":[{shape}],"data_offsets":[0,0]}}}}"#
    ))
}

fn file_of_many_empty_tensors(tensors: usize) -> Vec<u8> {
    let entries: Vec<String> = (0..tensors)
        .map(|i| format!(r#""{i}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#))
        .collect();
    file_of_header(format!("{{{}}}", entries.join(",")))
}

/// Just under the bound of the look-ahead: the parser has to work through it.
fn file_of_a_long_escaped_name_and_shape() -> Vec<u8> {
    let name = "\\n".repeat(8 << 20);
    let shape = format!("0{}", ",1".repeat(340_000));
    file_of_header(format!(
        r#"{{"{name}":{{"dtype":"U8","shape":[{shape}],"data_offsets":[0,0]}}}}"#
    ))
}

fn file_of_header(header: String) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.into_bytes());
    file
}

#[test]
fn read_when_the_header_is_hostile_allocates_at_most_four_times_the_file() {
    if let Some(path) = children::role() {
        let before = peak_kib();
        let _ = TensorMap::read(path.as_ref());
        println!("grown {} KiB", peak_kib() - before);
        return;
    }
    if !std::path::Path::new("/proc/self/status").exists() {
        println!("skipped: run on Linux, where a process can read its own peak memory");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.safetensors");
    for file in [
        file_of_one_long_shape(8 << 20),
        file_of_many_empty_tensors(300_000),
        file_of_a_long_escaped_name_and_shape(),
    ] {
        fs::write(&path, &file).unwrap();
        let child = children::spawn(
            "memory::read_when_the_header_is_hostile_allocates_at_most_four_times_the_file",
            path.to_str().unwrap(),
        );
        let output = child.wait_with_output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let (_, after) = output.split_once("grown ").expect("the child's line");
        let grown: usize = after.split(' ').next().unwrap().parse().unwrap();
        let file_kib = file.len() >> 10;
        println!("a file of {file_kib} KiB took {grown} KiB");
        assert!(grown <= 4 * file_kib, "{grown} KiB for {file_kib} KiB");
    }
}

fn peak_kib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn parse_when_a_small_file_is_nearly_all_header_accepts_it() {
    assert_eq!(
        TensorMap::parse(&file_of_many_empty_tensors(500))
            .unwrap()
            .len(),
        500
    );
}
