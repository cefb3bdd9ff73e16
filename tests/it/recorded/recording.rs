//! What an engine did with each case, in `tests/fixtures/recordings`: a file for each engine, a line for each case.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use fs_err as fs;
use serde::{Deserialize, Serialize};

use super::cases::Case;
use crate::support::engines::Engine;
use crate::support::isolation::Isolated;
use crate::support::outcome::{Configuration, Outcome, ask, observe};
use crate::support::tree::ROOT;

/// The engines that are recorded.
pub(crate) const RECORDED: [(&str, &str); 2] = [("tofu", "1.12.6"), ("terraform", "1.11.4")];

#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recording {
    pub family: String,
    pub case: String,
    /// The engine's answer when it is asked for the configuration alone.
    pub configuration: Configuration,
    pub init: Outcome,
}

impl Recording {
    /// Runs the engine: asks it, then has it run `init`.
    pub(crate) fn of(engine: &Engine, case: &Case) -> Self {
        let asked = case.lay_out_configuration();
        let limited = |command| Isolated { limited: true, ..command };
        let command = limited(case.command(&engine.path, &asked));
        let configuration = ask(engine, command, &asked, &case.arguments(&asked));
        let workspace = case.lay_out();
        let command = limited(case.command(&engine.path, &workspace));
        let (init, _) = observe(engine, command, &case.arguments(&workspace), &case.root_module(&workspace));
        let recording = Self { family: case.family.clone(), case: case.name.clone(), configuration, init };
        // Directories have other names each time.
        let line = recording.line().replace(asked.root().as_str(), ROOT).replace(workspace.root().as_str(), ROOT);
        serde_json::from_str(&line).unwrap()
    }

    fn line(&self) -> String {
        serde_json::to_string(self).unwrap()
    }
}

fn path(name: &str, version: &str) -> Utf8PathBuf {
    format!("{}/tests/fixtures/recordings/{name}-{version}.jsonl", env!("CARGO_MANIFEST_DIR")).into()
}

/// Every recording of an engine, by family and case.
pub(crate) fn read(name: &str, version: &str) -> BTreeMap<(String, String), Recording> {
    let path = path(name, version);
    let text = fs::read_to_string(&path).unwrap();
    let recordings = text.lines().enumerate().map(|(index, line)| {
        let recording: Recording =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{path}:{}: {error}", index + 1));
        ((recording.family.clone(), recording.case.clone()), recording)
    });
    recordings.collect()
}

/// Writes all of them anew.
pub(crate) fn write(name: &str, version: &str, recordings: &[Recording]) {
    let path = path(name, version);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, recordings.iter().map(|recording| recording.line() + "\n").collect::<String>()).unwrap();
}
