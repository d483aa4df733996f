//! How snakes are seeded and grown.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::Scene;
use super::canvas::Canvas;
use super::parameters::PathfinderParameters;
use super::stencil::{Stencil, disc, translate};
use crate::error::DataError;

/// Attempts at one pair of long snakes before the parameters are given up.
const MAX_ATTEMPTS: usize = 100_000;
/// A pixel counts as taken above this occupancy.
const TAKEN: f64 = 0.3;
/// A dash fits where occupancy and footprint add up to less.
const CROSSED: f64 = 1.8;
/// Below this sum of weights there is no way on.
const DEAD_END: f64 = 1e-4;

/// Everything that depends on the parameters and one margin, computed once.
#[derive(Debug)]
pub(super) struct Grower {
    parameters: PathfinderParameters,
    margin: usize,
    /// Dashes of the 360 whole degrees from -180.
    seeds: Vec<Seed>,
    /// Where the next dash may end, around its pivot, in row-major order.
    turns: Vec<Turn>,
    /// The disc of the margin.
    near: Vec<(i64, i64)>,
    /// Free tails of the first long snake for each whole degree.
    first_tails: Vec<Vec<(usize, usize)>>,
}

#[derive(Debug)]
struct Seed {
    angle: f64,
    stencil: Stencil,
    /// Where the footprint is whole, around the tail.
    footprint: Vec<(i64, i64)>,
    /// Whether a snake can begin in this direction; see [`reaches_inwards`].
    is_usable: bool,
}

#[derive(Debug)]
struct Turn {
    /// From the pivot to the end of the dash, (y, x).
    offset: (i64, i64),
    angle: f64,
    /// The dash from its end back towards the pivot.
    stencil: Stencil,
}

/// The growing end of a snake.
#[derive(Clone, Copy)]
struct Tip<'a> {
    pivot: (i64, i64),
    angle: f64,
    /// The newest dash, not yet part of the occupancy.
    newest: (&'a Stencil, (i64, i64)),
}

/// The two layers that a snake is drawn on.
#[derive(Clone)]
struct Layers {
    image: Canvas,
    occupied: Canvas,
}

/// The long snakes.
struct Pair {
    layers: Layers,
    origins: [(usize, usize); 2],
    terminals: [(usize, usize); 2],
}

impl Grower {
    pub(super) fn new(parameters: &PathfinderParameters, margin: usize) -> Self {
        let seed = |degree: i32| Seed::new(f64::from(degree) * PI / 180.0, parameters, margin);
        let mut grower = Self {
            seeds: (-180..180).map(seed).collect(),
            turns: turns(parameters, margin),
            near: disc(margin).collect(),
            first_tails: Vec::new(),
            parameters: parameters.clone(),
            margin,
        };
        let mut blocked = Blocked::of(&grower.bordered());
        blocked.border(2 * parameters.seed_distance);
        let tails = |seed: &Seed| seed.free_in(&blocked);
        grower.first_tails = grower.seeds.iter().map(tails).collect();
        grower
    }

    /// An occupancy of nothing but the border.
    fn bordered(&self) -> Canvas {
        let (size, padding) = (self.parameters.size, self.parameters.padding);
        let mut canvas = Canvas::new(size);
        for (at, value) in canvas.values.iter_mut().enumerate() {
            let inner = padding..size - padding;
            if !inner.contains(&(at / size)) || !inner.contains(&(at % size)) {
                *value = 1.0;
            }
        }
        canvas
    }

    /// Long snakes and distractors.
    pub(super) fn scene(&self, rng: &mut ChaCha8Rng) -> Result<Scene, DataError> {
        for attempts in 1..=MAX_ATTEMPTS {
            let Some(mut pair) = self.long_snakes(rng) else {
                continue;
            };
            for _ in 0..self.parameters.distractors {
                self.distract(rng, &mut pair.layers);
            }
            return Ok(Scene {
                canvas: pair.layers.image,
                origins: pair.origins,
                terminals: pair.terminals,
                label: 0,
                marked: 0,
                margin: self.margin,
                attempts,
            });
        }
        Err(DataError::Unplaceable {
            task: self.parameters.name,
            attempts: MAX_ATTEMPTS,
        })
    }

