//! The global gradient norm: one pass over the parameters, no read of its own.
//!
//! burn clips every parameter by its own norm; the published recipes clip by the norm of all
//! gradients together (Pascanu, Mikolov & Bengio, arXiv 1211.5063), which keeps the direction.

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use resolvent_kernels::squares::sum_of_squares;

/// The sum of the squares of all gradients, still on the device; `None` without any gradient.
///
/// The caller reads it together with the loss, so that a step costs one transfer. The square root
/// is the global norm.
///
/// # Shapes
/// Result: `[1]`.
///
/// # Numerics
/// As [`sum_of_squares`], in the type of the first gradient; a NaN or an overflow shows in the result.
pub fn squared_norm<M: Module>(module: &M, gradients: &GradientsParams) -> Option<Tensor<1>> {
    let mut visitor = Flat {
        gradients,
        all: Vec::new(),
    };
    module.visit(&mut visitor);
    let all = visitor.all;
    match sum_of_squares(all.clone()) {
        Ok(sum) => sum,
        // A device or a number format that it has no body for.
        Err(_) => {
            let sums: Vec<Tensor<1>> = all.into_iter().map(|it| it.square().sum()).collect();
            Some(Tensor::cat(sums, 0).sum())
        }
    }
}

/// Scales all gradients so that a global norm of `norm` becomes `limit`; leaves smaller ones alone.
///
/// `limit = 0` means no clipping.
pub fn clip_by_norm<M: Module>(
    module: &M,
    gradients: GradientsParams,
    norm: f64,
    limit: f64,
) -> GradientsParams {
    if limit <= 0.0 || norm <= limit {
        return gradients;
    }
    scale(module, gradients, limit / norm)
}

/// Multiplies all gradients by `factor`.
pub fn scale<M: Module>(module: &M, gradients: GradientsParams, factor: f64) -> GradientsParams {
    let mut visitor = Scale { gradients, factor };
    module.visit(&mut visitor);
    visitor.gradients
}

struct Flat<'a> {
    gradients: &'a GradientsParams,
    all: Vec<Tensor<1>>,
}

impl ModuleVisitor for Flat<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let count: usize = gradient.dims().iter().product();
            self.all.push(gradient.reshape([count]));
        }
    }
}

struct Scale {
    gradients: GradientsParams,
    factor: f64,
}

impl ModuleVisitor for Scale {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients
                .register(param.id, gradient.mul_scalar(self.factor));
        }
    }
}
