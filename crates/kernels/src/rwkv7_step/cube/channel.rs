//! The channel mix: a launch per matrix, rows of the outputs over teams.

use crate::cube::{Team, buffer, cube_units, element, empty, team_sum};
use burn_cubecl::tensor::CubeTensor;
use cubecl::prelude::*;

/// z = relu(W_k (x + (x' - x) o mu))^2, [row, inner].
#[cube(launch)]
fn keys<A: Float>(
    x: &[A],
    previous: &[A],
    mu: &[A],
    w: &[A],
    z: &mut [A],
    rows: usize,
    outputs: usize,
    width: usize,
    #[comptime] team: Team,
    #[define(A)] _type: ElemType,
) {
    let unit = UNIT_POS as usize;
    let lane = unit % comptime!(team.lanes);
    let out = CUBE_POS * comptime!(team.teams()) + unit / comptime!(team.lanes);
    let mut shared = Shared::<[A]>::new_slice(comptime!(team.units));
    for row in 0..rows {
        let mut sum = A::from_int(0);
        if out < outputs {
            let mut channel = lane;
            while channel < width {
                let now = x[row * width + channel];
                let value = now + (previous[row * width + channel] - now) * mu[channel];
                sum += value * w[out * width + channel];
                channel += comptime!(team.lanes);
            }
        }
        let total = max(team_sum::<A>(sum, &mut shared, team), A::from_int(0));
        if lane == 0 && out < outputs {
            z[row * outputs + out] = total * total;
        }
    }
}

pub(super) fn step(
    x: &CubeTensor,
    previous: &CubeTensor,
    mu: &CubeTensor,
    key: &CubeTensor,
    value: &CubeTensor,
) -> CubeTensor {
    let (rows, width) = (x.meta.shape()[0], x.meta.shape()[1]);
    let inner = key.meta.shape()[0];
    let client = &x.client;
    let team = Team::new(client, cube_units(client, 256));
    let z = empty(x, &[rows, inner], x.dtype);
    keys::launch(
        client,
        CubeCount::Static(inner.div_ceil(team.teams()) as u32, 1, 1),
        CubeDim::new_1d(team.units as u32),
        buffer(x, x),
        buffer(previous, x),
        buffer(mu, x),
        buffer(key, x),
        buffer(&z, x),
        rows,
        inner,
        width,
        team,
        element(x.dtype),
    );
    crate::cube::matvec(&z, value, None)
}
