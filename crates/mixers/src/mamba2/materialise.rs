//! The semiseparable matrices that the block applies.

use super::layer::{Carried, Mamba2};
use crate::error::MixerError;
use crate::mixer::{Materialised, host};
use burn::tensor::Tensor;
use resolvent_kernels::ssd::SsdInput;
use resolvent_structure::{Matrix, SemiseparableMatrix, StructuredMatrix};

/// M_ij = C_i . B_j exp(sum of Delta A over j+1..i) Delta_j + D delta_ij per batch row and head.
pub(super) fn materialise(mixer: &Mamba2, input: Tensor<3>) -> Result<Materialised, MixerError> {
    let scan = mixer.drive(input, Carried::default())?.scan;
    let [batch, _, heads, _] = scan.x.dims();
    let host = HostScan::new(&scan);
    let matrices = (0..batch * heads)
        .map(|at| Ok(host.head(at / heads, at % heads)?.dense()))
        .collect::<Result<Vec<Matrix>, MixerError>>()?;
    Ok(Materialised {
        matrices,
        values: scan.x,
    })
}

struct HostScan {
    dt: Vec<f64>,
    a: Vec<f64>,
    b: Vec<f64>,
    c: Vec<f64>,
    d: Vec<f64>,
    len: usize,
    heads: usize,
    groups: usize,
    state: usize,
}

impl HostScan {
    fn new(scan: &SsdInput) -> Self {
        let [_, len, heads, _] = scan.x.dims();
        let [_, _, groups, state] = scan.b.dims();
        Self {
            dt: host(&scan.dt),
            a: host(&scan.a),
            b: host(&scan.b),
            c: host(&scan.c),
            d: scan.d.as_ref().map_or_else(|| vec![0.0; heads], host),
            len,
            heads,
            groups,
            state,
        }
    }

    fn head(&self, row: usize, head: usize) -> Result<SemiseparableMatrix, MixerError> {
        let group = head / (self.heads / self.groups);
        let dt: Vec<f64> = (0..self.len)
            .map(|t| self.dt[(row * self.len + t) * self.heads + head])
            .collect();
        let at = |t: usize, n: usize| ((row * self.len + t) * self.groups + group) * self.state + n;
        let b = Matrix::from_fn(self.len, self.state, |t, n| dt[t] * self.b[at(t, n)])?;
        let c = Matrix::from_fn(self.len, self.state, |t, n| self.c[at(t, n)])?;
        let decay = dt.iter().map(|dt| dt * self.a[head]).collect();
        Ok(SemiseparableMatrix::new(decay, b, c)?.with_diagonal(vec![self.d[head]; self.len])?)
    }
}
