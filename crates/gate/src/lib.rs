//! What happens before each phase, and becoming the engine.
//!
//! - [`settings`]: who may decide what
//! - [`check`]: our rules, pure; `Cleared` is the proof that none failed
//! - [`pass`]: one pass for every phase: gather, judge, confirm with the engine, decide, hand over
//! - [`gather`], [`init`], [`later`], [`handover`]: its parts
//! - [`before_init`]: putting back what a refused `init` changed
//! - [`modules`]: modules from the image's stores: putting them in place, and what is installed
//! - [`cli_configuration`], [`render`]: what the engine is given
//! - [`exec`]: becoming the engine, or running and explaining its `init`
//! - [`doctor`]: whether an image is fit, as a checklist
//! - [`context`], [`cli_sources`], [`engine`], [`runtime_directory`], [`seal`]: what a pass needs
//! - [`yaml_document`]: YAML with places and limits

pub mod before_init;
pub mod check;
pub mod cli_configuration;
pub mod cli_sources;
mod confirm;
pub mod context;
pub mod doctor;
pub mod engine;
pub mod exec;
mod file_causes;
pub mod gather;
mod git;
pub mod handover;
pub mod init;
pub mod later;
pub mod modules;
pub mod pass;
mod prepared;
pub mod render;
mod report;
pub mod runtime_directory;
pub mod seal;
pub mod settings;
pub mod yaml_document;
mod yaml_nesting;
