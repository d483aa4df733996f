//! AdamW in one pass, with burn's state and in burn's place.

use burn::optim::{AdamWConfig, AdamWState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};
use resolvent_kernels::adamw::{AdamwState, AdamwStep, adamw, is_supported};

use crate::recipe::OptimiserSection;

/// burn's AdamW, except that a step is the fused operation where that has a body.
///
/// State and record are burn's, so a checkpoint does not tell which of the two wrote it.
#[derive(Clone)]
pub(super) struct FusedAdamW {
    plain: burn::optim::AdamW,
    /// Rate and time are filled in at every step.
    constants: AdamwStep,
}

impl FusedAdamW {
    pub(super) fn new(section: &OptimiserSection, weight_decay: f64) -> Self {
        Self {
            plain: AdamWConfig::new()
                .with_beta_1(section.beta_1 as f32)
                .with_beta_2(section.beta_2 as f32)
                .with_epsilon(section.epsilon as f32)
                .with_weight_decay(weight_decay as f32)
                .build(),
            constants: AdamwStep {
                rate: 0.0,
                beta_1: section.beta_1,
                beta_2: section.beta_2,
                epsilon: section.epsilon,
                weight_decay,
                time: 0,
            },
        }
    }
}

impl Optimizer for FusedAdamW {
    type State<const D: usize> = AdamWState<D>;

    fn step<const D: usize>(
        &self,
        rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let alike = parameter.dims() == gradient.dims() && parameter.dtype() == gradient.dtype();
        if !(alike && is_supported(&parameter) && is_supported(&gradient)) {
            return self.plain.step(rate, parameter, gradient, state);
        }
        let momentum = state.map(|state| state.momentum).unwrap_or_else(|| {
            let zeros =
                || Tensor::zeros(parameter.dims(), (&parameter.device(), parameter.dtype()));
            AdaptiveMomentumState::new(0, zeros(), zeros())
        });
        let time = momentum.time + 1;
        let step = AdamwStep {
            rate,
            time,
            ..self.constants
        };
        let state = AdamwState {
            parameter,
            moment_1: momentum.moment_1,
            moment_2: momentum.moment_2,
        };
        let after = adamw(state, gradient, step)
            .expect("shapes and formats were compared, and stored moments have their parameter's");
        let momentum = AdaptiveMomentumState::new(time, after.moment_1, after.moment_2);
        (after.parameter, Some(AdamWState::new(momentum)))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        burn::optim::AdamW::to_device(state, device)
    }
}
