//! Triangular systems of a chunk, one column per unit, in registers.

use super::plan::Plan;
use cubecl::prelude::*;

/// Solves (I - M_ab) w = w and adds M_rb w to p, in place, with the scores M in shared memory as
/// [`super::scores::scores`] leaves them.
#[cube]
pub(super) fn substitute<A: Float>(
    w: &mut Array<A>,
    p: &mut Array<A>,
    scores: &Shared<[A]>,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.sum_pitch(2 * plan.chunk) / 4);
    let scores = scores.as_vectorized().with_vector_size::<Const<4>>();
    #[unroll(plan.unroll)]
    for block in 0..comptime!(plan.chunk / 4) {
        #[unroll]
        for part in 0..4usize {
            let t = block * 4 + part;
            let mut solved = w[t];
            let mut read = p[t];
            #[unroll(plan.unroll)]
            for q in 0..block {
                let upper = scores[t * pitch + q];
                let lower = scores[(chunk + t) * pitch + q];
                #[unroll]
                for c in 0..4usize {
                    let known = w[q * 4 + c];
                    solved += upper.extract(c) * known;
                    read += lower.extract(c) * known;
                }
            }
            let upper = scores[t * pitch + block];
            let lower = scores[(chunk + t) * pitch + block];
            #[unroll]
            for c in 0..part {
                let known = w[block * 4 + c];
                solved += upper.extract(c) * known;
                read += lower.extract(c) * known;
            }
            read += lower.extract(part) * solved;
            w[t] = solved;
            p[t] = read;
        }
    }
}

/// The adjoint: adds M_rb^T p to z and solves (I - M_ab)^T z = z, in place. All indices run
/// backwards, so that the matrices, transposed, are lower triangles: row 0 belongs to the last
/// position, rows of M_ab stand above those of M_rb.
#[cube]
pub(super) fn substitute_transposed<A: Float>(
    z: &mut Array<A>,
    p: &Array<A>,
    pairs: &Shared<[A]>,
    #[comptime] plan: Plan,
) {
    let chunk = comptime!(plan.chunk);
    let pitch = comptime!(plan.sum_pitch(plan.chunk) / 4);
    let pairs = pairs.as_vectorized().with_vector_size::<Const<4>>();
    #[unroll(plan.unroll)]
    for block in 0..comptime!(plan.chunk / 4) {
        #[unroll]
        for part in 0..4usize {
            let back = block * 4 + part;
            let mut solved = z[back];
            #[unroll(plan.unroll)]
            for q in 0..block {
                let upper = pairs[back * pitch + q];
                let lower = pairs[(chunk + back) * pitch + q];
                #[unroll]
                for c in 0..4usize {
                    solved += upper.extract(c) * z[q * 4 + c];
                    solved += lower.extract(c) * p[q * 4 + c];
                }
            }
            let upper = pairs[back * pitch + block];
            let lower = pairs[(chunk + back) * pitch + block];
            #[unroll]
            for c in 0..part {
                solved += upper.extract(c) * z[block * 4 + c];
                solved += lower.extract(c) * p[block * 4 + c];
            }
            solved += lower.extract(part) * p[back];
            z[back] = solved;
        }
    }
}
