//! A finding before its verdict.

use super::{Figure, Finding, Spread, Verdict};
use crate::claim::Options;

/// The border between supported and not supported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// Every value is at least this.
    AtLeast(f64),
    /// Every value is at most this.
    AtMost(f64),
}

/// A finding whose verdict follows from its values and its bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The sentence, at our scale.
    pub claim: String,
    /// The paper's figure.
    pub paper: String,
    /// The same measure of what stands beside ours.
    pub baseline: Vec<Figure>,
    /// What `values` measure.
    pub ours: String,
    /// Unit of `values`.
    pub unit: &'static str,
    /// One value per seed, or per case where no chance is involved.
    pub values: Vec<f64>,
    /// When the claim counts as supported.
    pub bound: Bound,
}

impl Draft {
    /// The finding of the claim `slug`; a smoke run decides nothing.
    pub fn finish(self, slug: &str, options: &Options) -> Finding {
        let spread = Spread::of(&self.values);
        let (verdict, criterion) = match self.bound {
            Bound::AtLeast(least) => (
                Verdict::all_at_least(&self.values, least),
                format!("at least {least} {} in every case", self.unit),
            ),
            Bound::AtMost(most) => (
                Verdict::all_at_most(&self.values, most),
                format!("at most {most} {} in every case", self.unit),
            ),
        };
        Finding {
            claim: self.claim,
            paper: self.paper,
            baseline: self.baseline,
            ours: Figure::new(self.ours, spread.mean(), self.unit),
            spread,
            criterion,
            verdict: if options.quick {
                Verdict::quick()
            } else {
                verdict
            },
            command: options.command(slug),
        }
    }
}

/// A claim that was not put to the test, with the reason.
pub fn not_run(claim: &str, paper: &str, why: &str, command: String) -> Finding {
    Finding {
        claim: claim.to_owned(),
        paper: paper.to_owned(),
        baseline: Vec::new(),
        ours: Figure::percent("not measured", 0.0),
        spread: Spread::default(),
        criterion: "none: not run".to_owned(),
        verdict: Verdict::NotRun(why.to_owned()),
        command,
    }
}
