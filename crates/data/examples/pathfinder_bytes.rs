//! Pathfinder-32 for other people's programs: the images `[image, row, column]`, then the labels, a byte each.
//!
//! ```sh
//! cargo run --release -p resolvent-data --example pathfinder_bytes -- COUNT SEED FILE
//! ```

use std::error::Error;

use resolvent_data::benchmarks::pathfinder::{Pathfinder, PathfinderParameters};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, seed, path] = arguments.as_slice() else {
        return Err("give COUNT, SEED and FILE".into());
    };
    let generator = Pathfinder::new(PathfinderParameters::published(32)?.clone(), seed.parse()?)?;
    let images = generator.images(0..count.parse()?)?;
    let labels = images.labels.iter().map(|it| u8::try_from(*it));
    let mut bytes = images.pixels.clone();
    bytes.extend(labels.collect::<Result<Vec<_>, _>>()?);
    Ok(std::fs::write(path, bytes)?)
}
