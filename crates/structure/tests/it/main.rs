//! Integration tests: the law of every structured matrix, and what is particular to each.

// Marked as test code for clippy too, whose leave to unwrap in tests looks for the attribute.
#[cfg(test)]
mod discretise;
#[cfg(test)]
mod law;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod semiseparable;
#[cfg(test)]
mod toeplitz;
