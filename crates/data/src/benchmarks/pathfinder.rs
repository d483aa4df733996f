//! Pathfinder and Path-X: are two marked ends joined by a dashed curve?
//!
//! Source: D. Linsley and others, "Learning long-range spatial dependencies with horizontal gated
//! recurrent units", NeurIPS 2018; the drawing rules are those of `drewlinsley/pathfinder` (MIT), read
//! for facts; the parameters are those of Long Range Arena's "hard" sets
//! ([`PathfinderParameters::PATHFINDER_32`], [`PathfinderParameters::PATHFINDER_64`],
//! [`PathfinderParameters::PATH_X`]).
//!
//! Two snakes of fourteen dashes grow in turn from seeds a fixed distance apart; a dash may not come
//! near an earlier one. Shorter snakes distract. A disc marks the seed of one snake, another disc the
//! far end of the same snake (label 1) or of the other (label 0).
//!
//! | here | in the published code |
//! |---|---|
//! | occupancy `[y, x]`, 0 to 1 | `mask` |
//! | stencil: line and footprint of one dash, drawn at twice the size and reduced | `draw_line_n_mask` |
//! | pivot: the point a dash turns about | `last_pivot` |
//! | reach: half the side of a stencil | `length + ceil(thickness) + margin` |
//!
//! Kept from the published code although they look like oversights, because they shape the images:
//! translated coordinates are rounded up; the footprint that keeps seeds away from others is shifted by
//! one pixel, and where it then lies outside the image at some corner, no snake begins in that direction
//! (many of the directions at 32 and 64 pixels, none at 128; it leaves fewer distractors); the last dash of the first snake does not enter the occupancy; a seed is not checked
//! against the other snake's seed. The newest revision of that code (2026) divides the markers by 255
//! twice, which hides them, and does not scale bytes before reducing; this follows the revision of 2019,
//! whose images the benchmark consists of.
//!
//! Deviations: sines come from a portable library, so that the bytes are the same on every platform; a
//! coordinate within 1e-9 of an integer counts as that integer where the published code truncates.
//!
//! Cost: a dash has at most a few hundred possible stencils, which are drawn once; growing a snake then
//! costs a few hundred additions per dash.

mod canvas;
mod folder;
mod line;
mod parameters;
mod resample;
mod snakes;
mod stencil;

use std::ops::Range;

use rand::Rng;
use rayon::prelude::*;

pub use folder::{METADATA_COLUMNS, PathfinderFolder, PathfinderWriter, read_metadata};
pub use parameters::PathfinderParameters;

use crate::error::DataError;
use crate::images::GreyImages;
use crate::rng;

use canvas::Canvas;
use resample::Reducer;
use snakes::Grower;

/// The name of the random stream: part of what a seed means.
const STREAM: &str = "pathfinder";

/// What Long Range Arena subtracts from grey values and divides them by: -1 to 1.
pub const GREY_SCALING: (f64, f64) = (127.5, 127.5);

/// How many samples the iterator makes at once, over all threads.
const CHUNK: u64 = 256;

/// One dash from the middle of a square: the line, and its footprint (widened by the margin), both `[side,
/// side]`, row-major, 0 to 255. `angle` counts from +x towards +y.
///
/// # Units
/// Radians.
pub fn dash(angle: f64, parameters: &PathfinderParameters, margin: usize) -> (Vec<u8>, Vec<u8>) {
    let stencil = stencil::Stencil::new(angle, parameters, margin);
    (stencil.line, stencil.footprint)
}

/// A generator of Pathfinder images.
#[derive(Debug)]
pub struct Pathfinder {
    parameters: PathfinderParameters,
    seed: u64,
    /// One for each margin of the parameters.
    growers: Vec<Grower>,
    markers: Reducer,
}

/// An image with its label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathfinderSample {
    /// `[height, width]`, row-major, 0 to 255.
    pub pixels: Vec<u8>,
    /// 1 when one snake joins the markers, else 0.
    pub label: u8,
    /// The distance kept between dashes, in pixels.
    pub margin: usize,
}

/// What is drawn before the markers: two long snakes and distractors.
#[derive(Clone, Debug)]
pub struct Scene {
    canvas: Canvas,
    /// Seed of each long snake, (y, x) in pixels.
    pub origins: [(usize, usize); 2],
    /// Far end of each long snake, (y, x) in pixels.
    pub terminals: [(usize, usize); 2],
    /// The label drawn for this sample.
    pub label: u8,
    /// The snake whose seed is marked.
    pub marked: usize,
    /// The distance kept between dashes, in pixels.
    pub margin: usize,
    /// How many pairs of snakes were begun until one was finished.
    pub attempts: usize,
}

