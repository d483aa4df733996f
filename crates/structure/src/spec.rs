//! State matrices by name, for command lines and configuration files.
//!
//! | spelling | matrix |
//! |---|---|
//! | `hippo:FAMILY:STATE`, `hippo:FAMILY:STATE:WINDOW` | a HiPPO matrix; families `legs`, `legt`, `lagt`, `fout`, `fous`, `foud` |
//! | `dplr:FAMILY:STATE`, `dplr:FAMILY:STATE:WINDOW` | its diagonal-plus-low-rank form (S4) |
//! | `s4d:INIT:STATE` | a diagonal matrix; `legs`, `inv`, `lin`, `real`, `rand`, `inv2`, `quad` |
//! | `s5:BLOCKS:STATE` | blocks of the normal part of LegS (S5) |
//! | `companion:A0,A1,...` | the companion matrix of a last column |
//! | `shift:STATE` | the shift matrix |

use std::fmt;
use std::str::FromStr;

use rand::Rng;

use crate::diagonal_init::block_size;
use crate::error::unknown_name;
use crate::hippo::{Family, HippoMatrix};
use crate::{
    CompanionMatrix, Complex64, DiagonalInit, DplrMatrix, Matrix, StateSpace, StructureError,
    StructuredMatrix, s5_modes,
};

/// The kinds, as error messages list them.
const KINDS: &str = "hippo:FAMILY:STATE[:WINDOW], dplr:FAMILY:STATE[:WINDOW], s4d:INIT:STATE, \
                     s5:BLOCKS:STATE, companion:A0,A1,... or shift:STATE";

/// A state matrix by name.
///
/// # Example
/// ```
/// use resolvent_structure::{MatrixSpec, StructuredMatrix};
///
/// let spec: MatrixSpec = "hippo:legs:64".parse()?;
/// let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
/// # use rand::SeedableRng;
/// assert_eq!(spec.build(&mut rng)?.shape(), (64, 64));
/// assert_eq!(spec.to_string(), "hippo:legs:64");
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum MatrixSpec {
    /// A HiPPO matrix.
    Hippo(HippoMatrix),
    /// The diagonal-plus-low-rank form of a HiPPO matrix.
    Dplr(HippoMatrix),
    /// A diagonal matrix.
    Diagonal {
        /// How the eigenvalues start.
        init: DiagonalInit,
        /// Number of real state elements.
        state: usize,
    },
    /// Blocks of the normal part of LegS.
    Blocks {
        /// Number of equal blocks.
        blocks: usize,
        /// Number of real state elements of all blocks together.
        state: usize,
    },
    /// A companion or shift matrix.
    Companion(CompanionMatrix),
}

impl MatrixSpec {
    /// Builds the matrix; only `s4d:rand` draws from the generator.
    ///
    /// # Errors
    /// What the constructor of the matrix refuses.
    pub fn build(&self, rng: &mut impl Rng) -> Result<Box<dyn StructuredMatrix>, StructureError> {
        Ok(match self {
            Self::Hippo(matrix) => Box::new(*matrix),
            Self::Dplr(matrix) => Box::new(DplrMatrix::from_nplr(&matrix.diagonalise()?)?),
            Self::Diagonal { init, state } => {
                Box::new(DplrMatrix::diagonal(init.eigenvalues_with(*state, rng)?)?)
            }
            Self::Blocks { blocks, state } => {
                let modes = s5_modes(*state, *blocks)?;
                Box::new(DplrMatrix::diagonal(modes.eigenvalues().to_vec())?)
            }
            Self::Companion(matrix) => Box::new(matrix.clone()),
        })
    }

    /// The matrix with the input vector that belongs to it and an output that sums the state.
    ///
    /// The input is `B` of a HiPPO matrix, `V^* B` in modal coordinates (ones for the initialisations
    /// of S4D that have no other), and the first unit vector for companion and shift matrices. In
    /// modal coordinates the output is `2 Re sum_n z_n`. Only `s4d:rand` draws from the generator.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    ///
    /// # Example
    /// ```
    /// use rand::SeedableRng;
    /// use resolvent_structure::{MatrixSpec, discretise::Rule};
    ///
    /// let mut rng = rand_chacha::ChaCha8Rng::from_seed([0; 32]);
    /// let legs = "hippo:legs:4".parse::<MatrixSpec>()?.system(&mut rng)?;
    /// let kernel = legs.discretise(Rule::Bilinear, 0.1)?.kernel(1)?;
    /// assert!((kernel[0] - 0.547052198).abs() < 1e-9);
    /// # Ok::<(), resolvent_structure::StructureError>(())
    /// ```
    pub fn system(&self, rng: &mut impl Rng) -> Result<StateSpace, StructureError> {
        match self {
            Self::Hippo(matrix) => {
                let ones = vec![1.0; matrix.state_size()];
                StateSpace::new(matrix.dense(), matrix.input(), ones)
            }
            Self::Dplr(matrix) => {
                let nplr = matrix.diagonalise()?;
                modal(DplrMatrix::from_nplr(&nplr)?.dense(), &nplr.input)
            }
            Self::Diagonal { init, state } => {
                let eigenvalues = init.eigenvalues_with(*state, rng)?;
                modal(
                    DplrMatrix::diagonal(eigenvalues)?.dense(),
                    &init.input(*state)?,
                )
            }
            Self::Blocks { blocks, state } => {
                let modes = s5_modes(*state, *blocks)?;
                let block = HippoMatrix::new(Family::LegS, state / blocks)?;
                let input = modes.input_vector(&block.input().repeat(*blocks))?;
                modal(
                    DplrMatrix::diagonal(modes.eigenvalues().to_vec())?.dense(),
                    &input,
                )
            }
            Self::Companion(matrix) => {
                let mut input = vec![0.0; matrix.order()];
                if let Some(first) = input.first_mut() {
                    *first = 1.0;
                }
                StateSpace::new(matrix.dense(), input, vec![1.0; matrix.order()])
            }
        }
    }

