//! Baselines: probabilities that sum to one, hand-computed entropies, agreement with the two-pass definition.

use proptest::prelude::*;
use resolvent_data::DataError;
use resolvent_data::baselines::{NgramModel, xz_bits_per_byte, xz_primed_bits_per_byte};
use resolvent_data::corpus::{Corpus, TextFile};

fn corpus(texts: &[&[u8]]) -> Corpus {
    let files = texts.iter().enumerate();
    let files = files.map(|(i, text)| TextFile::new(i.to_string(), text.to_vec()));
    Corpus::new("test", files.collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn probability_when_summed_over_all_bytes_is_one(
        order in 0usize..=3,
        text in proptest::collection::vec(1u8..5, 1..200),
        context in proptest::collection::vec(1u8..6, 0..5),
    ) {
        let model = NgramModel::train(order, &corpus(&[&text])).unwrap();
        let sum: f64 = (0..=255).map(|next| model.probability(&context, next)).sum();
        prop_assert!((sum - 1.0).abs() < 1e-12, "{}", sum);
    }

    #[test]
    fn probability_when_counted_by_hand_is_the_same(
        order in 0usize..=3,
        text in proptest::collection::vec(prop_oneof![1u8..4, 254u8..=255], 1..200),
        context in proptest::collection::vec(prop_oneof![1u8..4, 254u8..=255], 0..5),
        next: u8,
    ) {
        let model = NgramModel::train(order, &corpus(&[&text])).unwrap();
        let expected = witten_bell(order.min(context.len()), &text, &context, next);
        let found = model.probability(&context, next);
        prop_assert!((found / expected - 1.0).abs() < 1e-12, "{} {}", found, expected);
    }
}

/// The formula of the documentation, by scanning the text.
fn witten_bell(order: usize, text: &[u8], context: &[u8], next: u8) -> f64 {
    let lower = match order {
        0 => 1.0 / 256.0,
        _ => witten_bell(order - 1, text, context, next),
    };
    let h = &context[context.len() - order..];
    let after: Vec<u8> = text
        .windows(order + 1)
        .filter(|window| window.starts_with(h))
        .map(|window| window[order])
        .collect();
    let distinct = (0..=255).filter(|byte| after.contains(byte)).count() as f64;
    let count = after.iter().filter(|byte| **byte == next).count() as f64;
    if after.is_empty() {
        lower
    } else {
        (count + distinct * lower) / (after.len() as f64 + distinct)
    }
}

#[test]
fn bits_per_byte_when_order_zero_is_near_the_entropy_of_the_counts() {
    let text = b"aabc".repeat(10_000);
    let model = NgramModel::train(0, &corpus(&[&text])).unwrap();
    let bits = model.bits_per_byte(&corpus(&[b"aabc"])).unwrap();
    assert!((bits - 1.5).abs() < 1e-3, "{bits}");
    let trigram = NgramModel::train(2, &corpus(&[&text])).unwrap();
    assert!(trigram.bits_per_byte(&corpus(&[&text])).unwrap() < 0.01);
}

#[test]
fn bits_per_byte_when_files_meet_uses_no_context_across_the_border() {
    let training = corpus(&[b"xy", b"ab"]);
    let model = NgramModel::train(1, &training).unwrap();
    // `ya` never occurs inside a file, so `a` after `y` has the probability of the lower order.
    let order_zero = NgramModel::train(0, &training).unwrap();
    assert_eq!(
        model.probability(b"y", b'a'),
        order_zero.probability(b"", b'a')
    );
    let together = model.bits_per_byte(&corpus(&[b"xy", b"ab"])).unwrap();
    let apart = ["xy", "ab"].map(|t| model.bits_per_byte(&corpus(&[t.as_bytes()])).unwrap());
    assert!((together - (apart[0] + apart[1]) / 2.0).abs() < 1e-12);
}

#[test]
fn train_when_order_or_text_is_impossible_is_an_error() {
    let error = NgramModel::train(4, &corpus(&[b"a"])).unwrap_err();
    assert!(error.to_string().contains("0 to 3"), "{error}");
    assert!(matches!(
        NgramModel::train(1, &corpus(&[])),
        Err(DataError::EmptyCorpus { .. })
    ));
    let model = NgramModel::train(1, &corpus(&[b"a"])).unwrap();
    assert!(model.bits_per_byte(&corpus(&[])).is_err());
    assert!(xz_bits_per_byte(&corpus(&[]), &mut |_, _| {}).is_err());
}

/// Text with words, in the manner of sources: compressible, but not trivially.
fn words(seed: u64, count: usize) -> Vec<u8> {
    use rand::Rng;
    let mut rng = resolvent_data::rng::stream(seed, "words", 0);
    let mut dictionary = resolvent_data::rng::stream(0, "dictionary", 0);
    let list: Vec<String> = (0..2000)
        .map(|_| {
            (0..8)
                .map(|_| dictionary.random_range(b'a'..=b'z') as char)
                .collect()
        })
        .collect();
    let chosen = (0..count).map(|_| list[rng.random_range(0..list.len() as u32) as usize].as_str());
    chosen.collect::<Vec<_>>().join(" ").into_bytes()
}

#[test]
fn xz_primed_when_compared_with_two_passes_agrees() {
    let (train, held_out) = (words(1, 40_000), words(2, 10_000));
    let bytes = |texts: &[&[u8]]| {
        let corpus = corpus(texts);
        xz_bits_per_byte(&corpus, &mut |_, _| {}).unwrap() * corpus.bytes() as f64 / 8.0
    };
    let two_passes = bytes(&[&train, &held_out]) - bytes(&[&train]);
    let mut reported = Vec::new();
    let primed = xz_primed_bits_per_byte(
        &corpus(&[&train]),
        &corpus(&[&held_out]),
        &mut |done, all| reported.push((done, all)),
    )
    .unwrap()
        * held_out.len() as f64
        / 8.0;
    let ratio = primed / two_passes;
    assert!((ratio - 1.0).abs() < 0.005, "{primed} {two_passes}");
    assert!(primed < bytes(&[&held_out]));
    let all = (train.len() + held_out.len()) as u64;
    assert_eq!(reported.last(), Some(&(all, all)));
}

#[test]
fn xz_when_the_tool_is_installed_is_as_small() {
    use std::io::Write;
    use std::process::{Command, Stdio};
    let text = words(3, 50_000);
    let child = Command::new("xz")
        .args(["-9e", "--check=none", "--stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: install the xz tool");
        return;
    };
    let mut input = child.stdin.take().unwrap();
    let copy = text.clone();
    let writer = std::thread::spawn(move || input.write_all(&copy).unwrap());
    let theirs = child.wait_with_output().unwrap().stdout.len() as f64;
    writer.join().unwrap();
    let ours = xz_bits_per_byte(&corpus(&[&text]), &mut |_, _| {}).unwrap();
    let ours = ours * text.len() as f64 / 8.0;
    assert!((ours / theirs - 1.0).abs() < 0.002, "{ours} {theirs}");
}
