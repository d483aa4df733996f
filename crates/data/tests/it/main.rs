//! Integration tests of resolvent-data.

#[cfg(test)]
mod baselines;
#[cfg(test)]
mod cargo_sources;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod images;
#[cfg(test)]
mod labelled_table;
#[cfg(test)]
mod listops;
#[cfg(test)]
mod lra;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod packages;
#[cfg(test)]
mod pathfinder;
#[cfg(test)]
mod published;
#[cfg(test)]
mod series;
#[cfg(test)]
mod tasks;
#[cfg(test)]
mod ts_file;
#[cfg(test)]
mod windows;
