//! What was proven at `init`, handed over to the later legs of a run through the data directory.
//!
//! The file is a hint, never a proof: anyone can commit one. Everything in it is proven again from the lock file and
//! the mirror; a difference between then and now is what it is for.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use airtight_finding::Code;
use airtight_provider::directory::{Directory, Durability};
use airtight_provider::json_error;

/// In the data directory.
const DIRECTORY: &str = "airtight";
const FILE: &str = "handover.json";

const SCHEMA: &str = "airtight/handover/1";

/// More than this was not written by us.
const LIMIT_BYTES: u64 = 4 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    pub schema: String,
    pub engine: HandoverEngine,
    pub platform: String,
    /// By address.
    pub providers: BTreeMap<String, HandoverProvider>,
    /// The digest of a sealed mirror; null if it is not sealed.
    pub mirror: Option<String>,
    /// By key: the `h1:` hash of the configuration files of each module that was compared with a store.
    #[serde(default)]
    pub modules: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverEngine {
    pub name: String,
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverProvider {
    pub version: String,
    pub h1: String,
    /// Its place in the mirror, and its modification time in nanoseconds: only reported, no proof.
    pub path: String,
    pub modified: i64,
    /// The finding that kept it from being proven, if an exception of the settings let it pass. Later phases, where the
    /// lock file holds the hash that `init` added, report it again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unproven: Option<String>,
}

/// The handover in the data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Missing,
    /// Not ours, or damaged; the text says how.
    Unreadable(String),
    Read(Handover),
}

pub fn path(data_dir: &Utf8Path) -> Utf8PathBuf {
    data_dir.join(DIRECTORY).join(FILE)
}

impl Handover {
    pub fn new(
        engine: HandoverEngine,
        platform: String,
        providers: BTreeMap<String, HandoverProvider>,
        mirror: Option<String>,
        modules: BTreeMap<String, String>,
    ) -> Self {
        Self { schema: SCHEMA.to_owned(), engine, platform, providers, mirror, modules }
    }

    /// The providers that were not proven, each with its finding. What is no code of ours is passed over: a forged file can
    /// say nothing here that makes a provider proven.
    pub fn unproven(&self) -> impl Iterator<Item = (&str, Code)> {
        let known = |code: &Option<String>| code.as_ref()?.parse().ok();
        self.providers
            .iter()
            .filter_map(move |(address, provider)| Some((address.as_str(), known(&provider.unproven)?)))
    }

    /// Writes it below the data directory, whole or not at all. No link below the data directory is followed.
    ///
    /// # Errors
    /// Fails if the data directory cannot be written.
    pub fn write(&self, data_dir: &Utf8Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let directory = Directory::open_or_make(data_dir)?.make(DIRECTORY.into())?;
        Ok(directory.replace(FILE.into(), &text, 0o644, Durability::Synced)?)
    }
}

/// Reads what an earlier leg left.
pub fn read(data_dir: &Utf8Path) -> Found {
    let found = read_file(&path(data_dir));
    let providers = if let Found::Read(handover) = &found { handover.providers.len() } else { 0 };
    tracing::debug!(is_missing = found == Found::Missing, providers, "handover read");
    found
}

fn read_file(path: &Utf8Path) -> Found {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Missing,
        Err(error) => return Found::Unreadable(error.to_string()),
        Ok(metadata) if !metadata.is_file() => return Found::Unreadable("not a regular file".to_owned()),
        Ok(metadata) if metadata.len() > LIMIT_BYTES => {
            return Found::Unreadable("too large to be airtight's".to_owned());
        }
        Ok(_) => {}
    }
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) => return Found::Unreadable(error.to_string()),
    };
    match serde_json::from_slice::<Handover>(&text) {
        Ok(handover) if handover.schema == SCHEMA => Found::Read(handover),
        Ok(handover) => Found::Unreadable(format!("schema `{}` is not `{SCHEMA}`", handover.schema)),
        Err(error) => Found::Unreadable(json_error(&error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn no_link_in_the_data_directory_is_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let engine = HandoverEngine { name: "tofu".to_owned(), version: "1.12.6".to_owned() };
        let handover = Handover::new(engine, "linux_amd64".to_owned(), BTreeMap::new(), None, BTreeMap::new());
        fs::create_dir_all(root.join("outside")).unwrap();
        fs::create_dir_all(root.join("linked")).unwrap();
        symlink(root.join("outside"), root.join("linked/airtight")).unwrap();
        let error = handover.write(&root.join("linked")).unwrap_err();
        assert!(format!("{error:#}").contains("is a symbolic link"), "{error:#}");
        // A link in the file's place is replaced.
        fs::write(root.join("outside/kept"), "kept").unwrap();
        fs::create_dir_all(root.join("data/airtight")).unwrap();
        symlink(root.join("outside/kept"), path(&root.join("data"))).unwrap();
        handover.write(&root.join("data")).unwrap();
        assert_eq!(read(&root.join("data")), Found::Read(handover));
        assert_eq!(fs::read_to_string(root.join("outside/kept")).unwrap(), "kept");
        assert_eq!(fs::read_dir(root.join("outside")).unwrap().count(), 1);
    }

    #[test]
    fn an_unproven_provider_is_handed_over_as_that() {
        let provider = |unproven: Option<&str>| HandoverProvider {
            version: "1.0.0".to_owned(),
            h1: String::new(),
            path: String::new(),
            modified: 0,
            unproven: unproven.map(str::to_owned),
        };
        let codes =
            [("a", None), ("b", Some("provider-not-locked")), ("c", Some("proven")), ("d", Some("package-mismatch"))];
        let providers = codes.map(|(address, code)| (address.to_owned(), provider(code))).into();
        let engine = HandoverEngine { name: "tofu".to_owned(), version: "1.12.6".to_owned() };
        let handover = Handover::new(engine, "linux_amd64".to_owned(), providers, None, BTreeMap::new());
        let directory = tempfile::tempdir().unwrap();
        let data_dir = Utf8Path::from_path(directory.path()).unwrap();
        handover.write(data_dir).unwrap();
        let Found::Read(read) = read(data_dir) else { panic!("not read") };
        let unproven: Vec<_> = read.unproven().collect();
        assert_eq!(unproven, [("b", Code::ProviderNotLocked), ("d", Code::PackageMismatch)]);
    }
}
