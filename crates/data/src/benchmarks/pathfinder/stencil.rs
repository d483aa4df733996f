//! One dash, drawn once for every direction it can have.

use super::line::Bitmap;
use super::parameters::PathfinderParameters;
use super::resample::Reducer;

/// A dash that starts in the middle of a square: the line itself, and its footprint (the line widened
/// by the margin), both `[side, side]`, 0 to 255.
#[derive(Clone, Debug)]
pub(super) struct Stencil {
    /// Pixels to each side of the middle.
    pub(super) reach: usize,
    pub(super) line: Vec<u8>,
    pub(super) footprint: Vec<u8>,
}

impl Stencil {
    /// The dash in the direction of an angle; angles count from +x towards +y.
    ///
    /// # Units
    /// Radians.
    pub(super) fn new(angle: f64, parameters: &PathfinderParameters, margin: usize) -> Self {
        let scale = parameters.supersampling;
        let reach = parameters.reach(margin);
        let middle = (reach * scale) as i64;
        let width = (parameters.paddle_thickness * scale as f64) as usize;
        let (y, x) = translate(
            (middle, middle),
            angle,
            (parameters.paddle_length * scale) as f64,
        );
        let mut drawn = Bitmap::new(reach * 2 * scale + 1);
        drawn.line((middle, middle), (x, y), width);
        let widened = dilate(&drawn, margin * scale);
        let reducer = Reducer::new(drawn.side, 2 * reach + 1);
        Self {
            reach,
            line: reducer.reduce(&drawn.pixels),
            footprint: reducer.reduce(&widened.pixels),
        }
    }

    /// The side of the square.
    pub(super) fn side(&self) -> usize {
        2 * self.reach + 1
    }
}

/// Moves a point (y, x); the result is rounded up.
pub(super) fn translate((y, x): (i64, i64), angle: f64, distance: f64) -> (i64, i64) {
    let (sin, cos) = libm::sincos(angle);
    let up = (y as f64 + distance * sin).ceil();
    let right = (x as f64 + distance * cos).ceil();
    (up as i64, right as i64)
}

/// The places (y, x) of a disc around the origin.
pub(super) fn disc(radius: usize) -> impl Iterator<Item = (i64, i64)> {
    let radius = radius as i64;
    let square = (-radius..=radius).flat_map(move |y| (-radius..=radius).map(move |x| (y, x)));
    square.filter(move |(y, x)| y * y + x * x <= radius * radius)
}

fn dilate(image: &Bitmap, radius: usize) -> Bitmap {
    let mut wide = Bitmap::new(image.side);
    let side = image.side as i64;
    let places: Vec<(i64, i64)> = disc(radius).collect();
    for (at, _) in image
        .pixels
        .iter()
        .enumerate()
        .filter(|(_, value)| **value > 0)
    {
        let (y, x) = (at as i64 / side, at as i64 % side);
        for (dy, dx) in &places {
            let (y, x) = (y + dy, x + dx);
            if (0..side).contains(&y) && (0..side).contains(&x) {
                wide.pixels[(y * side + x) as usize] = 255;
            }
        }
    }
    wide
}
