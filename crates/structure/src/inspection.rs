//! Everything worth knowing about a named state matrix, computed once.
//!
//! Where a figure has no meaning it is absent instead of a number that looks like one: the
//! eigenvectors of LegS cannot be told apart in double precision from a state of about 24 on, and a
//! system that is not stable has no Gramian.

use num_complex::Complex64;
use rand::Rng;

use crate::discretise::{Rule, discretise_dense};
use crate::linalg;
use crate::system::{controllability, controllability_of_steps, distance_to_instability};
use crate::{
    ComplexMatrix, Matrix, MatrixSpec, StateSpace, StructureError, StructuredMatrix,
    spectral_abscissa, spectral_radius,
};

/// Largest state that is inspected: the cost grows with its cube.
pub const MOST_STATE: usize = 512;
/// Longest kernel: its cost is the length times the square of the state.
pub const MOST_LENGTH: usize = 65_536;
/// Largest state for which the distance to instability is searched: it takes the eigenvalues of
/// several matrices of twice the size.
const MOST_STATE_FOR_DISTANCE: usize = 96;
/// State elements whose own kernels are kept.
const ELEMENTS: usize = 4;

/// How a matrix is looked at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InspectionOptions {
    /// How a continuous-time matrix is sampled.
    pub rule: Rule,
    /// Step size, in the matrix's unit of time; ignored by matrices that are discrete already.
    pub step_size: f64,
    /// Lags of the kernels.
    pub length: usize,
}

/// What there is to say about a matrix; see [`MatrixSpec::inspect`].
#[derive(Debug, Clone, PartialEq)]
pub struct Inspection {
    /// Eigenvalues of the matrix itself.
    pub eigenvalues: Vec<Complex64>,
    /// Eigenvalues of the discrete matrix; those of the matrix where it is discrete already.
    pub discrete_eigenvalues: Vec<Complex64>,
    /// Whether `A A^T = A^T A` to rounding: eigenvectors are then orthogonal.
    pub is_normal: bool,
    /// Condition number of the matrix of unit eigenvectors, 1 for a normal matrix; nothing when it
    /// is beyond `1 / (state * epsilon)` and so says no more than that.
    pub eigenvector_condition: Option<f64>,
    /// Largest real part of an eigenvalue.
    pub spectral_abscissa: f64,
    /// Largest modulus of an eigenvalue of the discrete matrix.
    pub spectral_radius: f64,
    /// Whether the matrix is stable: abscissa below 0, or radius below 1 where it is discrete.
    pub is_stable: bool,
    /// Distance to the nearest matrix with an eigenvalue on the imaginary axis; nothing for
    /// matrices that are not stable, are discrete, or are too large to search.
    pub distance_to_instability: Option<f64>,
    /// What the input can do to the state; nothing for a system that is not stable.
    pub reach: Option<Reach>,
    /// Times of the lags: multiples of the step size, or the lags themselves.
    pub times: Vec<f64>,
    /// `C exp(t A) B` at those times; nothing for matrices that are discrete already.
    pub impulse_response: Option<Vec<f64>>,
    /// The kernel `C A^l B` of the discrete system.
    pub kernel: Vec<f64>,
    /// The discrete kernels of the first state elements (real parts in modal coordinates), with the
    /// index of the element or mode.
    pub element_kernels: Vec<(usize, Vec<f64>)>,
}

/// The controllability Gramian in numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Reach {
    /// Directions of the state that the input reaches to working precision.
    pub rank: usize,
    /// Largest singular value of the Gramian.
    pub largest_energy: f64,
    /// Smallest singular value of the Gramian.
    pub smallest_energy: f64,
    /// Their quotient.
    pub condition: f64,
}

impl MatrixSpec {
    /// Builds the matrix and measures it.
    ///
    /// # Cost
    /// `O(state^3 + length state^2)`.
    ///
    /// # Errors
    /// [`StructureError::BadSize`] for a state above [`MOST_STATE`] and a length of 0 or above
    /// [`MOST_LENGTH`], [`StructureError::BadValue`] for a step size that is not positive and for a
    /// kernel that overflows, and what [`system`](Self::system) refuses.
    ///
    /// # Example
    /// ```
    /// use rand::SeedableRng;
    /// use resolvent_structure::inspection::InspectionOptions;
    /// use resolvent_structure::{MatrixSpec, discretise::Rule};
    ///
    /// let options = InspectionOptions { rule: Rule::Bilinear, step_size: 0.01, length: 100 };
    /// let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
    /// let legs = "hippo:legs:8".parse::<MatrixSpec>()?.inspect(&options, &mut rng)?;
    /// assert_eq!((legs.spectral_abscissa, legs.is_stable), (-1.0, true));
    /// # Ok::<(), resolvent_structure::StructureError>(())
    /// ```
    pub fn inspect(
        &self,
        options: &InspectionOptions,
        rng: &mut impl Rng,
    ) -> Result<Inspection, StructureError> {
        self.check(options)?;
        let system = self.system(rng)?;
        let matrix = system.state_matrix();
        let is_normal = is_normal(matrix)?;
        let sampled = match self.is_discrete() {
            true => (matrix.clone(), column(system.input())?),
            false => sample(&system, options)?,
        };
        let spectral_abscissa = spectral_abscissa(matrix)?;
        let spectral_radius = spectral_radius(&sampled.0)?;
        let is_stable = match self.is_discrete() {
            true => spectral_radius < 1.0,
            // An eigenvalue of zero (FouT always has one) comes out as a rounding error.
            false => spectral_abscissa < -1e-13 * largest_entry(matrix),
        };
        let searched = is_stable && !self.is_discrete() && matrix.rows() <= MOST_STATE_FOR_DISTANCE;
        let kernels = Kernels::of(&sampled, system.output(), self.watched(), options.length)?;
        let scale = if self.is_discrete() {
            1.0
        } else {
            options.step_size
        };
        Ok(Inspection {
            eigenvalues: linalg::eigenvalues(matrix)?,
            discrete_eigenvalues: linalg::eigenvalues(&sampled.0)?,
            is_normal,
            eigenvector_condition: eigenvector_condition(matrix, is_normal)?,
            spectral_abscissa,
            spectral_radius,
            is_stable,
            distance_to_instability: searched
                .then(|| distance_to_instability(matrix))
                .transpose()?,
            reach: is_stable.then(|| reach(self, &system)).flatten(),
            times: (0..options.length).map(|lag| scale * lag as f64).collect(),
            impulse_response: match self.is_discrete() {
                true => None,
                false => Some(impulse_response(&system, options)?),
            },
            kernel: kernels.output,
            element_kernels: kernels.elements,
        })
    }

