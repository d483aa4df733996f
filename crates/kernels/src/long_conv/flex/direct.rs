//! The double sums over [`LANES`] channels at once, eight outputs held in registers.

use crate::float::Real;

/// Channels of one task: the vector axis.
pub(super) const LANES: usize = 16;
/// Outputs summed together: each loaded tap is used this often.
pub(super) const TILE: usize = 8;

/// One position, [`LANES`] channels of it.
pub(super) type Lane<T> = [T; LANES];

/// Positions of one sequence with [`TILE`] rows of zeros on either side: a tile may look beyond.
pub(super) struct Padded<T> {
    values: Vec<Lane<T>>,
    len: usize,
}

impl<T: Real> Padded<T> {
    pub(super) fn zeros(len: usize) -> Self {
        Self {
            values: vec![[T::zero(); LANES]; len + 2 * TILE],
            len,
        }
    }

    /// The positions themselves.
    pub(super) fn rows(&self) -> &[Lane<T>] {
        &self.values[TILE..TILE + self.len]
    }

    /// The positions themselves.
    pub(super) fn rows_mut(&mut self) -> &mut [Lane<T>] {
        &mut self.values[TILE..TILE + self.len]
    }

    /// The same positions, last first.
    pub(super) fn reversed(&self) -> Self {
        let mut values = self.values.clone();
        values.reverse();
        Self { values, ..*self }
    }

    /// Positions t - `back` .. t - `back` + TILE; at most TILE beyond either end.
    #[inline(always)]
    fn window(&self, t: usize, back: usize) -> &[Lane<T>; TILE] {
        let from = t + TILE - back;
        match self.values[from..].first_chunk::<TILE>() {
            Some(window) => window,
            None => unreachable!("a tile starts at most at the last position"),
        }
    }
}

#[inline(always)]
fn multiply_add<T: Real>(sums: &mut Lane<T>, a: &Lane<T>, b: &Lane<T>) {
    for lane in 0..LANES {
        sums[lane] += a[lane] * b[lane];
    }
}

/// out_t += sum_m taps_m x_{t - m - shift}, `shift` 0 or 1.
#[inline(always)]
pub(super) fn convolve<T: Real>(
    out: &mut [Lane<T>],
    x: &Padded<T>,
    taps: &[Lane<T>],
    shift: usize,
) {
    for (tile, out) in out.chunks_mut(TILE).enumerate() {
        let t = tile * TILE;
        // The last output of the tile sees tap t + TILE - 1 - shift at most.
        let reach = taps.len().min(t + TILE - shift);
        let mut sums = [[T::zero(); LANES]; TILE];
        for (m, tap) in taps[..reach].iter().enumerate() {
            let window = x.window(t, m + shift);
            for (sums, x) in sums.iter_mut().zip(window) {
                multiply_add(sums, tap, x);
            }
        }
        for (out, sums) in out.iter_mut().zip(&sums) {
            for lane in 0..LANES {
                out[lane] += sums[lane];
            }
        }
    }
}

/// out_m += sum_t g_t x_{t - m - shift}, `shift` 0 or 1: the gradient of the taps of [`convolve`].
#[inline(always)]
pub(super) fn correlate<T: Real>(out: &mut [Lane<T>], g: &[Lane<T>], x: &Padded<T>, shift: usize) {
    for (tile, out) in out.chunks_mut(TILE).enumerate() {
        let m = tile * TILE;
        let mut sums = [[T::zero(); LANES]; TILE];
        // Earlier positions see nothing at lags of m + shift and more.
        for (t, g) in g.iter().enumerate().skip(m + shift) {
            // Ends at t - m - shift: lag m + i lies i rows before its last row.
            let window = x.window(t, m + shift + TILE - 1);
            for (sums, x) in sums.iter_mut().zip(window.iter().rev()) {
                multiply_add(sums, g, x);
            }
        }
        for (out, sums) in out.iter_mut().zip(&sums) {
            for lane in 0..LANES {
                out[lane] += sums[lane];
            }
        }
    }
}