impl Pathfinder {
    /// A generator by these parameters.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] naming the parameter that cannot work.
    pub fn new(parameters: PathfinderParameters, seed: u64) -> Result<Self, DataError> {
        parameters.validate()?;
        let growers = parameters.margins.iter();
        let growers = growers.map(|&margin| Grower::new(&parameters, margin));
        Ok(Self {
            growers: growers.collect(),
            markers: Reducer::new(parameters.size * parameters.supersampling, parameters.size),
            parameters,
            seed,
        })
    }

    /// The parameters.
    pub fn parameters(&self) -> &PathfinderParameters {
        &self.parameters
    }

    /// The snakes of sample `index`, without markers: a pure function of (parameters, seed, index).
    ///
    /// # Errors
    /// [`DataError::Unplaceable`] when the snakes fit in none of very many attempts: the parameters leave
    /// no room. The published parameters never come near.
    pub fn scene(&self, index: u64) -> Result<Scene, DataError> {
        let mut rng = rng::stream(self.seed, STREAM, index);
        let label = rng.random_range(0..2u8);
        let grower = &self.growers[rng.random_range(0..self.growers.len() as u32) as usize];
        let mut scene = grower.scene(&mut rng)?;
        scene.label = label;
        scene.marked = rng.random_range(0..2u32) as usize;
        Ok(scene)
    }

    /// Sample `index`: a pure function of (parameters, seed, index).
    ///
    /// # Errors
    /// As for [`Pathfinder::scene`].
    pub fn sample(&self, index: u64) -> Result<PathfinderSample, DataError> {
        let scene = self.scene(index)?;
        let end = if scene.label == 1 {
            scene.marked
        } else {
            1 - scene.marked
        };
        Ok(PathfinderSample {
            pixels: self.marked(&scene, scene.marked, end),
            label: scene.label,
            margin: scene.margin,
        })
    }

    /// The image of a scene with the seed of snake `start` and the far end of snake `end` marked.
    ///
    /// # Panics
    /// Unless both are 0 or 1.
    pub fn marked(&self, scene: &Scene, start: usize, end: usize) -> Vec<u8> {
        let mut canvas = scene.canvas.clone();
        for place in [scene.origins[start], scene.terminals[end]] {
            self.draw_marker(&mut canvas, place);
        }
        canvas.to_bytes()
    }

    fn draw_marker(&self, canvas: &mut Canvas, (y, x): (usize, usize)) {
        let scale = self.parameters.supersampling;
        let radius = self.parameters.marker_radius * scale as f64;
        let disc = |row: usize, column: usize| {
            let up = row as f64 - (y * scale) as f64;
            let right = column as f64 - (x * scale) as f64;
            if up * up + right * right <= radius * radius {
                255
            } else {
                0
            }
        };
        let near = self.parameters.marker_radius.ceil() as usize + 1;
        self.markers
            .reduce_near(&disc, (y, x), near, &mut |row, column, value| {
                canvas.lighten(row, column, f64::from(value) / 255.0);
            });
    }

    /// The samples of a range in order, made by all threads of the current rayon pool.
    ///
    /// # Errors
    /// As for [`Pathfinder::scene`].
    pub fn samples(&self, range: Range<u64>) -> Result<Vec<PathfinderSample>, DataError> {
        range
            .into_par_iter()
            .map(|index| self.sample(index))
            .collect()
    }

    /// The samples of a range one after the other; a few hundred are made ahead, by all threads.
    pub fn iter(
        &self,
        range: Range<u64>,
    ) -> impl Iterator<Item = Result<PathfinderSample, DataError>> + '_ {
        let starts = (range.start..range.end).step_by(CHUNK as usize);
        starts.flat_map(move |start| {
            match self.samples(start..start.saturating_add(CHUNK).min(range.end)) {
                Ok(samples) => samples.into_iter().map(Ok).collect::<Vec<_>>(),
                Err(error) => vec![Err(error)],
            }
        })
    }

    /// The samples of a range as one set of images in memory.
    ///
    /// # Errors
    /// As for [`Pathfinder::scene`]; [`DataError::OutOfRange`] when they would take more than
    /// [`crate::images::MAX_PIXELS`] bytes.
    pub fn images(&self, range: Range<u64>) -> Result<GreyImages, DataError> {
        let size = self.parameters.size;
        let mut images = GreyImages::empty(self.parameters.name, size, size, 2);
        images.check_room(range.end.saturating_sub(range.start))?;
        for sample in self.iter(range) {
            let sample = sample?;
            images.push(&sample.pixels, u32::from(sample.label));
        }
        Ok(images)
    }
}
