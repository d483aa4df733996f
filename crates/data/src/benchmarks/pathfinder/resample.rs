//! Reduction of a byte image by a windowed sinc, with the integer arithmetic of Pillow.
//!
//! Pillow reduces rows, rounds to bytes, then reduces columns and rounds again; weights are integers of
//! 22 fractional bits. Both matter: a dash is a few pixels wide, and its ringing is what the rounding
//! and clipping leave of it. `tests/it/pathfinder.rs` compares with Pillow's own output.

use std::f64::consts::PI;

/// Fractional bits of a weight.
const BITS: u32 = 22;
/// Lobes of the window to each side.
const LOBES: f64 = 3.0;

/// The weights that take a row of one length to a shorter one.
#[derive(Clone, Debug)]
pub(super) struct Reducer {
    from: usize,
    /// For each output pixel the first input pixel and the weights from there.
    rows: Vec<(usize, Vec<i64>)>,
}

impl Reducer {
    /// From `from` pixels to `to`, for both axes of a square image.
    pub(super) fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let row = |output: usize| {
            let centre = (output as f64 + 0.5) * scale;
            let support = LOBES * stretch;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let last = ((centre + support + 0.5) as usize).min(from);
            let place = |input: usize| (input as f64 - centre + 0.5) / stretch;
            let weights: Vec<f64> = (first..last).map(|input| lanczos(place(input))).collect();
            let sum: f64 = weights.iter().sum();
            let fixed = |weight: &f64| {
                let scaled = weight / sum * f64::from(1u32 << BITS);
                (scaled + 0.5 * scaled.signum()) as i64
            };
            (first, weights.iter().map(fixed).collect())
        };
        Self {
            from,
            rows: (0..to).map(row).collect(),
        }
    }

    /// Reduces a square image, row-major.
    pub(super) fn reduce(&self, image: &[u8]) -> Vec<u8> {
        let to = self.rows.len();
        let mut reduced = vec![0; to * to];
        let source = |row: usize, column: usize| image[row * self.from + column];
        self.reduce_near(&source, (to / 2, to / 2), to, &mut |row, column, value| {
            reduced[row * to + column] = value;
        });
        reduced
    }

    /// Reduces the part of a square image that lies within `near` output pixels of a place, plus the
    /// window's reach; every output pixel further away is taken for black and not visited.
    pub(super) fn reduce_near(
        &self,
        source: &dyn Fn(usize, usize) -> u8,
        (y, x): (usize, usize),
        near: usize,
        write: &mut dyn FnMut(usize, usize, u8),
    ) {
        let near = near + LOBES as usize + 1;
        let around =
            |centre: usize| centre.saturating_sub(near)..(centre + near + 1).min(self.rows.len());
        let (lines, columns) = (around(y), around(x));
        let (Some(top), Some(bottom)) = (self.rows.get(lines.start), self.rows.get(lines.end - 1))
        else {
            return;
        };
        let inputs = top.0..bottom.0 + bottom.1.len();
        let width = columns.len();
        let mut narrow = Vec::with_capacity(inputs.len() * width);
        for input in inputs.clone() {
            for (first, weights) in &self.rows[columns.clone()] {
                narrow.push(weigh(weights, |i| source(input, first + i)));
            }
        }
        for line in lines {
            let (first, weights) = &self.rows[line];
            for column in 0..width {
                let pixel = |i: usize| narrow[(first + i - inputs.start) * width + column];
                write(line, columns.start + column, weigh(weights, pixel));
            }
        }
    }
}

fn weigh(weights: &[i64], pixel: impl Fn(usize) -> u8) -> u8 {
    let terms = weights.iter().enumerate();
    let sum: i64 = terms.map(|(i, weight)| weight * i64::from(pixel(i))).sum();
    ((sum + (1 << (BITS - 1))) >> BITS).clamp(0, 255) as u8
}

fn lanczos(x: f64) -> f64 {
    if (-LOBES..LOBES).contains(&x) {
        sinc(x) * sinc(x / LOBES)
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * PI;
    libm::sin(x) / x
}
