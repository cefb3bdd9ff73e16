//! Module sources behind the gap: what repositories call, fetched once, kept as [`airtight_provider::modules`] describes.
//!
//! [`wanted`] reads which modules are called, [`build`] brings them into a store, in [`rounds`] that select what is called,
//! [`fetch`] it by [`request`], and read what that calls; [`graph`] is who calls what. [`address`] reads where a package is
//! and [`checksum`] what it must be,
//! [`git`], [`archive`] and [`copy`] bring it here, [`tidy`] makes it the same on every machine, [`paths`] says where it
//! goes. [`verify`] and [`prune`] keep a store.

mod address;
mod archive;
pub mod build;
mod checksum;
mod copy;
mod fetch;
mod git;
mod graph;
mod page;
mod paths;
pub mod prune;
mod request;
mod rounds;
mod tidy;
pub mod verify;
pub mod wanted;

pub use address::AddressError;
pub use archive::{ExtractError, TreeLimits};
pub use git::{GitError, RepositoryError};
