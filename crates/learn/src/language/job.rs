//! One training run: from prepared text to a run folder.

use std::sync::atomic::AtomicBool;

use burn::module::Module;
use burn::tensor::Device;
use resolvent_models::language::{LanguageModel, published_name, save};
use serde_json::json;

use super::baseline::baselines;
use super::build::initial_model;
use super::experiment::LanguageExperiment;
use super::page::page;
use super::prepared::Prepared;
use super::summary::{self, Origin, Summary};
use super::watch::{Forward, Watch};
use crate::error::LearnError;
use crate::metrics;
use crate::recipe::Recipe;
use crate::run_folder::{RunFolder, write_text};
use crate::trainer::{Outcome, Run, Settings, Trained};

/// A recipe on its text in its folder.
pub struct Job<'a> {
    /// How to train.
    pub recipe: &'a Recipe,
    /// On what.
    pub prepared: &'a Prepared,
    /// Where everything goes.
    pub folder: &'a RunFolder,
    /// Where the tensors live; gradients are switched on inside.
    pub device: &'a Device,
    /// Told of everything that happens.
    pub watch: &'a dyn Watch,
}

impl Job<'_> {
    /// Trains, or goes on training when `resume`, until the plan is done or `stop` is set; either
    /// way the weights as they are then lie in the folder in the published layout.
    ///
    /// # Errors
    /// As [`Run::train`]; a run whose text is not that of its checkpoint is refused.
    pub fn train(
        &self,
        resume: bool,
        stop: &AtomicBool,
    ) -> Result<Outcome<LanguageModel>, LearnError> {
        let settings = self.settings()?;
        let experiment = LanguageExperiment::new(self.recipe, self.prepared, self.watch)?;
        let model = initial_model(self.recipe, &self.device.clone().autodiff())?;
        if !resume {
            write_text(&self.folder.recipe(), &self.recipe.to_toml()?)?;
        }
        let run = Run {
            settings: &settings,
            folder: self.folder,
            resume,
            stop,
        };
        let outcome = run.train(&experiment, model, &mut Forward(self.watch))?;
        let (Outcome::Finished(trained) | Outcome::Interrupted(trained)) = &outcome;
        save(&trained.model, self.folder.root())?;
        Ok(outcome)
    }

    /// The settings of the loop; the text's fingerprint is part of what a resumed run must match.
    fn settings(&self) -> Result<Settings, LearnError> {
        let mut settings = Settings::from_recipe(self.recipe, published_name)?;
        if let Some(identity) = settings.identity.as_object_mut() {
            let fingerprint = &self.prepared.facts.fingerprint;
            identity.insert("text".to_owned(), json!({ "fingerprint": fingerprint }));
        }
        Ok(settings)
    }

    /// Scores the trained model beside the baselines, generates a sample, and writes the page.
    ///
    /// # Errors
    /// Files that cannot be read or written; memory that runs out in the compressor.
    pub fn finish(
        &self,
        trained: &Trained<LanguageModel>,
        origin: Origin,
    ) -> Result<Summary, LearnError> {
        let records = metrics::read(&self.folder.metrics())?;
        let model = trained.model.valid();
        let scored = summary::score(self, &model)?;
        let baselines = baselines(self.prepared, self.watch)?;
        let sample = summary::sample(self, &model)?;
        let parts = (scored, baselines, sample);
        let summary = summary::put_together(self, trained, &records, parts, origin)?;
        page(&summary, &records)?.write(&self.folder.report())?;
        Ok(summary)
    }
}
