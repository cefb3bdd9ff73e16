//! What was proven at `init`, handed over to the later legs of a run through the data directory.
//!
//! The file is a hint, never a proof: anyone can commit one. Everything in it is proven again from the lock file and
//! the mirror; a difference between then and now is what it is for.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use airtight_finding::Code;
use airtight_provider::atomic_file;
use airtight_provider::json_error;

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
    data_dir.join("airtight").join("handover.json")
}

impl Handover {
    pub fn new(
        engine: HandoverEngine,
        platform: String,
        providers: BTreeMap<String, HandoverProvider>,
        mirror: Option<String>,
    ) -> Self {
        Self { schema: SCHEMA.to_owned(), engine, platform, providers, mirror }
    }

    /// The providers that were not proven, each with its finding. What is no code of ours is passed over: a forged file can
    /// say nothing here that makes a provider proven.
    pub fn unproven(&self) -> impl Iterator<Item = (&str, Code)> {
        let known = |code: &Option<String>| code.as_ref()?.parse().ok();
        self.providers
            .iter()
            .filter_map(move |(address, provider)| Some((address.as_str(), known(&provider.unproven)?)))
    }

    /// Writes it below the data directory, whole or not at all.
    ///
    /// # Errors
    /// Fails if the data directory cannot be written.
    pub fn write(&self, data_dir: &Utf8Path) -> anyhow::Result<()> {
        let path = path(data_dir);
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        atomic_file::write(&path, &text, 0o644)?;
        Ok(())
    }
}

/// Reads what an earlier leg left.
pub fn read(data_dir: &Utf8Path) -> Found {
    let path = path(data_dir);
    match fs::symlink_metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Found::Missing,
        Err(error) => return Found::Unreadable(error.to_string()),
        Ok(metadata) if !metadata.is_file() => return Found::Unreadable("not a regular file".to_owned()),
        Ok(metadata) if metadata.len() > LIMIT_BYTES => {
            return Found::Unreadable("too large to be airtight's".to_owned());
        }
        Ok(_) => {}
    }
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) => return Found::Unreadable(error.to_string()),
    };
    match serde_json::from_slice::<Handover>(&text) {
        Ok(handover) if handover.schema == SCHEMA => Found::Read(handover),
        Ok(handover) => Found::Unreadable(format!("schema `{}` is not `{SCHEMA}`", handover.schema)),
        Err(error) => Found::Unreadable(json_error(&error)),
    }
}
