//! The JSON files of a network mirror, where there are any.
//!
//! Source: OpenTofu `internal/getproviders/http_mirror_source.go`, `internal/command/providers_mirror.go`.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use serde::Deserialize;

use super::Verification;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::mirror::Mirror;
use airtight_provider::text_file;
use airtight_provider::{Layout, ProviderAddress};

const LIMIT_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Deserialize)]
struct Index {
    versions: BTreeMap<String, serde_json::Value>,
}

/// What is wrong with an index file.
struct Problem {
    severity: Severity,
    text: String,
}

impl Problem {
    /// It contradicts a package that is there.
    fn wrong(text: String) -> Self {
        Self { severity: Severity::Error, text }
    }

    /// It speaks of something else than what is there, as in a mirror that was copied in part.
    fn partial(text: String) -> Self {
        Self { severity: Severity::Warning, text }
    }
}

#[derive(Deserialize)]
struct VersionIndex {
    archives: BTreeMap<String, Archive>,
}

#[derive(Deserialize)]
struct Archive {
    /// Some tools write null for none.
    #[serde(default)]
    hashes: Option<Vec<String>>,
    url: String,
}

pub(super) fn check(mirror: &Mirror, verification: &mut Verification) {
    let addresses: BTreeSet<ProviderAddress> =
        mirror.packages.iter().map(|package| package.id.address.clone()).collect();
    for address in addresses {
        let directory = mirror.base.join(address.to_string());
        let files = directory.read_dir_utf8().into_iter().flatten().filter_map(Result::ok);
        // A dot file such as macOS leaves, `._index.json`, is no index.
        let is_index = |name: &str| Utf8Path::new(name).extension() == Some("json") && !name.starts_with('.');
        for file in files.filter(|entry| entry.path().file_name().is_some_and(is_index)) {
            let path = file.path();
            let problems = match text_file::read(path, LIMIT_BYTES) {
                Ok(text) if path.file_name() == Some("index.json") => index(&text, &address, verification),
                Ok(text) => version(&text, path, &address, verification),
                Err(error) => vec![Problem::wrong(error.to_string())],
            };
            verification.findings.extend(problems.into_iter().map(|problem| {
                Finding::new(Code::MirrorIndexDiffers, problem.severity, Owner::Image, problem.text)
                    .help("Run `providers mirror` again on a machine with network access, or remove the mirror's JSON files.")
                    .at(Place::file(path), "")
            }));
        }
    }
}

fn index(text: &str, address: &ProviderAddress, verification: &Verification) -> Vec<Problem> {
    let index: Index = match serde_json::from_str(text) {
        Ok(index) => index,
        Err(error) => return vec![Problem::wrong(format!("this is no index of versions: {error}"))],
    };
    let there: BTreeSet<String> = verification
        .packages
        .iter()
        .filter(|package| package.id.address == *address)
        .map(|package| package.id.version.to_string())
        .collect();
    let named: BTreeSet<String> = index.versions.into_keys().collect();
    let missing = named.difference(&there).map(|version| format!("it names the version {version}, which is not there"));
    let unnamed = there.difference(&named).map(|version| format!("it does not name the version {version}"));
    missing.chain(unnamed).map(Problem::partial).collect()
}

fn version(text: &str, path: &Utf8Path, address: &ProviderAddress, verification: &Verification) -> Vec<Problem> {
    let index: VersionIndex = match serde_json::from_str(text) {
        Ok(index) => index,
        Err(error) => return vec![Problem::wrong(format!("this is no index of archives: {error}"))],
    };
    let version = path.file_stem().unwrap_or_default();
    let there = verification.packages.iter();
    let there: Vec<_> =
        there.filter(|package| package.id.address == *address && package.id.version.to_string() == version).collect();
    let mut problems = Vec::new();
    for (platform, archive) in &index.archives {
        let Some(found) = there.iter().find(|package| package.id.platform.to_string() == *platform) else {
            problems.push(Problem::partial(format!("it names a package for {platform}, which is not there")));
            continue;
        };
        let package = &found.package;
        let is_there = package.layout() == Layout::Unpacked || package.path.rsplit('/').next() == Some(&archive.url);
        // Archives elsewhere are another server's.
        if !is_there && !archive.url.contains('/') {
            let text = format!("it names the archive `{}` for {platform}, which is not there", archive.url);
            problems.push(Problem::wrong(text));
        }
        let hashes = [Some(&package.h1), package.extracted.as_ref(), package.zh.as_ref()];
        let is_hash = |hash: &String| hashes.iter().flatten().any(|found| *found == hash);
        let comparable = archive.hashes.iter().flatten().filter(|hash| hash.starts_with("h1:") || package.zh.is_some());
        for hash in comparable.filter(|hash| !is_hash(hash)) {
            let text = format!("it says {hash} for {platform}, the package is {}", package.h1);
            problems.push(Problem::wrong(text));
        }
    }
    for found in there {
        let platform = found.id.platform.to_string();
        if !index.archives.contains_key(&platform) && found.package.layout() == Layout::Packed {
            problems.push(Problem::partial(format!("it does not name the package for {platform}")));
        }
    }
    problems
}
