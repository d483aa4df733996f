//! How the work of one call is cut: channels of a cube, units of a channel, runs and segments.

use crate::cube::unrolls;
use crate::selective_scan::SelectiveScanShape;
use cubecl::prelude::*;

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// Channels of one cube.
    pub lanes: usize,
    /// Units that share the states of a channel.
    pub blocks: usize,
    /// Vectors of states of one unit.
    pub share: usize,
    /// Positions between two looks at device memory, and between two checkpoints.
    pub run: usize,
    /// Whether step sizes pass through softplus.
    pub softplus: bool,
    /// Whether y is gated.
    pub gated: bool,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether decays may be as inexact as the device's own instruction for 2^x.
    pub fast: bool,
    /// Whether short loops are unrolled, so that the arrays they index become registers.
    pub unroll: bool,
}

impl Plan {
    /// Units of a cube.
    pub(super) fn units(self) -> usize {
        self.lanes * self.blocks
    }

    /// Vectors of states of a channel, those that only fill up included.
    pub(super) fn vectors(self) -> usize {
        self.blocks * self.share
    }

    /// Elements of shared memory with one value per position and channel.
    pub(super) fn grid(self) -> usize {
        self.run * self.lanes
    }

    /// Vectors of shared memory with one value per position and state.
    pub(super) fn projection(self) -> usize {
        self.run * self.vectors()
    }

    /// Positions that one unit loads or finishes.
    pub(super) fn positions(self) -> usize {
        self.run.div_ceil(self.blocks)
    }

    /// Distance between the rows that are summed over channels: one more than channels, which
    /// spreads a column over the banks of shared memory.
    pub(super) fn pitch(self) -> usize {
        self.lanes + 1
    }

    /// Bytes of shared memory, the reverse walk's where it is asked for.
    fn bytes(self, need: &Need) -> usize {
        let vector = need.vector * need.size;
        let parts = self.blocks * self.grid();
        let forward = (2 * self.grid() + parts) * need.size + 2 * self.projection() * vector;
        let reverse = (self.grid() + parts) * need.size + self.projection() * self.pitch() * vector;
        forward + if need.reverse { reverse } else { 0 }
    }
}

/// What a kernel needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Need {
    /// States of a vector.
    pub vector: usize,
    /// Bytes of a number in shared memory.
    pub size: usize,
    /// Whether there are sequence indices.
    pub packed: bool,
    /// Whether values have so few bits that decays need no more than 22.
    pub coarse: bool,
    /// The walk back instead of the walk forth.
    pub reverse: bool,
}

/// Positions of a run at most.
const RUN: usize = 16;
/// States of one unit, forward, where channels alone occupy the device; all of them are registers.
const STATES: usize = 16;
/// States of one unit in the walk back, which keeps them and their decays for a whole run.
const STATES_REVERSE: usize = 4;
/// Channels of a cube, forward and back.
const LANES: [usize; 2] = [64, 32];
/// Units of a cube at most.
const UNITS: usize = 256;

/// What a device offers.
struct Offer {
    /// Units that should be busy at once.
    wanted: usize,
    /// Units of a cube at most.
    units: usize,
    /// Bytes of shared memory a cube may take, so that several fit on a multiprocessor.
    shared: usize,
    /// Positions of a segment at least.
    segment: usize,
}

impl Offer {
    fn new(client: &Client) -> Self {
        let hardware = &client.properties().hardware;
        let most = (hardware.max_units_per_cube as usize).max(1);
        match hardware.num_cpu_cores {
            // A place for tests: little work must already be cut in every way.
            Some(_) => Self {
                wanted: 64,
                units: most.min(UNITS),
                shared: usize::MAX,
                segment: 32,
            },
            None => Self {
                wanted: hardware.num_streaming_multiprocessors.unwrap_or(64) as usize * 256,
                units: most.min(UNITS),
                shared: hardware.max_shared_memory_size / 3,
                segment: 128,
            },
        }
    }
}

/// Plan of a kernel and the number of segments that the length is cut into.
///
/// Splitting the states of a channel costs nothing but sums, splitting the length a second pass of
/// exponentials: first the one, then the other, each only while units are idle.
pub(super) fn choose(client: &Client, shape: SelectiveScanShape, need: &Need) -> (Plan, usize) {
    let offer = Offer::new(client);
    let vectors = (shape.state / need.vector).max(1);
    let states = if need.reverse { STATES_REVERSE } else { STATES };
    let channels = shape.batch * shape.channels;
    let mut share = (states / need.vector).clamp(1, vectors);
    while share > 1 && channels * vectors.div_ceil(share) < offer.wanted {
        share = share.div_ceil(2);
    }
    let mut plan = Plan {
        lanes: LANES[usize::from(need.reverse)]
            .min(shape.channels_per_group().max(1).next_power_of_two()),
        blocks: vectors.div_ceil(share),
        share,
        run: RUN.min(shape.len.max(1).next_power_of_two()),
        softplus: shape.softplus,
        gated: shape.gated,
        packed: need.packed,
        fast: need.coarse && client.name() == "cuda",
        unroll: unrolls(client),
    };
    let least = (offer.units / 32).clamp(1, 8);
    while plan.units() > offer.units {
        if plan.lanes > least {
            plan.lanes /= 2;
        } else {
            plan.share *= 2;
            plan.blocks = vectors.div_ceil(plan.share);
        }
    }
    while plan.bytes(need) > offer.shared && plan.run * plan.lanes > 1 {
        if plan.run > 1 {
            plan.run /= 2;
        } else {
            plan.lanes /= 2;
        }
    }
    // More registers than a unit has would be memory anyway; unrolling them only costs code.
    plan.unroll &= plan.share * need.vector <= 2 * STATES;
    let busy = (channels * plan.blocks).max(1);
    let segments = (offer.wanted / busy).clamp(1, shape.len.div_ceil(offer.segment).max(1));
    (plan, segments)
}
