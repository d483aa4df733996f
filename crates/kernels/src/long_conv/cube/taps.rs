//! Both kernels and the direct term as one kernel over lags, [lag, channel], and its gradient back.
//!
//! Lags run from -`before` on: x_{t - lag} contributes to y_t.

use cubecl::prelude::*;

/// Sizes of the kernels.
#[derive(CubeType, CubeLaunch, Clone, Copy)]
pub(super) struct TapSizes {
    pub channels: usize,
    pub taps: usize,
    pub reverse_taps: usize,
    pub lags: usize,
    pub before: usize,
    /// Units with work.
    pub total: usize,
}

/// `all` [lag, channel] from `kernel` and `reverse` [channel, tap] and `skip`.
#[cube(launch)]
pub(super) fn gather<A: Float>(
    kernel: &[A],
    reverse: &[A],
    skip: &[A],
    all: &mut [A],
    sizes: TapSizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let channel = ABSOLUTE_POS % sizes.channels;
        let lag = ABSOLUTE_POS / sizes.channels;
        let mut value = A::from_int(0);
        if lag < sizes.before {
            value = reverse[channel * sizes.reverse_taps + sizes.before - 1 - lag];
        } else {
            let tap = lag - sizes.before;
            if tap < sizes.taps {
                value = kernel[channel * sizes.taps + tap];
            }
            if tap == 0 {
                value += skip[channel];
            }
        }
        all[ABSOLUTE_POS] = value;
    }
}

/// The gradients of the three from that of `all`; a unit per element of them.
#[cube(launch)]
pub(super) fn scatter<A: Float>(
    all: &[A],
    kernel: &mut [A],
    reverse: &mut [A],
    skip: &mut [A],
    sizes: TapSizes,
    #[define(A)] _type: ElemType,
) {
    if ABSOLUTE_POS < sizes.total {
        let taps = sizes.channels * sizes.taps;
        let both = taps + sizes.channels * sizes.reverse_taps;
        let mut value = A::from_int(0);
        if ABSOLUTE_POS < taps {
            let lag = ABSOLUTE_POS % sizes.taps + sizes.before;
            if lag < sizes.lags {
                value = all[lag * sizes.channels + ABSOLUTE_POS / sizes.taps];
            }
            kernel[ABSOLUTE_POS] = value;
        } else if ABSOLUTE_POS < both {
            let at = ABSOLUTE_POS - taps;
            let tap = at % sizes.reverse_taps;
            if tap < sizes.before {
                let lag = sizes.before - 1 - tap;
                value = all[lag * sizes.channels + at / sizes.reverse_taps];
            }
            reverse[at] = value;
        } else {
            let channel = ABSOLUTE_POS - both;
            skip[channel] = all[sizes.before * sizes.channels + channel];
        }
    }
}
