//! The mirrors: readable and executable for the run's user, with packages that this machine can run.

use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::permission::{EXECUTE, READ, WRITE, allows, barrier};
use super::user::User;
use super::{Check, Image};
use crate::check::executables;
use crate::check::executables::SelectedExecutable;
use airtight_finding::plural;
use airtight_provider::executable;
use airtight_provider::mirror::{Mirror, walk};
use airtight_provider::{EngineName, Platform};

const NAME: &str = "mirror";

/// A list of a thousand lines helps nobody.
const SHOWN: usize = 10;

pub(super) fn check(image: &Image<'_>, user: &User) -> Vec<Check> {
    let engine = image.engine.map_or(EngineName::Tofu, |found| found.engine.name);
    image.mirrors.iter().flat_map(|path| check_one(path, engine, user)).collect()
}

fn check_one(path: &Utf8Path, engine: EngineName, user: &User) -> Vec<Check> {
    if !path.is_dir() {
        let fix = format!("Copy the mirror to {path}, or name it: `--mirror DIR`, `mirror` in the settings");
        return vec![Check::failed(NAME, format!("{path} is not a directory"), fix)];
    }
    let mirror = walk(path, engine);
    if let Some(error) = &mirror.error {
        return vec![Check::failed(NAME, format!("{error}: the engine then finds no provider at all"), open_up(path))];
    }
    let mut checks = Vec::new();
    checks.extend(check_access(&mirror, user));
    if executable::mount_forbids_execution(path) {
        checks.push(Check::failed(
            NAME,
            format!("{path} is mounted noexec: providers of an unpacked mirror cannot start"),
            "Mount it with `exec`, or copy it into the image",
        ));
    }
    checks.extend(check_packages(&mirror));
    if let Some(first) = mirror.ignored.first() {
        checks.push(Check::warning(
            NAME,
            format!("{} entries that no engine sees, such as {}", mirror.ignored.len(), first.path),
            "`airtight explain mirror-entry-ignored` says what it takes to be seen",
        ));
    }
    if checks.iter().all(|check| check.fix.is_none()) {
        let here = mirror.packages.iter().filter(|package| package.id.platform == Platform::current()).count();
        checks.push(Check::passed(
            NAME,
            format!("{path}: {}, {here} of them for {}", plural(mirror.packages.len(), "package"), Platform::current()),
        ));
    }
    checks
}

fn open_up(path: &Utf8Path) -> String {
    format!("`chmod -R a+rX,go-w {path}`, and `chmod a+x` on each provider that lost its execute permission")
}

/// What the user cannot read, and what it could replace.
fn check_access(mirror: &Mirror, user: &User) -> Vec<Check> {
    let mut found = Access::default();
    if let Some(directory) = barrier(&mirror.base, user) {
        found.closed.push(directory.to_owned());
    }
    found.visit(&mirror.base, user);
    let mut checks = Vec::new();
    if !found.closed.is_empty() {
        let text = format!("user {} cannot read or run {}", user.id, shown(&found.closed));
        checks.push(Check::failed(NAME, text, open_up(&mirror.path)));
    }
    if !found.writable.is_empty() {
        let text =
            format!("user {} can replace {}: a run could change what later runs use", user.id, shown(&found.writable));
        checks.push(Check::warning(NAME, text, format!("`chown -R root:root {0} && chmod -R go-w {0}`", mirror.path)));
    }
    checks
}

fn shown(paths: &[Utf8PathBuf]) -> String {
    let more = paths.len().saturating_sub(SHOWN);
    let first = paths.iter().take(SHOWN).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

#[derive(Default)]
struct Access {
    closed: Vec<Utf8PathBuf>,
    writable: Vec<Utf8PathBuf>,
}

impl Access {
    fn visit(&mut self, path: &Utf8Path, user: &User) {
        let Ok(metadata) = fs::symlink_metadata(path) else { return self.closed.push(path.to_owned()) };
        if metadata.is_symlink() {
            return;
        }
        // A program that only its owner may run is as good as none.
        let is_entered = metadata.is_dir() || metadata.mode() & 0o111 != 0;
        let needed = if is_entered { READ | EXECUTE } else { READ };
        if !allows(&metadata, user, needed) {
            self.closed.push(path.to_owned());
        }
        // In a sticky directory only owners can replace files.
        let is_sticky = metadata.is_dir() && metadata.mode() & 0o1000 != 0;
        if metadata.uid() == user.id || (allows(&metadata, user, WRITE) && !is_sticky) {
            self.writable.push(path.to_owned());
        }
        if metadata.is_dir() {
            let entries = path.read_dir_utf8().into_iter().flatten().flatten();
            let mut paths: Vec<Utf8PathBuf> = entries.map(camino::Utf8DirEntry::into_path).collect();
            paths.sort();
            for path in &paths {
                self.visit(path, user);
            }
        }
    }
}

/// What fails at the first command that runs a provider.
fn check_packages(mirror: &Mirror) -> Vec<Check> {
    let here = Platform::current();
    let mut checks = Vec::new();
    for package in mirror.packages.iter().filter(|package| package.id.platform == here) {
        let name = package.id.address.to_string();
        match executable::find(&package.path, package.layout, package.id.address.provider_type()) {
            Ok(Some(executable)) => {
                let address = package.id.address.clone();
                let selected = SelectedExecutable { address, executable, extracted_to_noexec: None };
                let findings = executables::check(&[selected], &here, true);
                checks.extend(findings.into_iter().map(|finding| {
                    let place = &package.path;
                    Check::failed(NAME, format!("{} ({place})", finding.summary), finding.help)
                }));
            }
            Ok(None) => checks.push(Check::failed(
                NAME,
                format!("{name}: {}", executable::missing_text(package.id.address.provider_type())),
                format!("Replace {} by the release's own package", package.path),
            )),
            Err(error) => {
                checks.push(Check::failed(NAME, format!("{name}: {error}"), format!("Replace {}", package.path)));
            }
        }
    }
    checks
}