    /// Two long snakes, or nothing when one of them got stuck.
    fn long_snakes(&self, rng: &mut ChaCha8Rng) -> Option<Pair> {
        let contrast = self.parameters.target_contrast;
        let mut layers = Layers {
            image: Canvas::new(self.parameters.size),
            occupied: self.bordered(),
        };
        let (first, tail) = self.first_seed(rng)?;
        let (second, other) = self.second_seed(rng, tail)?;
        let mut tips = [first, second];
        for tip in &tips {
            layers.draw(tip.newest, contrast);
        }
        let mut terminals = [tail, other];
        for _ in 1..self.parameters.contour_length {
            for (tip, end) in tips.iter_mut().zip(&mut terminals) {
                *tip = self.extend(rng, &mut layers, *tip, contrast)?;
                *end = on_canvas(tip.newest.1);
            }
        }
        // The published code keeps distractors off the second snake's last dash only.
        layers.occupy(tips[1].newest);
        Some(Pair {
            layers,
            origins: [tail, other],
            terminals,
        })
    }

    fn first_seed(&self, rng: &mut ChaCha8Rng) -> Option<(Tip<'_>, (usize, usize))> {
        for _ in 0..=self.parameters.paddle_retries {
            let degree = rng.random_range(0..360u32) as usize;
            let tail = *pick(rng, &self.first_tails[degree])?;
            if let Some(tip) = self.seeded(&self.seeds[degree], tail) {
                return Some((tip, tail));
            }
        }
        None
    }

    fn second_seed(
        &self,
        rng: &mut ChaCha8Rng,
        first: (usize, usize),
    ) -> Option<(Tip<'_>, (usize, usize))> {
        let distance = self.parameters.seed_distance as f64;
        for _ in 0..=self.parameters.paddle_retries {
            let seed = &self.seeds[rng.random_range(0..360u32) as usize];
            let away = f64::from(rng.random_range(0..360u32)) * PI / 180.0;
            let (sin, cos) = libm::sincos(away);
            let y = libm::rint(first.0 as f64 + distance * sin);
            let x = libm::rint(first.1 as f64 + distance * cos);
            let tail = (y as usize, x as usize);
            if let Some(tip) = self.seeded(seed, tail) {
                return Some((tip, tail));
            }
        }
        None
    }

    /// The tip of a snake of one dash, unless the dash or its pivot leaves the image.
    fn seeded<'a>(&'a self, seed: &'a Seed, tail: (usize, usize)) -> Option<Tip<'a>> {
        let length = self.parameters.paddle_length;
        let tail = (tail.0 as i64, tail.1 as i64);
        let head = translate(tail, seed.angle, length as f64);
        let pivot = translate(head, flipped(seed.angle), (length + self.margin) as f64);
        let inside = 0..self.parameters.size as i64;
        let fits = |(y, x): (i64, i64)| inside.contains(&y) && inside.contains(&x);
        (fits(head) && fits(pivot)).then_some(Tip {
            pivot,
            angle: seed.angle,
            newest: (&seed.stencil, tail),
        })
    }

