//! Integration tests: whole runs on a tiny model, files, recipes, plots, reports.
//!
//! The modules are marked as tests so that clippy allows `unwrap` in their plain functions too.

#[cfg(test)]
mod checkpoints;
#[cfg(test)]
mod classification;
#[cfg(test)]
mod clipping;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod optimiser;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod recipes;
#[cfg(test)]
mod resuming;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod tiny;
