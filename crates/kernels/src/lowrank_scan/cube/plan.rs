//! How a call is cut into cubes.

use crate::cube::{ElementBytes, Offer, Team, unrolls};
use crate::lowrank_scan::LowRankScanShape;
use burn::tensor::DType;
use cubecl::prelude::*;

/// Units of a cube: few, since what counts is that all processors have one.
const UNITS: usize = 64;
/// Units of a plane of NVIDIA's.
const PLANE: usize = 32;
/// Positions between two states that backward stores, at most.
const STRETCH: usize = 32;
/// Positions whose inputs are loaded before the first is taken.
const RUN: usize = 8;
/// Bytes of shared memory beyond which stretches get shorter, for the sake of other cubes.
const FRUGAL: usize = 32 * 1024;

/// What is fixed when the kernels are compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Units of a cube, a power of two.
    pub units: usize,
    /// Units of a channel of a row, a power of two.
    pub lanes: usize,
    /// States of a unit, rounded up.
    pub share: usize,
    pub rank: usize,
    /// Positions between two states that backward stores.
    pub stretch: usize,
    /// Positions whose inputs are loaded before the first is taken; divides `stretch`.
    pub run: usize,
    /// Whether units of a channel sum among themselves in a plane.
    pub plane: bool,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether short loops are unrolled.
    pub unroll: bool,
}

impl Plan {
    /// Channels of a cube.
    pub(super) const fn groups(&self) -> usize {
        self.units / self.lanes
    }

    /// Numbers of a complex vector that a unit holds, real and imaginary part one after the other.
    pub(super) const fn width(&self) -> usize {
        2 * self.share
    }

    /// Numbers of shared memory that backward holds.
    const fn held(&self) -> usize {
        self.units * ((self.stretch + 1) * self.width() + self.stretch * self.rank + 1)
    }
}

/// The plan of a call; bytes of shared memory needed and available where there is none.
pub(super) fn plan(
    client: &Client,
    shape: &LowRankScanShape,
    dtype: DType,
    packed: bool,
) -> Result<Plan, [usize; 2]> {
    let offer = Offer::new(client, dtype);
    let units = offer.units.min(UNITS);
    let lanes = shape.state.max(1).next_power_of_two().min(units).min(PLANE);
    let share = shape.state.div_ceil(lanes).max(1);
    let bytes = ElementBytes {
        tile: dtype.size(),
        sum: dtype.size(),
    };
    let mut plan = Plan {
        units,
        lanes,
        share,
        rank: shape.rank,
        stretch: STRETCH,
        run: RUN,
        plane: Team::new(client, units).plane,
        packed,
        unroll: unrolls(client) && share <= 4 && shape.rank <= 4,
    };
    while plan.stretch > 1 && offer.shared.is_some() && plan.held() * bytes.sum > FRUGAL {
        plan.stretch /= 2;
    }
    plan.run = RUN.min(plan.stretch);
    let needed = plan.held() * bytes.sum;
    match offer.holds(needed) {
        true => Ok(plan),
        false => Err([needed, offer.shared.unwrap_or(0)]),
    }
}
