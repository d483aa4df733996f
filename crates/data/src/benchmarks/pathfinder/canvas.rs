//! A square of brightness or occupancy.

use super::stencil::Stencil;

/// `[size, size]`, row-major, zero where nothing is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Canvas {
    pub(super) size: usize,
    pub(super) values: Vec<f64>,
}

impl Canvas {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            values: vec![0.0; size * size],
        }
    }

    /// Raises a pixel to at least `value`.
    pub(super) fn lighten(&mut self, row: usize, column: usize, value: f64) {
        let pixel = &mut self.values[row * self.size + column];
        *pixel = pixel.max(value);
    }

    /// Raises the pixels under a stencil whose middle lies at `place`; what hangs over is cut off.
    pub(super) fn stamp(
        &mut self,
        stencil: &Stencil,
        layer: &[u8],
        place: (i64, i64),
        factor: f64,
    ) {
        let size = self.size;
        under(stencil, size, place, |at, pixel| {
            let value = f64::from(layer[at]) / 255.0 * factor;
            self.values[pixel] = self.values[pixel].max(value);
        });
    }

    /// The greatest sum of a pixel and the footprint over it.
    pub(super) fn overlap(&self, stencil: &Stencil, place: (i64, i64)) -> f64 {
        let mut most: f64 = 0.0;
        under(stencil, self.size, place, |at, pixel| {
            let value = f64::from(stencil.footprint[at]) / 255.0;
            most = most.max(self.values[pixel] + value);
        });
        most
    }

    /// The greatest value within the given places around a pixel, as far as they lie on the canvas.
    pub(super) fn most_around(&self, (y, x): (i64, i64), places: &[(i64, i64)]) -> f64 {
        let inside = 0..self.size as i64;
        let on = |(dy, dx): &(i64, i64)| {
            let (y, x) = (y + dy, x + dx);
            let here = inside.contains(&y) && inside.contains(&x);
            here.then(|| self.values[y as usize * self.size + x as usize])
        };
        places.iter().filter_map(on).fold(0.0, f64::max)
    }

    /// Scaled so that the darkest pixel is 0 and the brightest 255.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let low = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self
            .values
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let range = if high > low { high - low } else { 1.0 };
        let scale = 255.0 / range;
        let byte = |value: &f64| (((value - low) * scale).clamp(0.0, 255.0) + 0.5) as u8;
        self.values.iter().map(byte).collect()
    }
}

/// Calls `visit` with (index in the stencil, index on the canvas) for every pixel that both have.
fn under(stencil: &Stencil, size: usize, place: (i64, i64), mut visit: impl FnMut(usize, usize)) {
    let side = stencil.side();
    let clip = |middle: i64| {
        let first = middle - stencil.reach as i64;
        let start = first.max(0);
        let end = (first + side as i64).min(size as i64);
        (first, start..end.max(start))
    };
    let (top, rows) = clip(place.0);
    let (left, columns) = clip(place.1);
    for row in rows {
        let line = (row - top) as usize * side;
        for column in columns.clone() {
            visit(
                line + (column - left) as usize,
                row as usize * size + column as usize,
            );
        }
    }
}
