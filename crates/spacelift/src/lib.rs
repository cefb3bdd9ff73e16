//! Spacelift's files, and a rehearsal of its runs.
//!
//! - Reading: [`workflow`], [`runtime_configuration`], [`plugin_manifest`], [`hooks`], [`go_template`]
//! - [`check`]: what is wrong with them
//! - [`plan_policy`]: what a plan policy gets to know of a run
//! - [`render_workflow`], [`render_hooks`]: the workflow file, the hook scripts and the plugin
//! - [`rehearse`]: a whole run, here and without network

pub mod check;
pub mod go_template;
pub mod hooks;
pub mod plan_policy;
pub mod plugin_manifest;
#[cfg(feature = "rehearsal")]
pub mod rehearse;
pub mod render_hooks;
pub mod render_workflow;
pub mod runtime_configuration;
pub mod workflow;
