//! The optimiser of a recipe: AdamW inside burn's module optimiser, one instance per parameter group.
//!
//! Group membership is decided once, by published parameter name; see
//! [`GroupSection::matching`](crate::recipe::GroupSection::matching).

mod adamw;
mod state;

use burn::lr_scheduler::module_lr_scheduler::{ModuleLearningRate, ModuleLrScheduler};
use burn::module::{Module, ParamGroup};
use burn::optim::{GradientsParams, ModuleOptimizer};
use resolvent_formats::TensorMap;
use resolvent_models::weights::{Parameter, Rename, describe};

use self::adamw::FusedAdamW;
use crate::error::LearnError;
use crate::recipe::{GroupSection, OptimiserSection};

/// An optimiser bound to the parameters of one module.
#[derive(Clone)]
pub struct Optimiser {
    inner: ModuleOptimizer,
    groups: Vec<Group>,
    parameters: Vec<Parameter>,
}

/// The parameters of one recipe group.
#[derive(Clone)]
struct Group {
    members: ParamGroup,
    rate_scale: f64,
}

impl Optimiser {
    /// Builds the optimiser for `module`, whose parameters `rename` publishes.
    ///
    /// A group entry that matches no parameter is no error: one recipe serves several mixers.
    ///
    /// # Errors
    /// [`LearnError::Model`] when the module has parameters that cannot be named or stored.
    pub fn new<M: Module>(
        section: &OptimiserSection,
        module: &M,
        rename: Rename,
    ) -> Result<Self, LearnError> {
        let parameters = describe(module, rename)?;
        let owners: Vec<Option<usize>> = parameters
            .iter()
            .map(|parameter| group_of(&section.groups, &parameter.name))
            .collect();
        let mut inner = ModuleOptimizer::from(FusedAdamW::new(section, section.weight_decay));
        let mut groups = Vec::new();
        for (index, group) in section.groups.iter().enumerate() {
            let ids: Vec<_> = parameters
                .iter()
                .zip(&owners)
                .filter(|(_, owner)| **owner == Some(index))
                .map(|(parameter, _)| parameter.id)
                .collect();
            tracing::debug!(group = index, parameters = ids.len(), "optimiser group");
            if ids.is_empty() {
                continue;
            }
            let members = ParamGroup::from_ids(ids);
            inner = inner.with_group(
                members.clone(),
                FusedAdamW::new(section, group.weight_decay),
                None,
            );
            groups.push(Group {
                members,
                rate_scale: group.rate_scale,
            });
        }
        Ok(Self {
            inner,
            groups,
            parameters,
        })
    }

    /// One update of `module` with the schedule's learning rate `rate`.
    pub fn step<M: Module>(&mut self, module: M, gradients: GradientsParams, rate: f64) -> M {
        let rates = self.rates(rate);
        self.inner.step(rates, module, gradients)
    }

    /// Moments and step counts, by parameter path: `{path}/{field}`.
    ///
    /// # Errors
    /// [`LearnError::OptimiserState`] when burn's record holds something that has no place in a
    /// tensor map.
    pub fn save(&self) -> Result<TensorMap, LearnError> {
        state::save(&self.inner, &self.parameters)
    }

    /// The optimiser with the state that [`save`](Self::save) returned, exact to the last bit.
    ///
    /// # Errors
    /// [`LearnError::OptimiserState`] for a parameter that the module does not have, a missing or
    /// unknown field, or a moment of another shape.
    pub fn load(self, stored: &TensorMap) -> Result<Self, LearnError> {
        let inner = state::load(self.inner, stored, &self.parameters)?;
        Ok(Self { inner, ..self })
    }

    /// Learning rate per parameter: the schedule's, times the group's scale.
    fn rates(&self, rate: f64) -> ModuleLearningRate {
        // burn builds a rate per group only through a scheduler; a number is a constant one.
        let base = ModuleLrScheduler::new(rate);
        self.groups
            .iter()
            .filter(|group| group.rate_scale != 1.0)
            .fold(base, |scheduler, group| {
                scheduler.with_group(group.members.clone(), rate * group.rate_scale)
            })
            .step()
    }
}

/// The last group that claims the parameter published as `name`.
fn group_of(groups: &[GroupSection], name: &str) -> Option<usize> {
    groups
        .iter()
        .rposition(|group| group.matching.iter().any(|entry| matches(entry, name)))
}

/// Whether `entry` is one or several successive dot-separated parts of `name`.
fn matches(entry: &str, name: &str) -> bool {
    let dotted = |text: &str| format!(".{text}.");
    dotted(name).contains(&dotted(entry))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_when_it_equals_whole_parts_matches() {
        let norm = "backbone.layers.0.norm.weight";
        assert!(matches("norm", norm));
        assert!(matches("norm.weight", norm));
        assert!(matches("D", "backbone.layers.0.mixer.D"));
        assert!(!matches("D", "backbone.layers.0.mixer.D_skip"));
        assert!(!matches("bias", "backbone.layers.0.mixer.dt_bias"));
        assert!(!matches("norm", "backbone.norm_f.weight"));
        assert!(!matches("weight.norm", norm));
    }

    #[test]
    fn group_when_several_match_is_the_last() {
        let group = |names: &[&str]| GroupSection {
            matching: names.iter().map(|name| (*name).to_owned()).collect(),
            ..GroupSection::default()
        };
        let groups = [group(&["mixer"]), group(&["D"]), group(&["head"])];
        assert_eq!(group_of(&groups, "layers.0.mixer.D"), Some(1));
        assert_eq!(group_of(&groups, "layers.0.mixer.in_proj"), Some(0));
        assert_eq!(group_of(&groups, "embedding"), None);
    }
}
