//! The integration tests, one binary.

/// The hook scripts and the plugin's hooks, in every shell that a runner image may have as `sh`.
mod hooks;
/// The plugin manifest against Spacelift's schema.
mod plugin;
