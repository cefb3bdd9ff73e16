//! Becoming the engine, or running its `init` as a child and explaining how it failed.

pub mod child;
pub(crate) mod confined;
pub mod engine_error;
pub mod explanation;
pub mod guard;
pub mod invocation;

pub use invocation::{Invocation, StartError};
