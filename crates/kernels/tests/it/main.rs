//! Integration tests of the operations: every one through [`check::check_op`], plus its laws and the
//! golden files of `oracles/`.

#[cfg(test)]
mod adamw;
mod batch_norm;
#[cfg(test)]
mod cauchy;
#[cfg(test)]
mod check;
#[cfg(test)]
mod companion;
#[cfg(test)]
mod conv1d;
#[cfg(test)]
mod cross_entropy;
#[cfg(test)]
mod diagonal_scan;
#[cfg(test)]
mod dplr;
#[cfg(test)]
mod embedding;
mod gates;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod layer_norm;
#[cfg(test)]
mod linear;
#[cfg(test)]
mod long_conv;
#[cfg(test)]
mod lowrank_scan;
mod mamba2_step;
mod mamba_step;
#[cfg(test)]
mod rms_norm;
#[cfg(test)]
mod selective_scan;
#[cfg(test)]
mod squares;
#[cfg(test)]
mod ssd;
#[cfg(test)]
mod vandermonde;
