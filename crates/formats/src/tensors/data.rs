//! One tensor: element type, shape, little-endian bytes.

use half::{bf16, f16};

use super::dtype::Dtype;
use crate::error::FormatError;

/// A tensor as it lies in a file: row-major (last axis fastest), little-endian.
///
/// The bytes always fill the shape exactly; the constructors check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorData {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// Decodes fixed-size little-endian elements: `decode!(bytes, f64 => |value| value as f32)`.
macro_rules! decode {
    ($bytes:expr, $element:ty => $convert:expr) => {
        $bytes
            .chunks_exact(size_of::<$element>())
            .map(|chunk| {
                let element = <$element>::from_le_bytes(
                    chunk.try_into().expect("chunks_exact gives whole elements"),
                );
                $convert(element)
            })
            .collect()
    };
}

impl TensorData {
    /// A tensor from its little-endian bytes.
    ///
    /// # Errors
    /// [`FormatError::SizeMismatch`] unless `bytes` fills `shape` exactly.
    pub fn from_bytes(
        dtype: Dtype,
        shape: Vec<usize>,
        bytes: Vec<u8>,
    ) -> Result<Self, FormatError> {
        if dtype.bytes_of(&shape) == Some(bytes.len()) {
            Ok(Self {
                dtype,
                shape,
                bytes,
            })
        } else {
            Err(FormatError::SizeMismatch {
                dtype,
                shape,
                bytes: bytes.len(),
            })
        }
    }

    /// A binary32 tensor.
    ///
    /// # Errors
    /// [`FormatError::SizeMismatch`] unless `values` fills `shape` exactly; so for all `from_*`.
    pub fn from_f32(shape: Vec<usize>, values: &[f32]) -> Result<Self, FormatError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::from_bytes(Dtype::F32, shape, bytes)
    }

    /// A binary64 tensor.
    ///
    /// # Errors
    /// As for [`TensorData::from_f32`].
    pub fn from_f64(shape: Vec<usize>, values: &[f64]) -> Result<Self, FormatError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::from_bytes(Dtype::F64, shape, bytes)
    }

    /// A bfloat16 tensor, each value rounded to the nearest (ties to even).
    ///
    /// # Errors
    /// As for [`TensorData::from_f32`].
    pub fn from_f32_as_bf16(shape: Vec<usize>, values: &[f32]) -> Result<Self, FormatError> {
        let rounded = values.iter().map(|&v| bf16::from_f32(v));
        let bytes = rounded.flat_map(bf16::to_le_bytes).collect();
        Self::from_bytes(Dtype::BF16, shape, bytes)
    }

    /// A binary16 tensor, each value rounded to the nearest (ties to even; beyond 65504 to infinity).
    ///
    /// # Errors
    /// As for [`TensorData::from_f32`].
    pub fn from_f32_as_f16(shape: Vec<usize>, values: &[f32]) -> Result<Self, FormatError> {
        let rounded = values.iter().map(|&v| f16::from_f32(v));
        let bytes = rounded.flat_map(f16::to_le_bytes).collect();
        Self::from_bytes(Dtype::F16, shape, bytes)
    }

    /// A tensor of signed 64-bit integers.
    ///
    /// # Errors
    /// As for [`TensorData::from_f32`].
    pub fn from_i64(shape: Vec<usize>, values: &[i64]) -> Result<Self, FormatError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::from_bytes(Dtype::I64, shape, bytes)
    }

    /// A tensor of signed 32-bit integers.
    ///
    /// # Errors
    /// As for [`TensorData::from_f32`].
    pub fn from_i32(shape: Vec<usize>, values: &[i32]) -> Result<Self, FormatError> {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::from_bytes(Dtype::I32, shape, bytes)
    }

    /// A tensor of bytes.
    ///
    /// # Errors
    /// As for [`TensorData::from_f32`].
    pub fn from_u8(shape: Vec<usize>, values: &[u8]) -> Result<Self, FormatError> {
        Self::from_bytes(Dtype::U8, shape, values.to_vec())
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The length of each axis; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.bytes.len() / self.dtype.size()
    }

    /// The little-endian content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The little-endian content, without a copy.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Every element as binary32.
    ///
    /// # Numerics
    /// Exact from F32, F16, BF16, Bool and integers of at most 16 bits; F64 and wider integers are rounded
    /// to the nearest. NaN and infinities stay.
    pub fn to_f32(&self) -> Vec<f32> {
        let b = &self.bytes;
        match self.dtype {
            Dtype::F32 => decode!(b, f32 => |v| v),
            Dtype::F64 => decode!(b, f64 => |v| v as f32),
            Dtype::F16 => decode!(b, f16 => f16::to_f32),
            Dtype::BF16 => decode!(b, bf16 => bf16::to_f32),
            Dtype::Bool | Dtype::U8 => decode!(b, u8 => f32::from),
            Dtype::I8 => decode!(b, i8 => f32::from),
            Dtype::U16 => decode!(b, u16 => f32::from),
            Dtype::I16 => decode!(b, i16 => f32::from),
            Dtype::U32 => decode!(b, u32 => |v| v as f32),
            Dtype::I32 => decode!(b, i32 => |v| v as f32),
            Dtype::U64 => decode!(b, u64 => |v| v as f32),
            Dtype::I64 => decode!(b, i64 => |v| v as f32),
        }
    }

    /// Every element as binary64.
    ///
    /// # Numerics
    /// Exact from all types but U64 and I64, which are rounded to the nearest beyond 2^53.
    pub fn to_f64(&self) -> Vec<f64> {
        let b = &self.bytes;
        match self.dtype {
            Dtype::F64 => decode!(b, f64 => |v| v),
            Dtype::U32 => decode!(b, u32 => f64::from),
            Dtype::I32 => decode!(b, i32 => f64::from),
            Dtype::U64 => decode!(b, u64 => |v| v as f64),
            Dtype::I64 => decode!(b, i64 => |v| v as f64),
            // All the rest are exact in binary32.
            _ => self.to_f32().into_iter().map(f64::from).collect(),
        }
    }

    /// Every element as a signed 64-bit integer.
    ///
    /// # Errors
    /// [`FormatError::WrongDtype`] for floating-point tensors and for U64, whose values may not fit.
    pub fn to_i64(&self) -> Result<Vec<i64>, FormatError> {
        let b = &self.bytes;
        Ok(match self.dtype {
            Dtype::I64 => decode!(b, i64 => |v| v),
            Dtype::I32 => decode!(b, i32 => i64::from),
            Dtype::U32 => decode!(b, u32 => i64::from),
            Dtype::I16 => decode!(b, i16 => i64::from),
            Dtype::U16 => decode!(b, u16 => i64::from),
            Dtype::I8 => decode!(b, i8 => i64::from),
            Dtype::U8 | Dtype::Bool => decode!(b, u8 => i64::from),
            Dtype::U64 | Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64 => {
                return Err(FormatError::WrongDtype {
                    tensor: "(unnamed)".to_owned(),
                    found: self.dtype,
                    expected: "signed integer",
                });
            }
        })
    }
}
