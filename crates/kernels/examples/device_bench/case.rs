//! One operation at one size, and the inputs that it is run on.

use burn::tensor::{DType, Device, Distribution, FloatDType, Tensor, TensorData};

/// Uniform values in [low, high), the same in every run.
fn values(seed: u64, count: usize, low: f32, high: f32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            low + (high - low) * ((state >> 40) as f32 / (1_u64 << 24) as f32)
        })
        .collect()
}

/// A differentiable input: its shape, range and number format.
pub struct Leaf {
    seed: u64,
    pub dims: Vec<usize>,
    range: (f32, f32),
    dtype: DType,
}

impl Leaf {
    pub fn new(seed: u64, dims: &[usize], range: (f32, f32), dtype: DType) -> Self {
        Self {
            seed,
            dims: dims.to_vec(),
            range,
            dtype,
        }
    }

    pub fn count(&self) -> usize {
        self.dims.iter().product()
    }

    /// The same values on every device, rounded to this format, then in `wide` where that is given.
    pub fn fixed(&self, device: &Device, wide: Option<DType>) -> Tensor<1> {
        let values = values(self.seed, self.count(), self.range.0, self.range.1);
        let rounded = TensorData::new(values, [self.count()]).convert_dtype(self.dtype);
        let dtype = wide.unwrap_or(self.dtype);
        Tensor::from_data(rounded.convert_dtype(dtype), (device, dtype)).require_grad()
    }

    /// Values drawn on the device: large ones would take longer to upload than to use.
    pub fn random(&self, device: &Device) -> Tensor<1> {
        let range = Distribution::Uniform(self.range.0.into(), self.range.1.into());
        let drawn = Tensor::<1>::random([self.count()], range, (device, DType::F32));
        let drawn = match self.dtype {
            DType::BF16 => drawn.cast(FloatDType::BF16),
            DType::F16 => drawn.cast(FloatDType::F16),
            _ => drawn,
        };
        drawn.detach().require_grad()
    }
}

pub fn shaped<const D: usize>(tensor: &Tensor<1>, leaf: &Leaf) -> Tensor<D> {
    let dims: [usize; D] = leaf.dims.clone().try_into().expect("rank fits");
    tensor.clone().reshape(dims)
}

/// One operation at one size.
pub struct Case {
    pub op: &'static str,
    pub size: [usize; 6],
    pub leaves: Vec<Leaf>,
    pub run: fn(&[Tensor<1>], &[Leaf]) -> Tensor<1>,
}

pub fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let count = tensor.dims().iter().product::<usize>();
    tensor.reshape([count])
}
