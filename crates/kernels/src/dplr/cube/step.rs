//! One position, as in decoding: reads the state once and writes it once.
//!
//! Several units share a row of the state, so that they read it side by side.

use super::Call;
use super::launch::count;
use crate::cube::{buffer, cube_units, element, neighbours_sum, unrolls};
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::ElemType;
use cubecl::prelude::*;

/// What is fixed when the kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StepPlan {
    /// Key size.
    pub keys: usize,
    /// Units that share a row of the state: a plane, or 1 where there are no planes.
    pub lanes: usize,
    /// Rows of the state that a cube works on at a time.
    pub abreast: usize,
    /// Rows of the state of one cube.
    pub rows: usize,
    /// Whether the state after the position is wanted.
    pub state_wanted: bool,
    /// Whether short loops are unrolled.
    pub unroll: bool,
}

impl StepPlan {
    const fn share(self) -> usize {
        self.keys.div_ceil(self.lanes)
    }
}

/// Sum over the units that share a row.
#[cube]
fn row_sum<A: Float>(value: A, #[comptime] plan: StepPlan) -> A {
    let mut sum = value;
    if comptime!(plan.lanes > 1) {
        sum = neighbours_sum::<A>(value, plan.lanes);
    }
    sum
}

/// Elements of one vector of a head that this unit works on; zeros beyond its end.
#[cube]
fn lane_values<E: Float, A: Float>(
    source: &[E],
    base: usize,
    lane: usize,
    #[comptime] plan: StepPlan,
) -> Array<A> {
    let mut values = Array::<A>::new(comptime!(plan.share()));
    #[unroll(plan.unroll)]
    for n in 0..comptime!(plan.share()) {
        let j = n * comptime!(plan.lanes) + lane;
        let mut value = A::from_int(0);
        if j < comptime!(plan.keys) {
            value = A::cast_from(source[base + j]);
        }
        values[n] = value;
    }
    values
}

/// `packed` is y and, if wanted, the state behind it.
#[cube(launch)]
pub(super) fn step<E: Float, A: Float, Y: Float, G: Float>(
    r: &[E],
    g: &[G],
    k: &[E],
    v: &[E],
    a: &[E],
    b: &[E],
    initial: &[A],
    packed: &mut [Y],
    values: usize,
    blocks: usize,
    y_elements: usize,
    scale: InputScalar,
    #[comptime] plan: StepPlan,
    #[define(E, A, Y, G)] _types: [ElemType; 4],
) {
    let head = CUBE_POS / blocks;
    let first = CUBE_POS % blocks * comptime!(plan.rows);
    let unit = UNIT_POS as usize;
    let lane = unit % comptime!(plan.lanes);
    let keyed = head * comptime!(plan.keys);
    let scale = scale.get::<A>();
    let a = lane_values::<E, A>(a, keyed, lane, plan);
    let b = lane_values::<E, A>(b, keyed, lane, plan);
    let k = lane_values::<E, A>(k, keyed, lane, plan);
    let r = lane_values::<E, A>(r, keyed, lane, plan);
    let mut decay = lane_values::<G, A>(g, keyed, lane, plan);
    #[unroll(plan.unroll)]
    for n in 0..comptime!(plan.share()) {
        decay[n] = decay[n].exp();
    }
    for turn in 0..comptime!(plan.rows.div_ceil(plan.abreast)) {
        let i = first + turn * comptime!(plan.abreast) + unit / comptime!(plan.lanes);
        if i < values {
            let base = (head * values + i) * comptime!(plan.keys);
            let mut state = lane_values::<A, A>(initial, base, lane, plan);
            let mut read = A::from_int(0);
            #[unroll(plan.unroll)]
            for n in 0..comptime!(plan.share()) {
                read += state[n] * a[n];
            }
            let correction = row_sum::<A>(read, plan);
            let value = A::cast_from(v[head * values + i]);
            let mut read = A::from_int(0);
            #[unroll(plan.unroll)]
            for n in 0..comptime!(plan.share()) {
                let next = state[n] * decay[n] + correction * b[n] + value * k[n];
                state[n] = next;
                read += next * r[n];
            }
            let y = row_sum::<A>(read, plan) * scale;
            if lane == 0 {
                packed[head * values + i] = Y::cast_from(y);
            }
            if comptime!(plan.state_wanted) {
                #[unroll(plan.unroll)]
                for n in 0..comptime!(plan.share()) {
                    let j = n * comptime!(plan.lanes) + lane;
                    if j < comptime!(plan.keys) {
                        packed[y_elements + base + j] = Y::cast_from(state[n]);
                    }
                }
            }
        }
    }
}

impl Call {
    /// A single position in one launch.
    pub(super) fn step(&self) -> CubeTensor {
        let shape = self.shape;
        let client = &self.v.client;
        let hardware = &client.properties().hardware;
        let units = cube_units(client, 256);
        let lanes = match hardware.plane_size_min == hardware.plane_size_max {
            true => (hardware.plane_size_max as usize).clamp(1, units),
            false => 1,
        };
        let abreast = units / lanes;
        let plan = StepPlan {
            keys: shape.keys,
            lanes,
            abreast,
            rows: 4 * abreast,
            state_wanted: shape.final_state,
            unroll: unrolls(client) && shape.keys <= 16 * lanes,
        };
        let blocks = shape.values.div_ceil(plan.rows);
        let packed = self.new_tensor(&[shape.packed_elements()], self.packed_dtype());
        step::launch(
            client,
            count(shape.batch * shape.heads * blocks),
            CubeDim::new_1d(units as u32),
            buffer(&self.r, &self.v),
            buffer(&self.g, &self.v),
            buffer(&self.k, &self.v),
            buffer(&self.v, &self.v),
            buffer(&self.a, &self.v),
            buffer(&self.b, &self.v),
            buffer(&self.initial, &self.v),
            buffer(&packed, &packed),
            shape.values,
            blocks,
            shape.y_elements(),
            self.scale(),
            plan,
            [self.v.dtype, self.work(), self.packed_dtype(), self.g.dtype].map(element),
        );
        packed
    }
}
