//! CubeCL body: two launches.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod mix;

use super::MambaStepShape;
use super::ops::MambaStepOps;
use crate::cube::{
    Team, buffer, contiguous, cube_units, element, empty, launch_add_up, matvec, vector_width,
};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use cubecl::prelude::*;
use mix::Plan;

/// Most channels of a cube.
const BLOCKS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

impl MambaStepOps for CubeBackend {
    fn mamba_step(
        u: FloatTensor<Self>,
        w_in: FloatTensor<Self>,
        conv_weight: FloatTensor<Self>,
        conv_bias: FloatTensor<Self>,
        w_x: FloatTensor<Self>,
        w_dt: FloatTensor<Self>,
        dt_bias: FloatTensor<Self>,
        a_log: FloatTensor<Self>,
        d: FloatTensor<Self>,
        w_out: FloatTensor<Self>,
        conv: FloatTensor<Self>,
        ssm: FloatTensor<Self>,
        shape: MambaStepShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [
            u,
            w_in,
            conv_weight,
            conv_bias,
            w_x,
            w_dt,
            dt_bias,
            a_log,
            d,
            w_out,
            conv,
            ssm,
        ] = [
            u,
            w_in,
            conv_weight,
            conv_bias,
            w_x,
            w_dt,
            dt_bias,
            a_log,
            d,
            w_out,
            conv,
            ssm,
        ]
        .map(contiguous);
        let MambaStepShape {
            batch,
            hidden,
            inner,
            state,
            rank,
            taps,
        } = shape;
        let block = BLOCKS
            .into_iter()
            .find(|b| inner.is_multiple_of(*b))
            .unwrap_or(1);
        let blocks = inner / block;
        let dtype = u.dtype;
        let arrived = empty(&u, &[batch], DType::U32);
        let projected = matvec(&u, &w_in, Some(&arrived));
        let contributions = empty(&u, &[batch, blocks, hidden], dtype);
        let y = empty(&u, &[batch, hidden], dtype);
        let next_conv = empty(&u, &[batch, inner, taps - 1], dtype);
        let next_ssm = empty(&u, &[batch, inner, state], dtype);
        let vector = vector_width(block, dtype).min(2);
        let team = Team::new(&u.client, cube_units(&u.client, 256));
        mix::mix::launch(
            &u.client,
            CubeCount::Static((batch * blocks) as u32, 1, 1),
            CubeDim::new_1d(team.units as u32),
            vector,
            buffer(&projected, &projected),
            buffer(&conv_weight, &u),
            buffer(&conv_bias, &u),
            buffer(&w_x, &u),
            buffer(&w_dt, &u),
            buffer(&dt_bias, &u),
            buffer(&a_log, &u),
            buffer(&d, &u),
            buffer(&w_out, &u),
            buffer(&conv, &u),
            buffer(&ssm, &u),
            buffer(&next_conv, &u),
            buffer(&next_ssm, &u),
            buffer(&contributions, &u),
            buffer(&arrived, &arrived),
            buffer(&y, &y),
            Plan {
                hidden,
                inner,
                state,
                rank,
                taps,
                block,
                vector,
                team,
            },
            element(dtype),
        );
        if !team.merges {
            launch_add_up(&contributions, &y, team);
        }
        (y, next_conv, next_ssm)
    }
}
