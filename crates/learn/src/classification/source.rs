//! From a file, a packaged data set or a generator to cases.

use std::path::{Path, PathBuf};

use resolvent_data::benchmarks::listops::{ListOps, ListOpsParameters};
use resolvent_data::benchmarks::pathfinder::{GREY_SCALING, Pathfinder, PathfinderParameters};
use resolvent_data::images::{GreyImages, read_idx_images};
use resolvent_data::labelled_table::read_labelled_table;
use resolvent_data::packages::{DataSet, cache_folder};
use resolvent_data::ts_file::{TsFile, TsTargets, read_ts};
use serde::{Deserialize, Serialize};

use super::bad;
use super::cases::{Cases, Content};
use crate::error::LearnError;

/// Cases that a generator makes for training when nobody says how many.
const SAMPLES: u64 = 10_000;

/// Most cases asked for: all are held in memory.
const MOST_SAMPLES: u64 = 1_000_000;

/// Where cases come from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// A file (`.ts`, CSV, IDX images), the id of a packaged data set, or a generator's name.
    pub data: String,
    /// A file of the same form with test cases.
    pub test: Option<PathBuf>,
    /// The labels' column of a table, by name or position from 1; the labels' file of IDX images.
    pub label: Option<String>,
    /// Training cases of a generator, or the most that are read.
    pub samples: Option<u64>,
    /// Seed of generators and subsets.
    pub seed: u64,
}

/// What a source gave.
#[derive(Debug)]
pub struct Loaded {
    /// For training; the only part of a single file.
    pub train: Cases,
    /// For validation, where the source has such a part.
    pub validation: Option<Cases>,
    /// For the test, where the source has such a part.
    pub test: Option<Cases>,
}

impl Source {
    /// Reads or generates the cases.
    ///
    /// # Errors
    /// A file that cannot be read or understood, naming the place; an unknown name; a data set that is
    /// not on this machine or has no labels.
    pub fn load(&self) -> Result<Loaded, LearnError> {
        if let Some(samples) = self.samples.filter(|it| !(1..=MOST_SAMPLES).contains(it)) {
            let remedy = format!("give 1 to {MOST_SAMPLES}");
            return Err(bad("--samples", samples, remedy));
        }
        if let Some(loaded) = self.generated()? {
            return Ok(loaded);
        }
        let path = Path::new(&self.data);
        let (train, test) = match path.exists() {
            true => (self.file(path)?, None),
            false => self.packaged()?,
        };
        let test = match &self.test {
            Some(path) => Some(self.file(path)?),
            None => test,
        };
        let limit = self.samples.map_or(usize::MAX, |it| it as usize);
        Ok(Loaded {
            train: train.at_most(limit, self.seed),
            validation: None,
            test,
        })
    }

    fn generated(&self) -> Result<Option<Loaded>, LearnError> {
        let samples = self.samples.unwrap_or(SAMPLES);
        let tenth = (samples / 10).clamp(1, 2000);
        let listops = match self.data.as_str() {
            "listops" => Some(ListOpsParameters::PUBLISHED),
            "listops-short" => Some(ListOpsParameters::SHORT),
            _ => None,
        };
        let parts = if let Some(parameters) = listops {
            let generator = ListOps::new(parameters, self.seed)?;
            let parts = generator.split([samples, tenth, tenth])?;
            parts
                .iter()
                .map(Cases::try_from)
                .collect::<Result<Vec<_>, _>>()?
        } else {
            let mut all = PathfinderParameters::ALL.iter();
            let Some(parameters) = all.find(|it| it.name == self.data) else {
                return Ok(None);
            };
            let generator = Pathfinder::new((**parameters).clone(), self.seed)?;
            let last = samples + tenth;
            let ranges = [0..samples, samples..last, last..last + tenth];
            let images = ranges.map(|range| of_images(&generator.images(range)?));
            let mut parts = images.into_iter().collect::<Result<Vec<_>, LearnError>>()?;
            for part in &mut parts {
                part.scaling = Some(GREY_SCALING);
            }
            parts
        };
        let mut parts = parts.into_iter();
        Ok(parts.next().map(|train| Loaded {
            train,
            validation: parts.next(),
            test: parts.next(),
        }))
    }

