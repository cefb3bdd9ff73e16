//! What a fresh container has of its own: `/mnt`, `/tmp`, `/run`, `/dev/shm`, its user's home, `/proc`. Everything else
//! is read-only.
//!
//! A part that is covered is replaced by an empty one. What must stay visible in it (the mirror, the engine) is carried
//! over as a mount of its own, read-only too.
//!
//! Source: `mount_namespaces(7)`, `open_tree(2)`, Linux `Documentation/filesystems/overlayfs.rst`.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::{CWD, Gid, Mode, OFlags, Uid, chown, open};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_bind, mount_change, move_mount,
    open_tree,
};

use super::leg::Leg;
use super::namespaces::RUN_USER;
use super::read_only;
use super::witness::NAME_SERVER;
use super::workspace::WORKSPACE_ROOT;

/// Gone with every container. Sockets of this machine's own services lie in `/run`: through them a name could be looked
/// up outside.
const FRESH: [&str; 6] = ["/mnt", "/tmp", "/var/tmp", "/run", "/var/run", "/dev/shm"];

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Makes this process's mounts those of a fresh container. Returns what could not be done, in words.
///
/// # Errors
/// Fails where what everything else needs cannot be mounted.
pub(crate) fn prepare(leg: &Leg) -> io::Result<Vec<String>> {
    let mut notes = Vec::new();
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private)?;
    let fresh: Vec<&Utf8Path> =
        (FRESH.iter().map(Utf8Path::new)).filter(|path| path.is_dir() && !path.is_symlink()).collect();
    let is_covered = |path: &Utf8Path| fresh.iter().any(|fresh| path.starts_with(fresh));

    // Everything that will be needed is opened before it is covered.
    let workspace = tree(&leg.workspace)?;
    let mut carried = Vec::new();
    for path in kept(leg, &fresh) {
        if is_covered(&path) && path.exists() {
            carried.push((path.clone(), path.is_dir(), tree(&path)?));
        }
    }
    let home_is_there = leg.home.is_dir();
    let home = if home_is_there { Some(open(leg.home.as_std_path(), OFlags::PATH, Mode::empty())?) } else { None };
    let resolv_conf = Utf8Path::new(RESOLV_CONF).canonicalize_utf8().ok();

    let home_entries = if home_is_there { entries(&leg.home)? } else { Vec::new() };
    let proc_flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let has_own_proc = match mount("proc", "/proc", "proc", proc_flags, None) {
        Ok(()) => true,
        Err(error) => {
            notes.push(format!("the phases see this machine's /proc, because a new one cannot be mounted ({error})"));
            false
        }
    };
    read_only::remount(|point| !(has_own_proc && point == "/proc"))?;
    // Twice on /tmp: the lower one, hidden, holds what the home's overlay writes.
    temporary(Utf8Path::new("/tmp"), "mode=0700")?;
    let layers = home.is_some().then(|| layers(Utf8Path::new("/tmp"))).transpose()?;
    for path in &fresh {
        let is_everybodys = path.as_str().ends_with("tmp") || *path == "/dev/shm";
        temporary(path, if is_everybodys { "mode=1777" } else { "mode=0755" })?;
    }
    for (path, is_directory, tree) in &carried {
        place(path, *is_directory)?;
        attach(tree, path)?;
    }
    read_only::remount(|point| carried.iter().any(|(path, ..)| point.starts_with(path)))?;
    name_server(resolv_conf.as_deref(), &mut notes)?;

    if let (Some(home), Some(layers)) = (home, layers) {
        fs::create_dir_all(&leg.home)?;
        if let Err(error) = overlay(&home, &layers, &leg.home) {
            notes.push(format!("below the home directory `{}` the directories are read-only: {error}", leg.home));
            bare_home(&leg.home, home_entries)?;
        }
    } else {
        fs::create_dir_all(&leg.home)?;
        own(&leg.home)?;
    }
    fs::create_dir_all(&leg.workspace_root)?;
    attach(&workspace, &leg.workspace_root)?;
    Ok(notes)
}

/// What must stay where it is, without entries that are inside another one.
fn kept(leg: &Leg, fresh: &[&Utf8Path]) -> Vec<Utf8PathBuf> {
    let mut kept: Vec<_> = leg.keep.clone();
    // What is mounted into /mnt, such as the disks of Windows, is no container's waste.
    if fresh.iter().any(|path| path.as_str() == "/mnt") {
        let entries = Utf8Path::new("/mnt").read_dir_utf8().into_iter().flatten().flatten();
        kept.extend(entries.map(camino::Utf8DirEntry::into_path).filter(|path| path.as_str() != WORKSPACE_ROOT));
    }
    kept.retain(|path| path.is_absolute() && !fresh.contains(&path.as_path()));
    kept.sort();
    kept.dedup();
    let outer = kept.clone();
    kept.retain(|path| !outer.iter().any(|other| path != other && path.starts_with(other)));
    kept
}

fn tree(path: &Utf8Path) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    open_tree(CWD, path.as_std_path(), flags).map_err(|error| named(&error.into(), path))
}

