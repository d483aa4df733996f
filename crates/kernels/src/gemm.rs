//! Strided matrix products on slices: the safe face of the `gemm` crate.
//!
//! [`gemm`] is single-threaded: the operations parallelise over batch, head and chunk above this, so
//! that a result never depends on the number of threads. [`product`] is one product on all cores, which
//! share its rows and columns and never a sum.

use crate::float::Real;
use std::sync::Once;

/// Tiles of columns up to which a product on one core reads rows where they lie instead of copying them
/// together first: in the scans they come from this core's cache, and a copy costs more than it saves
/// (gemm's own setting is 8). It holds for the whole process and concerns speed alone.
const UNPACKED: usize = 32;

/// A strided matrix inside a slice.
#[derive(Clone, Copy)]
pub(crate) struct Mat<'a, T> {
    data: &'a [T],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a, T> Mat<'a, T> {
    /// Row-major matrix whose rows lie `row_stride` elements apart.
    pub(crate) fn rows(data: &'a [T], rows: usize, cols: usize, row_stride: usize) -> Self {
        Self {
            data,
            rows,
            cols,
            row_stride,
            col_stride: 1,
        }
    }

    /// Writes the transpose, row-major, of a matrix whose rows are contiguous.
    pub(crate) fn transpose_into(self, to: &mut [T])
    where
        T: Copy,
    {
        assert_eq!(self.col_stride, 1, "rows of a transposed view are apart");
        for row in 0..self.rows {
            let values = &self.data[row * self.row_stride..][..self.cols];
            for (column, value) in values.iter().enumerate() {
                to[column * self.rows + row] = *value;
            }
        }
    }

    /// The transposed view.
    pub(crate) fn t(self) -> Self {
        Self {
            data: self.data,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }

    fn last_index(&self) -> usize {
        (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride
    }
}

/// What a product does with the values already in its destination.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// Overwrite them.
    Store,
    /// Add to them.
    Add,
}

/// out = lhs * rhs (or out += lhs * rhs); rows of `out` lie `row_stride` elements apart.
pub(crate) fn gemm<T: Real>(
    out: &mut [T],
    row_stride: usize,
    mode: Into,
    lhs: Mat<'_, T>,
    rhs: Mat<'_, T>,
) {
    let (m, n) = (lhs.rows, rhs.cols);
    if m == 0 || n == 0 {
        return;
    }
    assert!((m - 1) * row_stride + n <= out.len(), "gemm: out too small");
    assert!(n <= row_stride || m == 1, "gemm: rows of out overlap");
    static SETTING: Once = Once::new();
    SETTING.call_once(|| gemm::set_lhs_packing_threshold_single_thread(UNPACKED));
    #[allow(unsafe_code)]
    // SAFETY: the two assertions above keep every element of the product inside `out`, which holds
    // values and is borrowed mutably, so that it cannot overlap the operands.
    unsafe {
        let out = out.as_mut_ptr();
        write(out, row_stride, mode, lhs, rhs, gemm::Parallelism::None);
    }
}

/// lhs * rhs, row-major, on all cores.
///
/// The memory is not cleared first: every large product of a training step would be written twice, the
/// first time by one core.
pub(crate) fn product<T: Real>(lhs: Mat<'_, T>, rhs: Mat<'_, T>) -> Vec<T> {
    let count = lhs.rows * rhs.cols;
    let mut out = Vec::with_capacity(count);
    if count == 0 {
        return out;
    }
    #[allow(unsafe_code)]
    // SAFETY: the vector has room for `count` elements and is nobody else's; `write` stores all of them.
    unsafe {
        let all_cores = gemm::Parallelism::Rayon(0);
        write(out.as_mut_ptr(), rhs.cols, Into::Store, lhs, rhs, all_cores);
        out.set_len(count);
    }
    out
}

/// The product at `out`, whose rows lie `row_stride` elements apart; neither side is empty.
///
/// # Safety
/// Every element of the product must lie in memory that is the caller's alone; with [`Into::Add`] it
/// must hold values.
#[allow(unsafe_code)]
unsafe fn write<T: Real>(
    out: *mut T,
    row_stride: usize,
    mode: Into,
    lhs: Mat<'_, T>,
    rhs: Mat<'_, T>,
    parallelism: gemm::Parallelism,
) {
    let (m, n, k) = (lhs.rows, rhs.cols, lhs.cols);
    assert_eq!(k, rhs.rows, "gemm: inner lengths differ");
    if k == 0 {
        if mode == Into::Store {
            for row in 0..m {
                // SAFETY: a row of the product; zero bytes are the number zero.
                unsafe { out.add(row * row_stride).write_bytes(0, n) };
            }
        }
        return;
    }
    assert!(lhs.last_index() < lhs.data.len(), "gemm: lhs too small");
    assert!(rhs.last_index() < rhs.data.len(), "gemm: rhs too small");
    // SAFETY: the assertions above keep every index into the operands inside their slices, the caller
    // answers for `out`; what is stored over is not read.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out,
            1,
            row_stride as isize,
            mode == Into::Add,
            lhs.data.as_ptr(),
            lhs.col_stride as isize,
            lhs.row_stride as isize,
            rhs.data.as_ptr(),
            rhs.col_stride as isize,
            rhs.row_stride as isize,
            T::one(),
            T::one(),
            false,
            false,
            false,
            parallelism,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{Into, Mat, gemm, product};

    #[test]
    fn gemm_when_strided_and_transposed_equals_the_triple_loop() {
        let a: Vec<f64> = (0..30).map(|i| f64::from(i) * 0.5 - 3.0).collect();
        let b: Vec<f64> = (0..40).map(|i| f64::from(i) * 0.25 - 2.0).collect();
        // lhs: 3 x 4 inside rows of 6; rhs: transpose of a 5 x 4 matrix inside rows of 7.
        let mut out = vec![1.0; 3 * 8];
        gemm(
            &mut out,
            8,
            Into::Add,
            Mat::rows(&a, 3, 4, 6),
            Mat::rows(&b, 5, 4, 7).t(),
        );
        for i in 0..3 {
            for j in 0..5 {
                let want: f64 = 1.0 + (0..4).map(|k| a[i * 6 + k] * b[j * 7 + k]).sum::<f64>();
                assert_eq!(out[i * 8 + j], want);
            }
            assert_eq!(out[i * 8 + 5], 1.0, "columns beyond the product stay");
        }
    }

    #[test]
    fn product_when_on_all_cores_equals_the_one_on_one() {
        for (rows, inner, cols) in [(1, 1, 1), (300, 70, 130), (5, 0, 3), (0, 4, 3)] {
            let value = |i: usize| ((i * 7919) % 2003) as f32 / 1001.0 - 1.0;
            let a: Vec<f32> = (0..rows * inner).map(value).collect();
            let b: Vec<f32> = (0..inner * cols).map(|i| value(i + 5)).collect();
            let (lhs, rhs) = (
                Mat::rows(&a, rows, inner, inner),
                Mat::rows(&b, inner, cols, cols),
            );
            let mut want = vec![f32::NAN; rows * cols];
            gemm(&mut want, cols, Into::Store, lhs, rhs);
            assert_eq!(product(lhs, rhs), want);
        }
    }
}
