//! Decays between the positions of a chunk as factors of rows and columns, some channels at a time.
//!
//! With G_i the cumulative log decay, a pair s <= i of positions is worth exp(G_i - G_s) in every
//! channel. The exponent is not positive, but it belongs to the pair, and a product of matrices wants
//! a factor per row and one per column.
//!
//! Where no channel decays beyond exp(-reach) between the middle of the chunk and its ends, these are
//! exp(G_i - G_mid) and exp(G_mid - G_s): one product. Elsewhere every pair i > s belongs to the one
//! level at which a boundary m between halves of a block of 2, 4, 8, ... positions separates it, and
//! exp(G_i - G_m) and exp(G_m - G_s) are both at most one: a product per level and one for i = s.
//! So any decay is exact, and no factor is a difference of large sums.

use super::plan::Plan;
use crate::cube::tiles::{Window, load, tile_slice};
use cubecl::prelude::*;

/// The log decay below which nothing is left; it keeps sums finite where decay is total.
const TOTAL: i64 = -10_000;

/// Element (`t`, `j`) of a window, zero outside of it.
#[cube]
pub(super) fn read<E: Float, A: Float>(source: &[E], window: &Window, t: usize, j: usize) -> A {
    // Without a branch: it stands in loops that are unrolled.
    let inside = t < window.rows && j < window.cols;
    let at = select(inside, window.base + t * window.stride + j, window.base);
    select(inside, A::cast_from(source[at]), A::from_int(0))
}

/// A log decay as it counts.
#[cube]
fn bounded<A: Float>(value: A) -> A {
    let total = A::from_int(TOTAL);
    select(value < total, total, value)
}

/// Log decay at position `t` in channel `j`, zero after the end.
#[cube]
pub(super) fn log_decay<G: Float, A: Float>(g: &[G], window: &Window, t: usize, j: usize) -> A {
    bounded::<A>(read::<G, A>(g, window, t, j))
}

/// Which pairs of positions one product is for.
#[derive(CubeType, Clone, Copy)]
pub(super) struct Level {
    /// Whether there is a product per level; else one takes all pairs, around the middle.
    pub strong: bool,
    /// Positions of half a block; 0 for the pairs i = s, which have no factors.
    pub half: usize,
}

#[cube]
impl Level {
    /// What row `i` is multiplied by.
    pub(super) fn row_factor<A: Float>(&self, exponent: A, i: usize) -> A {
        let mut factor = exponent.exp();
        if self.strong {
            if self.half == 0 {
                factor = A::from_int(1);
            } else if i / self.half % 2 == 0 {
                factor = A::from_int(0);
            }
        }
        factor
    }

    /// What column `s` is multiplied by.
    pub(super) fn col_factor<A: Float>(&self, exponent: A, s: usize) -> A {
        let mut factor = A::from_int(1);
        if !self.strong {
            factor = (A::from_int(0) - exponent).exp();
        } else if self.half > 0 {
            factor = exponent.exp();
            if s / self.half % 2 == 1 {
                factor = A::from_int(0);
            }
        }
        factor
    }

    /// Whether the pair (i, s) belongs to the product.
    pub(super) fn counts(&self, i: usize, s: usize) -> bool {
        let mut yes = s <= i;
        if self.strong {
            yes = i == s;
            if self.half > 0 {
                yes = i / self.half == s / self.half + 1 && i / self.half % 2 == 1;
            }
        }
        yes
    }

    /// Goes on to the next level; whether there is one.
    pub(super) fn advance(&mut self, #[comptime] plan: Plan) -> bool {
        let mut half = 2 * self.half;
        if half == 0 {
            half = 1usize.runtime();
        }
        self.half = half;
        self.strong && half < comptime!(plan.chunk)
    }
}

/// The present channels of a chunk, in shared memory.
#[derive(CubeType)]
pub(super) struct Levels<S: Float, A: Float> {
    /// Log decay, [position, channel].
    pub g: Shared<[A]>,
    /// Exponents of the level, [position, channel].
    pub exponents: Shared<[A]>,
    /// [a_{i+1}; r_i] with their factors, [2 chunk, channel].
    pub rows: Shared<[S]>,
    /// [b_s; k_s] with their factors, [2 chunk, channel].
    pub cols: Shared<[S]>,
    flag: Shared<[u32]>,
}

