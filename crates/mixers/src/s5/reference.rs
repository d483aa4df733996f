//! From states to outputs in f64.

use super::gate::S5Gate;
use crate::lti::reference::pairs;
use crate::mixer::host;
use burn::module::Param;
use burn::tensor::Tensor;
use resolvent_structure::Complex64;

/// y = 2 Re(C h) + D u and the gate, for every sequence of `input` [batch, length, channel]; `states`
/// gives [length][mode] for one.
pub(super) fn outputs(
    c: &Param<Tensor<3>>,
    d: &Param<Tensor<1>>,
    gate: &S5Gate,
    (input, length): (&[f64], usize),
    states: impl Fn(&[f64]) -> Vec<Vec<Complex64>>,
) -> Vec<f64> {
    let (c, d) = (pairs(&host(&c.val())), host(&d.val()));
    let channels = d.len();
    let mut out = Vec::with_capacity(input.len());
    for row in input.chunks((length * channels).max(1)) {
        for (h, u) in states(row).iter().zip(row.chunks(channels)) {
            let y: Vec<f64> = (0..channels)
                .map(|at| {
                    let c = &c[at * h.len()..][..h.len()];
                    let sum: Complex64 = c.iter().zip(h).map(|(c, h)| c * h).sum();
                    2.0 * sum.re + d[at] * u[at]
                })
                .collect();
            out.extend(gate.exact(&y));
        }
    }
    out
}
