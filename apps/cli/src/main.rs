//! Resolvent.
fn main() {}
