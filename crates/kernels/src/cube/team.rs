//! Teams of units that sum among themselves, products of matrices with few rows, and the cube that
//! comes last.

use super::{buffer, element, elements, empty, lane_sum, vector_width};
use burn::tensor::DType;
use burn_cubecl::tensor::CubeTensor;
use cubecl::ir::features::Plane;
use cubecl::prelude::*;

/// How the units of a cube are divided into teams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Team {
    /// Units of the cube, a power of two.
    pub units: usize,
    /// Units of a team, a power of two.
    pub lanes: usize,
    /// Whether a team is a plane, which sums without synchronising the cube.
    pub plane: bool,
    /// Whether cubes see what others wrote, so that the last of them can sum up; else that is a
    /// launch of its own.
    pub merges: bool,
}

/// Units of a plane of NVIDIA's.
const PLANE: usize = 32;

impl Team {
    /// Planes where the device has them, else what there is.
    pub(crate) fn new(client: &Client, units: usize) -> Self {
        let hardware = &client.properties().hardware;
        let planes = client.properties().features.plane.contains(Plane::Ops)
            && hardware.plane_size_min as usize == PLANE
            && hardware.plane_size_max as usize == PLANE
            && units.is_multiple_of(PLANE);
        Self {
            units,
            lanes: units.min(PLANE),
            plane: planes,
            merges: client.properties().features.device_memory_scope,
        }
    }

    /// Teams of a cube.
    pub(crate) const fn teams(self) -> usize {
        self.units / self.lanes
    }
}

/// Sum of `value` over `lanes` neighbouring units of a plane, a power of two, given to all of them; every
/// unit of the plane must call it.
#[cube]
pub(crate) fn neighbours_sum<A: Float>(value: A, #[comptime] lanes: usize) -> A {
    // Units that left a branch or a loop at different times must be together again: CubeCL shuffles among
    // those that happen to be there (`__activemask`), and a step of RWKV-7 with six channels a head summed
    // rubbish on an H200.
    sync_plane();
    let mut sum = value;
    #[unroll]
    for i in 0..comptime!(lanes.ilog2()) {
        sum += plane_shuffle_xor(sum, 1u32 << i);
    }
    sum
}

/// Sum of `value` over the team, given to all its units; every unit of the cube must call it.
#[cube]
pub(crate) fn team_sum<A: Float>(value: A, shared: &mut Shared<[A]>, #[comptime] team: Team) -> A {
    if comptime!(team.plane) {
        neighbours_sum::<A>(value, team.lanes)
    } else {
        let unit = UNIT_POS as usize;
        let lane = unit % comptime!(team.lanes);
        shared[unit] = value;
        sync_cube();
        let mut stride = comptime!(team.lanes / 2).runtime();
        while stride > 0 {
            if lane < stride {
                let other = shared[unit + stride];
                shared[unit] += other;
            }
            sync_cube();
            stride /= 2;
        }
        let total = shared[unit - lane];
        sync_cube();
        total
    }
}

/// Whether this cube is the last of `cubes` to come here; what the others wrote before is visible to
/// it then. Only on devices where [`Team::merges`]. Every unit must call it; the counter at `index` starts at zero.
#[cube]
pub(crate) fn arrives_last(
    counters: &mut [Atomic<u32>],
    index: usize,
    #[comptime] cubes: usize,
) -> bool {
    let mut before = Shared::<u32>::new();
    sync_storage();
    if UNIT_POS == 0 {
        *before = counters[index].fetch_add(1u32);
    }
    sync_storage();
    *before == comptime!(cubes as u32 - 1)
}

/// Part of y = W v of the cube that holds `columns` vectors of v in shared memory, behind `before`
/// vectors of other cubes: one number per row of W [out, vector], written from `into` on. A row per
/// team.
#[cube]
pub(crate) fn contribute<A: Float, N: Size>(
    v: &Shared<[A]>,
    w: &[Vector<A, N>],
    contributions: &mut [A],
    into: usize,
    before: usize,
    row_vectors: usize,
    shared: &mut Shared<[A]>,
    #[comptime] outputs: usize,
    #[comptime] columns: usize,
    #[comptime] team: Team,
) {
    let unit = UNIT_POS as usize;
    let lane = unit % comptime!(team.lanes);
    let share = comptime!(columns.div_ceil(team.lanes));
    // Every row meets the same part of v, which stays in registers.
    let mut mine = Array::<Vector<A, N>>::new(share);
    #[unroll]
    for i in 0..share {
        let at = i * comptime!(team.lanes) + lane;
        let mut value = Vector::<A, N>::new(A::from_int(0));
        if at < columns {
            #[unroll]
            for part in 0..N::value() {
                value.insert(part, v[at * N::value() + part]);
            }
        }
        mine[i] = value;
    }
    for pass in 0..comptime!(outputs.div_ceil(team.teams())) {
        let out = pass * comptime!(team.teams()) + unit / comptime!(team.lanes);
        let mut sum = Vector::<A, N>::new(A::from_int(0));
        if out < outputs {
            #[unroll]
            for i in 0..share {
                let at = i * comptime!(team.lanes) + lane;
                if at < columns {
                    sum += mine[i] * w[out * row_vectors + before + at];
                }
            }
        }
        let total = team_sum::<A>(lane_sum::<A, N>(sum), shared, team);
        if lane == 0 && out < outputs {
            contributions[into + out] = total;
        }
    }
}

