//! Lines of integer width between integer points, as Pillow draws them.

/// A square image of one byte per pixel.
#[derive(Clone, Debug)]
pub(super) struct Bitmap {
    pub(super) side: usize,
    pub(super) pixels: Vec<u8>,
}

impl Bitmap {
    pub(super) fn new(side: usize) -> Self {
        Self {
            side,
            pixels: vec![0; side * side],
        }
    }

    fn set(&mut self, (x, y): (i64, i64)) {
        let inside = 0..self.side as i64;
        if inside.contains(&x) && inside.contains(&y) {
            self.pixels[y as usize * self.side + x as usize] = 255;
        }
    }

    /// Draws from `from` to `to`, both (x, y) and both included.
    pub(super) fn line(&mut self, from: (i64, i64), to: (i64, i64), width: usize) {
        if width <= 1 || from == to {
            self.thin(from, to);
        } else {
            self.fill(&corners(from, to, width));
        }
    }

    /// Bresenham's line: one pixel per step of the longer axis.
    fn thin(&mut self, (mut x, mut y): (i64, i64), to: (i64, i64)) {
        let (dx, dy) = ((to.0 - x).abs(), (to.1 - y).abs());
        let (sx, sy) = ((to.0 - x).signum(), (to.1 - y).signum());
        let (long, short) = (dx.max(dy), dx.min(dy));
        let mut error = 2 * short - long;
        for _ in 0..long {
            self.set((x, y));
            let turn = error >= 0;
            error += 2 * short - if turn { 2 * long } else { 0 };
            if dx > dy || turn {
                x += sx;
            }
            if dx <= dy || turn {
                y += sy;
            }
        }
        self.set(to);
    }

    /// Fills a convex polygon: every pixel whose centre lies inside, edges included.
    fn fill(&mut self, corners: &[(i64, i64); 4]) {
        let top = corners.iter().map(|it| it.1).min().unwrap_or(0);
        let bottom = corners.iter().map(|it| it.1).max().unwrap_or(0);
        for y in top..=bottom {
            let (mut left, mut right) = (f64::INFINITY, f64::NEG_INFINITY);
            for i in 0..4 {
                let (a, b) = (corners[i], corners[(i + 1) % 4]);
                if !(a.1.min(b.1)..=a.1.max(b.1)).contains(&y) {
                    continue;
                }
                let ends = if a.1 == b.1 {
                    [a.0 as f64, b.0 as f64]
                } else {
                    let slope = (b.0 - a.0) as f64 / (b.1 - a.1) as f64;
                    [(y - a.1) as f64 * slope + a.0 as f64; 2]
                };
                for end in ends {
                    (left, right) = (left.min(end), right.max(end));
                }
            }
            let (left, right) = (half_up(left), half_down(right));
            for x in left..=right {
                self.set((x, y));
            }
        }
    }
}

/// The corners of a thick line; what does not divide evenly goes to one side.
fn corners(from: (i64, i64), to: (i64, i64), width: usize) -> [(i64, i64); 4] {
    let (dx, dy) = ((to.0 - from.0) as f64, (to.1 - from.1) as f64);
    let length = libm::hypot(dx, dy);
    let half = (width - 1) as f64 / 2.0;
    let more = half_up(half) as f64 / length;
    let less = half_down(half) as f64 / length;
    let (left, right) = (half_down(less * dy), half_down(more * dy));
    let (up, down) = (half_up(less * dx), half_up(more * dx));
    [
        (from.0 - left, from.1 + down),
        (to.0 - left, to.1 + down),
        (to.0 + right, to.1 - up),
        (from.0 + right, from.1 - up),
    ]
}

/// The nearest integer, halves away from zero.
fn half_up(x: f64) -> i64 {
    (x.abs() + 0.5).floor().copysign(x) as i64
}

/// The nearest integer, halves towards zero.
fn half_down(x: f64) -> i64 {
    (x.abs() - 0.5).ceil().copysign(x) as i64
}
