//! Bits per byte of the classical baselines on the Rust sources that this workspace's lock file pins.
//!
//! ```sh
//! cargo run --release -p resolvent-data --example baselines [megabytes]
//! ```

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use resolvent_data::baselines::{NgramModel, xz_bits_per_byte, xz_primed_bits_per_byte};
use resolvent_data::corpus::{CargoSources, cargo_home};

fn main() -> Result<(), Box<dyn Error>> {
    let megabytes: usize = match std::env::args().nth(1) {
        Some(argument) => argument.parse()?,
        None => 8,
    };
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let lock = std::fs::read_to_string(lock)?;
    let started = Instant::now();
    let sources = CargoSources::list(&lock, &cargo_home()?)?;
    println!("{} bytes listed; {}", sources.bytes(), sources.omissions());
    let corpus = sources.take_bytes(megabytes << 20, 0).read()?;
    // Another seed than the cut's: with the same one, what the cut keeps is what the split holds out.
    let split = corpus.split(0.05, 1)?;
    println!(
        "{} files, {} training and {} held-out bytes, fingerprint {}, {:.2} s",
        corpus.files.len(),
        split.train.bytes(),
        split.held_out.bytes(),
        &corpus.fingerprint()[..16],
        started.elapsed().as_secs_f64(),
    );
    for order in 0..=3 {
        let started = Instant::now();
        let model = NgramModel::train(order, &split.train)?;
        let bits = model.bits_per_byte(&split.held_out)?;
        report(&format!("order {order}"), bits, started);
    }
    let started = Instant::now();
    let bits = xz_bits_per_byte(&split.held_out, &mut |_, _| {})?;
    report("xz -9e", bits, started);
    let started = Instant::now();
    let bits = xz_primed_bits_per_byte(&split.train, &split.held_out, &mut |_, _| {})?;
    report("xz -9e, primed with the training text", bits, started);
    Ok(())
}

fn report(name: &str, bits: f64, started: Instant) {
    let seconds = started.elapsed().as_secs_f64();
    println!("{bits:.3} bits per byte  {name}  ({seconds:.2} s)");
}
