//! Fetches data sets by name, or every one of the manifest: how its hashes are checked before a release.
//!
//! ```sh
//! cargo run --release -p resolvent-data --example fetch FOLDER [ID ...]
//! ```

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use resolvent_data::packages::{DATA_SETS, DataSet, cache_folder, fetch};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let cache = match arguments.next() {
        Some(folder) => PathBuf::from(folder),
        None => cache_folder()?,
    };
    let named: Vec<&DataSet> = arguments
        .map(|id| DataSet::find(&id))
        .collect::<Result<_, _>>()?;
    let chosen: Vec<&DataSet> = if named.is_empty() {
        DATA_SETS.iter().collect()
    } else {
        named
    };
    let mut failed = 0;
    for data_set in chosen {
        let started = Instant::now();
        let result = fetch(data_set, &cache, &mut |_| true);
        let seconds = started.elapsed().as_secs_f64();
        match result {
            Ok(_) => println!(
                "{}: {} bytes, {seconds:.1} s",
                data_set.id,
                data_set.bytes()
            ),
            Err(error) => {
                println!("{}: {error}", data_set.id);
                failed += 1;
            }
        }
    }
    if failed > 0 {
        return Err(format!("{failed} data sets could not be fetched").into());
    }
    Ok(())
}
