//! IDX and CIFAR files.

use std::io::Write;
use std::path::Path;

use proptest::prelude::*;
use resolvent_data::DataError;
use resolvent_data::images::{parse_cifar, parse_idx, read_cifar10_grey, read_idx_images};

fn idx(shape: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, shape.len() as u8];
    shape
        .iter()
        .for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn idx_when_plain_or_gzipped_reads_alike() {
    let folder = tempfile::tempdir().unwrap();
    let pixels: Vec<u8> = (0..3 * 2 * 4).collect();
    let images = folder.path().join("images");
    let labels = folder.path().join("labels.gz");
    std::fs::write(&labels, gzip(&idx(&[3], &[1, 0, 2]))).unwrap();
    for packed in [false, true] {
        let bytes = idx(&[3, 2, 4], &pixels);
        std::fs::write(&images, if packed { gzip(&bytes) } else { bytes }).unwrap();
        let set = read_idx_images("small", &images, &labels, 3).unwrap();
        assert_eq!((set.len(), set.height, set.width), (3, 2, 4));
        assert_eq!(set.image(1), (&pixels[8..16], 0));
    }
    let error = read_idx_images("small", &images, &labels, 2)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("label 2") && error.contains("byte 10"),
        "{error}"
    );
    let error = read_idx_images("small", &labels, &images, 3)
        .unwrap_err()
        .to_string();
    assert!(error.contains("[image, height, width]"), "{error}");
}

#[test]
fn idx_when_wrong_names_the_byte() {
    let good = idx(&[2, 2], &[1, 2, 3, 4]);
    let cases: &[(&[u8], &str)] = &[
        (b"", "byte 0"),
        (&good[..3], "byte 3"),
        (&good[..7], "byte 7"),
        (&good[..15], "3 values"),
        (b"\x01\0\x08\x01\0\0\0\0", "byte 0"),
        (b"\0\0\x0d\x01\0\0\0\0", "byte 2"),
        (
            b"\0\0\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            "byte 8",
        ),
    ];
    for (bytes, word) in cases {
        let error = parse_idx(bytes, Path::new("train-images"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(word) && error.contains("train-images"),
            "{error}"
        );
    }
    assert_eq!(
        parse_idx(&good, Path::new("x")).unwrap().values,
        [1, 2, 3, 4]
    );
}

#[test]
fn cifar_when_read_is_grey_and_split() {
    let folder = tempfile::tempdir().unwrap();
    let row = |label: u8, colour: [u8; 3]| {
        let mut row = vec![label];
        colour.iter().for_each(|value| row.extend([*value; 1024]));
        row
    };
    for batch in 1..=5u8 {
        let rows: Vec<u8> = (0..4).flat_map(|i| row(i, [batch, 10 * i, 255])).collect();
        std::fs::write(folder.path().join(format!("data_batch_{batch}.bin")), rows).unwrap();
    }
    let colours = [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 255],
        [123, 45, 67],
    ];
    let rows: Vec<u8> = colours.iter().flat_map(|it| row(9, *it)).collect();
    std::fs::write(folder.path().join("test_batch.bin"), rows).unwrap();
    let parts = read_cifar10_grey(folder.path(), 0).unwrap();
    assert_eq!(
        (parts.train.len(), parts.validation.len(), parts.test.len()),
        (18, 2, 5)
    );
    // Pillow: Image.new("RGB", (1, 1), colour).convert("L")
    let grey: Vec<u8> = (0..5).map(|i| parts.test.image(i).0[1023]).collect();
    assert_eq!(grey, [76, 150, 29, 255, 71]);
    assert_eq!(read_cifar10_grey(folder.path(), 0).unwrap(), parts);
    assert!(read_cifar10_grey(&folder.path().join("none"), 0).is_err());
    for (bytes, word) in [(vec![0; 3072], "row 0"), (row(10, [0; 3]), "label 10")] {
        let error = parse_cifar(&bytes, Path::new("test_batch.bin"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn select_when_a_position_is_missing_names_it() {
    let bytes = [vec![3; 3073], vec![4; 3073]].concat();
    let set = parse_cifar(&bytes, Path::new("x")).unwrap();
    assert_eq!(set.select(&[1, 1]).unwrap().labels, [4, 4]);
    assert!(matches!(
        set.select(&[2]),
        Err(DataError::OutOfRange { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn idx_when_damaged_never_panics(
        edits in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..6), cut in 0usize..24
    ) {
        let mut bytes = idx(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        for (place, value) in edits {
            let place = place % bytes.len();
            bytes[place] = value;
        }
        bytes.truncate(bytes.len().saturating_sub(cut));
        if let Ok(array) = parse_idx(&bytes, Path::new("x")) {
            prop_assert_eq!(array.shape.iter().product::<usize>(), array.values.len());
        }
    }
}
