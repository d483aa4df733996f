//! Integration tests of resolvent-formats.

#[cfg(test)]
mod atomic;
#[cfg(test)]
mod children;
#[cfg(test)]
mod json;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod mutation;
#[cfg(test)]
mod tensors;
