//! Integration tests: the law of every mixer, states as values, golden files, refusals.

#[cfg(test)]
mod devices;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod law;
#[cfg(test)]
mod lti;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rwkv7;
#[cfg(test)]
mod state;
#[cfg(test)]
mod support;
