//! How a call is cut: sequences by the form in which they are summed, transforms by what fits.

use super::super::{LongConvShape, Method};
use super::transform::Transform;
use crate::cube::{cube_units, unrolls};
use crate::segments::Row;
use cubecl::prelude::*;
use std::collections::BTreeMap;

/// Longest sequence or kernel that is summed directly.
const DIRECT: usize = 64;

/// Shared memory of a cube that leaves room for others beside it, and the most that one takes.
const BYTES: [usize; 2] = [64 << 10, 128 << 10];

/// Sequences that are summed in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Class {
    /// Complex elements of the transform, `None` for the double sum.
    pub size: Option<usize>,
    /// Sequences.
    pub count: usize,
    /// Positions of the longest.
    pub longest: usize,
    /// First position and length of each where rows are packed, else a sequence is a row.
    pub segments: Vec<u32>,
}

/// The sequences of a call by class; the longest transforms last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub classes: Vec<Class>,
    /// Lags of the kernel that some sequence reaches, and how many of them are below zero.
    pub lags: usize,
    pub before: usize,
}

impl Plan {
    /// `seq_idx` [batch, len], or empty.
    pub(super) fn new(shape: &LongConvShape, seq_idx: &[i64]) -> Self {
        let mut classes = BTreeMap::new();
        let mut longest = 0;
        if shape.len > 0 {
            for row in 0..shape.batch {
                let joined = Row::new(seq_idx, row, shape.len);
                let mut start = 0;
                while start < shape.len {
                    let end = match seq_idx.is_empty() {
                        true => shape.len,
                        false => (start + 1..shape.len)
                            .find(|&t| !joined.joined(start, t))
                            .unwrap_or(shape.len),
                    };
                    let len = end - start;
                    longest = longest.max(len);
                    let size = size(len, shape);
                    let class: &mut Class = classes.entry(size).or_insert(Class {
                        size,
                        count: 0,
                        longest: 0,
                        segments: Vec::new(),
                    });
                    class.count += 1;
                    class.longest = class.longest.max(len);
                    if !seq_idx.is_empty() {
                        let first = (row * shape.len + start) as u32;
                        class.segments.extend([first, len as u32]);
                    }
                    start = end;
                }
            }
        }
        let before = shape.reverse_taps.min(longest.max(1) - 1);
        Self {
            classes: classes.into_values().collect(),
            // Lag zero is always there: it holds the direct term.
            lags: before + shape.taps.min(longest).max(1),
            before,
        }
    }
}

/// Complex elements for a sequence of `len`, `None` where it is summed directly.
fn size(len: usize, shape: &LongConvShape) -> Option<usize> {
    let reach = len.min(shape.taps.max(shape.reverse_taps));
    let direct = match shape.method {
        Method::Direct => true,
        Method::Fourier => false,
        Method::Auto => reach <= DIRECT,
    };
    // A group and one step before it are the least that the kernels do.
    (!direct).then(|| len.next_power_of_two().max(16))
}

/// A transform and the channels that it takes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tiling {
    pub transform: Transform,
    pub vector: usize,
}

impl Tiling {
    /// `widest`: channels that memory moves at once; `bytes`: of an element; `most`: what shared
    /// memory holds beside other cubes and alone.
    fn choose(size: usize, widest: usize, bytes: usize, most: [usize; 2]) -> (usize, usize) {
        let fits = |part: usize, vector: usize, most: usize| 2 * part * vector * bytes <= most;
        let mut vector = widest;
        while vector > 1 && !fits(size, vector, most[0]) {
            vector /= 2;
        }
        let mut part = size;
        while part > 32 && !fits(part, vector, most[1]) {
            part /= 4;
        }
        (part, vector)
    }

    pub(super) fn new(client: &Client, size: usize, widest: usize, bytes: usize) -> Self {
        let hardware = &client.properties().hardware;
        let gpu = hardware.num_cpu_cores.is_none();
        // On a CPU, a place for tests, short transforms must already be cut.
        let most = match gpu {
            true => BYTES.map(|most| most.min(hardware.max_shared_memory_size)),
            false => [128 * bytes; 2],
        };
        let (part, vector) = Self::choose(size, widest, bytes, most);
        let mut transform = Transform {
            size,
            part,
            units: 1,
            unroll: gpu,
        };
        transform.units = match gpu {
            true => (hardware.max_units_per_cube as usize)
                .min(512)
                .min(transform.groups()),
            false => cube_units(client, transform.groups()).min(transform.groups()),
        };
        // 512 units leave 128 registers to each, of which a number in f64 takes two.
        let most = if bytes > 4 { 2 } else { 8 };
        transform.unroll = unrolls(client) && transform.share() <= most;
        Self { transform, vector }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{LongConvShape, Method};
    use super::{Plan, Tiling};

    #[test]
    fn tiling_when_chosen_fits_and_divides_by_fours() {
        for power in 4..22 {
            for widest in [1, 2, 4] {
                let size = 1_usize << power;
                let (part, vector) = Tiling::choose(size, widest, 4, [1 << 16, 1 << 17]);
                assert!(part * vector * 8 <= 1 << 17, "{size} {widest}");
                assert!(part >= 16 && (size / part).trailing_zeros().is_multiple_of(2));
            }
        }
        assert_eq!(Tiling::choose(1024, 4, 4, [1 << 16, 1 << 17]), (1024, 4));
        assert_eq!(Tiling::choose(16384, 4, 4, [1 << 16, 1 << 17]), (16384, 1));
        assert_eq!(Tiling::choose(32768, 4, 4, [1 << 16, 1 << 17]), (8192, 1));
    }

    #[test]
    fn plan_when_rows_are_packed_has_every_position_once() {
        let shape = LongConvShape {
            batch: 2,
            len: 150,
            channels: 3,
            taps: 150,
            reverse_taps: 150,
            initial: false,
            method: Method::Auto,
        };
        let row = |t: i64| i64::from(t >= 2) + i64::from(t >= 3) + i64::from(t >= 80);
        let indices: Vec<i64> = (0..150).map(row).chain(vec![0; 150]).collect();
        let plan = Plan::new(&shape, &indices);
        let mut seen = vec![0; 300];
        for class in &plan.classes {
            assert_eq!(class.segments.len(), 2 * class.count);
            for pair in class.segments.chunks(2) {
                for t in pair[0]..pair[0] + pair[1] {
                    seen[t as usize] += 1;
                }
            }
        }
        assert_eq!(seen, vec![1; 300]);
        assert_eq!((plan.lags, plan.before), (299, 149));
        let sizes: Vec<Option<usize>> = plan.classes.iter().map(|class| class.size).collect();
        assert_eq!(sizes, [None, Some(128), Some(256)]);
    }
}
