//! The scans by burn's tensor operations alone, as somebody without the fused ones would write them.
//!
//! Only the benchmarks run these: two of them loop over time.

use burn::tensor::activation::{silu, softplus};
use burn::tensor::{Bool, Device, Tensor};
use resolvent_kernels::dplr::DplrInput;
use resolvent_kernels::selective_scan::SelectiveScanInput;
use resolvent_kernels::ssd::SsdInput;

/// True above the diagonal moved by `offset`.
fn above(size: usize, offset: i64, device: &Device) -> Tensor<2, Bool> {
    Tensor::tril_mask([size, size], offset, device)
}

/// exp(s_i - s_j) for the sums `s` [.., position] of what lies in between, zero for j > i + `offset`.
fn decays(sums: Tensor<4>, offset: i64) -> Tensor<5> {
    let [batch, chunks, heads, size] = sums.dims();
    let device = sums.device().inner();
    let to = sums.clone().reshape([batch, chunks, heads, size, 1]);
    let from = sums.reshape([batch, chunks, heads, 1, size]);
    let mask = above(size, offset, &device).reshape([1, 1, 1, size, size]);
    let mask = mask.expand([batch, chunks, heads, size, size]);
    (to - from).mask_fill(mask, f32::NEG_INFINITY).exp()
}

/// The chunked scan of Mamba-2 (the paper's listing 1): products within chunks, states at their ends,
/// and a product with the decays between chunks instead of a loop. One group; `chunk` divides the
/// length. Returns y, [batch, len, head, head_dim].
pub(super) fn ssd(input: &SsdInput, chunk: usize) -> Tensor<4> {
    let [batch, len, heads, width] = input.x.dims();
    let state = input.b.dims()[3];
    let chunks = len / chunk;
    let dtype = input.x.dtype();
    let x = input.x.clone() * input.dt.clone().cast(dtype).unsqueeze_dim(3);
    let x = x
        .reshape([batch, chunks, chunk, heads, width])
        .swap_dims(2, 3);
    let rows = |t: &Tensor<4>| t.clone().reshape([batch, chunks, 1, chunk, state]);
    let (b, c) = (rows(&input.b), rows(&input.c));
    let steps = input.dt.clone() * input.a.clone().reshape([1, 1, heads]);
    let steps = steps.reshape([batch, chunks, chunk, heads]).swap_dims(2, 3);
    let sums = steps.cumsum(3);
    let last = sums.clone().narrow(3, chunk - 1, 1);
    let scores = c.clone().matmul(b.clone().swap_dims(3, 4));
    let inside = (scores * decays(sums.clone(), 0).cast(dtype)).matmul(x.clone());
    let to_end = (last.clone() - sums.clone())
        .exp()
        .cast(dtype)
        .unsqueeze_dim(4);
    let full = [batch, chunks, heads, state, chunk];
    let ends = b.swap_dims(3, 4).expand(full).matmul(x * to_end);
    // States before each chunk: those at the earlier ends, decayed by the chunks in between.
    let last = last.reshape([batch, chunks, heads]).swap_dims(1, 2);
    let through = last.clone().cumsum(2);
    let before = through.clone() - last;
    let mask = above(chunks, -1, &through.device().inner()).reshape([1, 1, chunks, chunks]);
    let passed = before.unsqueeze_dim::<4>(3) - through.unsqueeze_dim::<4>(2);
    let mask = mask.expand([batch, heads, chunks, chunks]);
    let passed = passed.mask_fill(mask, f32::NEG_INFINITY).exp().cast(dtype);
    let ends = ends
        .swap_dims(1, 2)
        .reshape([batch, heads, chunks, state * width]);
    let starts = passed
        .matmul(ends)
        .reshape([batch, heads, chunks, state, width]);
    let full = [batch, chunks, heads, chunk, state];
    let across = c.expand(full).matmul(starts.swap_dims(1, 2));
    let y = inside + across * sums.exp().cast(dtype).unsqueeze_dim(4);
    y.swap_dims(2, 3).reshape([batch, len, heads, width])
}

/// The recurrence of Mamba-1 position by position, with softplus, skip and gate; one group. Returns
/// y, [batch, len, channel].
pub(super) fn selective_scan(input: &SelectiveScanInput) -> Tensor<3> {
    let [batch, len, channels] = input.x.dims();
    let state = input.b.dims()[3];
    let dtype = input.x.dtype();
    let vector = |v: &Option<Tensor<1>>| match v {
        Some(values) => values.clone().cast(dtype).reshape([1, 1, channels]),
        None => Tensor::zeros([1, 1, channels], (&input.x.device(), dtype)),
    };
    let dt = softplus(input.dt.clone() + vector(&input.dt_bias), 1.0);
    let a = input.a.clone().cast(dtype).unsqueeze::<3>();
    let mut h = Tensor::<3>::zeros([batch, channels, state], (&input.x.device(), dtype));
    let mut outputs = Vec::with_capacity(len);
    for t in 0..len {
        let column = |v: &Tensor<3>| v.clone().narrow(1, t, 1).swap_dims(1, 2);
        let row = |v: &Tensor<4>| v.clone().narrow(1, t, 1).reshape([batch, 1, state]);
        let step = column(&dt);
        let write = step.clone() * column(&input.x) * row(&input.b);
        h = (step * a.clone()).exp() * h + write;
        outputs.push((h.clone() * row(&input.c)).sum_dim(2).swap_dims(1, 2));
    }
    let y = Tensor::cat(outputs, 1) + input.x.clone() * vector(&input.d);
    match &input.z {
        Some(gate) => y * silu(gate.clone()),
        None => y,
    }
}

/// The recurrence of RWKV-7 position by position. Returns y, [batch, len, head, value].
pub(super) fn dplr(input: &DplrInput) -> Tensor<4> {
    let [batch, len, heads, keys] = input.r.dims();
    let values = input.v.dims()[3];
    let options = (&input.r.device(), input.r.dtype());
    let mut s = Tensor::<4>::zeros([batch, heads, values, keys], options);
    let decay = input.g.clone().exp();
    let mut outputs = Vec::with_capacity(len);
    for t in 0..len {
        let row = |x: &Tensor<4>| x.clone().narrow(1, t, 1).reshape([batch, heads, 1, keys]);
        let column = |x: &Tensor<4>| row(x).reshape([batch, heads, keys, 1]);
        let value = input
            .v
            .clone()
            .narrow(1, t, 1)
            .reshape([batch, heads, values, 1]);
        let read = s.clone().matmul(column(&input.a));
        s = s * row(&decay) + read * row(&input.b) + value * row(&input.k);
        let y = s.clone().matmul(column(&input.r));
        outputs.push(y.reshape([batch, 1, heads, values]));
    }
    Tensor::cat(outputs, 1)
}

#[cfg(test)]
mod tests {
    use super::super::lengths::{SUBJECTS, Scale};
    use burn::tensor::Device;

    #[test]
    fn plain_when_beside_the_fused_operation_gives_the_same() {
        for subject in SUBJECTS {
            let work = (subject.inputs)(Scale::Cpu, 128, &Device::flex());
            let want = work.run().unwrap();
            let off = (work.plain() - want.clone()).abs().max();
            let (off, most) = (
                off.into_scalar::<f32>(),
                want.abs().max().into_scalar::<f32>(),
            );
            assert!(off <= 1e-4 * most, "{}: {off} of {most}", subject.name);
        }
    }
}
