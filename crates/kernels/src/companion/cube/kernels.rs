//! What is as short as the state: a unit per element, sums over the state in f64.

use cubecl::prelude::*;

/// Sizes of a call.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct Sizes {
    pub channels: usize,
    pub state: usize,
    pub len: usize,
    /// Terms of r_ca rev(b) that reach the result.
    pub terms: usize,
    /// Units with work.
    pub total: usize,
}

/// r_cb and r_ca, [row, state].
#[cube(launch)]
pub(super) fn correlations<A: Float>(
    a: &[A],
    b: &[A],
    c: &[A],
    r_cb: &mut [f64],
    r_ca: &mut [f64],
    sizes: Sizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let i = ABSOLUTE_POS % sizes.state;
        let row = ABSOLUTE_POS / sizes.state;
        let own = row * sizes.state;
        let of_channel = row % sizes.channels * sizes.state;
        let mut by_b = f64::cast_from(0u32);
        let mut by_a = f64::cast_from(0u32);
        for j in 0..sizes.state - i {
            let c = f64::cast_from(c[own + i + j]);
            by_b += c * f64::cast_from(b[own + j]);
            by_a += c * f64::cast_from(a[of_channel + j]);
        }
        r_cb[ABSOLUTE_POS] = by_b;
        r_ca[ABSOLUTE_POS] = by_a;
    }
}

/// z r_ca rev(b) into `top` [set, position, channel], which holds zeros; a unit per row and term.
#[cube(launch)]
pub(super) fn numerators<A: Float>(
    b: &[A],
    r_ca: &[f64],
    top: &mut [f64],
    sizes: Sizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let k = ABSOLUTE_POS % sizes.terms;
        let row = ABSOLUTE_POS / sizes.terms;
        let own = row * sizes.state;
        let mut from = 0usize.runtime();
        if k >= sizes.state {
            from = k + 1 - sizes.state;
        }
        let mut to = k + 1;
        if to > sizes.state {
            to = sizes.state;
        }
        let mut sum = f64::cast_from(0u32);
        for i in from..to {
            sum += r_ca[own + i] * f64::cast_from(b[own + (sizes.state - 1 + i) - k]);
        }
        let set = row / sizes.channels;
        top[(set * sizes.len + k + 1) * sizes.channels + row % sizes.channels] = sum;
    }
}

/// The gradient of r_ca, [row, state], from that of r_ca rev(b), [row, terms].
#[cube(launch)]
pub(super) fn cotangents<A: Float>(
    b: &[A],
    dtop: &[f64],
    dr_ca: &mut [f64],
    sizes: Sizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let i = ABSOLUTE_POS % sizes.state;
        let row = ABSOLUTE_POS / sizes.state;
        let end = (row + 1) * sizes.state - 1;
        let mut count = 0usize.runtime();
        if i < sizes.terms {
            count = sizes.terms - i;
        }
        if count > sizes.state {
            count = sizes.state;
        }
        let mut sum = f64::cast_from(0u32);
        for j in 0..count {
            sum += dtop[row * sizes.terms + i + j] * f64::cast_from(b[end - j]);
        }
        dr_ca[ABSOLUTE_POS] = sum;
    }
}

/// Gradients of one element of b, of c, and what its row contributes to that of a. `grad` [row, len];
/// `lags` [len, channel], from behind, is -dQ, of which the first set takes Q_i = -a_{state - i}.
#[cube(launch)]
pub(super) fn gradients<A: Float>(
    a: &[A],
    b: &[A],
    c: &[A],
    grad: &[A],
    r_ca: &[f64],
    dr_ca: &[f64],
    dtop: &[f64],
    lags: &[f64],
    da: &mut [f64],
    db: &mut [A],
    dc: &mut [A],
    sizes: Sizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let i = ABSOLUTE_POS % sizes.state;
        let row = ABSOLUTE_POS / sizes.state;
        let own = row * sizes.state;
        let channel = row % sizes.channels;
        let mut by_a = f64::cast_from(0u32);
        let mut by_b = f64::cast_from(0u32);
        for j in 0..sizes.state - i {
            let c = f64::cast_from(c[own + i + j]);
            by_a += c * dr_ca[own + j];
            if j < sizes.len {
                by_b += c * f64::cast_from(grad[row * sizes.len + j]);
            }
        }
        let behind = sizes.state - i;
        if row < sizes.channels && behind < sizes.len {
            by_a += lags[(sizes.len - 1 - behind) * sizes.channels + channel];
        }
        // rev(b)_{behind - 1} = b_i
        for j in 0..sizes.state {
            let at = behind - 1 + j;
            if at < sizes.terms {
                by_b += dtop[row * sizes.terms + at] * r_ca[own + j];
            }
        }
        let mut by_c = f64::cast_from(0u32);
        for j in 0..i + 1 {
            by_c += dr_ca[own + j] * f64::cast_from(a[channel * sizes.state + i - j]);
            if j < sizes.len {
                by_c += f64::cast_from(grad[row * sizes.len + j]) * f64::cast_from(b[own + i - j]);
            }
        }
        da[ABSOLUTE_POS] = by_a;
        db[ABSOLUTE_POS] = A::cast_from(by_b);
        dc[ABSOLUTE_POS] = A::cast_from(by_c);
    }
}
