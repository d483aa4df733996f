//! Benchmarks that are generated here, by their published rules, instead of downloaded.
//!
//! [`listops`] and [`pathfinder`] are two tasks of *Long Range Arena: A Benchmark for Efficient
//! Transformers* (Y. Tay and others, ICLR 2021, arXiv 2011.04006). Sample number `i` under a seed is a
//! pure function of the two, so results depend neither on the number of threads nor on what was
//! generated before. The published figures were measured on the released files; figures on ours belong
//! to a generation anew by the same rules, and a report should say so.

pub mod listops;
pub mod pathfinder;
