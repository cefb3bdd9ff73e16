//! Our rules, one file each: facts and a prediction in, findings out. Pure.
//!
//! A prediction says what the engine will do; a verdict is ours, and stricter: what an engine would let pass
//! unverified, we refuse.

pub mod arguments;
pub mod cli_config;
pub mod elsewhere;
pub mod executables;
pub mod execution;
pub mod failures;
pub mod handover;
pub mod init_commands;
pub mod installed;
pub mod lock_file;
pub mod mirror_entries;
pub(crate) mod modules;
pub mod packages;
pub mod planted_plugins;
pub mod proof;
pub mod provider_policy;
pub mod readonly;
pub mod reattached;
pub mod requirements;
pub mod rules;
pub mod state;
pub mod surroundings;
pub mod unseen;
pub mod verdict;
pub mod workspace;

mod judgement;
mod lock_fixes;
mod misplaced;
mod module_fixes;
mod package_fixes;

pub use judgement::Judgement;
pub use verdict::{Cleared, Verdict};