    fn check(&self, options: &InspectionOptions) -> Result<(), StructureError> {
        let refused = |name, got, expected| {
            Err(StructureError::BadSize {
                name,
                got,
                expected,
            })
        };
        if self.state_size() > MOST_STATE {
            return refused("state", self.state_size(), "at most 512 for an inspection");
        }
        if !(1..=MOST_LENGTH).contains(&options.length) {
            return refused("length", options.length, "between 1 and 65536");
        }
        if self.is_discrete() {
            return Ok(());
        }
        crate::error::expect_positive("step_size", options.step_size)
    }

    /// Index of the elements whose kernels are kept, and their rows.
    fn watched(&self) -> Vec<(usize, usize)> {
        let stride = if self.is_modal() { 2 } else { 1 };
        let count = (self.state_size() / stride).min(ELEMENTS);
        (0..count).map(|n| (n, n * stride)).collect()
    }
}

fn column(values: &[f64]) -> Result<Matrix, StructureError> {
    Matrix::new(values.len(), 1, values.to_vec())
}

fn sample(
    system: &StateSpace,
    options: &InspectionOptions,
) -> Result<(Matrix, Matrix), StructureError> {
    let input = column(system.input())?;
    discretise_dense(
        options.rule,
        system.state_matrix(),
        &input,
        options.step_size,
    )
}

/// `C exp(t A) B`, by powers of the exponential of one step.
fn impulse_response(
    system: &StateSpace,
    options: &InspectionOptions,
) -> Result<Vec<f64>, StructureError> {
    let (rows, cols) = system.state_matrix().shape();
    let entries = system.state_matrix().as_slice().iter();
    let scaled = entries.map(|a| options.step_size * a).collect();
    let power = linalg::exponential(&Matrix::new(rows, cols, scaled)?)?;
    let pair = (power, column(system.input())?);
    Ok(Kernels::of(&pair, system.output(), Vec::new(), options.length)?.output)
}

/// What the state does after one impulse.
struct Kernels {
    output: Vec<f64>,
    elements: Vec<(usize, Vec<f64>)>,
}

impl Kernels {
    fn of(
        (matrix, input): &(Matrix, Matrix),
        output: &[f64],
        watched: Vec<(usize, usize)>,
        length: usize,
    ) -> Result<Self, StructureError> {
        let mut state = input.as_slice().to_vec();
        let mut kernel = Vec::with_capacity(length);
        let mut elements: Vec<(usize, Vec<f64>)> = watched
            .iter()
            .map(|(name, _)| (*name, Vec::new()))
            .collect();
        for _ in 0..length {
            kernel.push(crate::dense::dot(output, &state));
            for ((_, values), (_, row)) in elements.iter_mut().zip(&watched) {
                values.push(state[*row]);
            }
            state = matrix.matvec(&state)?;
        }
        crate::error::expect_finite("kernel", &kernel)?;
        for (_, values) in &elements {
            crate::error::expect_finite("kernel of a state element", values)?;
        }
        Ok(Self {
            output: kernel,
            elements,
        })
    }
}

fn is_normal(matrix: &Matrix) -> Result<bool, StructureError> {
    let turned = matrix.transpose();
    let (left, right) = (
        linalg::product(matrix, &turned)?,
        linalg::product(&turned, matrix)?,
    );
    Ok(left.max_abs_difference(&right)? <= 1e-12 * largest_entry(&left))
}

fn largest_entry(matrix: &Matrix) -> f64 {
    let sizes = matrix.as_slice().iter().map(|x| x.abs());
    sizes.fold(0.0, f64::max)
}

fn eigenvector_condition(matrix: &Matrix, is_normal: bool) -> Result<Option<f64>, StructureError> {
    if is_normal {
        return Ok(Some(1.0));
    }
    let (_, vectors): (_, ComplexMatrix) = linalg::eigen_real(matrix)?;
    // A defective matrix may have no finite unit eigenvectors at all.
    let finite = vectors.as_slice().iter().all(|v| v.is_finite());
    let condition = match finite {
        true => linalg::condition(&vectors)?,
        false => f64::INFINITY,
    };
    let told_apart = condition * matrix.rows() as f64 * f64::EPSILON < 1.0;
    Ok(told_apart.then_some(condition))
}

/// The Gramian in numbers; nothing when its sum does not end.
fn reach(spec: &MatrixSpec, system: &StateSpace) -> Option<Reach> {
    let input = column(system.input()).ok()?;
    let matrix = system.state_matrix();
    let found = match spec.is_discrete() {
        true => controllability_of_steps(matrix, &input),
        false => controllability(matrix, &input, None),
    };
    let found = found.ok()?;
    Some(Reach {
        rank: found.rank,
        largest_energy: found.energies.first().copied()?,
        smallest_energy: found.energies.last().copied()?,
        condition: found.condition,
    })
}
