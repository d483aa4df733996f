//! What figures say about a claim.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The outcome of a claim; in JSON the text of its `Display`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Verdict {
    /// The figures meet the criterion.
    Supported,
    /// They do not.
    NotSupported,
    /// Nothing was decided; the reason.
    NotRun(String),
}

const SUPPORTED: &str = "supported";
const NOT_SUPPORTED: &str = "not supported";
const NOT_RUN: &str = "not run: ";

impl Verdict {
    /// Decides by numbers: supported when every one of `values` is at least `threshold`.
    ///
    /// No value at all, or one that is not a number, decides nothing.
    ///
    /// # Example
    /// ```
    /// use resolvent_claims::report::Verdict;
    ///
    /// assert_eq!(Verdict::all_at_least(&[99.0, 96.5], 95.0), Verdict::Supported);
    /// assert_eq!(Verdict::all_at_least(&[99.0, 94.9], 95.0), Verdict::NotSupported);
    /// assert!(matches!(Verdict::all_at_least(&[], 95.0), Verdict::NotRun(_)));
    /// ```
    pub fn all_at_least(values: &[f64], threshold: f64) -> Self {
        if values.is_empty() {
            return Self::NotRun("no value was measured".to_owned());
        }
        if let Some(value) = values.iter().find(|value| value.is_nan()) {
            return Self::NotRun(format!("a measured value is {value}"));
        }
        if values.iter().all(|value| *value >= threshold) {
            Self::Supported
        } else {
            Self::NotSupported
        }
    }

    /// Decides by numbers: supported when every one of `values` is at most `threshold`; otherwise as
    /// [`all_at_least`](Self::all_at_least).
    pub fn all_at_most(values: &[f64], threshold: f64) -> Self {
        let turned: Vec<f64> = values.iter().map(|value| -value).collect();
        Self::all_at_least(&turned, -threshold)
    }

    /// The verdict of a smoke run.
    pub fn quick() -> Self {
        Self::NotRun("quick".to_owned())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Supported => formatter.write_str(SUPPORTED),
            Self::NotSupported => formatter.write_str(NOT_SUPPORTED),
            Self::NotRun(why) => write!(formatter, "{NOT_RUN}{why}"),
        }
    }
}

impl From<Verdict> for String {
    fn from(verdict: Verdict) -> Self {
        verdict.to_string()
    }
}

impl TryFrom<String> for Verdict {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            SUPPORTED => Ok(Self::Supported),
            NOT_SUPPORTED => Ok(Self::NotSupported),
            _ => match text.strip_prefix(NOT_RUN) {
                Some(why) => Ok(Self::NotRun(why.to_owned())),
                None => Err(format!(
                    "`{text}` is no verdict; expected `{SUPPORTED}`, `{NOT_SUPPORTED}` or `{NOT_RUN}why`"
                )),
            },
        }
    }
}
