//! The recurrence of the paper in f64, position by position.

use super::SsdShape;

/// Inputs as row-major slices; shapes as in [`super`].
#[derive(Debug, Clone, Copy)]
pub struct SsdSlices<'a> {
    /// [batch, len, head, head_dim].
    pub x: &'a [f64],
    /// [batch, len, head].
    pub dt: &'a [f64],
    /// `[head]`.
    pub a: &'a [f64],
    /// [batch, len, group, state].
    pub b: &'a [f64],
    /// [batch, len, group, state].
    pub c: &'a [f64],
    /// `[head]`.
    pub d: &'a [f64],
    /// [batch, head, head_dim, state].
    pub initial: &'a [f64],
    /// [batch, len], or empty for one sequence per row.
    pub seq_idx: &'a [i64],
}

/// S_t = exp(dt_t a) S_{t-1} + dt_t x_t B_t^T;  y_t = S_t C_t + d x_t.
///
/// Where `seq_idx` changes between two positions the state is zeroed between them.
///
/// Returns (y, final state). O(batch len head head_dim state) time.
///
/// # Panics
/// If a slice is shorter than its shape says.
pub fn ssd(input: SsdSlices<'_>, shape: SsdShape) -> (Vec<f64>, Vec<f64>) {
    let SsdShape {
        batch,
        len,
        heads,
        head_dim,
        groups,
        state,
        ..
    } = shape;
    let mut y = vec![0.0; shape.y_elements()];
    let mut last = input.initial.to_vec();
    for row in 0..batch {
        for head in 0..heads {
            let group = head / shape.heads_per_group();
            let s = &mut last[(row * heads + head) * head_dim * state..][..head_dim * state];
            for t in 0..len {
                let at = row * len + t;
                if t > 0 && !input.seq_idx.is_empty() && input.seq_idx[at] != input.seq_idx[at - 1]
                {
                    s.fill(0.0);
                }
                let dt = input.dt[at * heads + head];
                let decay = (dt * input.a[head]).exp();
                let b = &input.b[(at * groups + group) * state..][..state];
                let c = &input.c[(at * groups + group) * state..][..state];
                for p in 0..head_dim {
                    let x = input.x[(at * heads + head) * head_dim + p];
                    let mut sum = input.d[head] * x;
                    for n in 0..state {
                        let value = decay * s[p * state + n] + dt * x * b[n];
                        s[p * state + n] = value;
                        sum += value * c[n];
                    }
                    y[(at * heads + head) * head_dim + p] = sum;
                }
            }
        }
    }
    (y, last)
}
