//! Element types of stored tensors.

use std::fmt;

/// The element types this crate reads and writes; little-endian in files and in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned, 8 bits.
    U8,
    /// Signed, 8 bits.
    I8,
    /// Unsigned, 16 bits.
    U16,
    /// Signed, 16 bits.
    I16,
    /// IEEE binary16.
    F16,
    /// bfloat16: the upper half of a binary32.
    BF16,
    /// Unsigned, 32 bits.
    U32,
    /// Signed, 32 bits.
    I32,
    /// IEEE binary32.
    F32,
    /// Unsigned, 64 bits.
    U64,
    /// Signed, 64 bits.
    I64,
    /// IEEE binary64.
    F64,
}

/// One line per type: ours, and its counterpart in the safetensors crate.
const STORED: &[(Dtype, safetensors::Dtype)] = &[
    (Dtype::Bool, safetensors::Dtype::BOOL),
    (Dtype::U8, safetensors::Dtype::U8),
    (Dtype::I8, safetensors::Dtype::I8),
    (Dtype::U16, safetensors::Dtype::U16),
    (Dtype::I16, safetensors::Dtype::I16),
    (Dtype::F16, safetensors::Dtype::F16),
    (Dtype::BF16, safetensors::Dtype::BF16),
    (Dtype::U32, safetensors::Dtype::U32),
    (Dtype::I32, safetensors::Dtype::I32),
    (Dtype::F32, safetensors::Dtype::F32),
    (Dtype::U64, safetensors::Dtype::U64),
    (Dtype::I64, safetensors::Dtype::I64),
    (Dtype::F64, safetensors::Dtype::F64),
];

impl Dtype {
    /// Bytes per element.
    pub const fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Bytes of a tensor of this type and shape; `None` when the product overflows.
    pub fn bytes_of(self, shape: &[usize]) -> Option<usize> {
        shape
            .iter()
            .try_fold(self.size(), |bytes, &axis| bytes.checked_mul(axis))
    }

    pub(crate) fn from_stored(stored: safetensors::Dtype) -> Option<Self> {
        STORED
            .iter()
            .find(|line| line.1 == stored)
            .map(|line| line.0)
    }

    pub(crate) fn stored(self) -> safetensors::Dtype {
        STORED
            .iter()
            .find(|line| line.0 == self)
            .map(|line| line.1)
            .expect("the table has a line for every variant, which a test checks")
    }
}

impl fmt::Display for Dtype {
    /// The name as safetensors files spell it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.stored())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dtype_when_mapped_to_the_file_and_back_is_the_same() {
        use Dtype::*;
        for dtype in [
            Bool, U8, I8, U16, I16, F16, BF16, U32, I32, F32, U64, I64, F64,
        ] {
            assert_eq!(Dtype::from_stored(dtype.stored()), Some(dtype));
            assert_eq!(dtype.stored().bitsize(), 8 * dtype.size());
        }
        assert_eq!(Dtype::BF16.to_string(), "BF16");
    }
}
