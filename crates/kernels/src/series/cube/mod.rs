//! Power series on a CubeCL device, in f64: products by the transforms of [`crate::long_conv`],
//! resolvents by doubling.
//!
//! A series stands in a column of [set, position, channel], as the convolution wants it, or, where it is
//! a factor of every set, in a row of [channel, position].

mod layout;
mod start;

use crate::cube::{buffer, cube_units, element, elements, empty, grid, unrolls, zeros};
use crate::long_conv::{LongConvBackward, LongConvOps, LongConvSaved, LongConvShape, Method};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;
use layout::SizesLaunch;

/// Units of a cube that starts a resolvent.
const UNITS: usize = 256;
/// Terms that a cube may start with, which its shared memory holds, and multiply-adds for them.
const START: [usize; 2] = [4096, 1 << 18];

/// How positions of a row are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// As they stand.
    Forward,
    /// The last first.
    Reversed,
}

/// Which positions become a row.
pub(crate) struct Rows<'a> {
    pub order: Order,
    /// Positions left out at the front, in that order.
    pub skip: usize,
    /// Positions of the row; those beyond the series are zero.
    pub len: usize,
    /// Added to the first positions, [row, position].
    pub head: Option<&'a CubeTensor>,
    pub dtype: DType,
}

/// Terms that a cube makes of the inverse of a series of `order` terms behind the one.
fn start_terms(order: usize, most: [usize; 2]) -> usize {
    let mut terms = most[0];
    while terms > 1 && terms * order.min(terms) > most[1] {
        terms /= 2;
    }
    terms
}

/// Operations on series of so many channels; none of them without elements.
pub(crate) struct Series {
    channels: usize,
    /// The convolution's direct term.
    zeros: CubeTensor,
}

impl Series {
    /// On the device of `like`.
    pub(crate) fn new(like: &CubeTensor, channels: usize) -> Self {
        Self {
            channels,
            zeros: zeros(like, &[channels], DType::F64),
        }
    }

    fn client(&self) -> &Client {
        &self.zeros.client
    }

    fn buffer(&self, tensor: &CubeTensor) -> BufferArg {
        buffer(tensor, &self.zeros)
    }

    fn empty(&self, shape: &[usize]) -> CubeTensor {
        empty(&self.zeros, shape, DType::F64)
    }

    /// [set, `len`, channel] of `values` [row, position], zeros beyond their last position.
    pub(crate) fn columns(&self, values: &CubeTensor, len: usize, order: Order) -> CubeTensor {
        let shape = values.meta.shape();
        let (rows, width) = (shape[0], shape[1]);
        let columns = self.empty(&[rows / self.channels, len, self.channels]);
        let (count, dim) = grid(self.client(), rows * len);
        layout::columns::launch(
            self.client(),
            count,
            dim,
            self.buffer(values),
            self.buffer(&columns),
            SizesLaunch::new(self.channels, len, width, 0, rows * len),
            order == Order::Reversed,
            element(values.dtype),
        );
        columns
    }

    /// [row, position] of `values` [set, position, channel].
    pub(crate) fn rows(&self, values: &CubeTensor, rows: &Rows) -> CubeTensor {
        let shape = values.meta.shape();
        let (sets, positions) = (shape[0], shape[1]);
        let count = sets * self.channels;
        let out = empty(&self.zeros, &[count, rows.len], rows.dtype);
        let total = count * rows.len;
        if total == 0 {
            return out;
        }
        let width = rows.head.map_or(0, |head| head.meta.shape()[1]);
        let (count, dim) = grid(self.client(), total);
        layout::rows::launch(
            self.client(),
            count,
            dim,
            self.buffer(values),
            self.buffer(rows.head.unwrap_or(&self.zeros)),
            self.buffer(&out),
            SizesLaunch::new(self.channels, positions, rows.len, rows.skip, total),
            width,
            rows.order == Order::Reversed,
            element(rows.dtype),
        );
        out
    }

    fn shape(&self, x: &CubeTensor, factor: &CubeTensor) -> LongConvShape {
        let x = x.meta.shape();
        LongConvShape {
            batch: x[0],
            len: x[1],
            channels: self.channels,
            taps: factor.meta.shape()[1],
            reverse_taps: 0,
            initial: false,
            method: Method::Auto,
        }
    }

