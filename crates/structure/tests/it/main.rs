//! Integration tests: the law of every structured matrix, and what is particular to each.

// Marked as test code for clippy too, whose leave to unwrap in tests looks for the attribute.
#[cfg(test)]
mod companion;
#[cfg(test)]
mod diagonal;
#[cfg(test)]
mod discretise;
#[cfg(test)]
mod dplr;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hippo;
mod inspection;
#[cfg(test)]
mod law;
#[cfg(test)]
mod linalg;
#[cfg(test)]
mod ptd;
#[cfg(test)]
mod sample;
#[cfg(test)]
mod semiseparable;
#[cfg(test)]
mod spec;
#[cfg(test)]
mod system;
#[cfg(test)]
mod toeplitz;
