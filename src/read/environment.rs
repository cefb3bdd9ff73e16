//! The only reader of environment variables; every name is a documented constant here.

use camino::Utf8PathBuf;

/// What the rest needs of the environment, as text; empty values count as unset where the engine does so.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub home: Option<Utf8PathBuf>,
    /// `TF_CLI_CONFIG_FILE`, else `TERRAFORM_CONFIG`.
    pub cli_config_file: Option<String>,
    /// `AIRTIGHT_CLI_CONFIG_SOURCE`: what the variable named before we changed it.
    pub cli_config_source: Option<String>,
    /// `TF_DATA_DIR`.
    pub data_dir: Option<String>,
    /// `TF_WORKSPACE`.
    pub workspace: Option<String>,
    /// `TF_PLUGIN_CACHE_DIR`.
    pub plugin_cache_dir: Option<String>,
    /// `TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE`.
    pub plugin_cache_may_break_lock: Option<String>,
    /// `TF_REATTACH_PROVIDERS`.
    pub reattach_providers: Option<String>,
    /// `TF_CLI_ARGS`.
    pub cli_args: Option<String>,
    /// `TF_CLI_ARGS_init`.
    pub cli_args_init: Option<String>,
    /// `TF_ENCRYPTION` is set (OpenTofu).
    pub has_encryption: bool,
    /// `OPENTOFU_STATEFILE_PROVIDER_ADDRESS_TRANSLATION`.
    pub state_address_translation: Option<String>,
    pub xdg_config_home: Option<Utf8PathBuf>,
    pub xdg_data_home: Option<Utf8PathBuf>,
    pub xdg_data_dirs: Option<String>,
    pub xdg_runtime_dir: Option<Utf8PathBuf>,
    pub path: Option<String>,
    /// `TF_VAR_*` and `-var` are not here: nothing of ours needs their values.
    pub all_names: Vec<String>,
}
