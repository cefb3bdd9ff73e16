//! What happens before each phase: gather, check, CLI configuration, handover.

pub mod atomic_file;
pub mod engine;
pub mod runtime_directory;
pub mod handover;

