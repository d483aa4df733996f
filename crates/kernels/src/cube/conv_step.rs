//! One channel of a depthwise convolution at a single position.

use super::sigmoid;
use cubecl::prelude::*;

/// SiLU of the convolution of the carried inputs and `fresh`, whose taps start at `taps` in `weight`
/// and whose carried inputs start at `state` in `old`; where `keeps`, they move on by one into `next`.
#[cube]
pub(crate) fn convolve_channel<A: Float>(
    fresh: A,
    bias: A,
    weight: &[A],
    taps: usize,
    old: &[A],
    next: &mut [A],
    state: usize,
    keeps: bool,
    #[comptime] carried: usize,
) -> A {
    let mut z = bias + weight[taps + carried] * fresh;
    for k in 0..carried {
        let input = old[state + k];
        z += weight[taps + k] * input;
        if keeps && k > 0 {
            next[state + k - 1] = input;
        }
    }
    if keeps {
        next[state + carried - 1] = fresh;
    }
    z * sigmoid::<A>(z)
}
