//! What a device offers to kernels that multiply tiles in shared memory.

use super::{cube_units, element, unrolls};
use burn::tensor::DType;
use cubecl::ir::features::MmaConfig;
use cubecl::prelude::*;

/// What a device offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    /// Bytes of shared memory, `None` where it is ordinary memory.
    pub shared: Option<usize>,
    /// Most units of a cube, at most 256.
    pub units: usize,
    /// Whether short loops are unrolled.
    pub unroll: bool,
    /// Whether matrix units take the inputs' format.
    pub matrix: bool,
}

impl Offer {
    /// For inputs of format `dtype`.
    pub(crate) fn new(client: &Client, dtype: DType) -> Self {
        let hardware = &client.properties().hardware;
        Self {
            shared: hardware
                .num_cpu_cores
                .is_none()
                .then_some(hardware.max_shared_memory_size),
            units: cube_units(client, 256),
            unroll: unrolls(client),
            matrix: has_matrix_units(client, dtype),
        }
    }

    /// Whether so many bytes of shared memory fit.
    pub(crate) fn holds(&self, bytes: usize) -> bool {
        self.shared.is_none_or(|most| bytes <= most)
    }
}

/// Bytes of an element of a tile and of a sum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ElementBytes {
    pub tile: usize,
    pub sum: usize,
}

/// Whether matrix units multiply the inputs' format and `ldmatrix` loads it.
fn has_matrix_units(client: &Client, dtype: DType) -> bool {
    let kind = element(dtype);
    let matmul = &client.properties().features.matmul;
    let wanted = MmaConfig {
        a_type: kind,
        b_type: kind,
        cd_type: element(DType::F32),
        m: 16,
        n: 8,
        k: 16,
    };
    matmul.mma.contains(&wanted) && matmul.ldmatrix.contains(&kind)
}
