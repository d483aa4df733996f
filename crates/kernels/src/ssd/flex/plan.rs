//! How the length is cut: spans of chunks, and blocks of heads.

use super::super::SsdShape;
use std::ops::Range;

/// Chunks per span: states of this many chunks are alive at once.
const SPAN: usize = 16;
/// Fewest chunks of a part of a span.
const PART: usize = 4;
/// Most heads whose states are advanced by one task; they share one matrix product.
const HEAD_BLOCK: usize = 4;

/// Sizes derived from [`SsdShape`] once per call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub shape: SsdShape,
    /// Heads per group.
    pub group_heads: usize,
    /// Heads per task of the state passes; divides `group_heads`.
    pub block: usize,
    /// Elements of one position of x: heads * head_dim.
    pub width: usize,
    /// Elements of the states of one head.
    pub head_state: usize,
}

/// A run of consecutive chunks.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub start: usize,
    pub end: usize,
    chunk: usize,
}

/// States that the forward pass keeps for the backward pass: before each span but the first.
pub(in crate::ssd) fn kept_states(len: usize, chunk: usize) -> usize {
    len.div_ceil(span_length(chunk)).saturating_sub(1)
}

/// Positions of a whole span.
fn span_length(chunk: usize) -> usize {
    chunk.saturating_mul(SPAN).max(1)
}

impl Plan {
    pub(super) fn new(shape: SsdShape) -> Self {
        let group_heads = shape.heads_per_group();
        let block = (1..=HEAD_BLOCK)
            .rev()
            .find(|b| group_heads.is_multiple_of(*b))
            .unwrap_or(1);
        Self {
            shape,
            group_heads,
            block,
            width: shape.heads * shape.head_dim,
            head_state: shape.head_dim * shape.state,
        }
    }

    /// The spans of the sequence in order; none for length zero.
    pub(super) fn spans(&self) -> Vec<Span> {
        self.cut(SPAN)
    }

    /// The spans in parts, which the forward pass walks: as short as leaves every thread a chunk, since the
    /// states of few chunks stay in the cache. Nothing that is computed depends on it.
    pub(super) fn parts(&self) -> Vec<Span> {
        let wanted = rayon::current_num_threads().div_ceil(self.shape.batch.max(1));
        self.cut(wanted.next_power_of_two().clamp(PART, SPAN))
    }

    /// Whether a span other than the first starts at `position`.
    pub(super) fn starts_span(&self, position: usize) -> bool {
        position > 0 && position.is_multiple_of(span_length(self.shape.chunk))
    }

    /// The sequence in pieces of so many chunks.
    fn cut(&self, chunks: usize) -> Vec<Span> {
        let (len, chunk) = (self.shape.len, self.shape.chunk);
        let stride = chunk.saturating_mul(chunks).max(1);
        (0..len)
            .step_by(stride)
            .map(|start| Span {
                start,
                end: start.saturating_add(stride).min(len),
                chunk,
            })
            .collect()
    }

    /// Channels of the heads of one task.
    pub(super) fn block_width(&self) -> usize {
        self.block * self.shape.head_dim
    }

    /// Elements of the states of one task.
    pub(super) fn lane_state(&self) -> usize {
        self.block * self.head_state
    }

    /// Tasks of the state passes per batch row.
    pub(super) fn lanes(&self) -> usize {
        self.shape.heads / self.block
    }

    /// Elements of the states of one batch row.
    pub(super) fn row_state(&self) -> usize {
        self.shape.heads * self.head_state
    }
}

impl Span {
    /// Number of chunks.
    pub(super) fn chunks(&self) -> usize {
        (self.end - self.start).div_ceil(self.chunk)
    }

    /// Positions of chunk `index`; only the last one of a sequence may be shorter.
    pub(super) fn range(&self, index: usize) -> Range<usize> {
        let start = self.start + index * self.chunk;
        start..(start + self.chunk).min(self.end)
    }
}
