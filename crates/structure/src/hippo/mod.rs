//! HiPPO: state matrices whose state is a set of coefficients of the input's past.
//!
//! `x'(t) = A x(t) + B u(t)` with a matrix from here keeps `x_n(t)` equal to the inner product of
//! the past of `u` with a basis function `p_n` under a weight `omega`, so that the past can be
//! redrawn: `u(t - tau) = sum_n x_n(t) p_n(tau)`. The kernels are `K(tau) = exp(tau A) B = p omega`.
//!
//! Source: Gu, Dao, Ermon, Rudra and Re, *HiPPO*, 2020, arXiv 2008.07669; Gu, Johnson, Timalsina,
//! Rudra and Re, *How to Train Your HiPPO*, 2022, arXiv 2206.12037.
//!
//! With `r_n = sqrt(2n + 1)`, window `T`, `p = (1, 0, sqrt 2, 0, sqrt 2, 0, ...)` and the rotations
//! `F = diag([[0, -w_m], [w_m, 0]])`, `w_m = 2 pi m / T`:
//!
//! | family | `A_nk` | `B_n` | `omega(tau)` | `p_n(tau)` |
//! |---|---|---|---|---|
//! | LegS | `-r_n r_k` (n>k), `-(n+1)` (n=k) | `r_n` | `exp(-tau)` | `r_n P_n(2 exp(-tau) - 1)` |
//! | LegT | `-r_n r_k / T`, times `(-1)^(n-k)` for n<k | `r_n / T` | `1/T` on the window | `r_n P_n(1 - 2 tau / T)` |
//! | LagT | `-1` (n>k), `-1/2` (n=k) | `1` | `1` | `exp(-tau/2) L_n(tau)` |
//! | FouT | `F - 2 p p^T / T` | `2 p / T` | `1/T` on the window | `1, -, sqrt 2 cos(w_m tau), sqrt 2 sin(w_m tau)` |
//! | FouS | `F - p p^T / T` | `p / T` | as FouT | as FouT |
//! | FouD | `F - I / 2`, `T = 1` | `p` | `exp(-tau/2)` | as FouT |
//!
//! The window of published code is 2 for LegT and FouT (`fout`), and 1 for what it calls
//! `fourier2`; the two differ by a factor of 2 in the step size. The default here is 2. Element 1
//! of a Fourier state is never driven: it is the sine of frequency zero.
//!
//! The kernels of LegS, LagT and FouD are exactly `p omega`; those of the windowed families tend
//! to it as the state grows, because the value that leaves the window is itself redrawn from the
//! state. The FouD basis is not orthogonal under its weight, and its Gram matrix is used to redraw.

mod basis;
mod family;
mod nplr;
mod online;
mod products;

pub use family::Family;
pub use nplr::Nplr;
pub use online::ScaledLegendreMemory;

use std::f64::consts::{PI, SQRT_2};

use crate::dense::element_count;
use crate::error::{expect_pairs, expect_positive};
use crate::{Matrix, StructureError};

/// The window of LegT, FouT and FouS unless another is asked for.
pub const DEFAULT_WINDOW: f64 = 2.0;

/// A state matrix of a HiPPO family, with its input vector, basis and measure.
///
/// # Cost
/// A product takes `O(state)` multiply-adds: all families are semiseparable or rotations plus one
/// rank, and only the family and the size are stored.
///
/// # Example
/// ```
/// use resolvent_structure::{StructuredMatrix, hippo::{Family, HippoMatrix}};
///
/// let legs = HippoMatrix::new(Family::LegS, 4)?;
/// assert_eq!(legs.dense().get(3, 3), Some(-4.0));
/// assert_eq!(legs.input()[0], 1.0);
/// assert_eq!(legs.timescale(), Some(1.0));
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HippoMatrix {
    family: Family,
    state: usize,
    window: f64,
}

impl HippoMatrix {
    /// The matrix of a family, with the default window where it has one.
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for no state, or an odd one in a Fourier family,
    /// [`StructureError::TooLarge`] when the dense matrix could not be addressed.
    pub fn new(family: Family, state: usize) -> Result<Self, StructureError> {
        if family.is_fourier() {
            expect_pairs("state", state)?;
        }
        if state == 0 {
            return Err(StructureError::BadSize {
                name: "state",
                got: state,
                expected: "at least 1",
            });
        }
        element_count(state, state)?;
        // FouD has no window of its own, but a period.
        let window = if family == Family::FouD {
            1.0
        } else {
            DEFAULT_WINDOW
        };
        Ok(Self {
            family,
            state,
            window,
        })
    }

