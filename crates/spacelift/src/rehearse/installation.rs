//! Which CLI configuration the engine read in a phase, and whether it says where providers are installed from.
//!
//! Source: OpenTofu and Terraform `internal/command/cliconfig/{cliconfig,config_unix}.go`.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use airtight_provider::text_file;

/// Larger than any.
const LIMIT_BYTES: u64 = 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Installation {
    /// The file has a `provider_installation` block.
    Configured,
    /// The engine installs directly from registries. The file that it read, if there is one.
    Direct { file: Option<Utf8PathBuf> },
    /// The variable names a file that is not there: the engine warns and installs directly.
    MissingFile { file: Utf8PathBuf },
}

/// `variable` is `TF_CLI_CONFIG_FILE`, empty if it is not set. A command that airtight runs has a file of airtight's.
pub(super) fn of_phase(command: &str, variable: &str, directory: &Utf8Path, home: &Utf8Path) -> Installation {
    let mut words = command.split_whitespace().map(|word| word.trim_matches(['\'', '"']));
    if words.any(|word| Utf8Path::new(word).file_name() == Some("airtight")) {
        return Installation::Configured;
    }
    let read = |path: &Utf8Path| text_file::read(path, LIMIT_BYTES).ok();
    let judged = |file: Utf8PathBuf, text: &str| {
        let is_comment = |line: &&str| line.trim_start().starts_with(['#', '/']);
        if text.lines().filter(|line| !is_comment(line)).any(|line| line.contains("provider_installation")) {
            Installation::Configured
        } else {
            Installation::Direct { file: Some(file) }
        }
    };
    if !variable.is_empty() {
        let file = directory.join(variable);
        return match read(&file) {
            Some(text) => judged(file, &text),
            None => Installation::MissingFile { file },
        };
    }
    for name in [".tofurc", ".terraformrc"] {
        let file = home.join(name);
        if let Some(text) = read(&file) {
            return judged(file, &text);
        }
    }
    Installation::Direct { file: None }
}

#[cfg(test)]
mod tests {
    use fs_err as fs;

    use super::*;

    #[test]
    fn the_variable_beats_the_home_directory() {
        let directory = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(directory.path()).unwrap();
        let of = |variable: &str| of_phase("tofu init", variable, home, home);
        assert_eq!(of_phase("exec /opt/airtight run init", "", home, home), Installation::Configured);
        assert_eq!(of(""), Installation::Direct { file: None });
        fs::write(home.join(".terraformrc"), "# provider_installation {\ncredentials \"a\" {}\n").unwrap();
        assert_eq!(of(""), Installation::Direct { file: Some(home.join(".terraformrc")) });
        fs::write(home.join("rc"), "provider_installation {\n}\n").unwrap();
        assert_eq!(of("rc"), Installation::Configured);
        assert_eq!(of("none"), Installation::MissingFile { file: home.join("none") });
    }
}