    fn saved(&self, x: &CubeTensor, factor: &CubeTensor) -> LongConvSaved<CubeBackend> {
        LongConvSaved {
            x: x.clone(),
            kernel: factor.clone(),
            reverse: self.empty(&[self.channels, 0]),
            skip: self.zeros.clone(),
            seq_idx: empty(&self.zeros, &[0, 0], DType::I32),
            shape: self.shape(x, factor),
        }
    }

    /// Products of `x` [set, position, channel] with `factor` [channel, position], as long as `x`.
    pub(crate) fn product(&self, x: &CubeTensor, factor: &CubeTensor) -> CubeTensor {
        let saved = self.saved(x, factor);
        CubeBackend::long_conv(
            saved.x,
            saved.kernel,
            saved.reverse,
            saved.skip,
            self.empty(&[0, 0, 0]),
            saved.seq_idx,
            saved.shape,
        )
    }

    /// The adjoint: `grad` [set, position, channel] correlated with `factor`, shaped as `x`, and with
    /// `x`, summed over the sets, shaped as `factor`.
    pub(crate) fn adjoint(
        &self,
        x: &CubeTensor,
        factor: &CubeTensor,
        grad: CubeTensor,
    ) -> [CubeTensor; 2] {
        let out = CubeBackend::long_conv_backward(self.saved(x, factor), grad);
        [out.x, out.kernel]
    }

    /// 1 / (1 - z `taps`) up to `len`, [channel, position], for taps [channel, position].
    ///
    /// A cube makes the first terms, O(terms order); from there terms double: with h right up to m,
    /// the terms m.. of z taps h are what h lacks, and h times them follows it.
    pub(crate) fn resolvent(&self, taps: &CubeTensor, order: Order, len: usize) -> CubeTensor {
        let mut h = self.start(taps, order, len);
        let mut done = h.meta.shape()[1];
        while done < len {
            let next = (2 * done).min(len);
            let fed = self.product(&self.columns(taps, next - 1, order), &h);
            let more = self.product(&self.behind(&fed, done - 1), &h);
            h = self.joined(&h, &more);
            done = next;
        }
        h
    }

    /// The first terms of the resolvent.
    fn start(&self, taps: &CubeTensor, order: Order, len: usize) -> CubeTensor {
        let degree = taps.meta.shape()[1];
        // On a CPU, a place for tests, short series must already double.
        let most = match unrolls(self.client()) {
            true => START,
            false => [8, START[1]],
        };
        let len = len.min(start_terms(degree, most));
        let h = self.empty(&[self.channels, len]);
        let units = cube_units(self.client(), len.min(UNITS));
        start::start::launch(
            self.client(),
            CubeCount::Static(self.channels as u32, 1, 1),
            CubeDim::new_1d(units as u32),
            self.buffer(taps),
            self.buffer(&h),
            degree,
            len,
            start::Plan {
                units,
                room: len.next_power_of_two(),
                reversed: order == Order::Reversed,
            },
            element(taps.dtype),
        );
        h
    }

    /// Positions from `first` on of one set.
    fn behind(&self, values: &CubeTensor, first: usize) -> CubeTensor {
        let rest = values.meta.shape()[1] - first;
        let out = self.empty(&[1, rest, self.channels]);
        let total = elements(&out);
        let (count, dim) = grid(self.client(), total);
        layout::behind::launch(
            self.client(),
            count,
            dim,
            self.buffer(values),
            self.buffer(&out),
            first * self.channels,
            total,
        );
        out
    }

    /// `first` [channel, position] and behind it `second` [1, position, channel].
    fn joined(&self, first: &CubeTensor, second: &CubeTensor) -> CubeTensor {
        let done = first.meta.shape()[1];
        let len = done + second.meta.shape()[1];
        let out = self.empty(&[self.channels, len]);
        let total = self.channels * len;
        let (count, dim) = grid(self.client(), total);
        layout::joined::launch(
            self.client(),
            count,
            dim,
            self.buffer(first),
            self.buffer(second),
            self.buffer(&out),
            SizesLaunch::new(self.channels, len, done, 0, total),
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::{START, start_terms};

    #[test]
    fn start_terms_when_orders_grow_stay_within_memory_and_work() {
        for order in [1, 2, 63, 64, 65, 128, 511, 512, 8192] {
            let terms = start_terms(order, START);
            assert!(terms.is_power_of_two() && terms <= START[0], "{order}");
            assert!(terms * order.min(terms) <= START[1], "{order}");
        }
        assert_eq!(
            [64, 128, 8192].map(|order| start_terms(order, START)),
            [4096, 2048, 512]
        );
        assert_eq!(start_terms(64, [8, START[1]]), 8);
    }
}
