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
    /// Sum over states of q B; in the end the gradient of x.
    pub s: Vec<T>,
    /// Sum over states of A w, times log2(e); in the end the gradient of dt.
    pub w: Vec<T>,
    /// Gradient of the gated y; in the end that of z.
    pub dz: Vec<T>,
    z: Vec<T>,
    /// sigmoid(z).
    opening: Vec<T>,
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
            dz: one(),
            z: one(),
            opening: one(),
            a: vec![T::zero(); state * LANES],
            d: vec![T::zero(); LANES],
            bias: vec![T::zero(); LANES],
        }
    }

    /// Reads x, dt, dy and z; g = dy SiLU(z).
    #[inline(always)]
    pub(super) fn fill<S: Simd>(&mut self, simd: S, patch: &Patch<'_, T>, dy: &[T]) {
        let end = patch.elements();
        self.forward.fill(simd, patch);
        self.s[..end].fill(T::zero());
        self.w[..end].fill(T::zero());
        if patch.plan.shape.gated {
            patch.gather(dy, &mut self.dz);
            patch.gather(patch.input.z, &mut self.z);
            let (dy, z) = (T::cast::<S>(&self.dz), T::cast::<S>(&self.z[..end]));
            let g = T::cast_mut::<S>(&mut self.g);
            let opening = T::cast_mut::<S>(&mut self.opening);
            for (at, &z) in z.iter().enumerate() {
                opening[at] = T::v_sigmoid(simd, z);
                g[at] = T::v_mul(simd, dy[at], T::v_mul(simd, z, opening[at]));
            }
        } else {
            patch.gather(dy, &mut self.g);
        }
    }

    /// dx, ddt and dz of the piece from its sums over states; adds to the gradients of D and bias.
    #[inline(always)]
    pub(super) fn finish<S: Simd>(&mut self, simd: S, patch: &Patch<'_, T>) {
        let end = patch.elements();
        let ln2 = T::v_splat(simd, T::from_f64(std::f64::consts::LN_2));
        let skip = T::cast::<S>(&patch.block.d);
        let [x, raw, dt] = [&self.forward.x, &self.forward.raw, &self.forward.dt];
        let [x, raw, dt] = [x, raw, dt].map(|values| T::cast::<S>(&values[..end]));
        let g = T::cast::<S>(&self.g);
        let (s, w) = (T::cast_mut::<S>(&mut self.s), T::cast_mut::<S>(&mut self.w));
        let (d, bias) = (
            T::cast_mut::<S>(&mut self.d),
            T::cast_mut::<S>(&mut self.bias),
        );
        for at in 0..x.len() {
            let lane = at % skip.len();
            let through = T::v_mul(simd, skip[lane], g[at]);
            let mut slope = T::v_fma(simd, x[at], s[at], T::v_mul(simd, ln2, w[at]));
            if patch.plan.shape.softplus {
                slope = T::v_mul(simd, slope, T::v_sigmoid(simd, raw[at]));
            }
            s[at] = T::v_fma(simd, dt[at], s[at], through);
            w[at] = slope;
            bias[lane] = T::v_add(simd, bias[lane], slope);
            d[lane] = T::v_fma(simd, g[at], x[at], d[lane]);
        }
        if patch.plan.shape.gated {
            self.gate(simd, end);
        }
    }

    /// dz = dy y silu'(z), with silu'(z) = sigmoid(z) (1 + z (1 - sigmoid(z))).
    #[inline(always)]
    fn gate<S: Simd>(&mut self, simd: S, end: usize) {
        let one = T::v_splat(simd, T::one());
        let (z, opening) = (T::cast::<S>(&self.z), T::cast::<S>(&self.opening));
        let y = T::cast::<S>(&self.forward.y);
        for (at, dz) in T::cast_mut::<S>(&mut self.dz[..end]).iter_mut().enumerate() {
            let rest = T::v_mul(simd, z[at], T::v_sub(simd, one, opening[at]));
            let slope = T::v_fma(simd, opening[at], rest, opening[at]);
            *dz = T::v_mul(simd, T::v_mul(simd, *dz, y[at]), slope);
        }
    }
}
