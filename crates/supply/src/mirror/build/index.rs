//! The JSON files that make a network mirror of a packed mirror, as `providers mirror` writes them.
//!
//! Both hashes of each archive are listed, where the engines list one or the other: a client takes any.
//!
//! Source: OpenTofu `internal/command/providers_mirror.go`.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::proof::Hashes;
use crate::mirror::place::Hold;
use airtight_provider::digest::Progress;
use airtight_provider::mirror::walk;
use airtight_provider::{EngineName, Layout};

#[derive(Default, Serialize)]
struct Index {
    /// Objects without fields.
    versions: BTreeMap<String, serde_json::Value>,
}

#[derive(Default, Serialize)]
struct VersionIndex {
    archives: BTreeMap<String, Archive>,
}

#[derive(Serialize)]
struct Archive {
    hashes: Vec<String>,
    /// Relative to the index.
    url: String,
}

/// Writes the files again for every archive in the mirror.
///
/// # Errors
/// Fails if the mirror cannot be walked, or an archive not be read.
pub(super) fn write(hold: &Hold, progress: Progress<'_>) -> anyhow::Result<()> {
    let walked = walk(&hold.mirror.path_of(Utf8Path::new("")), EngineName::Tofu);
    if let Some(error) = walked.error {
        anyhow::bail!("{error}");
    }
    let mut indexes: BTreeMap<Utf8PathBuf, Index> = BTreeMap::new();
    let mut versions: BTreeMap<Utf8PathBuf, VersionIndex> = BTreeMap::new();
    for package in walked.packages.iter().filter(|package| package.layout == Layout::Packed) {
        let relative = package.path.strip_prefix(&walked.base)?;
        let (Some(directory), Some(name)) = (relative.parent(), relative.file_name()) else { continue };
        let hashes = Hashes::compute(&package.path, Layout::Packed, progress)
            .map_err(|reason| anyhow::anyhow!("`{}`: {reason}", package.path))?;
        let mut hashes: Vec<String> =
            [Some(hashes.h1), hashes.zh].into_iter().flatten().map(|hash| hash.to_string()).collect();
        hashes.sort();
        let version = package.id.version.to_string();
        let place = directory.join(format!("{version}.json"));
        let archive = Archive { hashes, url: name.to_owned() };
        versions.entry(place).or_default().archives.insert(package.id.platform.to_string(), archive);
        indexes.entry(directory.join("index.json")).or_default().versions.insert(version, serde_json::json!({}));
    }
    for (path, index) in &indexes {
        write_one(hold, path, index)?;
    }
    versions.iter().try_for_each(|(path, index)| write_one(hold, path, index))
}

/// Without a final line break, as the engines write it.
fn write_one(hold: &Hold, path: &Utf8Path, index: &impl Serialize) -> anyhow::Result<()> {
    Ok(hold.write(path, serde_json::to_string_pretty(index)?.as_bytes())?)
}
