//! What OpenTofu and Terraform do ("the engine": the `tofu` or `terraform` binary).
//!
//! - Reading what they read: [`configuration`], [`cli_config`], [`state`], [`init_arguments`], [`modules_manifest`],
//!   [`environment`]
//! - [`ask`]: the engine's own word about a configuration
//! - [`predict`]: what `init` installs from it, as pure functions
//! - [`root_modules`]: which directories are root modules
//! - [`module_stores`]: which tree of a store of modules a call gets
//! - [`init_commands`]: blocks that make `init` run a command
//! - [`bound`]: starting a program that ends with this process

pub mod ask;
pub mod bound;
pub mod cli_config;
pub mod configuration;
pub mod environment;
pub mod init_arguments;
pub mod init_commands;
pub mod module_stores;
pub mod modules_manifest;
pub mod predict;
pub mod root_modules;
pub mod state;
