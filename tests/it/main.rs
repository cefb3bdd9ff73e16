//! The integration tests, one binary.
//!
//! - [`bad_input`]: every file that is read, in every bad shape
//! - [`bad_input_messages`]: what people read when something is wrong
//! - [`bad_input_secrets`]: secrets and texts from outside, in no output
//! - [`differential`]: predictions against engines that are here, on random mirrors, lock files and configurations
//! - [`engines`]: the real engines and providers that the others use
//! - [`exit_codes`]: the exit codes that scripts rely on
//! - [`help`]: the help of every command
//! - [`hooks`]: the hook scripts and the plugin's hooks, in every shell that a runner image may have as `sh`
//! - [`plugin`]: the plugin manifest against Spacelift's schema
//! - [`predictions`]: what a real engine did, recorded, against what `airtight check` predicts
//! - [`recordings`]: the recordings themselves, against the engine that they were made with
//! - [`settings`]: the ranks of settings
//! - [`support`]: what they all stand on

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::format_push_string, reason = "texts of tests are short")]

mod bad_input;
mod bad_input_messages;
mod bad_input_secrets;
mod differential;
mod engines;
mod exit_codes;
mod help;
mod hooks;
mod plugin;
mod predictions;
mod recordings;
mod settings;
mod support;
