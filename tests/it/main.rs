//! The integration tests, one binary.
//!
//! - [`predictions`]: what a real engine did, recorded, against what `airtight check` predicts
//! - [`differential`]: the same with engines that are here, on random mirrors, lock files and configurations
//! - [`recordings`]: the recordings themselves, against the engine that they were made with
//! - [`engines`]: the real engines and providers that the others use
//! - [`support`]: what they all stand on

mod differential;
mod engines;
mod predictions;
mod recordings;
mod support;
