//! Random damage to valid input, through the entry functions that the fuzz targets use: never a panic.

use std::path::Path;

use proptest::prelude::*;
use resolvent_formats::{TensorData, TensorMap, parse_json};

/// Replaces, inserts, removes or cuts at given places; positions wrap around the current length.
pub fn damage(mut bytes: Vec<u8>, edits: &[(u8, usize, u8)]) -> Vec<u8> {
    for &(kind, place, value) in edits {
        let place = place % (bytes.len() + 1);
        match kind % 4 {
            0 if place < bytes.len() => bytes[place] = value,
            1 => bytes.insert(place, value),
            2 if place < bytes.len() => drop(bytes.remove(place)),
            3 if value < 16 => bytes.truncate(place),
            _ => {}
        }
    }
    bytes
}

fn edits() -> impl Strategy<Value = Vec<(u8, usize, u8)>> {
    proptest::collection::vec((any::<u8>(), any::<usize>(), any::<u8>()), 1..8)
}

fn small_file() -> Vec<u8> {
    let mut map = TensorMap::new();
    map.set_metadata("format", "pt");
    let weight = TensorData::from_f32(vec![2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
    map.insert("layers.0.weight", weight).unwrap();
    map.insert("steps", TensorData::from_i64(vec![], &[7]).unwrap())
        .unwrap();
    map.to_bytes().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn parse_safetensors_when_damaged_never_panics(edits in edits()) {
        if let Ok(map) = TensorMap::parse(&damage(small_file(), &edits)) {
            // Whatever was accepted can be written and read again.
            prop_assert_eq!(TensorMap::parse(&map.to_bytes().unwrap()).unwrap(), map);
        }
    }

    #[test]
    fn parse_safetensors_when_the_header_lies_about_its_length_never_panics(length: u64) {
        let mut file = small_file();
        file[..8].copy_from_slice(&length.to_le_bytes());
        prop_assert!(TensorMap::parse(&file).is_err());
    }

    #[test]
    fn parse_json_when_damaged_never_panics(edits in edits()) {
        let text = br#"{"d_model": 64, "layers": [{"mixer": "mamba2", "rate": 1e-3}], "tie": true}"#;
        let _ = parse_json::<serde_json::Value>(&damage(text.to_vec(), &edits), Path::new("x.json"));
    }
}
