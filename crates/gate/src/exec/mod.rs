//! Becoming the engine, or running its `init` as a child and explaining how it failed.

pub mod bound;
pub mod child;
pub mod engine_error;
pub mod explanation;
pub mod guard;
pub mod invocation;
pub mod state_pull;

pub use invocation::{Invocation, StartError};
