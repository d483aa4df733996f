//! Random damage to a valid lock file, through the entry function that the fuzz target uses: never a panic.

use proptest::prelude::*;
use resolvent_data::corpus::parse_lock;

const LOCK: &str = r#"version = 4

[[package]]
name = "alpha"
version = "1.0.0"
source = "registry+https://example.org/index"
dependencies = [
 "beta 0.2.0",
]
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn parse_lock_when_damaged_never_panics_nor_leaves_the_folder(
        edits in proptest::collection::vec((any::<u8>(), any::<usize>(), any::<char>()), 1..8)
    ) {
        let mut text: Vec<char> = LOCK.chars().collect();
        for (kind, place, value) in edits {
            let place = place % (text.len() + 1);
            match kind % 3 {
                0 if place < text.len() => text[place] = value,
                1 => text.insert(place, value),
                2 if place < text.len() => drop(text.remove(place)),
                _ => {}
            }
        }
        let text: String = text.into_iter().collect();
        for package in parse_lock(&text).unwrap_or_default() {
            prop_assert!(!package.folder().contains(['/', '\\']));
            prop_assert!(!package.folder().starts_with('.'));
        }
    }
}
