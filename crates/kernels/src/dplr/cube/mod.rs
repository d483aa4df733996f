//! CubeCL body of DPLR: chunks, whose own part is prepared in parallel, so that the walk along the
//! length has few and large products.
//!
//! Per chunk of L = 32 positions, with G_t the cumulative log decay in the chunk (all exponents below
//! are sums over the positions in between, and not positive):
//!
//! ```text
//! M_ab[t, s] = sum_j a_t b_s exp(G_{t-1} - G_s), s < t      M_ak with k
//! M_rb[t, s] = scale sum_j r_t b_s exp(G_t - G_s), s <= t   M_rk with k
//! [W, X] = (I - M_ab)^-1 [a_t exp(G_{t-1}), M_ak]
//! [P, Q] = [scale r_t exp(G_t), M_rk] + M_rb [W, X]
//! U = W S_0^T + X V        Y = P S_0^T + Q V
//! S = S_0 diag(exp(G_L)) + U^T [b_s exp(G_L - G_s)] + V^T [k_s exp(G_L - G_s)]
//! ```
//!
//! U and Y depend on the state before the chunk alone, not on each other. Kernels: `prepare` (one cube
//! per chunk) up to W, X, P, Q; `forward` (one cube per head and block of values, the state in
//! registers) the last two lines; for the backward pass `forward` again, writing the state before
//! each chunk and U; `reverse` the same walk backwards; `gradients` (one cube per chunk) what
//! `prepare` did. A single position has a kernel of its own, `step`. Nothing is added atomically: two runs give the same bits.
//!
//! `levels` says how any decay is exact. f16 and bf16 inputs are read as they are and multiplied on
//! matrix units (m16n8k16, f32 sums); triangular systems, decays and states are f32.
//!
//! What a NaN reaches: its own chunk whole, and everything after it.
//!
//! Traffic at batch 8, heads 32, K = V = 128, T = 16384 in bf16, where one tensor has 1.07 GB: 10 GB
//! for `prepare`, 7.5 GB for `forward`: 6 ms at 3 TB/s. Its products are 0.62 TFLOP.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod backward;
mod channels;
mod choose;
mod forward;
mod gradients;
mod launch;
mod levels;
mod mask;
mod memory;
mod pair_sums;
mod plan;
mod prepare;
mod reverse;
mod score_gradients;
mod scores;
mod solve;
mod step;
mod task;

use super::DplrShape;
use super::ops::{DplrBackward, DplrGradients, DplrOps, DplrSaved};
use crate::cube::{Offer, accumulator, contiguous, elements};
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::Client;
use plan::Plan;

/// Bytes of shared memory that the smallest plan needs and the device has, where it does not fit.
pub(super) fn misfit(shape: &DplrShape, dtype: DType, client: &Client) -> Option<[usize; 2]> {
    let offer = Offer::new(client, dtype);
    let needed = choose::choose(shape, dtype, false, &offer).err()?;
    Some([needed, offer.shared.unwrap_or(usize::MAX)])
}

/// One call, ready to launch.
struct Call {
    r: CubeTensor,
    g: CubeTensor,
    k: CubeTensor,
    v: CubeTensor,
    a: CubeTensor,
    b: CubeTensor,
    initial: CubeTensor,
    seq_idx: CubeTensor,
    shape: DplrShape,
    plan: Plan,
}

impl Call {
    /// # Panics
    /// When the sizes do not fit, which [`super::dplr`] has checked.
    fn new(saved: DplrSaved<CubeBackend>) -> Self {
        let shape = saved.shape;
        let v = contiguous(saved.v);
        let seq_idx = contiguous(saved.seq_idx);
        let offer = Offer::new(&v.client, v.dtype);
        let plan = choose::choose(&shape, v.dtype, elements(&seq_idx) > 0, &offer)
            .unwrap_or_else(|needed| panic!("dplr: {needed} bytes of shared memory needed"));
        Self {
            r: contiguous(saved.r),
            g: contiguous(saved.g),
            k: contiguous(saved.k),
            a: contiguous(saved.a),
            b: contiguous(saved.b),
            initial: contiguous(saved.initial),
            v,
            seq_idx,
            shape,
            plan,
        }
    }

    /// The format accumulated in.
    fn work(&self) -> DType {
        accumulator(self.v.dtype)
    }

    /// The format of tiles, and of what one kernel hands to the next.
    fn tiles(&self) -> DType {
        match self.plan.matrix {
            true => self.v.dtype,
            false => self.work(),
        }
    }

    /// Chunks of one head.
    fn chunks(&self) -> usize {
        self.shape.len.div_ceil(self.plan.chunk)
    }
}

impl DplrOps for CubeBackend {
    fn dplr(
        r: FloatTensor<Self>,
        g: FloatTensor<Self>,
        k: FloatTensor<Self>,
        v: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        seq_idx: IntTensor<Self>,
        shape: DplrShape,
    ) -> FloatTensor<Self> {
        let saved = DplrSaved::<Self> {
            r,
            g,
            k,
            v,
            a,
            b,
            initial,
            seq_idx,
            shape,
        };
        Call::new(saved).forward()
    }
}

impl DplrBackward for CubeBackend {
    fn dplr_backward(saved: DplrSaved<Self>, grad: FloatTensor<Self>) -> DplrGradients<Self> {
        Call::new(saved).backward(grad)
    }
}
