//! One reader per input. Content that is wrong becomes data (every problem, with its place); only a disk that cannot be
//! read is an error. Nothing here judges: `predict` knows what an engine makes of it, `check` what we do.

pub mod cli_config;
pub mod configuration;
pub mod environment;
pub mod executable;
pub mod init_arguments;
pub mod installed;
pub mod lock_file;
pub mod mirror;
pub mod modules_manifest;
pub mod native_syntax;
pub mod settings;
pub mod state;
pub mod text_file;
pub mod workflow;

use crate::finding::Place;

/// Something the engine itself would report about an input, in the engine's own split of summary and detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub summary: String,
    pub detail: String,
    pub place: Place,
}
