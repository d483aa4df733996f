//! A single position: one pass over the state where it lies, without changing its layout.
//!
//! Lanes are states here: [channel, state] is read and written once, in order.

use super::super::SelectiveScanShape;
use super::Slices;
use super::plan::{LANES, Plan, Tile};
use crate::float::{Vector, sum_lanes};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// State elements below which starting threads costs more than it saves.
const SERIAL: usize = 1 << 17;

/// Writes y [batch, channel] and, unless it is empty, the new state [batch, channel, state].
pub(super) fn step<T: Vector>(plan: &Plan, input: &Slices<'_, T>, y: &mut [T], state: &mut [T]) {
    let tiles = plan.tiles.len();
    let parts = plan.tile_rows(y).into_iter().flatten();
    let tasks = parts.zip(plan.tile_states(state)).enumerate();
    let run = |(index, (y, state))| {
        Arch::new().dispatch(Task {
            plan,
            input,
            row: index / tiles,
            tile: plan.tiles[index % tiles],
            y,
            state,
        });
    };
    if plan.shape.state_elements() < SERIAL {
        tasks.for_each(run);
    } else {
        tasks.collect::<Vec<_>>().into_par_iter().for_each(run);
    }
}

/// One tile of one batch row.
struct Task<'a, T> {
    plan: &'a Plan,
    input: &'a Slices<'a, T>,
    row: usize,
    tile: Tile,
    y: &'a mut [T],
    state: &'a mut [T],
}

impl<T: Vector> WithSimd for Task<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let SelectiveScanShape {
            channels,
            groups,
            state,
            softplus,
            gated,
            ..
        } = self.plan.shape;
        let Tile {
            group,
            first,
            count,
        } = self.tile;
        let tile = |values: &'_ [T], width: usize| -> Vec<T> {
            let start = (self.row * channels + first) * width;
            values[start..start + count * width].to_vec()
        };
        let projection = (self.row * groups + group) * state;
        let x = tile(self.input.x, 1);
        let dt = step_sizes(
            simd,
            softplus,
            tile(self.input.dt, 1),
            &self.input.bias[first..],
        );
        let old = &self.input.initial[(self.row * channels + first) * state..];
        for e in 0..count {
            let channel = Channel {
                dt: dt[e],
                u: dt[e] * x[e],
                a: &self.input.a[(first + e) * state..][..state],
                b: &self.input.b[projection..][..state],
                c: &self.input.c[projection..][..state],
            };
            let new = match self.state.is_empty() {
                true => &mut [][..],
                false => &mut self.state[e * state..][..state],
            };
            let read = channel.advance(simd, &old[e * state..][..state], new);
            self.y[e] = self.input.d[first + e].mul_add(x[e], read);
        }
        if gated {
            gate(simd, tile(self.input.z, 1), self.y);
        }
    }
}

/// softplus(dt + bias), or without softplus.
#[inline(always)]
fn step_sizes<S: Simd, T: Vector>(simd: S, softplus: bool, mut dt: Vec<T>, bias: &[T]) -> Vec<T> {
    for (dt, &bias) in dt.iter_mut().zip(bias) {
        *dt += bias;
    }
    if softplus {
        dt.resize(dt.len().next_multiple_of(LANES), T::zero());
        for dt in T::cast_mut::<S>(&mut dt) {
            *dt = T::v_softplus(simd, *dt);
        }
    }
    dt
}

/// y *= SiLU(z).
#[inline(always)]
fn gate<S: Simd, T: Vector>(simd: S, mut z: Vec<T>, y: &mut [T]) {
    z.resize(z.len().next_multiple_of(LANES), T::zero());
    for z in T::cast_mut::<S>(&mut z) {
        *z = T::v_mul(simd, *z, T::v_sigmoid(simd, *z));
    }
    for (y, &silu) in y.iter_mut().zip(&z) {
        *y = *y * silu;
    }
}

/// What one channel needs; slices over the states.
struct Channel<'a, T> {
    dt: T,
    u: T,
    a: &'a [T],
    b: &'a [T],
    c: &'a [T],
}

impl<T: Vector> Channel<'_, T> {
    /// Writes the new state, unless `new` is empty, and returns its product with C.
    #[inline(always)]
    fn advance<S: Simd>(&self, simd: S, old: &[T], new: &mut [T]) -> T {
        let mut sums = [T::zero(); LANES];
        let (a, a_rest) = self.a.as_chunks::<LANES>();
        let (b, b_rest) = self.b.as_chunks::<LANES>();
        let (c, c_rest) = self.c.as_chunks::<LANES>();
        let (old, old_rest) = old.as_chunks::<LANES>();
        for i in 0..a.len() {
            let h = self.sixteen(simd, [&a[i], &b[i], &c[i], &old[i]], &mut sums);
            if !new.is_empty() {
                new[i * LANES..][..LANES].copy_from_slice(&h);
            }
        }
        if !a_rest.is_empty() {
            let [a, b, c, old] = [a_rest, b_rest, c_rest, old_rest].map(padded);
            let h = self.sixteen(simd, [&a, &b, &c, &old], &mut sums);
            if !new.is_empty() {
                let at = new.len() - a_rest.len();
                new[at..].copy_from_slice(&h[..a_rest.len()]);
            }
        }
        sum_lanes(&sums)
    }

    /// Sixteen states; adds C h to `sums`.
    #[inline(always)]
    fn sixteen<S: Simd>(
        &self,
        simd: S,
        [a, b, c, old]: [&[T; LANES]; 4],
        sums: &mut [T; LANES],
    ) -> [T; LANES] {
        let log2_e = T::from_f64(std::f64::consts::LOG2_E);
        let dt = T::v_splat(simd, self.dt * log2_e);
        let u = T::v_splat(simd, self.u);
        let mut h = [T::zero(); LANES];
        let [a, b, c, old] = [a, b, c, old].map(|values| T::cast::<S>(values));
        let sums = T::cast_mut::<S>(sums);
        for (i, h) in T::cast_mut::<S>(&mut h).iter_mut().enumerate() {
            let decay = T::v_exp2(simd, T::v_mul(simd, dt, a[i]));
            *h = T::v_fma(simd, decay, old[i], T::v_mul(simd, u, b[i]));
            sums[i] = T::v_fma(simd, *h, c[i], sums[i]);
        }
        h
    }
}

/// Up to sixteen values, then zeros.
#[inline(always)]
fn padded<T: Vector>(values: &[T]) -> [T; LANES] {
    let mut out = [T::zero(); LANES];
    out[..values.len()].copy_from_slice(values);
    out
}
