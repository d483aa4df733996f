//! One update: micro-batches, gradients, norm, clipping, optimiser.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::Tensor;

use super::{Experiment, Settings};
use crate::clip::{clip_by_norm, squared_norm};
use crate::error::LearnError;
use crate::optimiser::Optimiser;
use crate::schedule::{Plan, learning_rate};

/// What changes from step to step.
#[derive(Clone)]
pub(super) struct Learner<M> {
    pub model: M,
    pub optimiser: Optimiser,
}

/// What a step measured.
pub(super) struct Measured {
    /// Loss before the update, averaged over the micro-batches.
    pub loss: f64,
    /// Global gradient norm before clipping.
    pub grad_norm: f64,
    /// The schedule's learning rate.
    pub rate: f64,
}

impl<M: Module> Learner<M> {
    /// Does step `step` (from 1) of `plan`; the device is read once.
    ///
    /// When loss or gradient norm is not finite, the model is left as it was.
    pub(super) fn advance<E: Experiment<Model = M>>(
        &mut self,
        experiment: &E,
        settings: &Settings,
        plan: &Plan,
        step: usize,
    ) -> Result<Measured, LearnError> {
        let (loss, gradients) = self.gradients(experiment, settings.train.accumulate, step)?;
        let (loss, grad_norm) = self.read(loss, &gradients, step)?;
        require_finite(step, "loss", loss)?;
        require_finite(step, "gradient norm", grad_norm)?;
        let rate = learning_rate(
            &settings.schedule,
            plan,
            settings.optimiser.learning_rate,
            step,
        );
        let clipped = clip_by_norm(&self.model, gradients, grad_norm, settings.train.clip);
        // A clone of a module shares its tensors.
        self.model = self.optimiser.step(self.model.clone(), clipped, rate);
        Ok(Measured {
            loss,
            grad_norm,
            rate,
        })
    }

    /// Mean loss, on the device, and mean gradients over all micro-batches.
    fn gradients<E: Experiment<Model = M>>(
        &self,
        experiment: &E,
        micro_batches: usize,
        step: usize,
    ) -> Result<(Tensor<1>, GradientsParams), LearnError> {
        let share = 1.0 / micro_batches as f64;
        let mut accumulator = GradientsAccumulator::new();
        let mut total: Option<Tensor<1>> = None;
        for micro in 0..micro_batches {
            let loss = experiment.loss(&self.model, step, micro)?;
            check_loss(&loss, step)?;
            let loss = loss.mul_scalar(share);
            let value = loss.clone().inner();
            total = Some(match total {
                None => value,
                Some(sum) => sum + value,
            });
            let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
            accumulator.accumulate(&self.model, gradients);
        }
        let total = total.ok_or_else(|| LearnError::BadValue {
            field: "train.accumulate".to_owned(),
            value: "0".to_owned(),
            remedy: "it must be at least 1".to_owned(),
        })?;
        Ok((total, accumulator.grads()))
    }

    /// Loss and global gradient norm in one transfer.
    fn read(
        &self,
        loss: Tensor<1>,
        gradients: &GradientsParams,
        step: usize,
    ) -> Result<(f64, f64), LearnError> {
        let squares = squared_norm(&self.model, gradients).ok_or_else(|| LearnError::Loss {
            step,
            problem: "reaches no parameter of the model, so there is nothing to train".to_owned(),
        })?;
        let values: Vec<f32> = Tensor::cat(vec![loss, squares], 0)
            .try_into_vec_as()
            .map_err(|error| LearnError::Device {
                step,
                reason: error.to_string(),
            })?;
        match values[..] {
            [loss, squares] => Ok((f64::from(loss), f64::from(squares).sqrt())),
            _ => Err(LearnError::Device {
                step,
                reason: format!("expected 2 values, got {}", values.len()),
            }),
        }
    }
}

fn check_loss(loss: &Tensor<1>, step: usize) -> Result<(), LearnError> {
    let problem = match loss.dims() {
        [1] if loss.is_autodiff() => return Ok(()),
        [1] => "carries no gradient; put the model on `device.autodiff()`".to_owned(),
        [length] => format!("has {length} values; average them to one"),
    };
    Err(LearnError::Loss { step, problem })
}

/// Refuses NaN and infinities; the caller adds which checkpoint is left.
pub(super) fn require_finite(step: usize, quantity: &str, value: f64) -> Result<(), LearnError> {
    if value.is_finite() {
        return Ok(());
    }
    Err(LearnError::NotFinite {
        step,
        quantity: quantity.to_owned(),
        value,
        last_checkpoint: None,
    })
}
