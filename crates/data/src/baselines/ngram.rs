//! Byte n-gram models with Witten-Bell smoothing.
//!
//! The model of order k predicts a byte w from the k bytes h before it. It interpolates with the model of
//! the next lower order, giving that one the weight of "a byte not seen after h", estimated by the number
//! T(h) of different bytes that were seen:
//!
//! ```text
//! p_k(w | h) = (c(h w) + T(h) p_{k-1}(w | h')) / (c(h) + T(h)),     p_{-1}(w) = 1/256
//! ```
//!
//! c counts occurrences in the training text and h' is h without its first byte. A context never seen leaves
//! the lower order as it is. The probabilities sum to one by construction. No n-gram reaches across the
//! border of a file; the first bytes of a file are predicted from the shorter context there is.
//!
//! Source: I. H. Witten, T. C. Bell, "The zero-frequency problem", IEEE Trans. Information Theory 37 (1991),
//! method C, interpolated.

use crate::corpus::Corpus;
use crate::error::DataError;

/// The highest order: four bytes make one 32-bit n-gram.
pub const MAX_ORDER: usize = 3;

/// A byte n-gram model.
#[derive(Clone, Debug)]
pub struct NgramModel {
    /// Orders 0 to the model's.
    levels: Vec<Level>,
}

/// The counts of one order: the distinct n-grams of order + 1 bytes, ascending, as big-endian numbers.
#[derive(Clone, Debug)]
struct Level {
    order: usize,
    grams: Vec<u32>,
    /// `cumulative[i]` = occurrences of all n-grams before the i-th; one longer than `grams`.
    cumulative: Vec<u32>,
    /// `buckets[b]` = position of the first n-gram whose leading bytes are at least `b`.
    buckets: Vec<u32>,
}

impl NgramModel {
    /// Counts the n-grams of all orders up to `order` in the files of `text`.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] for an order above [`MAX_ORDER`], [`DataError::EmptyCorpus`].
    ///
    /// # Cost
    /// One sort of as many 32-bit numbers as the text has bytes, per order (four bytes of memory per byte of
    /// text meanwhile).
    pub fn train(order: usize, text: &Corpus) -> Result<Self, DataError> {
        if order > MAX_ORDER {
            let expected = format!("0 to {MAX_ORDER}");
            return Err(DataError::out_of_range("n-gram order", order, expected));
        }
        not_empty(text)?;
        let levels = (0..=order).map(|order| Level::count(order, text));
        Ok(Self {
            levels: levels.collect(),
        })
    }

    /// The probability of `next` after `context`, of which the last `order` bytes count.
    pub fn probability(&self, context: &[u8], next: u8) -> f64 {
        let available = self.levels.len().min(context.len() + 1);
        self.levels[..available]
            .iter()
            .fold(1.0 / 256.0, |lower, level| {
                let context = &context[context.len() - level.order..];
                level.interpolate(gram(context), next, lower)
            })
    }

    /// The mean of -log2 p over all bytes of `text`, each file on its own.
    ///
    /// # Units
    /// Bits per byte.
    ///
    /// # Errors
    /// [`DataError::EmptyCorpus`].
    pub fn bits_per_byte(&self, text: &Corpus) -> Result<f64, DataError> {
        not_empty(text)?;
        let mut bits = 0.0;
        for file in &text.files {
            for (place, &next) in file.bytes.iter().enumerate() {
                let context = &file.bytes[place.saturating_sub(MAX_ORDER)..place];
                bits -= self.probability(context, next).log2();
            }
        }
        Ok(bits / text.bytes() as f64)
    }
}

impl Level {
    fn count(order: usize, text: &Corpus) -> Self {
        let mut all = Vec::with_capacity(text.bytes());
        for file in &text.files {
            all.extend(file.bytes.windows(order + 1).map(gram));
        }
        all.sort_unstable();
        let runs = || all.chunk_by(|left, right| left == right);
        let grams: Vec<u32> = runs().map(|run| run[0]).collect();
        let mut cumulative = vec![0];
        cumulative.extend(runs().scan(0, |seen, run| {
            *seen += run.len() as u32;
            Some(*seen)
        }));
        let (bucket_count, shift) = bucketing(order);
        let mut buckets = Vec::with_capacity(bucket_count + 1);
        let mut position = 0;
        for bucket in 0..=bucket_count as u64 {
            while position < grams.len() && u64::from(grams[position]) >> shift < bucket {
                position += 1;
            }
            buckets.push(position as u32);
        }
        Self {
            order,
            grams,
            cumulative,
            buckets,
        }
    }

    /// The probability of `next` after `context`, with `lower` as that of the next lower order.
    fn interpolate(&self, context: u32, next: u8, lower: f64) -> f64 {
        let gram = (context << 8) | u32::from(next);
        let (_, shift) = bucketing(self.order);
        let bucket = (u64::from(gram) >> shift) as usize;
        let from = self.buckets[bucket] as usize;
        let candidates = &self.grams[from..self.buckets[bucket + 1] as usize];
        let start = candidates.partition_point(|&other| other >> 8 < context);
        let distinct = candidates[start..].partition_point(|&other| other >> 8 == context);
        if distinct == 0 {
            return lower;
        }
        let start = from + start;
        let of_context = self.occurrences(start, start + distinct);
        let of_gram = match self.grams[start..start + distinct].binary_search(&gram) {
            Ok(place) => self.occurrences(start + place, start + place + 1),
            Err(_) => 0.0,
        };
        let distinct = distinct as f64;
        (of_gram + distinct * lower) / (of_context + distinct)
    }

    fn occurrences(&self, start: usize, end: usize) -> f64 {
        f64::from(self.cumulative[end] - self.cumulative[start])
    }
}

/// The number of buckets of an order and the shift from n-gram to bucket: the leading bytes of the context,
/// at most two of them.
fn bucketing(order: usize) -> (usize, u32) {
    let leading = order.min(2);
    (1 << (8 * leading), 8 * (order + 1 - leading) as u32)
}

/// Up to four bytes as one big-endian number.
fn gram(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |number, &byte| (number << 8) | u32::from(byte))
}

fn not_empty(text: &Corpus) -> Result<(), DataError> {
    if text.bytes() == 0 {
        return Err(DataError::EmptyCorpus {
            name: text.name.clone(),
            omitted: text.omissions.to_string(),
        });
    }
    Ok(())
}