    /// Chooses the length of the window.
    ///
    /// # Units
    /// of time, as the step size
    ///
    /// # Errors
    /// [`StructureError::BadValue`] for a length that is not positive, and for every length in a
    /// family whose memory has no window.
    pub fn with_window(mut self, window: f64) -> Result<Self, StructureError> {
        expect_positive("window", window)?;
        if !self.family.has_window() {
            return Err(StructureError::BadValue {
                name: "window",
                index: 0,
                value: window,
                expected: "no window: only legt, fout and fous have one",
            });
        }
        self.window = window;
        Ok(self)
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Number of state elements: rows and columns.
    pub fn state_size(&self) -> usize {
        self.state
    }

    /// Length of the window, for the families that have one.
    ///
    /// # Units
    /// of time, as the step size
    pub fn window(&self) -> Option<f64> {
        self.family.has_window().then_some(self.window)
    }

    /// The input vector `B`.
    ///
    /// # Shapes
    /// - output: `[state]`
    pub fn input(&self) -> Vec<f64> {
        let scale = match self.family {
            Family::LegS | Family::LagT | Family::FouD => 1.0,
            Family::LegT | Family::FouS => 1.0 / self.window,
            Family::FouT => 2.0 / self.window,
        };
        let direction = |n| match self.family {
            Family::LegS | Family::LegT => root(n),
            Family::LagT => 1.0,
            Family::FouT | Family::FouS | Family::FouD => fourier_weight(n),
        };
        (0..self.state).map(|n| scale * direction(n)).collect()
    }

    /// Entry `(n, k)` of the state matrix, from its definition.
    fn entry(&self, n: usize, k: usize) -> f64 {
        match self.family {
            Family::LegS if n > k => -root(n) * root(k),
            Family::LegS if n == k => -((n + 1) as f64),
            Family::LegS => 0.0,
            Family::LegT => {
                let sign = if n < k { alternate(k - n) } else { 1.0 };
                -sign * root(n) * root(k) / self.window
            }
            Family::LagT if n > k => -1.0,
            Family::LagT if n == k => -0.5,
            Family::LagT => 0.0,
            Family::FouT | Family::FouS => {
                let rank_one = fourier_weight(n) * fourier_weight(k);
                self.rotation(n, k) - self.boundary() * rank_one
            }
            Family::FouD if n == k => -0.5,
            Family::FouD => self.rotation(n, k),
        }
    }

    /// Entry of the rotations `F` of the Fourier families.
    fn rotation(&self, n: usize, k: usize) -> f64 {
        match (n / 2 == k / 2, n % 2, k % 2) {
            (true, 0, 1) => -self.frequency(n / 2),
            (true, 1, 0) => self.frequency(n / 2),
            _ => 0.0,
        }
    }

    /// Factor of the rank-one term `p p^T` of the Fourier families.
    fn boundary(&self) -> f64 {
        match self.family {
            Family::FouT => 2.0 / self.window,
            Family::FouS => 1.0 / self.window,
            _ => 0.0,
        }
    }

    /// Angular frequency of harmonic `m`.
    fn frequency(&self, m: usize) -> f64 {
        2.0 * PI * m as f64 / self.window
    }
}

/// `sqrt(2n + 1)`, the norm of the Legendre polynomials.
fn root(n: usize) -> f64 {
    ((2 * n + 1) as f64).sqrt()
}

/// `(-1)^n`.
fn alternate(n: usize) -> f64 {
    if n.is_multiple_of(2) { 1.0 } else { -1.0 }
}

/// Element `n` of `p`: the value of the Fourier basis at zero.
fn fourier_weight(n: usize) -> f64 {
    match (n, n % 2) {
        (0, _) => 1.0,
        (_, 0) => SQRT_2,
        _ => 0.0,
    }
}

/// The dense matrix of `entry` over the state.
fn square(state: usize, entry: impl FnMut(usize, usize) -> f64) -> Matrix {
    Matrix::from_fn(state, state, entry)
        .expect("the constructor has checked that state * state elements can be addressed")
}
