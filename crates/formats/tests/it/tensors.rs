//! Safetensors: round trips, agreement with the safetensors crate, typed errors.

use std::fs;

use half::{bf16, f16};
use proptest::prelude::*;
use resolvent_formats::{Dtype, FormatError, TensorData, TensorMap};

const DTYPES: [Dtype; 13] = [
    Dtype::Bool,
    Dtype::U8,
    Dtype::I8,
    Dtype::U16,
    Dtype::I16,
    Dtype::F16,
    Dtype::BF16,
    Dtype::U32,
    Dtype::I32,
    Dtype::F32,
    Dtype::U64,
    Dtype::I64,
    Dtype::F64,
];

fn tensor() -> impl Strategy<Value = TensorData> {
    let shape = proptest::collection::vec(0usize..5, 0..4);
    (proptest::sample::select(&DTYPES[..]), shape, any::<u8>()).prop_map(|(dtype, shape, first)| {
        let length = dtype.bytes_of(&shape).unwrap();
        let bytes = (0..length).map(|i| first.wrapping_add(i as u8)).collect();
        TensorData::from_bytes(dtype, shape, bytes).unwrap()
    })
}

fn map() -> impl Strategy<Value = TensorMap> {
    let tensors = proptest::collection::btree_map("[a-z.\"\\\\é]{1,12}", tensor(), 0..6);
    let metadata = proptest::collection::btree_map(".{0,8}", ".{0,8}", 0..4);
    (tensors, metadata).prop_map(|(tensors, metadata)| {
        let mut map = TensorMap::new();
        for (name, tensor) in tensors {
            map.insert(name, tensor).unwrap();
        }
        for (key, value) in metadata {
            map.set_metadata(key, value);
        }
        map
    })
}

proptest! {
    #[test]
    fn parse_when_written_by_us_gives_the_same_map(map in map()) {
        let bytes = map.to_bytes().unwrap();
        prop_assert_eq!(TensorMap::parse(&bytes).unwrap(), map);
    }

    #[test]
    fn to_f32_when_made_from_f32_is_the_same(values: Vec<f32>) {
        let data = TensorData::from_f32(vec![values.len()], &values).unwrap();
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&data.to_f32()), bits(&values));
    }

    #[test]
    fn to_i64_when_made_from_i64_is_the_same(values: Vec<i64>) {
        let data = TensorData::from_i64(vec![values.len()], &values).unwrap();
        prop_assert_eq!(data.to_i64().unwrap(), values);
    }

    #[test]
    fn to_f32_when_stored_narrow_rounds_to_nearest(values: Vec<f32>) {
        let shape = vec![values.len()];
        let narrow = TensorData::from_f32_as_bf16(shape.clone(), &values).unwrap().to_f32();
        let half = TensorData::from_f32_as_f16(shape, &values).unwrap().to_f32();
        for ((value, narrow), half) in values.iter().zip(narrow).zip(half) {
            prop_assert_eq!(narrow.to_bits(), bf16::from_f32(*value).to_f32().to_bits());
            prop_assert_eq!(half.to_bits(), f16::from_f32(*value).to_f32().to_bits());
        }
    }
}

fn sample() -> TensorMap {
    let mut map = TensorMap::new();
    map.set_metadata("format", "pt");
    let values: Vec<f32> = (0..6).map(|i| i as f32).collect();
    for name in ["backbone.layers.0.mixer.A_log", "backbone.norm_f.weight"] {
        let data = TensorData::from_f32(vec![2, 3], &values).unwrap();
        map.insert(name, data).unwrap();
    }
    let narrow = TensorData::from_f32_as_bf16(vec![6], &values).unwrap();
    map.insert("narrow", narrow).unwrap();
    map.insert("step", TensorData::from_i64(vec![], &[41]).unwrap())
        .unwrap();
    map.insert("empty", TensorData::from_f64(vec![0, 4], &[]).unwrap())
        .unwrap();
    map
}

