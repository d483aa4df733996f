//! The images of Fashion-MNIST as sequences of pixels, and made-up waves for a smoke run.

use resolvent_data::packages::cached;
use resolvent_learn::classification::{Cases, Content, Loaded, Source, Task};

use crate::claim::Options;
use crate::error::ClaimError;
use crate::fixed_states::waves::{CLASSES, Examples, Waves};
use crate::fixed_states::{Purpose, generator};

/// The data set of full runs.
pub const DATA: &str = "fashion-mnist";
/// Images for training and for the test, out of 60,000 and 10,000.
const IMAGES: [usize; 2] = [20_000, 2000];

/// One task per seed.
pub type Material = Vec<Task>;

/// The tasks of all seeds; none when the images are not on this machine. A smoke run has waves.
///
/// # Errors
/// Files that cannot be read.
pub fn material(options: &Options) -> Result<Option<Material>, ClaimError> {
    if options.quick {
        let tasks: Result<_, _> = options.seeds.iter().map(|seed| waves(*seed)).collect();
        return Ok(Some(tasks?));
    }
    if cached(DATA)?.is_none() {
        return Ok(None);
    }
    let source = Source {
        data: DATA.to_owned(),
        ..Source::default()
    };
    let all = source.load()?;
    let task = |seed: &u64| {
        let loaded = Loaded {
            train: all.train.at_most(IMAGES[0], *seed),
            validation: None,
            test: all.test.as_ref().map(|it| it.at_most(IMAGES[1], *seed)),
        };
        Ok(Task::new(loaded, *seed)?)
    };
    let tasks: Result<Material, ClaimError> = options.seeds.iter().map(task).collect();
    Ok(Some(tasks?))
}

fn waves(seed: u64) -> Result<Task, ClaimError> {
    let waves = Waves {
        length: 150,
        within: 0.35,
        noise: 0.5,
    };
    let draw = |count, purpose| cases(&waves.draw(count, &mut generator(seed, purpose))?);
    let loaded = Loaded {
        train: draw(60, Purpose::Training)?,
        validation: None,
        test: Some(draw(40, Purpose::Test)?),
    };
    Ok(Task::new(loaded, seed)?)
}

fn cases(examples: &Examples) -> Result<Cases, ClaimError> {
    let content = Content::Series {
        channels: 1,
        values: Vec::new(),
    };
    let classes = (0..CLASSES).map(|it| it.to_string()).collect();
    let mut cases = Cases::empty("waves", content, classes);
    let rows = examples.sequences.as_slice();
    let rows = rows.chunks(examples.sequences.cols().max(1));
    for (row, label) in rows.zip(&examples.labels) {
        let values: Vec<f32> = row.iter().map(|it| *it as f32).collect();
        cases.push_series(&values, Some(*label as u32))?;
    }
    Ok(cases)
}
