//! Labelled cases in memory: real-valued series or tokens, of equal length or not.

use resolvent_data::hashing;
use resolvent_models::classifier::{CaseBatch, Values};

use super::bad;
use crate::error::LearnError;

/// What a case consists of.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Real values, a case being [position, channel]; NaN where one is missing.
    Series {
        /// Channels of a case.
        channels: usize,
        /// All cases one after the other.
        values: Vec<f32>,
    },
    /// Token numbers.
    Tokens {
        /// How many there are.
        vocabulary: usize,
        /// All cases one after the other.
        values: Vec<u16>,
    },
}

/// Cases with their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Cases {
    /// The name in reports.
    pub name: String,
    /// The values.
    pub content: Content,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// `[case]`: a position in `classes`; empty where nothing is known.
    pub labels: Vec<u32>,
    /// What is subtracted from values and what they are divided by, where that is part of the benchmark;
    /// else the moments of each channel.
    pub scaling: Option<(f64, f64)>,
    /// `[case]`: the position behind its last one, over all cases.
    pub(super) ends: Vec<usize>,
}

impl Cases {
    /// No cases yet.
    pub fn empty(name: impl Into<String>, content: Content, classes: Vec<String>) -> Self {
        Self {
            name: name.into(),
            content,
            classes,
            labels: Vec::new(),
            scaling: None,
            ends: Vec::new(),
        }
    }

    /// The number of cases.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Positions of a case.
    pub fn length(&self, case: usize) -> usize {
        self.ends[case] - self.start(case)
    }

    /// The shortest and the longest case.
    pub fn lengths(&self) -> (usize, usize) {
        let lengths = || (0..self.len()).map(|case| self.length(case));
        (lengths().min().unwrap_or(0), lengths().max().unwrap_or(0))
    }

    pub(super) fn start(&self, case: usize) -> usize {
        if case == 0 { 0 } else { self.ends[case - 1] }
    }

    /// Adds a series, [position, channel].
    ///
    /// # Errors
    /// Tokens are kept here; no position; an infinite value.
    pub fn push_series(&mut self, series: &[f32], label: Option<u32>) -> Result<(), LearnError> {
        let case = self.len() + 1;
        let Content::Series { channels, values } = &mut self.content else {
            return Err(bad("data", "a series", "token sequences are kept here"));
        };
        if series.is_empty() || !series.len().is_multiple_of(*channels) {
            let remedy = "every case needs at least one position with a value for each channel";
            return Err(bad(
                "data",
                format!("case {case} of {} values", series.len()),
                remedy,
            ));
        }
        if let Some(at) = series.iter().position(|value| value.is_infinite()) {
            let place = format!(
                "case {case}, position {}, channel {}",
                at / *channels + 1,
                at % *channels + 1
            );
            return Err(bad(
                "data",
                format!("infinite or beyond f32 ({place})"),
                "values must be finite",
            ));
        }
        values.extend_from_slice(series);
        self.ends.push(values.len() / *channels);
        self.labels.extend(label);
        Ok(())
    }

    /// Adds a sequence of tokens.
    ///
    /// # Errors
    /// Series are kept here; no token; one outside the vocabulary.
    pub fn push_tokens(&mut self, tokens: &[u16], label: Option<u32>) -> Result<(), LearnError> {
        let case = self.len() + 1;
        let Content::Tokens { vocabulary, values } = &mut self.content else {
            return Err(bad("data", "tokens", "series are kept here"));
        };
        let outside = tokens
            .iter()
            .find(|token| usize::from(**token) >= *vocabulary);
        if tokens.is_empty() || outside.is_some() {
            let got = format!(
                "case {case} of {} tokens, {outside:?} being outside",
                tokens.len()
            );
            return Err(bad(
                "data",
                got,
                format!("tokens must lie below {vocabulary}"),
            ));
        }
        values.extend_from_slice(tokens);
        self.ends.push(values.len());
        self.labels.extend(label);
        Ok(())
    }

    /// Whether every case has a label.
    pub fn is_labelled(&self) -> bool {
        self.labels.len() == self.len()
    }