#[test]
fn to_bytes_when_compared_with_the_safetensors_crate_is_identical() {
    let map = sample();
    let views = map.iter().map(|(name, data)| {
        let dtype = match data.dtype() {
            Dtype::F32 => safetensors::Dtype::F32,
            Dtype::BF16 => safetensors::Dtype::BF16,
            Dtype::I64 => safetensors::Dtype::I64,
            _ => safetensors::Dtype::F64,
        };
        let shape = data.shape().to_vec();
        let view = safetensors::tensor::TensorView::new(dtype, shape, data.bytes());
        (name.to_owned(), view.unwrap())
    });
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let theirs = safetensors::serialize(views, Some(metadata)).unwrap();
    assert_eq!(map.to_bytes().unwrap(), theirs);
    assert_eq!(TensorMap::parse(&theirs).unwrap(), map);
}

#[test]
fn read_when_truncated_at_any_byte_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    sample().write(&path).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        assert!(TensorMap::parse(&whole[..length]).is_err(), "{length}");
    }
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let error = TensorMap::read(&path).unwrap_err();
    assert!(matches!(error, FormatError::Safetensors { .. }));
    let text = error.to_string();
    assert!(
        text.contains("cut.safetensors") && text.contains("truncated"),
        "{text}"
    );
}

#[test]
fn parse_when_any_header_byte_is_changed_never_panics() {
    let whole = sample().to_bytes().unwrap();
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    for place in 0..header {
        for value in [0, b' ', b'"', b'0', b'9', b'}', 0x80, 0xff] {
            let mut damaged = whole.clone();
            damaged[place] = value;
            let _ = TensorMap::parse(&damaged);
        }
    }
}

#[test]
fn parse_when_the_type_is_not_read_names_tensor_and_type() {
    let header = br#"{"w":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}"#;
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.push(0);
    let text = TensorMap::parse(&file).unwrap_err().to_string();
    assert!(text.contains("`w`") && text.contains("F8_E4M3"), "{text}");
}

#[test]
fn get_when_the_name_is_misspelt_suggests_the_closest() {
    let map = sample();
    let error = map.get("backbone.layers.0.mixer.A_lgo").unwrap_err();
    let FormatError::MissingTensor { closest, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(closest.as_deref(), Some("backbone.layers.0.mixer.A_log"));
    let text = TensorMap::new().get("w").unwrap_err().to_string();
    assert!(
        text.contains("`w`") && text.contains("no name is similar"),
        "{text}"
    );
}

#[test]
fn f32_when_the_shape_differs_names_both_shapes() {
    let text = sample()
        .f32("backbone.norm_f.weight", &[3, 2])
        .unwrap_err()
        .to_string();
    for part in ["backbone.norm_f.weight", "[3, 2]", "[2, 3]"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn i64_when_the_tensor_is_floating_names_it() {
    let text = sample().i64("narrow", &[6]).unwrap_err().to_string();
    assert!(text.contains("`narrow`") && text.contains("BF16"), "{text}");
    let unsigned = TensorData::from_bytes(Dtype::U64, vec![1], vec![255; 8]).unwrap();
    assert!(unsigned.to_i64().is_err());
    assert_eq!(unsigned.to_f64(), [u64::MAX as f64]);
}

#[test]
fn from_f32_when_the_values_do_not_fill_the_shape_is_an_error() {
    let error = TensorData::from_f32(vec![2, 2], &[0.0; 3]).unwrap_err();
    assert!(error.to_string().contains("[2, 2]"), "{error}");
    let overflowing = vec![usize::MAX, 8];
    assert!(TensorData::from_f32(overflowing, &[]).is_err());
}

#[test]
fn insert_when_the_name_is_reserved_is_an_error() {
    let data = || TensorData::from_u8(vec![1], &[1]).unwrap();
    let mut map = TensorMap::new();
    assert!(map.insert("__metadata__", data()).is_err());
    assert!(map.insert("", data()).is_err());
    map.insert("a", data()).unwrap();
    assert_eq!(map.take("a").unwrap().into_bytes(), [1]);
    assert!(map.take("a").is_err());
}
