//! The integration tests, one binary.
//!
//! - [`predictions`]: what a real engine did, recorded, against what `airtight check` predicts
//! - [`differential`]: the same with engines that are here, on random mirrors, lock files and configurations
//! - [`recordings`]: the recordings themselves, against the engine that they were made with
//! - [`engines`]: the real engines and providers that the others use
//! - [`support`]: what they all stand on

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::format_push_string, reason = "texts of tests are short")]

mod differential;
mod engines;
mod predictions;
mod recordings;
mod support;
