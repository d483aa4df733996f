//! CubeCL body: two launches.

#![allow(clippy::too_many_arguments)] // a kernel has one argument per tensor

mod mix;

use super::Mamba2StepShape;
use super::ops::Mamba2StepOps;
use crate::cube::{Team, buffer, contiguous, cube_units, element, empty, matvec, vector_width};
use burn::backend::tensor::FloatTensor;
use burn::tensor::DType;
use burn_cubecl::CubeBackend;
use cubecl::prelude::*;
use mix::Plan;

impl Mamba2StepOps for CubeBackend {
    fn mamba2_step(
        u: FloatTensor<Self>,
        w_in: FloatTensor<Self>,
        conv_weight: FloatTensor<Self>,
        conv_bias: FloatTensor<Self>,
        dt_bias: FloatTensor<Self>,
        a_log: FloatTensor<Self>,
        d: FloatTensor<Self>,
        norm: FloatTensor<Self>,
        w_out: FloatTensor<Self>,
        conv: FloatTensor<Self>,
        ssm: FloatTensor<Self>,
        shape: Mamba2StepShape,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [
            u,
            w_in,
            conv_weight,
            conv_bias,
            dt_bias,
            a_log,
            d,
            norm,
            w_out,
            conv,
            ssm,
        ] = [
            u,
            w_in,
            conv_weight,
            conv_bias,
            dt_bias,
            a_log,
            d,
            norm,
            w_out,
            conv,
            ssm,
        ]
        .map(contiguous);
        let Mamba2StepShape {
            batch,
            hidden,
            heads,
            head_dim,
            groups,
            state,
            taps,
            ..
        } = shape;
        let dtype = u.dtype;
        let arrived = empty(&u, &[batch], DType::U32);
        let projected = matvec(&u, &w_in, Some(&arrived));
        let contributions = empty(&u, &[batch, heads, hidden], dtype);
        let squares = empty(&u, &[batch, heads], dtype);
        let y = empty(&u, &[batch, hidden], dtype);
        let next_conv = empty(&u, &[batch, shape.channels(), taps - 1], dtype);
        let next_ssm = empty(&u, &[batch, heads, head_dim, state], dtype);
        let vector = vector_width(head_dim, dtype).min(2);
        let team = Team::new(&u.client, cube_units(&u.client, 256));
        let plan = Plan {
            hidden,
            heads,
            head_dim,
            groups,
            state,
            taps,
            vector,
            team,
        };
        let kind = element(dtype);
        let (low, high) = shape.dt_limit;
        // A limit of infinity is none; the largest number does as well.
        let high = high.min(f64::from(f32::MAX));
        let width = (shape.inner() / groups) as f64;
        let scalar = |value: f64| InputScalar::new(value, kind);
        mix::mix::launch(
            &u.client,
            CubeCount::Static((batch * heads) as u32, 1, 1),
            CubeDim::new_1d(team.units as u32),
            vector,
            buffer(&projected, &projected),
            buffer(&conv_weight, &u),
            buffer(&conv_bias, &u),
            buffer(&dt_bias, &u),
            buffer(&a_log, &u),
            buffer(&d, &u),
            buffer(&norm, &u),
            buffer(&w_out, &u),
            buffer(&conv, &u),
            buffer(&ssm, &u),
            buffer(&next_conv, &u),
            buffer(&next_ssm, &u),
            buffer(&contributions, &u),
            buffer(&squares, &u),
            buffer(&arrived, &arrived),
            buffer(&y, &y),
            scalar(low),
            scalar(high),
            scalar(shape.eps),
            scalar(1.0 / width),
            plan,
            kind,
        );
        if !team.merges {
            mix::finish::launch(
                &u.client,
                CubeCount::Static(batch as u32, 1, 1),
                CubeDim::new_1d(team.units as u32),
                buffer(&contributions, &u),
                buffer(&squares, &u),
                buffer(&y, &y),
                scalar(shape.eps),
                scalar(1.0 / width),
                plan,
                kind,
            );
        }
        (y, next_conv, next_ssm)
    }
}
