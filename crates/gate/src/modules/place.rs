//! Puts modules of a store where the engine would have installed them.
//!
//! Each copy is made beside its place, compared with the store's manifest, and renamed. `modules.json` comes last: until
//! then the engine sees no change. No link below the root module is followed.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use airtight_engine::configuration::{ModuleCopy, Placement};
use airtight_engine::modules_manifest;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::directory::{Directory, Durability};
use airtight_provider::modules::tree::{Contents, Entry, EntryKind};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest as _, Sha256};

use crate::check::Cleared;
use crate::context::Context;

const READ_BYTES: usize = 64 * 1024;

/// A tree that is deeper was made by nobody.
const MAXIMUM_DEPTH: usize = 100;

/// Why a module is not in its place.
#[derive(Debug, thiserror::Error)]
enum NotPlaced {
    #[error("{0}")]
    Disk(#[from] io::Error),
    #[error("`{0}` holds a name that is not UTF-8")]
    Name(Utf8PathBuf),
    #[error("`{0}` is neither a file, a directory nor a link")]
    Special(Utf8PathBuf),
    #[error("`{0}` has directories that are nested more than {MAXIMUM_DEPTH} deep")]
    Deep(Utf8PathBuf),
    #[error("`{tree}` is not what the manifest of its store says: {difference}")]
    Differs { tree: Utf8PathBuf, difference: String },
}

/// Makes the copies and writes the records. Nothing is done if no called module comes from a store.
///
/// # Errors
/// A finding that refuses: without the modules the engine would go to the network.
pub(crate) fn place(
    context: &Context<'_>,
    root_module: &Utf8Path,
    placement: &Placement,
    _cleared: &Cleared,
) -> Result<(), Box<Finding>> {
    if placement.copies.is_empty() {
        return Ok(());
    }
    let data_dir = context.data_dir_of(root_module);
    write(context, root_module, &data_dir, placement).map_err(|error| {
        let bytes: u64 = placement.copies.iter().map(|copy| copy.contents.bytes).sum();
        let (owner, help) = match &error {
            NotPlaced::Disk(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                let megabytes = bytes.div_ceil(1_000_000);
                (Owner::Administrator, format!("Make room on the disk of `{data_dir}`: the modules need {megabytes} MB there."))
            }
            NotPlaced::Disk(_) => (
                Owner::Repository,
                format!("`{data_dir}` must be a directory that the run's user can write, with neither links nor files of the repository in it."),
            ),
            _ => {
                let help = "Look at the store in the image with `airtight modules verify`, and build it again.";
                (Owner::Image, help.to_owned())
            }
        };
        Box::new(
            Finding::new(
                Code::ModuleNotPlaced,
                Severity::Error,
                owner,
                format!("a module of the store cannot be copied to where the engine looks for it: {error}"),
            )
            .help(help)
            .at(Place::file(data_dir.join("modules")), ""),
        )
    })
}

fn write(
    context: &Context<'_>,
    root_module: &Utf8Path,
    data_dir: &Utf8Path,
    placement: &Placement,
) -> Result<(), NotPlaced> {
    let modules = open(root_module, data_dir)?;
    for copy in &placement.copies {
        let bytes = put(&modules, copy)?;
        (context.progress)(bytes);
    }
    let text = modules_manifest::text(&placement.records);
    modules.replace(Utf8Path::new(modules_manifest::FILE_NAME), text.as_bytes(), 0o644, Durability::Unsynced)?;
    tracing::debug!(copies = placement.copies.len(), records = placement.records.len(), "modules placed");
    Ok(())
}

/// `modules` of the data directory. Links that only the environment names may lead to it; links in the root module may not.
fn open(root_module: &Utf8Path, data_dir: &Utf8Path) -> io::Result<Directory> {
    match data_dir.strip_prefix(root_module) {
        Ok(below) if below.components().all(|part| matches!(part, camino::Utf8Component::Normal(_))) => {
            let root = if root_module.as_str().is_empty() { Utf8Path::new(".") } else { root_module };
            Directory::open(root)?.make(&below.join("modules"))
        }
        _ => Directory::open_or_make(data_dir)?.make(Utf8Path::new("modules")),
    }
}

/// Makes one copy; its size in bytes.
fn put(modules: &Directory, copy: &ModuleCopy) -> Result<u64, NotPlaced> {
    let place = Utf8Path::new(&copy.key);
    let beside = Utf8PathBuf::from(format!(".airtight-{}", std::process::id()));
    modules.remove(&beside)?;
    let result = fill(modules, copy, &beside).and_then(|bytes| {
        modules.remove(place)?;
        modules.rename(&beside, place)?;
        Ok(bytes)
    });
    if result.is_err() {
        // The error is what matters.
        let _ = modules.remove(&beside);
    }
    result
}

fn fill(modules: &Directory, copy: &ModuleCopy, beside: &Utf8Path) -> Result<u64, NotPlaced> {
    let target = modules.make(beside)?;
    let mut entries = Vec::new();
    copy_directory(&copy.tree, Utf8Path::new(""), 0, &target, &mut entries)?;
    entries.sort();
    let contents = Contents::of(&entries);
    match contents.difference_from(&copy.contents) {
        None => Ok(contents.bytes),
        Some(difference) => Err(NotPlaced::Differs { tree: copy.tree.clone(), difference: difference.to_string() }),
    }
}

fn copy_directory(
    tree: &Utf8Path,
    below: &Utf8Path,
    depth: usize,
    target: &Directory,
    entries: &mut Vec<Entry>,
) -> Result<(), NotPlaced> {
    if depth > MAXIMUM_DEPTH {
        return Err(NotPlaced::Deep(tree.to_owned()));
    }
    let here = if below.as_str().is_empty() { tree.to_owned() } else { tree.join(below) };
    for entry in fs::read_dir(&here)? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|_| NotPlaced::Name(here.clone()))?;
        let (path, from) = (below.join(&name), here.join(&name));
        let metadata = entry.metadata()?;
        let what = if metadata.is_dir() {
            target.make(&path)?;
            copy_directory(tree, &path, depth + 1, target, entries)?;
            continue;
        } else if metadata.is_symlink() {
            let link = fs::read_link(&from)?.into_os_string().into_string();
            let link = link.map_err(|_| NotPlaced::Name(here.clone()))?;
            target.link(&path, Utf8Path::new(&link))?;
            EntryKind::Link { target: link }
        } else if metadata.is_file() {
            let is_executable = metadata.permissions().mode() & 0o100 != 0;
            let file = target.create(&path, if is_executable { 0o755 } else { 0o644 })?;
            let (sha256, bytes) = copy_file(&from, file)?;
            EntryKind::File { sha256, bytes, is_executable }
        } else {
            return Err(NotPlaced::Special(from));
        };
        entries.push(Entry { path: path.into_string(), what });
    }
    Ok(())
}

/// What is hashed is what is written.
fn copy_file(from: &Utf8Path, mut to: std::fs::File) -> io::Result<([u8; 32], u64)> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let flags = i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits()).unwrap_or_default();
    let mut file = fs::OpenOptions::new().read(true).custom_flags(flags).open(from)?;
    let (mut hasher, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; READ_BYTES]);
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok((hasher.finalize().into(), bytes));
        }
        hasher.update(&buffer[..count]);
        to.write_all(&buffer[..count])?;
        bytes += count as u64;
    }
}
