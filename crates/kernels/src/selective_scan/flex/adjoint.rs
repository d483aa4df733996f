//! Running gradients of one block of channels: what leads into the scan's adjoint and out of it.

use super::block::Patch;
use super::forward::Buffers;
use super::plan::{LANES, PIECE_ELEMENTS};
use crate::float::Vector;
use pulp::Simd;

/// Running gradients of one block; arrays of a piece are [position, lane].
pub(super) struct Adjoint<T> {
    pub forward: Buffers<T>,
    /// Gradient of y before the gate.
    pub g: Vec<T>,
    /// Sum over states of q B.
    pub s: Vec<T>,
    /// Sum over states of A w, times log2(e).
    pub w: Vec<T>,
    scratch: Vec<T>,
    pub dx: Vec<T>,
    pub ddt: Vec<T>,
    pub dz: Vec<T>,
    /// Gradient of A so far, [state, lane].
    pub a: Vec<T>,
    /// Gradient of D so far, `[lane]`.
    pub d: Vec<T>,
    /// Gradient of the bias so far, `[lane]`.
    pub bias: Vec<T>,
}

impl<T: Vector> Adjoint<T> {
    pub(super) fn new(state: usize) -> Self {
        let one = || vec![T::zero(); PIECE_ELEMENTS];
        Self {
            forward: Buffers::new(),
            g: one(),
            s: one(),
            w: one(),
            scratch: one(),
            dx: one(),
            ddt: one(),
            dz: one(),
            a: vec![T::zero(); state * LANES],
            d: vec![T::zero(); LANES],
            bias: vec![T::zero(); LANES],
        }
    }

    /// Reads the piece: x, dt, and g = dy SiLU(z).
    #[inline(always)]
    pub(super) fn fill<S: Simd>(&mut self, simd: S, patch: &Patch<'_, T>, dy: &[T]) {
        let end = patch.elements();
        self.forward.fill(simd, patch);
        self.s[..end].fill(T::zero());
        self.w[..end].fill(T::zero());
        patch.gather(dy, &mut self.g[..end]);
        if patch.plan.shape.gated {
            let z = &mut self.scratch[..end];
            patch.gather(patch.input.z, z);
            let g = T::cast_mut::<S>(&mut self.g);
            for (g, &z) in g.iter_mut().zip(T::cast::<S>(z)) {
                let silu = T::v_mul(simd, z, T::v_sigmoid(simd, z));
                *g = T::v_mul(simd, *g, silu);
            }
        }
    }

    /// dx, ddt and dz of the piece from its sums over states; adds to the gradients of D and bias.
    #[inline(always)]
    pub(super) fn finish<S: Simd>(&mut self, simd: S, patch: &Patch<'_, T>, dy: &[T]) {
        let end = patch.elements();
        let per = LANES / T::lanes::<S>();
        let ln2 = T::v_splat(simd, T::from_f64(std::f64::consts::LN_2));
        let skip = T::cast::<S>(&patch.block.d);
        let [x, raw, dt] = [&self.forward.x, &self.forward.raw, &self.forward.dt];
        let [x, raw, dt] = [x, raw, dt].map(|values| T::cast::<S>(&values[..end]));
        let [g, s, w] = [&self.g, &self.s, &self.w].map(|values| T::cast::<S>(values));
        let (dx, ddt) = (
            T::cast_mut::<S>(&mut self.dx),
            T::cast_mut::<S>(&mut self.ddt),
        );
        let (d, bias) = (
            T::cast_mut::<S>(&mut self.d),
            T::cast_mut::<S>(&mut self.bias),
        );
        for at in 0..x.len() {
            let lane = at % per;
            let through = T::v_mul(simd, skip[lane], g[at]);
            dx[at] = T::v_fma(simd, dt[at], s[at], through);
            let mut slope = T::v_fma(simd, x[at], s[at], T::v_mul(simd, ln2, w[at]));
            if patch.plan.shape.softplus {
                slope = T::v_mul(simd, slope, T::v_sigmoid(simd, raw[at]));
            }
            ddt[at] = slope;
            bias[lane] = T::v_add(simd, bias[lane], slope);
            d[lane] = T::v_fma(simd, g[at], x[at], d[lane]);
        }
        if patch.plan.shape.gated {
            self.gate(simd, patch, dy);
        }
    }

    /// dz = dy y silu'(z), with silu'(z) = sigmoid(z) (1 + z (1 - sigmoid(z))).
    #[inline(always)]
    fn gate<S: Simd>(&mut self, simd: S, patch: &Patch<'_, T>, dy: &[T]) {
        let end = patch.elements();
        let one = T::v_splat(simd, T::one());
        patch.gather(patch.input.z, &mut self.scratch[..end]);
        patch.gather(dy, &mut self.dz[..end]);
        let z = T::cast::<S>(&self.scratch[..end]);
        let y = T::cast::<S>(&self.forward.y);
        for (at, dz) in T::cast_mut::<S>(&mut self.dz[..end]).iter_mut().enumerate() {
            let sigmoid = T::v_sigmoid(simd, z[at]);
            let rest = T::v_mul(simd, z[at], T::v_sub(simd, one, sigmoid));
            let slope = T::v_fma(simd, sigmoid, rest, sigmoid);
            *dz = T::v_mul(simd, T::v_mul(simd, *dz, y[at]), slope);
        }
    }
}