/// y of a row: the `parts` contributions to every output, added up in their order.
#[cube]
pub(crate) fn add_up<A: Float>(
    contributions: &[A],
    y: &mut [A],
    row: usize,
    #[comptime] parts: usize,
    #[comptime] outputs: usize,
    #[comptime] team: Team,
) {
    let mut out = UNIT_POS as usize;
    while out < outputs {
        let mut sum = A::from_int(0);
        for part in 0..parts {
            sum += contributions[(row * parts + part) * outputs + out];
        }
        y[row * outputs + out] = sum;
        out += comptime!(team.units);
    }
}

#[cube(launch)]
fn add_up_kernel<A: Float>(
    contributions: &[A],
    y: &mut [A],
    #[comptime] parts: usize,
    #[comptime] outputs: usize,
    #[comptime] team: Team,
    #[define(A)] _type: ElemType,
) {
    add_up::<A>(contributions, y, CUBE_POS, parts, outputs, team);
}

/// The same as a launch, for contributions [row, part, out] and y [row, out].
pub(crate) fn launch_add_up(contributions: &CubeTensor, y: &CubeTensor, team: Team) {
    let shape = contributions.meta.shape();
    let (rows, parts, outputs) = (shape[0], shape[1], shape[2]);
    add_up_kernel::launch(
        &y.client,
        CubeCount::Static(rows as u32, 1, 1),
        CubeDim::new_1d(team.units as u32),
        buffer(contributions, y),
        buffer(y, y),
        parts,
        outputs,
        team,
        element(y.dtype),
    );
}

/// y [row, out] = x [row, in] w [out, in]^T for few rows: a team per element of an output row, so
/// that w is read once, in order. Clears the counters of the launch behind it.
#[cube(launch)]
fn matvec_kernel<A: Float, N: Size>(
    x: &[Vector<A, N>],
    w: &[Vector<A, N>],
    y: &mut [A],
    counters: &mut [Atomic<u32>],
    rows: usize,
    outputs: usize,
    width: usize,
    #[comptime] clears: bool,
    #[comptime] team: Team,
    #[define(A)] _type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let lane = unit % comptime!(team.lanes);
    let out = CUBE_POS * comptime!(team.teams()) + unit / comptime!(team.lanes);
    let mut shared = Shared::<[A]>::new_slice(comptime!(team.units));
    if comptime!(clears) && CUBE_POS == 0 {
        let mut row = unit;
        while row < rows {
            counters[row].store(0u32);
            row += comptime!(team.units);
        }
    }
    for row in 0..rows {
        let mut sum = Vector::<A, N>::new(A::from_int(0));
        if out < outputs {
            let mut at = lane;
            while at < width {
                sum += x[row * width + at] * w[out * width + at];
                at += comptime!(team.lanes);
            }
        }
        let total = team_sum::<A>(lane_sum::<A, N>(sum), &mut shared, team);
        if lane == 0 && out < outputs {
            y[row * outputs + out] = total;
        }
    }
}

/// x w^T, [row, out], for x [row, in] and w [out, in], in one launch that also clears `counters`.
pub(crate) fn matvec(x: &CubeTensor, w: &CubeTensor, counters: Option<&CubeTensor>) -> CubeTensor {
    let shape = x.meta.shape();
    let (rows, inputs) = (shape[0], shape[1]);
    let outputs = w.meta.shape()[0];
    let y = empty(x, &[rows, outputs], x.dtype);
    let client = &x.client;
    let team = Team::new(client, super::cube_units(client, 256));
    let vector = vector_width(inputs, x.dtype);
    // A launch needs a buffer; one of no counters is never written.
    let spare = empty(x, &[1], DType::U32);
    let clears = counters.is_some();
    let counters = counters.unwrap_or(&spare);
    debug_assert!(!clears || elements(counters) == rows);
    matvec_kernel::launch(
        client,
        CubeCount::Static(outputs.div_ceil(team.teams()) as u32, 1, 1),
        CubeDim::new_1d(team.units as u32),
        vector,
        buffer(x, x),
        buffer(w, w),
        buffer(&y, &y),
        buffer(counters, counters),
        rows,
        outputs,
        inputs / vector,
        clears,
        team,
        element(x.dtype),
    );
    y
}