fn attach(tree: &OwnedFd, path: &Utf8Path) -> io::Result<()> {
    move_mount(tree, "", CWD, path.as_std_path(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|error| named(&error.into(), path))
}

fn temporary(path: &Utf8Path, options: &str) -> io::Result<()> {
    let options = std::ffi::CString::new(options).map_err(io::Error::other)?;
    mount("tmpfs", path.as_std_path(), "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, options.as_c_str())
        .map_err(|error| named(&error.into(), path))
}

/// Something to mount upon.
fn place(path: &Utf8Path, is_directory: bool) -> io::Result<()> {
    if is_directory {
        return fs::create_dir_all(path);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, "")
}

/// The two directories that an overlay writes to.
fn layers(scratch: &Utf8Path) -> io::Result<[OwnedFd; 2]> {
    let layer = |name: &str| -> io::Result<OwnedFd> {
        let path = scratch.join(name);
        fs::create_dir(&path)?;
        own(&path)?;
        Ok(open(path.as_std_path(), OFlags::PATH, Mode::empty())?)
    };
    Ok([layer("upper")?, layer("work")?])
}

/// The image's home under a layer that takes what is written.
fn overlay(home: &OwnedFd, [upper, work]: &[OwnedFd; 2], target: &Utf8Path) -> io::Result<()> {
    let path = |descriptor: &OwnedFd| format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    let options = format!("lowerdir={},upperdir={},workdir={}", path(home), path(upper), path(work));
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    let try_with = |options: String| -> io::Result<()> {
        let options = std::ffi::CString::new(options).map_err(io::Error::other)?;
        Ok(mount("overlay", target.as_std_path(), "overlay", flags, options.as_c_str())?)
    };
    // Deleting needs an attribute that only newer kernels let a user's own file system have.
    try_with(format!("{options},userxattr")).or_else(|_| try_with(options))
}

/// Something in the home directory.
enum HomeEntry {
    Link { name: String, target: Utf8PathBuf },
    Mount { name: String, is_directory: bool, tree: OwnedFd },
}

/// The contents of the home directory, without the files that the worker writes itself.
fn entries(home: &Utf8Path) -> io::Result<Vec<HomeEntry>> {
    let mut entries = Vec::new();
    // Unreadable to us, unreadable to the phases.
    for entry in home.read_dir_utf8().into_iter().flatten() {
        let (entry, name) = entry.map(|entry| (entry.path().to_owned(), entry.file_name().to_owned()))?;
        if name == ".terraformrc" {
            continue;
        }
        if entry.is_symlink() {
            entries
                .push(HomeEntry::Link { name, target: fs::read_link(&entry)?.try_into().map_err(io::Error::other)? });
        } else if let Ok(tree) = tree(&entry) {
            entries.push(HomeEntry::Mount { name, is_directory: entry.is_dir(), tree });
        }
    }
    Ok(entries)
}

/// Without an overlay: an empty home directory of the run's user, in which each entry of the image's is mounted read-only.
fn bare_home(home: &Utf8Path, entries: Vec<HomeEntry>) -> io::Result<()> {
    temporary(home, "mode=0755")?;
    own(home)?;
    let mut mounted = Vec::new();
    for entry in entries {
        match entry {
            HomeEntry::Link { name, target } => fs::os::unix::fs::symlink(target, home.join(name))?,
            HomeEntry::Mount { name, is_directory, tree } => {
                let path = home.join(name);
                place(&path, is_directory)?;
                attach(&tree, &path)?;
                mounted.push(path);
            }
        }
    }
    read_only::remount(|point| mounted.iter().any(|path| point.starts_with(path)))
}

/// The witness is asked for each name as it is: no search list changes it.
fn name_server(resolv_conf: Option<&Utf8Path>, notes: &mut Vec<String>) -> io::Result<()> {
    let Some(path) = resolv_conf else { return Ok(()) };
    let text = format!("nameserver {NAME_SERVER}\noptions ndots:1\n");
    if path.starts_with("/run") {
        place(path, false)?;
        return fs::write(path, text);
    }
    let own = Utf8Path::new("/run/airtight-resolv.conf");
    let written = fs::write(own, text).and_then(|()| Ok(mount_bind(own.as_std_path(), path.as_std_path())?));
    // The mount keeps what it was made of.
    let _ = fs::remove_file(own);
    if let Err(error) = written {
        notes.push(format!("names are looked up with this machine's {RESOLV_CONF}: {error}"));
    }
    Ok(())
}

/// Makes a path the run's user's.
pub(crate) fn own(path: &Utf8Path) -> io::Result<()> {
    let (user, group) = (Uid::from_raw(RUN_USER), Gid::from_raw(RUN_USER));
    chown(path.as_std_path(), Some(user), Some(group)).map_err(|error| named(&error.into(), path))
}

fn named(error: &io::Error, path: &Utf8Path) -> io::Error {
    io::Error::new(error.kind(), format!("`{path}`: {error}"))
}
