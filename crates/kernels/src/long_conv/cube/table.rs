//! Roots of unity, computed in f64 once per size and kept on the host.

use burn::tensor::{DType, Shape};
use burn_cubecl::tensor::CubeTensor;
use std::collections::HashMap;
use std::f64::consts::PI;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

type Tables = Mutex<HashMap<(usize, bool), Arc<Vec<u8>>>>;

static TABLES: LazyLock<Tables> = LazyLock::new(Tables::default);

/// w^t = exp(-pi i t / (2 size)) for t < size, then for the spans size/4, size/16, .. of steps
/// exp(-pi i j / (2 span)) for j < span, each as two numbers.
fn roots(size: usize) -> Vec<f64> {
    let mut roots = Vec::with_capacity(3 * size);
    let mut add = |count: usize| {
        for t in 0..count {
            let (sin, cos) = (-PI * t as f64 / (2 * count) as f64).sin_cos();
            roots.extend([cos, sin]);
        }
    };
    let mut span = size;
    while span > 0 {
        add(span);
        span /= 4;
    }
    roots
}

/// The table for transforms of `size`, on the device of `like` and in its format.
pub(super) fn table(like: &CubeTensor, size: usize) -> CubeTensor {
    let wide = like.dtype == DType::F64;
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = tables.entry((size, wide)).or_insert_with(|| {
        let roots = roots(size);
        Arc::new(match wide {
            true => bytemuck::cast_slice(&roots).to_vec(),
            false => {
                let roots: Vec<f32> = roots.iter().map(|&root| root as f32).collect();
                bytemuck::cast_slice(&roots).to_vec()
            }
        })
    });
    let bytes = entry.clone();
    drop(tables);
    upload(like, &bytes, like.dtype)
}

/// A flat tensor with these bytes on the device of `like`.
pub(super) fn upload(like: &CubeTensor, bytes: &[u8], dtype: DType) -> CubeTensor {
    CubeTensor::new_contiguous(
        like.client.clone(),
        like.device.clone(),
        Shape::from(vec![bytes.len() / dtype.size()]),
        like.client.create_from_slice(bytes),
        dtype,
    )
}
