//! What happens before each phase: gather, check, CLI configuration, handover.

pub mod atomic_file;
pub mod cli_configuration;
pub mod engine;
pub mod handover;
pub mod runtime_directory;
