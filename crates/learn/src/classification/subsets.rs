//! Some of the cases, and the same cases under other class numbers.

use rand::seq::SliceRandom;
use resolvent_data::rng;

use super::bad;
use super::cases::{Cases, Content, listed};
use crate::error::LearnError;

impl Cases {
    /// The cases at these positions, in this order.
    pub fn select(&self, positions: &[usize]) -> Self {
        let content = match &self.content {
            Content::Series { channels, .. } => Content::Series {
                channels: *channels,
                values: Vec::new(),
            },
            Content::Tokens { vocabulary, .. } => Content::Tokens {
                vocabulary: *vocabulary,
                values: Vec::new(),
            },
        };
        let mut chosen = Self::empty(self.name.clone(), content, self.classes.clone());
        chosen.scaling = self.scaling;
        for &case in positions {
            let (start, end) = (self.start(case), self.ends[case]);
            let last = match (&mut chosen.content, &self.content) {
                (Content::Series { values, channels }, Content::Series { values: all, .. }) => {
                    values.extend_from_slice(&all[start * *channels..end * *channels]);
                    values.len() / *channels
                }
                (Content::Tokens { values, .. }, Content::Tokens { values: all, .. }) => {
                    values.extend_from_slice(&all[start..end]);
                    values.len()
                }
                // `content` above is of the same kind.
                _ => 0,
            };
            chosen.ends.push(last);
            chosen.labels.extend(self.labels.get(case));
        }
        chosen
    }

    /// Two parts by seed, `share` of every class in the second: at least one case of each class stays in
    /// the first, and the second is not empty where some class has two.
    pub fn split(&self, share: f64, seed: u64) -> [Self; 2] {
        let mut rng = rng::stream(seed, "classification-split", 0);
        let mut held_out = vec![false; self.len()];
        for class in 0..self.classes.len() as u32 {
            let mut of_class: Vec<usize> = (0..self.len())
                .filter(|case| self.labels.get(*case) == Some(&class))
                .collect();
            of_class.shuffle(&mut rng);
            let wanted = (share * of_class.len() as f64).round().max(1.0) as usize;
            let taken = wanted.min(of_class.len().saturating_sub(1));
            of_class[..taken]
                .iter()
                .for_each(|case| held_out[*case] = true);
        }
        [false, true].map(|side| {
            let part: Vec<usize> = (0..self.len()).filter(|it| held_out[*it] == side).collect();
            self.select(&part)
        })
    }

    /// At most `count` cases, drawn by seed.
    pub fn at_most(&self, count: usize, seed: u64) -> Self {
        if self.len() <= count {
            return self.clone();
        }
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.shuffle(&mut rng::stream(seed, "classification-subset", 0));
        order.truncate(count);
        order.sort_unstable();
        self.select(&order)
    }

    /// The same cases with labels in the order of `classes`.
    ///
    /// # Errors
    /// A class that is not among them and has a case.
    pub fn with_classes(&self, classes: &[String]) -> Result<Self, LearnError> {
        let mut labels = Vec::with_capacity(self.labels.len());
        for (case, label) in self.labels.iter().enumerate() {
            let name = &self.classes[*label as usize];
            match classes.iter().position(|it| it == name) {
                Some(position) => labels.push(position as u32),
                None => {
                    let got = format!("{name:?} (case {} of {})", case + 1, self.name);
                    let remedy = format!("training knows the classes {} only", listed(classes));
                    return Err(bad("label", got, remedy));
                }
            }
        }
        Ok(Self {
            classes: classes.to_vec(),
            labels,
            ..self.clone()
        })
    }
}
