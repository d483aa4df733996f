//! Sums over the heads (and head blocks) that share one row of B or C, in a fixed order.

use cubecl::prelude::*;

/// sums [row, column], from element `start` on, from values [row, member, column].
#[cube(launch)]
pub(super) fn member_sums<D: Float, A: Float, E: Float>(
    values: &[D],
    sums: &mut [E],
    members: usize,
    columns: usize,
    start: usize,
    total: usize,
    #[define(D, A, E)] _types: [ElemType; 3],
) {
    if ABSOLUTE_POS < total {
        let column = ABSOLUTE_POS % columns;
        let first = (ABSOLUTE_POS / columns) * members * columns + column;
        let mut sum = A::from_int(0);
        for member in 0..members {
            sum += A::cast_from(values[first + member * columns]);
        }
        sums[start + ABSOLUTE_POS] = E::cast_from(sum);
    }
}
