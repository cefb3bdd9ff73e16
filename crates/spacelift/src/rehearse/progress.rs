//! How far a step's script came. The script writes it to a file, as nothing else knows what a shell did: hooks and
//! command are one script, and `exit 0` in a hook ends all of it without an error.

use camino::Utf8Path;
use fs_err as fs;
use serde::{Deserialize, Serialize};

/// Before each part of a script, with the part's number in `{}`. The variable is the script's own and not exported.
pub const MARK: &str = "echo {} >>\"$airtight_progress\"";

const END: &str = "end";
const CLI_CONFIGURATION: &str = "TF_CLI_CONFIG_FILE ";

/// A part of a step's script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The phase's own command.
    Command,
    Hook(HookPart),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookPart {
    /// Such as `before_init`.
    pub point: String,
    /// Null for a hook of the stack itself.
    pub context: Option<String>,
    pub text: String,
    /// From 1, among the hooks of this point and source.
    pub number: usize,
    pub count: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The numbers of the parts that were begun, in order.
    pub begun: Vec<usize>,
    /// The shell read the whole script: no part ended it by `exit` or became another program.
    pub reached_end: bool,
    /// The variable's value at the end; empty if it was not set or the end was not reached.
    pub cli_configuration: String,
}

/// The shell text around a script. `file` is quoted.
pub fn wrapped(script: &str, file: &str) -> String {
    format!(
        "airtight_progress={file}\n{script}\nairtight_status=$?\nprintf '%s\\n' \"{CLI_CONFIGURATION}${{TF_CLI_CONFIG_FILE-}}\" {END} \
         >>\"$airtight_progress\"\n"
    )
}

/// Reads the file of a script that has ended, and removes it.
pub fn take(file: &Utf8Path) -> Progress {
    let text = fs::read_to_string(file).unwrap_or_default();
    let _ = fs::remove_file(file);
    let mut progress = Progress::default();
    for line in text.lines() {
        if line == END {
            progress.reached_end = true;
        } else if let Some(path) = line.strip_prefix(CLI_CONFIGURATION) {
            path.clone_into(&mut progress.cli_configuration);
        } else if let Ok(number) = line.parse() {
            progress.begun.push(number);
        }
    }
    progress
}

impl Progress {
    /// The part that was begun last. A script with a single part has no marks.
    pub fn last<'a>(&self, parts: &'a [Part]) -> Option<&'a Part> {
        parts.get(*self.begun.last()?)
    }

    /// Whether the phase's own command was not begun, in a script with marks.
    pub(crate) fn skipped_command(&self, parts: &[Part]) -> bool {
        let command = parts.iter().position(|part| *part == Part::Command);
        parts.len() > 1 && command.is_some_and(|number| !self.begun.contains(&number))
    }

    /// The first part that was not begun although the one before it was, in a script with marks.
    pub(crate) fn first_skipped<'a>(&self, parts: &'a [Part]) -> Option<&'a Part> {
        let number = (0..parts.len()).find(|number| !self.begun.contains(number)).filter(|_| parts.len() > 1)?;
        parts.get(number)
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_script_says_how_far_it_came() {
        let directory = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(directory.path()).unwrap().join("it's");
        let quoted = format!("'{}'", file.as_str().replace('\'', "'\\''"));
        let of = |script: &str| {
            let script = wrapped(script, &quoted).replace("{0}", &MARK.replace("{}", "0"));
            let script = script.replace("{1}", &MARK.replace("{}", "1"));
            Command::new("sh").arg("-c").arg(script).env_remove("TF_CLI_CONFIG_FILE").status().unwrap();
            take(&file)
        };
        let progress = |begun: &[usize], reached_end, path: &str| Progress {
            begun: begun.to_vec(),
            reached_end,
            cli_configuration: path.to_owned(),
        };
        assert_eq!(of("{0} && true && {1} && true"), progress(&[0, 1], true, ""));
        assert_eq!(of("{0} && export TF_CLI_CONFIG_FILE='/a b' && {1} && false"), progress(&[0, 1], true, "/a b"));
        assert_eq!(of("{0} && exit 0 && {1} && true"), progress(&[0], false, ""));
        assert_eq!(of("true"), progress(&[], true, ""));
        assert_eq!(take(&file), Progress::default());
    }
}
