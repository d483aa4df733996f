//! The families of orthogonal state matrices, by name.

use std::fmt;
use std::str::FromStr;

use crate::StructureError;
use crate::error::unknown_name;

/// Which orthogonal basis of the past a state matrix keeps up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// Scaled Legendre: as a time-invariant matrix, Legendre polynomials in `exp(-tau)` with
    /// exponentially decaying memory; divided by `t`, uniform memory of the whole past.
    LegS,
    /// Translated Legendre: polynomials on a window of fixed length (the Legendre memory unit).
    LegT,
    /// Translated Laguerre: `exp(-tau/2)` times Laguerre polynomials. Kept for completeness: the
    /// authors advise against it.
    LagT,
    /// Truncated Fourier series on a window of fixed length.
    FouT,
    /// As [`FouT`](Self::FouT) without the correction at the far end of the window; published
    /// code calls it `fourier_decay`.
    FouS,
    /// Damped Fourier modes, already diagonal: `exp(-tau/2) cos(2 pi m tau)` and its sine.
    FouD,
}

impl Family {
    /// Every family, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::LegS,
        Self::LegT,
        Self::LagT,
        Self::FouT,
        Self::FouS,
        Self::FouD,
    ];

    /// The name in lower case: `legs`, `legt`, `lagt`, `fout`, `fous`, `foud`.
    pub fn name(self) -> &'static str {
        match self {
            Self::LegS => "legs",
            Self::LegT => "legt",
            Self::LagT => "lagt",
            Self::FouT => "fout",
            Self::FouS => "fous",
            Self::FouD => "foud",
        }
    }

    /// Whether the memory ends after a window whose length can be chosen.
    pub fn has_window(self) -> bool {
        matches!(self, Self::LegT | Self::FouT | Self::FouS)
    }

    /// Whether the basis is a Fourier series, stored as pairs of a cosine and a sine.
    pub(super) fn is_fourier(self) -> bool {
        matches!(self, Self::FouT | Self::FouS | Self::FouD)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Family {
    type Err = StructureError;

    /// Reads a name, in any case.
    ///
    /// # Errors
    /// [`StructureError::UnknownName`], which lists the names.
    fn from_str(name: &str) -> Result<Self, StructureError> {
        let wanted = |family: &Self| family.name().eq_ignore_ascii_case(name);
        Self::ALL.into_iter().find(wanted).ok_or_else(|| {
            let known = Self::ALL.map(Self::name);
            unknown_name("HiPPO family", name, &known, &known.join(", "))
        })
    }
}