    /// `[class]`: how many cases it has.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.labels
            .iter()
            .for_each(|label| counts[*label as usize] += 1);
        counts
    }

    /// These cases side by side.
    pub fn batch(&self, cases: &[usize]) -> CaseBatch {
        let lengths: Vec<usize> = cases.iter().map(|case| self.length(*case)).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let values = match &self.content {
            Content::Series { channels, values } => {
                let mut out = vec![0.0; cases.len() * longest * channels];
                for (row, case) in cases.iter().enumerate() {
                    let from = &values[self.start(*case) * channels..self.ends[*case] * channels];
                    out[row * longest * channels..][..from.len()].copy_from_slice(from);
                }
                Values::Series(out)
            }
            Content::Tokens { values, .. } => {
                let mut out = vec![0; cases.len() * longest];
                for (row, case) in cases.iter().enumerate() {
                    let from = &values[self.start(*case)..self.ends[*case]];
                    let to = &mut out[row * longest..];
                    to.iter_mut()
                        .zip(from)
                        .for_each(|(to, from)| *to = u32::from(*from));
                }
                Values::Tokens(out)
            }
        };
        CaseBatch { values, lengths }
    }

    /// The values of a case, [position, channel], when these are series.
    pub fn series(&self, case: usize) -> Option<&[f32]> {
        match &self.content {
            Content::Series { channels, values } => {
                Some(&values[self.start(case) * channels..self.ends[case] * channels])
            }
            Content::Tokens { .. } => None,
        }
    }

    /// Mean and standard deviation of each channel over all cases, missing values left out; a constant
    /// channel has deviation 1, one without any value mean 0.
    pub fn moments(&self) -> (Vec<f64>, Vec<f64>) {
        let Content::Series { channels, values } = &self.content else {
            return (Vec::new(), Vec::new());
        };
        let of_channel = |channel: usize| {
            let present = || {
                let all = values.iter().skip(channel).step_by(*channels);
                all.filter(|it| !it.is_nan()).map(|it| f64::from(*it))
            };
            let count = present().count().max(1) as f64;
            let mean = present().sum::<f64>() / count;
            let variance = present().map(|it| (it - mean).powi(2)).sum::<f64>() / count;
            let deviation = variance.sqrt();
            // What rounding leaves of a constant channel must not be blown up.
            let constant =
                deviation <= 1e-6 * mean.abs() || deviation < f64::from(f32::MIN_POSITIVE);
            (mean, if constant { 1.0 } else { deviation })
        };
        (0..*channels).map(of_channel).unzip()
    }

    /// What a model subtracts from each channel and divides it by: [`Cases::scaling`], else
    /// [`Cases::moments`].
    pub fn channel_scaling(&self) -> (Vec<f64>, Vec<f64>) {
        match (&self.content, self.scaling) {
            (Content::Series { channels, .. }, Some((centre, scale))) => {
                (vec![centre; *channels], vec![scale; *channels])
            }
            _ => self.moments(),
        }
    }

    /// SHA-256 over values, lengths and labels.
    pub fn fingerprint(&self) -> String {
        hashing::fingerprint(|hash| {
            match &self.content {
                Content::Series { values, .. } => {
                    values
                        .iter()
                        .for_each(|it| hash(&it.to_bits().to_le_bytes()));
                }
                Content::Tokens { values, .. } => {
                    values.iter().for_each(|it| hash(&it.to_le_bytes()));
                }
            }
            self.ends
                .iter()
                .for_each(|it| hash(&(*it as u64).to_le_bytes()));
            self.labels.iter().for_each(|it| hash(&it.to_le_bytes()));
        })
    }
}

/// A few names for a message.
pub(super) fn listed(names: &[String]) -> String {
    let shown: Vec<String> = names
        .iter()
        .take(12)
        .map(|name| format!("{name:?}"))
        .collect();
    match names.len() > shown.len() {
        true => format!("{}, ...", shown.join(", ")),
        false => shown.join(", "),
    }
}

impl TryFrom<&resolvent_data::sequences::LabelledSequences> for Cases {
    type Error = LearnError;

    fn try_from(set: &resolvent_data::sequences::LabelledSequences) -> Result<Self, LearnError> {
        let content = Content::Tokens {
            vocabulary: set.vocabulary,
            values: Vec::new(),
        };
        let classes = (0..set.classes).map(|it| it.to_string()).collect();
        let mut cases = Self::empty(set.name.clone(), content, classes);
        for index in 0..set.len() {
            let (tokens, label) = set.get(index);
            let tokens: Vec<u16> = tokens.iter().map(|it| u16::from(*it)).collect();
            cases.push_tokens(&tokens, Some(label))?;
        }
        Ok(cases)
    }
}
