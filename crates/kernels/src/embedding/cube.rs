//! CubeCL body: a unit per part of the rows and vector of columns, with a table of its own to add to.

use super::ops::{EmbeddingBackward, EmbeddingOps};
use crate::cube::{accumulator, buffer, contiguous, element, grid, part_sums, vector_width, zeros};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_cubecl::CubeBackend;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

/// Elements of all tables together, at most, where more than one fits.
const MOST_ELEMENTS: usize = 1 << 22;
/// Rows of a part, at least.
const LEAST_ROWS: usize = 64;

/// Adds every row of a part to its entry in the part's table, [part, entry, column].
#[cube(launch)]
fn add_rows<E: Float, A: Float, I: Numeric, N: Size>(
    grad: &[Vector<E, N>],
    indices: &[I],
    tables: &mut [Vector<A, N>],
    rows: usize,
    entries: usize,
    columns: usize,
    part_rows: usize,
    total: usize,
    #[define(E, A, I)] _types: [ElemType; 3],
) {
    if ABSOLUTE_POS < total {
        let column = ABSOLUTE_POS % columns;
        let part = ABSOLUTE_POS / columns;
        let table = part * entries;
        for i in 0..part_rows {
            let row = part * part_rows + i;
            if row < rows {
                let entry = usize::cast_from(indices[row]);
                if entry < entries {
                    let value = Vector::<A, N>::cast_from(grad[row * columns + column]);
                    tables[(table + entry) * columns + column] += value;
                }
            }
        }
    }
}

impl EmbeddingOps for CubeBackend {
    fn embedding(weight: FloatTensor<Self>, indices: IntTensor<Self>) -> FloatTensor<Self> {
        Self::float_select(weight, 0, indices)
    }
}

impl EmbeddingBackward for CubeBackend {
    fn embedding_gradient(
        grad: FloatTensor<Self>,
        indices: IntTensor<Self>,
        entries: usize,
    ) -> FloatTensor<Self> {
        let (grad, indices) = (contiguous(grad), contiguous(indices));
        let [rows, width] = grad.meta.shape().dims();
        let dtype = grad.dtype;
        let vector = vector_width(width, dtype);
        let columns = width / vector;
        let most = MOST_ELEMENTS / (entries * width);
        let parts = most.min(rows.div_ceil(LEAST_ROWS)).max(1);
        let part_rows = rows.div_ceil(parts);
        let tables = zeros(&grad, &[parts, entries, width], accumulator(dtype));
        let total = parts * columns;
        let (count, dim) = grid(&grad.client, total);
        add_rows::launch(
            &grad.client,
            count,
            dim,
            vector,
            buffer(&grad, &grad),
            buffer(&indices, &indices),
            buffer(&tables, &tables),
            rows,
            entries,
            columns,
            part_rows,
            total,
            [dtype, accumulator(dtype), indices.dtype].map(element),
        );
        part_sums(tables, parts, &[entries, width], dtype)
    }
}