#[cube]
impl<S: Float, A: Float> Levels<S, A> {
    pub(super) fn new(#[comptime] plan: Plan) -> Self {
        Levels::<S, A> {
            g: tile_slice::<A>(comptime!(plan.area(plan.chunk, plan.channels))),
            exponents: tile_slice::<A>(comptime!(plan.area(plan.chunk, plan.channels))),
            rows: tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.channels))),
            cols: tile_slice::<S>(comptime!(plan.area(2 * plan.chunk, plan.channels))),
            flag: Shared::<[u32]>::new_slice(1usize),
        }
    }

    /// Reads the log decays of the window's channels and takes them around the middle; whether that
    /// does not do, since some channel leaves exp(+-reach) or is NaN.
    ///
    /// Synchronises the cube.
    pub(super) fn load<G: Float>(
        &mut self,
        g: &[G],
        window: &Window,
        #[comptime] plan: Plan,
    ) -> bool {
        sync_cube();
        if UNIT_POS == 0 {
            self.flag[0] = 0u32;
        }
        load::<G, A>(
            &mut self.g,
            g,
            window,
            comptime!(plan.pitch(plan.channels)),
            plan.wide,
            comptime!(plan.dealt()),
        );
        sync_cube();
        self.around_middle(plan);
        sync_cube();
        self.flag[0] == 1u32
    }

    /// Log decay at position `t` of channel `j`.
    pub(super) fn log_decay(&self, t: usize, j: usize, #[comptime] plan: Plan) -> A {
        bounded::<A>(self.g[t * comptime!(plan.pitch(plan.channels)) + j])
    }

    fn around_middle(&mut self, #[comptime] plan: Plan) {
        let pitch = comptime!(plan.pitch(plan.channels));
        let reach = A::from_int(comptime!(plan.reach as i64));
        let mut j = UNIT_POS as usize;
        while j < comptime!(plan.channels) {
            let mut sum = A::from_int(0);
            #[unroll(plan.unroll)]
            for i in 1..comptime!(plan.chunk / 2 + 1) {
                sum -= self.log_decay(i, j, plan);
            }
            self.exponents[j] = sum;
            let mut inside = sum.abs() <= reach;
            #[unroll(plan.unroll)]
            for i in 1..comptime!(plan.chunk) {
                sum += self.log_decay(i, j, plan);
                self.exponents[i * pitch + j] = sum;
                inside = inside && sum.abs() <= reach;
            }
            if !inside {
                self.flag[0] = 1u32;
            }
            j += comptime!(plan.column_units);
        }
    }

    /// The exponents of a level: of second halves from the boundary before them, of first halves to
    /// the boundary behind them.
    pub(super) fn between_halves(&mut self, level: &Level, #[comptime] plan: Plan) {
        let pitch = comptime!(plan.pitch(plan.channels));
        let mut at = UNIT_POS as usize;
        while at < comptime!(2 * plan.channels) {
            let j = at % comptime!(plan.channels);
            let mut sum = A::from_int(0);
            if at < comptime!(plan.channels) {
                for i in 0..comptime!(plan.chunk) {
                    if i % level.half == 0 {
                        sum = A::from_int(0);
                    }
                    sum += self.log_decay(i, j, plan);
                    if i / level.half % 2 == 1 {
                        self.exponents[i * pitch + j] = sum;
                    }
                }
            } else {
                for back in 0..comptime!(plan.chunk) {
                    let s = comptime!(plan.chunk - 1) - back;
                    if (s + 1) % level.half == 0 {
                        sum = A::from_int(0);
                    }
                    if s / level.half % 2 == 0 {
                        self.exponents[s * pitch + j] = sum;
                    }
                    sum += self.log_decay(s, j, plan);
                }
            }
            at += comptime!(plan.column_units);
        }
    }

    /// Rows and columns with their factors; the cube must synchronise before anyone reads them.
    pub(super) fn fill<E: Float>(
        &mut self,
        r: &[E],
        k: &[E],
        a: &[E],
        b: &[E],
        window: &Window,
        scale: A,
        level: &Level,
        #[comptime] plan: Plan,
    ) {
        let chunk = comptime!(plan.chunk);
        let pitch = comptime!(plan.pitch(plan.channels));
        // Not unrolled whole: the inputs of four positions on their way are enough, and what more of
        // them would hold in registers keeps cubes from sharing a multiprocessor.
        let mut at = UNIT_POS as usize;
        while at < comptime!(plan.chunk * plan.channels) {
            let i = at / comptime!(plan.channels);
            let j = at % comptime!(plan.channels);
            let exponent = self.exponents[i * pitch + j];
            let up = level.row_factor::<A>(exponent, i);
            let down = level.col_factor::<A>(exponent, i);
            let upper = i * pitch + j;
            let lower = (chunk + i) * pitch + j;
            self.rows[upper] = S::cast_from(read::<E, A>(a, window, i + 1, j) * up);
            self.rows[lower] = S::cast_from(read::<E, A>(r, window, i, j) * scale * up);
            self.cols[upper] = S::cast_from(read::<E, A>(b, window, i, j) * down);
            self.cols[lower] = S::cast_from(read::<E, A>(k, window, i, j) * down);
            at += comptime!(plan.column_units);
        }
    }
}
