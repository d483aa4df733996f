//! Random numbers that depend on nothing but their names.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The random generator of element `index` of the stream called `name` under `seed`.
///
/// The generator is ChaCha with 8 rounds, keyed by SHA-256 of the three arguments; its numbers are the same
/// on every machine and do not change when other streams are added, reordered or skipped. So a run that
/// resumes at step 1000 draws `stream(seed, "train", 1000)` without replaying the thousand before.
///
/// # Example
/// ```
/// use rand::Rng;
/// let mut rng = resolvent_data::rng::stream(7, "train", 1000);
/// let again = resolvent_data::rng::stream(7, "train", 1000).random::<u64>();
/// assert_eq!(rng.random::<u64>(), again);
/// ```
pub fn stream(seed: u64, name: &str, index: u64) -> ChaCha8Rng {
    let mut key = Sha256::new();
    key.update(b"resolvent random stream 1");
    key.update(seed.to_le_bytes());
    key.update(index.to_le_bytes());
    key.update(name.as_bytes());
    ChaCha8Rng::from_seed(key.finalize().into())
}

/// A number in [0, 1) that depends on `seed` and `name` alone.
pub(crate) fn unit_hash(seed: u64, name: &str) -> f64 {
    let mut hash = Sha256::new();
    hash.update(b"resolvent unit hash 1");
    hash.update(seed.to_le_bytes());
    hash.update(name.as_bytes());
    let digest = hash.finalize();
    let (first, _) = digest
        .split_first_chunk::<8>()
        .expect("SHA-256 gives 32 bytes");
    // 53 bits fill the fraction of an f64 exactly, so the result stays below one.
    (u64::from_le_bytes(*first) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn stream_when_any_argument_differs_differs() {
        let first = |seed, name, index| stream(seed, name, index).random::<u64>();
        let reference = first(1, "a", 2);
        assert_eq!(reference, first(1, "a", 2));
        for other in [first(2, "a", 2), first(1, "b", 2), first(1, "a", 3)] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn stream_when_drawn_on_any_machine_gives_these_numbers() {
        // A change here would silently change every experiment. Computed apart from this crate, in a Python
        // transcription of SHA-256 key and ChaCha rounds.
        let expected = 15_400_661_393_131_050_031;
        assert_eq!(stream(0, "recorded", 0).random::<u64>(), expected);
    }
}
