//! What the tests stand on.
//!
//! - [`tree`]: files to lay out, and a temporary directory for them
//! - [`package`]: fake provider packages in both layouts, and their hashes from first principles
//! - [`lock_file`]: lock files
//! - [`signing`]: OpenPGP keys and signatures by the real `gpg`
//! - [`engines`]: real engines and providers
//! - [`engine_shim`]: scripts in place of an engine
//! - [`isolation`]: commands without network, as another user, with a clean environment
//! - [`real_package`]: the real providers as packages
//! - [`rehearsal`]: a rehearsal and its report
//! - [`stack`]: a stack in a runner container
//! - [`runner`]: the harness, which lets a test be ignored when it runs
//! - [`state_server`]: a state behind HTTP, in a namespace
//! - [`workflow_file`]: the workflow file as Spacelift uses it
//! - [`fixture`]: the cases in `tests/fixtures/engine`
//! - [`repository`]: git repositories
//! - [`registry`]: a provider registry on loopback, with TLS, that can misbehave
//! - [`publisher`]: OpenPGP keys of publishers
//! - [`outcome`]: what an engine's `init` did
//! - [`prediction`]: what airtight predicts of it, and whether that is right

pub(crate) mod engine_shim;
pub(crate) mod engines;
pub(crate) mod fixture;
pub(crate) mod isolation;
pub(crate) mod lock_file;
pub(crate) mod outcome;
pub(crate) mod package;
pub(crate) mod prediction;
pub(crate) mod publisher;
pub(crate) mod real_package;
pub(crate) mod registry;
pub(crate) mod rehearsal;
pub(crate) mod repository;
pub(crate) mod runner;
pub(crate) mod stack;
pub(crate) mod state_server;
pub(crate) mod tree;
pub(crate) mod workflow_file;
