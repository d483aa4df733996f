//! The bilinear step of a diagonal-plus-low-rank matrix: a diagonal plus a low rank again.
//!
//! With E = (1 - dt Lambda / 2)^-1 and W = (I + dt Re P^* E P)^-1, inner products over one half of the
//! conjugate pairs,
//!
//! ```text
//! A_d h = (1 + dt Lambda / 2) E h - sum_i beta_i Re(kappa_i . h)
//! beta_i = (dt / 2) sum_j E P_j W_ji,   kappa_i = 4 E conj(P_i)
//! B_d = dt E B - sum_i beta_i Re(dt kappa_i / 2 . B)
//! ```

use crate::lti::times;
use burn::tensor::Tensor;
use resolvent_kernels::ComplexTensor;

/// What [`resolvent_kernels::lowrank_scan`] needs, [channel, mode] and [rank, channel, mode].
pub(super) struct DiscreteStep {
    pub alpha: ComplexTensor<2>,
    pub beta: ComplexTensor<3>,
    pub kappa: ComplexTensor<3>,
    pub b: ComplexTensor<2>,
}

/// 1 / v.
fn inverse(v: ComplexTensor<2>) -> ComplexTensor<2> {
    let size = v.re.clone() * v.re.clone() + v.im.clone() * v.im.clone();
    ComplexTensor::new(v.re / size.clone(), v.im.neg() / size)
}

fn scaled(v: &ComplexTensor<2>, s: &Tensor<2>) -> ComplexTensor<2> {
    ComplexTensor::new(v.re.clone() * s.clone(), v.im.clone() * s.clone())
}

/// Re(a . b) over the modes, [channel, 1].
fn inner(a: &ComplexTensor<2>, b: &ComplexTensor<2>) -> Tensor<2> {
    (a.re.clone() * b.re.clone() - a.im.clone() * b.im.clone()).sum_dim(1)
}

fn conjugate(v: &ComplexTensor<2>) -> ComplexTensor<2> {
    ComplexTensor::new(v.re.clone(), v.im.clone().neg())
}

/// (I + M)^-1 of the 1 x 1 or 2 x 2 matrices that every channel has, as rows of [channel, 1].
fn mixing(m: Vec<Vec<Tensor<2>>>) -> Vec<Vec<Tensor<2>>> {
    let diagonal = |i: usize| m[i][i].clone() + 1.0;
    match m.len() {
        0 => Vec::new(),
        1 => vec![vec![diagonal(0).recip()]],
        _ => {
            let (a, d) = (diagonal(0), diagonal(1));
            let (b, c) = (m[0][1].clone(), m[1][0].clone());
            let det = (a.clone() * d.clone() - b.clone() * c.clone()).recip();
            vec![
                vec![d * det.clone(), b.neg() * det.clone()],
                vec![c.neg() * det.clone(), a * det],
            ]
        }
    }
}

impl DiscreteStep {
    /// `lambda`, `b`: [channel, mode]; `p`: at most two of [channel, mode]; `dt`: `[channel]`.
    pub(super) fn new(
        lambda: ComplexTensor<2>,
        p: &[ComplexTensor<2>],
        b: ComplexTensor<2>,
        dt: Tensor<1>,
    ) -> Self {
        let [channels, modes] = lambda.dims();
        let dt = dt.reshape([channels, 1]);
        let half = scaled(&lambda, &(dt.clone() * 0.5));
        let e = inverse(ComplexTensor::new(
            half.re.clone().neg() + 1.0,
            half.im.clone().neg(),
        ));
        let alpha = times(ComplexTensor::new(half.re + 1.0, half.im), e.clone());
        let ep: Vec<ComplexTensor<2>> = p.iter().map(|p| times(e.clone(), p.clone())).collect();
        let rows = p.iter().map(|left| {
            let row = ep
                .iter()
                .map(|right| inner(&conjugate(left), right) * dt.clone());
            row.collect()
        });
        let w = mixing(rows.collect());
        let beta: Vec<ComplexTensor<2>> = (0..p.len())
            .map(|i| {
                let terms = ep.iter().zip(&w);
                let terms = terms.map(|(ep, w)| scaled(ep, &(w[i].clone() * dt.clone() * 0.5)));
                let sum = |a: ComplexTensor<2>, b: ComplexTensor<2>| {
                    ComplexTensor::new(a.re + b.re, a.im + b.im)
                };
                terms.reduce(sum).unwrap_or_else(|| e.clone())
            })
            .collect();
        let kappa: Vec<ComplexTensor<2>> = p
            .iter()
            .map(|p| {
                let product = times(e.clone(), conjugate(p));
                ComplexTensor::new(product.re * 4.0, product.im * 4.0)
            })
            .collect();
        let mut driven = scaled(&times(e, b.clone()), &dt);
        for (beta, kappa) in beta.iter().zip(&kappa) {
            let read = inner(kappa, &b) * dt.clone() * 0.5;
            let lost = scaled(beta, &read);
            driven = ComplexTensor::new(driven.re - lost.re, driven.im - lost.im);
        }
        Self {
            alpha,
            beta: stack(beta, channels, modes),
            kappa: stack(kappa, channels, modes),
            b: driven,
        }
    }
}

/// [rank, channel, mode].
pub(super) fn stack(
    columns: Vec<ComplexTensor<2>>,
    channels: usize,
    modes: usize,
) -> ComplexTensor<3> {
    let rank = columns.len();
    let (re, im): (Vec<_>, Vec<_>) = columns.into_iter().map(|c| (c.re, c.im)).unzip();
    let join = |parts: Vec<Tensor<2>>| Tensor::cat(parts, 0).reshape([rank, channels, modes]);
    ComplexTensor::new(join(re), join(im))
}