    /// Adds a dash to a snake, or nothing when it is stuck.
    fn extend<'a>(
        &'a self,
        rng: &mut ChaCha8Rng,
        layers: &mut Layers,
        tip: Tip<'a>,
        contrast: f64,
    ) -> Option<Tip<'a>> {
        let step = self.parameters.paddle_length + 2 * self.margin;
        let pivot = translate(tip.pivot, tip.angle, step as f64);
        let weights = self.weights(&layers.occupied, pivot, tip.angle)?;
        for _ in 0..=self.parameters.paddle_retries {
            let turn = &self.turns[draw(rng, &weights)];
            let end = (pivot.0 + turn.offset.0, pivot.1 + turn.offset.1);
            if layers.occupied.overlap(&turn.stencil, end) < CROSSED {
                let newest = (&turn.stencil, end);
                layers.draw(newest, contrast);
                layers.occupy(tip.newest);
                return Some(Tip {
                    pivot,
                    angle: turn.angle,
                    newest,
                });
            }
        }
        None
    }

    /// Cumulative weights of the places where a dash may end: straight on is likely, taken is not.
    fn weights(&self, occupied: &Canvas, pivot: (i64, i64), angle: f64) -> Option<Vec<f64>> {
        let inside = 0..self.parameters.size as i64;
        let mut sum = 0.0;
        let mut cumulative = Vec::with_capacity(self.turns.len());
        for turn in &self.turns {
            let place = (pivot.0 + turn.offset.0, pivot.1 + turn.offset.1);
            if inside.contains(&place.0) && inside.contains(&place.1) {
                let off = (turn.angle - angle).abs();
                let off = off.min(TAU - off) * self.parameters.continuity;
                let straight = libm::cos(off.min(FRAC_PI_2)).max(0.0);
                let free = 1.0 - occupied.most_around(place, &self.near);
                sum += free * straight * straight;
            }
            cumulative.push(sum);
        }
        (sum >= DEAD_END).then_some(cumulative)
    }

    /// Adds one short snake if it finds room.
    fn distract(&self, rng: &mut ChaCha8Rng, layers: &mut Layers) {
        for _ in 0..=self.parameters.distractor_retries {
            let mut trial = layers.clone();
            if self.short_snake(rng, &mut trial).is_some() {
                *layers = trial;
                return;
            }
        }
    }

    fn short_snake(&self, rng: &mut ChaCha8Rng, layers: &mut Layers) -> Option<()> {
        let contrast = self.parameters.distractor_contrast;
        let mut tip = self.seed_anywhere(rng, &layers.occupied)?;
        layers.draw(tip.newest, contrast);
        for _ in 1..self.parameters.distractor_length {
            tip = self.extend(rng, layers, tip, contrast)?;
        }
        layers.occupy(tip.newest);
        Some(())
    }

    fn seed_anywhere(&self, rng: &mut ChaCha8Rng, occupied: &Canvas) -> Option<Tip<'_>> {
        let mut blocked = Blocked::of(occupied);
        let pixels = (occupied.size * occupied.size) as f64;
        // Below one percent of free pixels the image is full.
        if f64::from(blocked.count_free()) / pixels < 0.01 {
            return None;
        }
        blocked.border(1);
        for _ in 0..=self.parameters.paddle_retries {
            let seed = &self.seeds[rng.random_range(0..360u32) as usize];
            let tail = *pick(rng, &seed.free_in(&blocked))?;
            if let Some(tip) = self.seeded(seed, tail) {
                return Some(tip);
            }
        }
        None
    }
}

impl Seed {
    fn new(angle: f64, parameters: &PathfinderParameters, margin: usize) -> Self {
        let stencil = Stencil::new(angle, parameters, margin);
        let reach = (parameters.paddle_length + margin) as i64;
        let side = stencil.side() as i64;
        let whole = stencil
            .footprint
            .iter()
            .enumerate()
            .filter(|(_, value)| **value == 255);
        let footprint = whole.map(|(at, _)| {
            let (y, x) = (at as i64 / side, at as i64 % side);
            // The published structuring element is centred one pixel off.
            (y - stencil.reach as i64 + 1, x - stencil.reach as i64 + 1)
        });
        let kept = |(y, x): &(i64, i64)| y.abs() <= reach && x.abs() <= reach;
        let footprint: Vec<(i64, i64)> = footprint.filter(kept).collect();
        Self {
            angle,
            is_usable: reaches_inwards(&footprint),
            footprint,
            stencil,
        }
    }

    /// The places where a snake can begin in this direction.
    fn free_in(&self, blocked: &Blocked) -> Vec<(usize, usize)> {
        match self.is_usable {
            true => blocked.free(&self.footprint),
            false => Vec::new(),
        }
    }
}

/// Whether a footprint keeps a point inside the image at each of its corners.
///
/// The published code dilates with OpenCV, which gives minus infinity where every point of the structuring
/// element lies outside, and it takes a map with a negative value for a full one. So the small dashes of 32
/// and 64 pixels can begin in some directions only, which leaves fewer distractors.
fn reaches_inwards(footprint: &[(i64, i64)]) -> bool {
    let corner = |dy: i64, dx: i64| footprint.iter().any(|(y, x)| y * dy >= 0 && x * dx >= 0);
    corner(1, 1) && corner(1, -1) && corner(-1, 1) && corner(-1, -1)
}

