//! `mirror build`: the packages that many repositories need, each once, each checked, from wherever they are.
//!
//! A package is accepted only as what the lock files that need it say it is: it must match a hash of every one of them. What
//! comes from a registry must also be listed in the release's signed checksums. Sources are asked in the order given; the
//! first one with an acceptable package wins, and packages rejected from the others are reported.
//!
//! Killed at any moment it leaves a mirror whose packages are whole: everything is written next to it, synced, and renamed.
//! The next call continues downloads and takes what is there and matches.

pub mod demand;
mod evidence;
mod fetch;
mod index;
mod proof;
pub mod resolve;
mod work;

use camino::{Utf8Path, Utf8PathBuf};

pub use demand::{Demand, Need, Unlocked};
pub use fetch::Source;
pub use work::build;

use crate::registry::Client;
use crate::signature::{Keys, Signed};
use airtight_provider::{Layout, PackageId, Platform, Timestamp};

/// What is built, and how.
pub struct Options<'a> {
    /// The mirror, which may be there already.
    pub mirror: &'a Utf8Path,
    pub platforms: &'a [Platform],
    pub layout: Layout,
    /// Keep the release archives of all unpacked packages, not only of those that a lock file has no `h1:` hash of.
    pub keep_archives: bool,
    pub sources: &'a [Source],
    /// Null if no source needs the network.
    pub client: Option<&'a Client>,
    /// Only signatures of these keys are accepted.
    pub allowed: Option<&'a Keys>,
    /// Say what would be fetched, and change nothing.
    pub dry_run: bool,
    /// Packages at a time.
    pub jobs: usize,
    pub now: Timestamp,
    /// Told of bytes as they are read and hashed.
    pub progress: &'a (dyn Fn(u64) + Sync),
    /// Told of bytes as they arrive.
    pub fetched: &'a (dyn Fn(u64) + Sync),
    /// Told of each package as it is begun, and as it is done.
    pub begun: &'a (dyn Fn(&PackageId) + Sync),
    pub ended: &'a (dyn Fn() + Sync),
}

/// What became of a package.
#[derive(Clone, Debug)]
pub struct PackageResult {
    pub id: PackageId,
    /// Root modules, in the order of the search.
    pub needed_by: Vec<Utf8PathBuf>,
    pub outcome: Outcome,
    /// Lock files that have no `h1:` hash of this package, and so fail or pass unverified over an unpacked mirror.
    pub without_h1: Vec<Utf8PathBuf>,
    /// Packages rejected from earlier sources, although a later one had an acceptable one.
    pub passed_over: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Outcome {
    /// It was there, and matches.
    Kept,
    Fetched {
        source: String,
        signed: Option<Signed>,
        /// Another package was in its place, which did not match.
        replaced: bool,
    },
    /// With its size, if the source knows it.
    WouldFetch { source: String, size_bytes: Option<u64> },
    /// One reason for each source.
    Failed(Vec<String>),
}
