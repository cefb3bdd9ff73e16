//! Module sources behind the gap: what repositories call, fetched once, kept as [`airtight_provider::modules`] describes.
//!
//! [`wanted`] reads which modules are called, [`build`] selects, fetches and stores them, with the calls of what was fetched.
//! [`address`] reads where a package is, [`git`] and [`archive`] bring it here, [`tidy`] makes it the same on every
//! machine. [`verify`] and [`prune`] keep a store.

mod address;
mod archive;
pub mod build;
mod fetch;
mod git;
mod graph;
pub mod prune;
mod tidy;
pub mod verify;
pub mod wanted;

pub use address::AddressError;
pub use archive::{ExtractError, TreeLimits};
pub use git::{GitError, RepositoryError};