    fn file(&self, path: &Path) -> Result<Cases, LearnError> {
        let name = path
            .file_name()
            .map_or_else(String::new, |it| it.to_string_lossy().into_owned());
        let lower = name.to_lowercase();
        if path.is_dir() {
            return Err(bad(
                "--data",
                path.display(),
                "it is a folder; give a file, or the id of a data set",
            ));
        }
        if std::fs::metadata(path).is_ok_and(|it| it.len() == 0) {
            return Err(bad("--data", path.display(), "the file is empty"));
        }
        let unpacked = lower.trim_end_matches(".gz").trim_end_matches(".xz");
        let is_table = [".csv", ".tsv", ".txt"]
            .iter()
            .any(|end| unpacked.ends_with(end));
        if unpacked.ends_with(".ts") {
            of_ts(&read_ts(path)?, &name)
        } else if !is_table && (lower.contains("idx") || lower.contains("ubyte")) {
            self.idx(path, &name)
        } else {
            let table = read_labelled_table(path, self.label.as_deref())?;
            let mut classes = table.labels.clone();
            classes.sort();
            classes.dedup();
            let mut cases = series(name, 1, classes);
            for case in 0..table.len() {
                let values: Vec<f32> = table.series(case).iter().map(|it| *it as f32).collect();
                let class = cases.classes.binary_search(&table.labels[case]);
                cases.push_series(&values, class.ok().map(|it| it as u32))?;
            }
            Ok(unlabelled_when_blank(cases))
        }
    }

    /// Images with the labels' file, by default the one whose name differs as the published ones do.
    fn idx(&self, path: &Path, name: &str) -> Result<Cases, LearnError> {
        let labels = match (&self.label, self.test.as_deref() == Some(path)) {
            (Some(label), false) => PathBuf::from(label),
            _ => path.with_file_name(name.replace("images", "labels").replace("idx3", "idx1")),
        };
        if labels == path || !labels.is_file() {
            let remedy = "no such file; give the labels of the images with --label FILE";
            return Err(bad("--label", labels.display(), remedy));
        }
        let mut images = read_idx_images(name, path, &labels, 256)?;
        images.classes = images.labels.iter().max().map_or(0, |it| *it as usize + 1);
        of_images(&images)
    }

    fn packaged(&self) -> Result<(Cases, Option<Cases>), LearnError> {
        let looks_like_a_file = self.data.contains(['/', '\\', '.']);
        let set = match DataSet::find(&self.data) {
            Ok(set) => set,
            Err(_) if looks_like_a_file => {
                let remedy = "there is no such file; give a file, listops, listops-short, pathfinder-32, pathfinder-64, path-x, or an id of `resolvent data list`";
                return Err(bad("--data", &self.data, remedy));
            }
            Err(error) => return Err(error.into()),
        };
        let cache = cache_folder()?;
        if !set.is_cached(&cache) {
            let remedy = format!(
                "it is not on this machine; run `resolvent data fetch {}`",
                set.id
            );
            return Err(bad("--data", set.id, remedy));
        }
        let files = set.verify(&cache)?;
        let find = |part: &str| {
            let named = |it: &&PathBuf| {
                it.file_name()
                    .is_some_and(|n| n.to_string_lossy().contains(part))
            };
            files.iter().find(named)
        };
        let own = Self {
            label: None,
            ..self.clone()
        };
        for (train, test) in [("_TRAIN.ts", "_TEST.ts"), ("train-images", "t10k-images")] {
            if let (Some(train), Some(test)) = (find(train), find(test)) {
                return Ok((own.file(train)?, Some(own.file(test)?)));
            }
        }
        match (set.id, files.first()) {
            ("digits", Some(file)) => Ok((own.file(file)?, None)),
            _ => Err(bad("--data", set.id, "this data set has no labelled cases")),
        }
    }
}

fn series(name: impl Into<String>, channels: usize, classes: Vec<String>) -> Cases {
    let content = Content::Series {
        channels,
        values: Vec::new(),
    };
    Cases::empty(name, content, classes)
}

/// A table whose label column is blank has no labels.
fn unlabelled_when_blank(mut cases: Cases) -> Cases {
    if cases.classes == [String::new()] {
        cases.labels.clear();
        cases.classes.clear();
    }
    cases
}

fn of_ts(file: &TsFile, name: &str) -> Result<Cases, LearnError> {
    let mut cases = series(name, file.channels, file.classes.clone());
    let mut values = Vec::new();
    for case in 0..file.len() {
        let length = file.series(case, 0).len();
        for channel in 1..file.channels {
            let other = file.series(case, channel).len();
            if other != length {
                let got = format!(
                    "{other} values in channel {} of case {}",
                    channel + 1,
                    case + 1
                );
                let remedy = format!(
                    "channel 1 of that case has {length}; the channels of a case must be of one length"
                );
                return Err(bad(name, got, remedy));
            }
        }
        values.clear();
        for position in 0..length {
            values.extend((0..file.channels).map(|it| file.series(case, it)[position] as f32));
        }
        let label = match &file.targets {
            TsTargets::Classes(classes) => Some(classes[case]),
            _ => None,
        };
        cases.push_series(&values, label)?;
    }
    Ok(cases)
}

fn of_images(images: &GreyImages) -> Result<Cases, LearnError> {
    let classes = (0..images.classes).map(|it| it.to_string()).collect();
    let mut cases = series(images.name.clone(), 1, classes);
    for index in 0..images.len() {
        let (pixels, label) = images.image(index);
        let pixels: Vec<f32> = pixels.iter().map(|it| f32::from(*it)).collect();
        cases.push_series(&pixels, Some(label))?;
    }
    Ok(cases)
}
