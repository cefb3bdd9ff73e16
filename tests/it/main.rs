//! The integration tests, one binary.
//!
//! - [`differential`]: predictions against engines that are here, on random mirrors, lock files and configurations
//! - [`engines`]: the real engines and providers that the others use
//! - [`hooks`]: the hook scripts and the plugin's hooks, in every shell that a runner image may have as `sh`
//! - [`plugin`]: the plugin manifest against Spacelift's schema
//! - [`predictions`]: what a real engine did, recorded, against what `airtight check` predicts
//! - [`recordings`]: the recordings themselves, against the engine that they were made with
//! - [`support`]: what they all stand on

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::format_push_string, reason = "texts of tests are short")]

mod differential;
mod engines;
mod hooks;
mod plugin;
mod predictions;
mod recordings;
mod support;
