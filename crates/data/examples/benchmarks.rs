//! Speed of the generators, and a contact sheet to look at.
//!
//! ```sh
//! cargo run --release -p resolvent-data --example benchmarks [images] [size, or all] [sheet.pgm]
//! ```

use std::error::Error;
use std::time::Instant;

use resolvent_data::benchmarks::listops::{ListOps, ListOpsParameters};
use resolvent_data::benchmarks::pathfinder::{Pathfinder, PathfinderParameters};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().map_or(Ok(2000), |it| it.parse())?;
    let size = arguments.next().filter(|it| it != "all");
    let size: Option<usize> = size.map(|it| it.parse()).transpose()?;
    println!("{} threads", rayon::current_num_threads());
    for parameters in PathfinderParameters::ALL {
        if size.is_some_and(|it| it != parameters.size) {
            continue;
        }
        let started = Instant::now();
        let generator = Pathfinder::new(parameters.clone(), 0)?;
        let ready = started.elapsed().as_secs_f64();
        let count = count.div_ceil((parameters.size / 32).pow(2) as u64);
        let started = Instant::now();
        let images = generator.images(0..count)?;
        let seconds = started.elapsed().as_secs_f64();
        let attempts = (0..count.min(200)).map(|it| generator.scene(it).map(|it| it.attempts));
        let attempts = attempts.sum::<Result<usize, _>>()?;
        let ones: u32 = images.labels.iter().sum();
        let bright = images.pixels.iter().map(|it| f64::from(*it)).sum::<f64>();
        println!(
            "{}: {count} images in {seconds:.2} s = {:.0} a second (stencils {ready:.3} s); {ones} of label 1, \
             {:.0} attempts an image, mean brightness {:.2}",
            parameters.name,
            count as f64 / seconds,
            attempts as f64 / count.min(200) as f64,
            bright / images.pixels.len() as f64,
        );
    }
    let started = Instant::now();
    let generator = ListOps::new(ListOpsParameters::PUBLISHED, 0)?;
    let tokens = generator
        .iter()
        .take(count as usize)
        .map(|it| it.map(|it| it.tokens.len()));
    let tokens = tokens.sum::<Result<usize, _>>()?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "listops: {count} expressions of {tokens} tokens in {seconds:.2} s = {:.0} a second",
        count as f64 / seconds
    );
    match arguments.next() {
        Some(path) => Ok(std::fs::write(path, contact_sheet()?)?),
        None => Ok(()),
    }
}

/// Four images of each size in a row, as a portable grey map.
fn contact_sheet() -> Result<Vec<u8>, Box<dyn Error>> {
    let side = 128;
    let mut sheet = vec![0u8; 4 * side * 3 * side];
    for (row, parameters) in PathfinderParameters::ALL.into_iter().enumerate() {
        let samples = Pathfinder::new(parameters.clone(), 0)?.samples(0..4)?;
        let scale = side / parameters.size;
        for (column, sample) in samples.iter().enumerate() {
            for y in 0..side {
                for x in 0..side {
                    let pixel = sample.pixels[y / scale * parameters.size + x / scale];
                    sheet[(row * side + y) * 4 * side + column * side + x] = pixel;
                }
            }
        }
    }
    let mut file = format!("P5 {} {} 255\n", 4 * side, 3 * side).into_bytes();
    file.extend(sheet);
    Ok(file)
}
