//! How a call is cut: sequences inside rows, and the form in which each is summed.

use super::super::{LongConvShape, Method};
use crate::fourier::fast_size;
use crate::segments::Row;
use std::ops::Range;

/// Longest sequence or kernel that is summed directly.
const DIRECT: usize = 64;

/// How one sequence is summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The double sum.
    Direct,
    /// By the transform number .. of [`Plan::transforms`].
    Fourier(usize),
}

/// One sequence inside a row.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub range: Range<usize>,
    pub form: Form,
}

/// A transform length, and how much of the kernels takes part in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transform {
    pub size: usize,
    pub taps: usize,
    pub reverse_taps: usize,
}

impl Transform {
    /// For a sequence of `len`: long enough that nothing wraps around.
    ///
    /// With F = size, output t in 0..len must not see position t - m + F or t + 1 + m - F of the
    /// sequence: taps <= F - len + 1 and reverse taps <= F - len. Where F >= 2 len, F / 2 taps each
    /// fulfil that, whatever `len` is, so that sequences of similar length share their spectra.
    fn new(len: usize, shape: &LongConvShape) -> Self {
        let taps = shape.taps.min(len);
        let reverse_taps = shape.reverse_taps.min(len.saturating_sub(1));
        let reach = taps.max(reverse_taps + 1);
        let size = fast_size((len + reach - 1).max(taps + reverse_taps));
        let limit = if size >= 2 * len { size / 2 } else { len };
        Self {
            size,
            taps: shape.taps.min(limit),
            reverse_taps: shape.reverse_taps.min(limit),
        }
    }
}

/// The sequences of every row and the transforms they need.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub shape: LongConvShape,
    /// Per row of the batch.
    pub rows: Vec<Vec<Segment>>,
    pub transforms: Vec<Transform>,
    /// Taps that sequences summed directly can reach.
    pub direct_taps: usize,
    /// The same for the reversed kernel.
    pub direct_reverse_taps: usize,
}

impl Plan {
    pub(super) fn new(shape: LongConvShape, seq_idx: &[i64]) -> Self {
        let mut plan = Self {
            shape,
            rows: Vec::with_capacity(shape.batch),
            transforms: Vec::new(),
            direct_taps: 0,
            direct_reverse_taps: 0,
        };
        for row in 0..shape.batch {
            let joined = Row::new(seq_idx, row, shape.len);
            let mut segments = Vec::new();
            let mut start = 0;
            for end in 1..=shape.len {
                if end == shape.len || !joined.joined(end - 1, end) {
                    let form = plan.form(end - start);
                    let range = start..end;
                    segments.push(Segment { range, form });
                    start = end;
                }
            }
            plan.rows.push(segments);
        }
        plan
    }

    fn form(&mut self, len: usize) -> Form {
        let shape = &self.shape;
        let reach = len.min(shape.taps.max(shape.reverse_taps));
        let direct = match shape.method {
            Method::Direct => true,
            Method::Fourier => false,
            Method::Auto => reach <= DIRECT,
        };
        if direct {
            self.direct_taps = self.direct_taps.max(shape.taps.min(len));
            let reverse_taps = shape.reverse_taps.min(len - 1);
            self.direct_reverse_taps = self.direct_reverse_taps.max(reverse_taps);
            return Form::Direct;
        }
        let transform = Transform::new(len, shape);
        let known = self.transforms.iter().position(|t| *t == transform);
        Form::Fourier(known.unwrap_or_else(|| {
            self.transforms.push(transform);
            self.transforms.len() - 1
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{LongConvShape, Method};
    use super::Transform;

    #[test]
    fn transform_when_planned_never_wraps_into_the_sequence() {
        for len in 1..80 {
            for taps in [0, 1, 2, 7, 33, 100] {
                for reverse_taps in [0, 1, 5, 100] {
                    let shape = LongConvShape {
                        batch: 1,
                        len,
                        channels: 1,
                        taps,
                        reverse_taps,
                        initial: false,
                        method: Method::Fourier,
                    };
                    let t = Transform::new(len, &shape);
                    let label = format!("{len} {taps} {reverse_taps}: {t:?}");
                    assert!(t.taps <= t.size - len + 1, "{label}");
                    assert!(t.reverse_taps <= t.size - len, "{label}");
                    assert!(t.taps + t.reverse_taps <= t.size, "{label}");
                    assert!(t.taps >= taps.min(len), "{label}");
                    assert!(t.reverse_taps >= reverse_taps.min(len - 1), "{label}");
                }
            }
        }
    }
}
