//! Integration tests of resolvent-data.

#[cfg(test)]
mod baselines;
#[cfg(test)]
mod cargo_sources;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod windows;
