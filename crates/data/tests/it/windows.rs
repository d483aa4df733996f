//! Windows: pure functions of seed and step, every held-out byte once.

use proptest::prelude::*;
use resolvent_data::corpus::{Corpus, TextFile};
use resolvent_data::windows::{ByteStream, EvalWindows, SEPARATOR, TrainWindows};

fn stream(text: &str) -> ByteStream {
    let file = TextFile::new("a", text.as_bytes().to_vec());
    ByteStream::new(&Corpus::new("x", vec![file]))
}

fn counting(length: usize) -> ByteStream {
    let bytes = (0..length).map(|i| 1 + (i % 255) as u8).collect();
    ByteStream::new(&Corpus::new("x", vec![TextFile::new("a", bytes)]))
}

#[test]
fn stream_when_made_of_files_puts_a_separator_before_each() {
    let files = ["ab", "c"].map(|text| TextFile::new(text, text.as_bytes().to_vec()));
    let stream = ByteStream::new(&Corpus::new("x", files.to_vec()));
    assert_eq!(stream.bytes(), b"\0ab\0c");
}

#[test]
fn batch_when_drawn_out_of_order_is_the_same() {
    let windows = || TrainWindows::new(counting(500), 16, 3, 9).unwrap();
    let forward: Vec<_> = (0..20).map(|step| windows().batch(step)).collect();
    for step in (0..20).rev() {
        assert_eq!(windows().batch(step), forward[step as usize]);
    }
    assert_ne!(forward[0], forward[1]);
    let other = TrainWindows::new(counting(500), 16, 3, 10).unwrap();
    assert_ne!(other.batch(0), forward[0]);
}

#[test]
fn batch_when_cut_from_a_text_is_inputs_and_the_next_tokens() {
    let windows = TrainWindows::new(counting(200), 8, 2, 0).unwrap();
    let batch = windows.batch(0);
    let (inputs, targets) = (batch.inputs(), batch.targets());
    assert_eq!((inputs.len(), targets.len()), (16, 16));
    assert!(
        inputs
            .iter()
            .zip(&targets)
            .all(|(input, target)| input + 1 == *target)
    );
}

#[test]
fn windows_when_the_text_is_too_short_name_the_numbers() {
    let error = TrainWindows::new(stream("abcd"), 5, 1, 0)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has 5 bytes") && error.contains("takes 6"),
        "{error}"
    );
    assert!(TrainWindows::new(stream("abcd"), 4, 1, 0).is_ok());
    assert!(TrainWindows::new(stream("abcd"), usize::MAX, 1, 0).is_err());
    assert!(TrainWindows::new(stream("abcd"), 0, 1, 0).is_err());
    assert!(TrainWindows::new(stream("abcd"), 2, 0, 0).is_err());
    let empty = ByteStream::new(&Corpus::new("x", vec![]));
    assert!(EvalWindows::new(empty, 4, None).is_err());
    assert!(EvalWindows::new(stream("abcd"), 0, None).is_err());
    assert!(EvalWindows::new(stream("abcd"), 2, Some(0)).is_err());
}

proptest! {
    #[test]
    fn eval_windows_when_any_size_predict_every_byte_once(
        bytes in 1usize..300, length in 1usize..40, limit in proptest::option::of(1usize..400)
    ) {
        let stream = counting(bytes);
        let windows = EvalWindows::new(stream.clone(), length, limit).unwrap();
        let mut predicted = Vec::new();
        let mut count = 0;
        for window in windows.iter() {
            prop_assert_eq!(window.start, predicted.len());
            prop_assert_eq!(window.inputs().len(), window.targets().len());
            prop_assert_eq!(window.inputs()[0], stream.bytes()[window.start]);
            prop_assert!((1..=length).contains(&window.targets().len()));
            predicted.extend_from_slice(window.targets());
            count += 1;
        }
        let expected = limit.unwrap_or(usize::MAX).min(bytes);
        prop_assert_eq!(&predicted[..], &stream.bytes()[1..=expected]);
        prop_assert_eq!((count, predicted.len()), (windows.len(), windows.predicted()));
        prop_assert!(!predicted.contains(&SEPARATOR));
    }
}
