//! Values, and what is on the disk. It knows no findings: its readers return typed problems.
//!
//! - Values, parsed once at the edge, without files, environment or clock: [`address`], [`version`] and its constraints,
//!   [`platform`], [`hash`], [`package`], [`engine`]. Each prints its canonical text; `x.to_string().parse() == x`.
//! - Readers: [`license`], [`lock_file`], [`manifest`], [`mirror`], [`seal`], [`installed`], [`executable`], [`planted_plugins`]
//! - [`modules`]: the store of module sources
//! - Measuring: [`digest`], [`hashing`], [`sealed_files`]
//! - Files: [`text_file`], [`atomic_file`]; [`directory`], below which no link is followed; who can, and could have, written one: [`directory_access`], [`owner`], [`protection`], [`outside`]
//! - More values: [`address_pattern`], [`source_address`], [`version_constraints`], [`core_constraints`], [`phase`], [`quoted`],
//!   [`timestamp`]; the one table of version differences: [`engine_rules`]
//! - [`unlikely_text`]: files that are something else than their names say

pub mod address;
mod address_parts;
pub mod address_pattern;
pub mod atomic_file;
mod contents;
pub mod core_constraints;
pub mod digest;
pub mod directory;
pub mod directory_access;
pub mod engine;
pub mod engine_rules;
pub mod executable;
pub mod hash;
pub mod hashing;
pub mod installed;
mod json;
pub mod license;
mod listing;
pub mod lock_file;
pub mod manifest;
pub mod mirror;
pub mod modules;
pub mod outside;
pub mod owner;
pub mod package;
mod package_problem;
pub mod phase;
pub mod planted_plugins;
pub mod platform;
pub mod protection;
pub mod quoted;
mod removal;
pub mod seal;
mod seal_signature;
pub mod sealed_files;
mod shell_word;
pub mod source_address;
pub mod text_file;
pub mod timestamp;
pub mod unlikely_text;
pub mod version;
pub mod version_constraints;
mod version_scan;

pub use address::{AddressError, ProviderAddress};
pub use address_pattern::AddressPattern;
pub use contents::{Contents, ContentsRequest, DigestKind, DigestRequest, Digests, PackageContents};
pub use core_constraints::{ConstraintError, CoreCheck, CoreConstraints};
pub use engine::{Engine, EngineName};
pub use hash::{Hash, HashScheme};
pub use json::json_error;
pub use package::{Layout, PackageId};
pub use package_problem::PackageProblem;
pub use phase::{HookPoint, WorkflowCommand};
pub use platform::Platform;
pub use quoted::Quoted;
pub use shell_word::shell_word;
pub use source_address::SourceAddress;
pub use timestamp::Timestamp;
pub use version::Version;
pub use version_constraints::VersionConstraints;
