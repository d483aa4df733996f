//! Integration tests of model families.

#[cfg(test)]
mod language;
