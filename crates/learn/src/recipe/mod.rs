//! Recipes: a training run as a TOML text, with checks that name the field, the value and a remedy.
//!
//! Reading goes through three gates: TOML syntax, names and kinds against the sections' own fields
//! (`shape`), then values (`values`). An override is one more small TOML text that passes the
//! same gates.

mod sections;
mod shape;
pub(crate) mod values;

pub use sections::{
    DataSection, DataSource, GroupSection, ModelSection, OptimiserKind, OptimiserSection, Recipe,
    ScheduleKind, ScheduleSection, TrainSection,
};

use crate::error::{LearnError, Place};

impl Recipe {
    /// Reads a recipe; `origin` is the file name that errors mention.
    ///
    /// # Errors
    /// Invalid TOML, unknown keys (with the nearest known one), values of the wrong kind, and
    /// values that cannot work, each with its line. Never panics, whatever the text.
    ///
    /// # Example
    /// ```
    /// use resolvent_learn::recipe::Recipe;
    ///
    /// let recipe = Recipe::parse("[train]\nbatch = 4", "my.toml")?;
    /// assert_eq!(recipe.train.batch, 4);
    /// let wrong = Recipe::parse("[train]\nbacth = 4", "my.toml").unwrap_err();
    /// assert_eq!(
    ///     wrong.to_string(),
    ///     "my.toml, line 2: unknown key `train.bacth`; did you mean `batch`?"
    /// );
    /// # Ok::<(), resolvent_learn::LearnError>(())
    /// ```
    pub fn parse(text: &str, origin: &str) -> Result<Self, LearnError> {
        shape::check(text, origin, true)?;
        let recipe: Self = toml::from_str(text).map_err(|error| syntax(&error, text, origin))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The same recipe with `section.key=value` overrides, applied in order.
    ///
    /// The value is read as TOML; a bare word counts as text, so `data.path=corpus.txt` works.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); the place is the override as typed.
    pub fn with_overrides<S: AsRef<str>>(self, overrides: &[S]) -> Result<Self, LearnError> {
        let mut table = toml::Table::try_from(&self).map_err(|error| LearnError::BadValue {
            field: "recipe".to_owned(),
            value: "not representable as TOML".to_owned(),
            remedy: error.to_string(),
        })?;
        for text in overrides {
            merge(&mut table, override_table(text.as_ref())?);
        }
        let recipe: Self = table
            .try_into()
            .map_err(|error: toml::de::Error| syntax(&error, "", "--set"))?;
        recipe.validate()?;
        Ok(recipe)
    }

    /// The recipe as TOML, every field written out, as stored in a run folder.
    ///
    /// # Errors
    /// [`LearnError::BadValue`] for a seed beyond TOML's 63-bit integers.
    pub fn to_toml(&self) -> Result<String, LearnError> {
        toml::to_string_pretty(&self.complete()).map_err(|error| LearnError::BadValue {
            field: "train.seed".to_owned(),
            value: self.train.seed.to_string(),
            remedy: format!("TOML cannot hold it ({error}); use a value below 2^63"),
        })
    }

    /// The same run with every setting of the mixer written out, and without those of others.
    pub(crate) fn complete(&self) -> Self {
        let mut complete = self.clone();
        if let Ok(settings) = self.model.mixer_settings() {
            complete.model.settings = settings.to_map();
        }
        complete
    }

    /// Checks every value; [`parse`](Self::parse) and
    /// [`with_overrides`](Self::with_overrides) have done so already.
    ///
    /// # Errors
    /// [`LearnError::BadValue`] for the first value that cannot work.
    pub fn validate(&self) -> Result<(), LearnError> {
        values::check(self)
    }
}

/// Reads one override as a TOML table, quoting the value when it is a bare word.
fn override_table(text: &str) -> Result<toml::Table, LearnError> {
    let bad = || LearnError::BadOverride {
        text: text.to_owned(),
    };
    let (key, value) = text.split_once('=').ok_or_else(bad)?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || text.contains(['\n', '\r']) {
        return Err(bad());
    }
    let origin = format!("--set {text}");
    let mut line = format!("{key} = {value}");
    if toml::from_str::<toml::Table>(&line).is_err() {
        line = format!("{key} = {}", toml::Value::String(value.to_owned()));
    }
    shape::check(&line, &origin, false)?;
    toml::from_str(&line).map_err(|_| bad())
}

/// Puts `source` over `target`: tables merge, everything else is replaced.
fn merge(target: &mut toml::Table, source: toml::Table) {
    for (key, value) in source {
        match (target.get_mut(&key), value) {
            (Some(toml::Value::Table(inner)), toml::Value::Table(update)) => merge(inner, update),
            (_, value) => {
                target.insert(key, value);
            }
        }
    }
}

/// Turns an error of the TOML reader into ours.
fn syntax(error: &toml::de::Error, text: &str, origin: &str) -> LearnError {
    let line = error.span().map(|span| shape::line_of(text, span.start));
    LearnError::RecipeSyntax {
        place: Place {
            origin: origin.to_owned(),
            line,
        },
        message: error.message().replace('\n', " "),
    }
}
