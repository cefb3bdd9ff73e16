//! The arguments of the engine's `init`: those after `--`, those of `TF_CLI_ARGS` and `TF_CLI_ARGS_init`.

use camino::Utf8PathBuf;

/// `init`'s flags, merged in the engine's order (`TF_CLI_ARGS`, then `TF_CLI_ARGS_init`, then the command line).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitArguments {
    /// `-chdir=DIR`, a global option.
    pub chdir: Option<Utf8PathBuf>,
    pub backend: bool,
    pub get: bool,
    pub upgrade: bool,
    /// `-lockfile=readonly`; any other value is ignored by the engine.
    pub lockfile_readonly: bool,
    pub plugin_dirs: Vec<Utf8PathBuf>,
    /// `-test-directory=DIR`, `tests` by default.
    pub test_directory: String,
    pub from_module: Option<String>,
    /// What makes the engine print its usage text and end with 1.
    pub errors: Vec<String>,
}

impl Default for InitArguments {
    fn default() -> Self {
        Self {
            chdir: None,
            backend: true,
            get: true,
            upgrade: false,
            lockfile_readonly: false,
            plugin_dirs: Vec::new(),
            test_directory: "tests".to_owned(),
            from_module: None,
            errors: Vec::new(),
        }
    }
}