    /// Whether the matrix belongs to a recurrence as it is, without sampling: companion and shift.
    pub fn is_discrete(&self) -> bool {
        matches!(self, Self::Companion(_))
    }

    /// Whether the state is `(Re z_0, Im z_0, Re z_1, ...)`, one member of each conjugate pair.
    pub fn is_modal(&self) -> bool {
        !matches!(self, Self::Hippo(_) | Self::Companion(_))
    }

    /// Number of real state elements.
    pub fn state_size(&self) -> usize {
        match self {
            Self::Hippo(matrix) | Self::Dplr(matrix) => matrix.state_size(),
            Self::Diagonal { state, .. } | Self::Blocks { state, .. } => *state,
            Self::Companion(matrix) => matrix.order(),
        }
    }
}

/// A system in modal coordinates whose output is `2 Re sum_n z_n`.
fn modal(matrix: Matrix, input: &[Complex64]) -> Result<StateSpace, StructureError> {
    let output = [2.0, 0.0].repeat(input.len());
    StateSpace::new(
        matrix,
        input.iter().flat_map(|z| [z.re, z.im]).collect(),
        output,
    )
}

impl FromStr for MatrixSpec {
    type Err = StructureError;

    /// Reads a spelling of the module's table.
    ///
    /// # Errors
    /// [`StructureError::UnknownName`] for an unknown kind, family or initialisation or a field that
    /// is not a number, and what the constructor of the matrix refuses.
    fn from_str(text: &str) -> Result<Self, StructureError> {
        let fields: Vec<&str> = text.trim().split(':').collect();
        match fields.as_slice() {
            ["hippo", family, rest @ ..] => Ok(Self::Hippo(hippo(text, family, rest)?)),
            ["dplr", family, rest @ ..] => {
                let matrix = hippo(text, family, rest)?;
                crate::error::expect_pairs("state", matrix.state_size())?;
                Ok(Self::Dplr(matrix))
            }
            ["s4d", init, state] => {
                let (init, state) = (init.parse()?, number("state size", state)?);
                crate::error::expect_pairs("state", state)?;
                Ok(Self::Diagonal { init, state })
            }
            ["s5", blocks, state] => {
                let blocks = number("number of blocks", blocks)?;
                let state = number("state size", state)?;
                block_size(state, blocks)?;
                Ok(Self::Blocks { blocks, state })
            }
            ["companion", column] => {
                let column: Result<Vec<f64>, _> =
                    column.split(',').map(|a| number("number", a)).collect();
                Ok(Self::Companion(CompanionMatrix::new(column?)?))
            }
            ["shift", state] => {
                let state = number("state size", state)?;
                Ok(Self::Companion(CompanionMatrix::shift(state)?))
            }
            _ => Err(unknown_kind(text, fields[0])),
        }
    }
}

/// The error of a spelling whose kind is unknown or whose fields do not fit the kind.
fn unknown_kind(text: &str, kind: &str) -> StructureError {
    const NAMES: [&str; 6] = ["hippo", "dplr", "s4d", "s5", "companion", "shift"];
    match NAMES.contains(&kind) {
        true => unknown("state matrix", text, KINDS),
        false => unknown_name("state matrix", text, &NAMES, KINDS),
    }
}

/// The fields after `hippo:` or `dplr:`.
fn hippo(text: &str, family: &str, rest: &[&str]) -> Result<HippoMatrix, StructureError> {
    let family: Family = family.parse()?;
    match rest {
        [state] => HippoMatrix::new(family, number("state size", state)?),
        [state, window] => HippoMatrix::new(family, number("state size", state)?)?
            .with_window(number("window", window)?),
        _ => Err(unknown("state matrix", text, KINDS)),
    }
}

fn number<T: FromStr>(what: &'static str, text: &str) -> Result<T, StructureError> {
    let parsed = text.trim().parse();
    parsed.map_err(|_| unknown(what, text, "a number"))
}

fn unknown(what: &'static str, name: &str, expected: &str) -> StructureError {
    StructureError::UnknownName {
        what,
        name: name.to_string(),
        expected: expected.to_string(),
    }
}

impl fmt::Display for MatrixSpec {
    /// The spelling that [`MatrixSpec::from_str`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hippo = |f: &mut fmt::Formatter<'_>, kind: &str, matrix: &HippoMatrix| {
            write!(f, "{kind}:{}:{}", matrix.family(), matrix.state_size())?;
            match matrix.window() {
                Some(window) if window != crate::hippo::DEFAULT_WINDOW => write!(f, ":{window}"),
                _ => Ok(()),
            }
        };
        match self {
            Self::Hippo(matrix) => hippo(f, "hippo", matrix),
            Self::Dplr(matrix) => hippo(f, "dplr", matrix),
            Self::Diagonal { init, state } => write!(f, "s4d:{init}:{state}"),
            Self::Blocks { blocks, state } => write!(f, "s5:{blocks}:{state}"),
            Self::Companion(matrix) if matrix.column().iter().all(|a| *a == 0.0) => {
                write!(f, "shift:{}", matrix.order())
            }
            Self::Companion(matrix) => {
                let column: Vec<String> = matrix.column().iter().map(f64::to_string).collect();
                write!(f, "companion:{}", column.join(","))
            }
        }
    }
}