impl Layers {
    fn draw(&mut self, (stencil, place): (&Stencil, (i64, i64)), contrast: f64) {
        self.image.stamp(stencil, &stencil.line, place, contrast);
    }

    fn occupy(&mut self, (stencil, place): (&Stencil, (i64, i64))) {
        self.occupied.stamp(stencil, &stencil.footprint, place, 1.0);
    }
}

/// Taken pixels, one bit each.
struct Blocked {
    size: usize,
    rows: Vec<u128>,
}

impl Blocked {
    fn of(occupied: &Canvas) -> Self {
        let row = |values: &[f64]| {
            let bits = values.iter().enumerate();
            bits.fold(0, |row, (x, value)| row | u128::from(*value > TAKEN) << x)
        };
        Self {
            size: occupied.size,
            rows: occupied
                .values
                .chunks_exact(occupied.size)
                .map(row)
                .collect(),
        }
    }

    fn all(&self) -> u128 {
        u128::MAX >> (128 - self.size)
    }

    /// Takes a border of this width.
    fn border(&mut self, width: usize) {
        let (size, all) = (self.size, self.all());
        let sides = all & !((all >> (2 * width)) << width);
        for (y, row) in self.rows.iter_mut().enumerate() {
            *row |= if y < width || y >= size - width {
                all
            } else {
                sides
            };
        }
    }

    fn count_free(&self) -> u32 {
        self.rows
            .iter()
            .map(|row| (!row & self.all()).count_ones())
            .sum()
    }

    /// The places, row by row, whose whole footprint is free; what hangs over the edge does not count.
    fn free(&self, footprint: &[(i64, i64)]) -> Vec<(usize, usize)> {
        let mut places = Vec::new();
        for y in 0..self.size {
            let mut taken = 0;
            for (dy, dx) in footprint {
                let row = usize::try_from(y as i64 + dy)
                    .ok()
                    .and_then(|y| self.rows.get(y));
                let row = row.copied().unwrap_or(0);
                taken |= if *dx >= 0 { row >> dx } else { row << -dx };
            }
            let mut free = !taken & self.all();
            while free != 0 {
                places.push((y, free.trailing_zeros() as usize));
                free &= free - 1;
            }
        }
        places
    }
}

/// The distinct integer points on the circle about a pivot, one pixel of arc apart.
fn turns(parameters: &PathfinderParameters, margin: usize) -> Vec<Turn> {
    let radius = (parameters.paddle_length + margin) as f64;
    let step = 1.0 / radius;
    let mut offsets: Vec<(i64, i64)> = (0..)
        .map(|i| f64::from(i) * step)
        .take_while(|angle| *angle < TAU)
        .map(|angle| {
            let (sin, cos) = libm::sincos(angle);
            let down = |x: f64| (radius * x + 1e-9).floor() as i64;
            (down(sin), down(cos))
        })
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    let turn = |offset: (i64, i64)| {
        let angle = libm::atan2(offset.0 as f64, offset.1 as f64);
        Turn {
            offset,
            angle,
            stencil: Stencil::new(flipped(angle), parameters, margin),
        }
    };
    offsets.into_iter().map(turn).collect()
}

/// The opposite direction.
fn flipped(angle: f64) -> f64 {
    if angle < 0.0 { angle + PI } else { angle - PI }
}

fn on_canvas((y, x): (i64, i64)) -> (usize, usize) {
    (y as usize, x as usize)
}

fn pick<'a, T>(rng: &mut ChaCha8Rng, items: &'a [T]) -> Option<&'a T> {
    if items.is_empty() {
        return None;
    }
    items.get(rng.random_range(0..items.len() as u64) as usize)
}

/// An index drawn by cumulative weights.
fn draw(rng: &mut ChaCha8Rng, cumulative: &[f64]) -> usize {
    let sum = cumulative.last().copied().unwrap_or(0.0);
    let level = rng.random::<f64>() * sum;
    cumulative
        .partition_point(|value| *value <= level)
        .min(cumulative.len() - 1)
}
