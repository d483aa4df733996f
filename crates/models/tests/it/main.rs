//! Integration tests of model families.

#[cfg(test)]
mod language;
#[cfg(test)]
mod rwkv7;
