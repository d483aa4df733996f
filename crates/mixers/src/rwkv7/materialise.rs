//! The matrices that the time mix applies to its values.

use super::time_mix::{Carried, Rwkv7};
use crate::error::MixerError;
use crate::mixer::{Materialised, Pass, host};
use burn::tensor::Tensor;
use resolvent_structure::Matrix;

/// M_ij = k_j^T (A_{j+1} .. A_i) r_i with A_t = diag(w_t) + a_t b_t^T, per batch row and head.
pub(super) fn materialise(mixer: &Rwkv7, input: Tensor<3>) -> Result<Materialised, MixerError> {
    let scan = mixer
        .drive(input, Carried::default(), &mut Pass::default())?
        .scan;
    let [batch, len, heads, dim] = scan.v.dims();
    let [r, g, k, a, b] = [&scan.r, &scan.g, &scan.k, &scan.a, &scan.b].map(host);
    let matrices = (0..batch * heads)
        .map(|at| {
            let (row, head) = (at / heads, at % heads);
            let position = |t: usize| {
                let start = ((row * len + t) * heads + head) * dim;
                start..start + dim
            };
            let mut values = vec![0.0; len * len];
            for j in 0..len {
                // What a unit value written at j has become in one row of the state.
                let mut state = k[position(j)].to_vec();
                for i in j..len {
                    let at = position(i);
                    if i > j {
                        let read = dot(&state, &a[at.clone()]);
                        for ((s, g), b) in state.iter_mut().zip(&g[at.clone()]).zip(&b[at.clone()])
                        {
                            *s = *s * g.exp() + read * b;
                        }
                    }
                    values[i * len + j] = dot(&state, &r[at]);
                }
            }
            Ok(Matrix::new(len, len, values)?)
        })
        .collect::<Result<_, MixerError>>()?;
    Ok(Materialised {
        matrices,
        values: scan.v,
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
