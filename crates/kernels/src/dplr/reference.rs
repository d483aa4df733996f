//! The recurrence of the paper in f64, position by position.

use super::DplrShape;

/// Inputs as row-major slices; shapes as in [`super`].
#[derive(Debug, Clone, Copy)]
pub struct DplrSlices<'a> {
    /// [batch, len, head, key].
    pub r: &'a [f64],
    /// [batch, len, head, key].
    pub g: &'a [f64],
    /// [batch, len, head, key].
    pub k: &'a [f64],
    /// [batch, len, head, value].
    pub v: &'a [f64],
    /// [batch, len, head, key].
    pub a: &'a [f64],
    /// [batch, len, head, key].
    pub b: &'a [f64],
    /// [batch, head, value, key].
    pub initial: &'a [f64],
    /// [batch, len], or empty for one sequence per row.
    pub seq_idx: &'a [i64],
}

/// S_t = S_{t-1} diag(exp(g_t)) + (S_{t-1} a_t) b_t^T + v_t k_t^T;  y_t = scale S_t r_t.
///
/// Where `seq_idx` changes between two positions the state is zeroed between them.
///
/// Returns (y, final state). O(batch len head value key) time.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn dplr(input: DplrSlices<'_>, shape: DplrShape) -> (Vec<f64>, Vec<f64>) {
    let DplrShape {
        batch,
        len,
        heads,
        keys,
        values,
        scale,
        ..
    } = shape;
    let mut y = vec![0.0; shape.y_elements()];
    let mut last = input.initial.to_vec();
    for row in 0..batch {
        for head in 0..heads {
            let s = &mut last[(row * heads + head) * values * keys..][..values * keys];
            for t in 0..len {
                let at = row * len + t;
                if t > 0 && !input.seq_idx.is_empty() && input.seq_idx[at] != input.seq_idx[at - 1]
                {
                    s.fill(0.0);
                }
                let keyed = (at * heads + head) * keys..(at * heads + head + 1) * keys;
                let [r, g, k, a, b] =
                    [input.r, input.g, input.k, input.a, input.b].map(|x| &x[keyed.clone()]);
                for i in 0..values {
                    let s = &mut s[i * keys..(i + 1) * keys];
                    let v = input.v[(at * heads + head) * values + i];
                    let read: f64 = (0..keys).map(|j| s[j] * a[j]).sum();
                    for j in 0..keys {
                        s[j] = s[j] * g[j].exp() + read * b[j] + v * k[j];
                    }
                    let sum: f64 = (0..keys).map(|j| s[j] * r[j]).sum();
                    y[(at * heads + head) * values + i] = scale * sum;
                }
            }
        }
    }
    (y, last)
}
