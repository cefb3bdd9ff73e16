//! The stores of modules: readable for the run's user, not writable, and every tree as its manifest says.

use airtight_finding::plural;
use airtight_provider::modules::ModuleStore;
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use super::permission::{EXECUTE, READ, WRITE, allows, barrier};
use super::user::User;
use super::{Check, Image};
use crate::modules::vouched;

const NAME: &str = "modules";

pub(super) fn check(image: &Image<'_>, user: &User) -> Vec<Check> {
    image.module_stores.iter().flat_map(|path| check_one(path, image, user)).collect()
}

fn check_one(path: &Utf8Path, image: &Image<'_>, user: &User) -> Vec<Check> {
    let rebuild = "Build it with `airtight modules build`, and copy the whole directory into the image";
    let store = match ModuleStore::read(path) {
        Ok(Some(store)) => store,
        Ok(None) if !image.names_module_stores => return Vec::new(),
        Ok(None) => return vec![Check::failed(NAME, format!("{path} holds no store of modules"), rebuild)],
        Err(error) => return vec![Check::failed(NAME, error.to_string(), rebuild)],
    };
    let mut checks = Vec::new();
    let trees = &store.manifest.trees;
    // All of them, not a sample: they are small, and read in parallel.
    if let Some(error) = trees.iter().find_map(|tree| store.check_tree(tree).err()) {
        checks.push(Check::failed(NAME, error.to_string(), rebuild));
    }
    checks.extend(check_access(&store, user));
    if let Some(Err(reason)) = image.seal.map(|setting| vouched(&store, setting)) {
        let fix = "`airtight explain seal-invalid` says how to pin or sign it";
        checks.push(Check::failed(NAME, format!("{path} has no seal that the settings accept: {reason}"), fix));
    }
    if checks.is_empty() {
        let (sources, packages) = (plural(store.manifest.sources.len(), "source"), plural(trees.len(), "package"));
        let text = format!("{path}: {sources} in {packages}, each as the manifest says, {}", store.digest);
        checks.push(Check::passed(NAME, text));
    }
    checks
}

/// What the user cannot read, and what it could replace: the first of each.
fn check_access(store: &ModuleStore, user: &User) -> Vec<Check> {
    let path = &store.directory;
    let mut closed = barrier(path, user).map(Utf8Path::to_owned);
    let mut writable = None;
    visit(path, user, &mut closed, &mut writable);
    let mut checks = Vec::new();
    if let Some(closed) = closed {
        let text = format!("user {} cannot read {closed}", user.id);
        checks.push(Check::failed(NAME, text, format!("`chmod -R a+rX,go-w {path}`")));
    }
    if let Some(writable) = writable {
        let text = format!("user {} can replace {writable}: a run could change what later runs use", user.id);
        checks.push(Check::warning(NAME, text, format!("`chown -R root:root {path} && chmod -R go-w {path}`")));
    }
    checks
}

fn visit(path: &Utf8Path, user: &User, closed: &mut Option<Utf8PathBuf>, writable: &mut Option<Utf8PathBuf>) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        closed.get_or_insert_with(|| path.to_owned());
        return;
    };
    if metadata.is_symlink() {
        return;
    }
    if !allows(&metadata, user, if metadata.is_dir() { READ | EXECUTE } else { READ }) {
        closed.get_or_insert_with(|| path.to_owned());
    }
    if allows(&metadata, user, WRITE) {
        writable.get_or_insert_with(|| path.to_owned());
    }
    if metadata.is_dir() {
        let entries = path.read_dir_utf8().into_iter().flatten().flatten();
        entries.for_each(|entry| visit(entry.path(), user, closed, writable));
    }
}
