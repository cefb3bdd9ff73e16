//! Every mount of this namespace read-only, except those that belong to the rehearsal.
//!
//! A bind remount changes one mount, so each is remounted by its path. In a user namespace the flags that came with a
//! mount are locked: they are repeated, or the kernel refuses.
//!
//! Source: `mount(2)`, `mount_namespaces(7)`, `proc_pid_mountinfo(5)`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount_remount};

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    id: u64,
    point: Utf8PathBuf,
    flags: MountFlags,
}

/// Makes each mount read-only that `is_meant` selects by its mount point.
///
/// A mount that no path leads to (another one covers it, or a directory above is closed to this user) is left as it is:
/// the phases cannot reach it either.
///
/// # Errors
/// Fails at a mount that can be reached and stays writable.
pub(super) fn remount(is_meant: impl Fn(&Utf8Path) -> bool) -> io::Result<()> {
    let table = fs::read("/proc/self/mountinfo")?;
    let mounts = String::from_utf8_lossy(&table);
    for mount in mounts.lines().filter_map(parse).filter(|mount| is_meant(&mount.point)) {
        let reach = if mount.flags.contains(MountFlags::RDONLY) { Reach::None } else { reach(&mount)? };
        if reach == Reach::None {
            continue;
        }
        let flags = MountFlags::BIND | MountFlags::RDONLY | mount.flags;
        let remounted = mount_remount(mount.point.as_std_path(), flags, c"");
        if let (Reach::Own, Err(error)) = (reach, remounted) {
            let error = io::Error::from(error);
            let text = format!("`{}` cannot be made read-only: {error}", mount.point);
            return Err(io::Error::new(error.kind(), text));
        }
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// The mount point leads to this mount.
    Own,
    /// To another one, or nowhere.
    None,
    /// To what does not answer, such as a network file system without its server.
    Dead,
}

fn reach(mount: &Mount) -> io::Result<Reach> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    match statx(CWD, mount.point.as_std_path(), flags, StatxFlags::MNT_ID) {
        // Before Linux 5.8 the answer has no such number.
        Ok(found) if found.stx_mask & StatxFlags::MNT_ID.bits() == 0 || found.stx_mnt_id == mount.id => Ok(Reach::Own),
        Ok(_) | Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS | Errno::PERM | Errno::LOOP) => Ok(Reach::None),
        Err(Errno::NOTCONN | Errno::STALE | Errno::IO | Errno::HOSTDOWN) => Ok(Reach::Dead),
        Err(error) => Err(io::Error::from(error)),
    }
}

/// One line: `36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw`.
fn parse(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let id = fields.next()?.parse().ok()?;
    let point = fields.nth(3)?;
    let mut flags = MountFlags::empty();
    for option in fields.next()?.split(',') {
        flags |= match option {
            "ro" => MountFlags::RDONLY,
            "nosuid" => MountFlags::NOSUID,
            "nodev" => MountFlags::NODEV,
            "noexec" => MountFlags::NOEXEC,
            "noatime" => MountFlags::NOATIME,
            "nodiratime" => MountFlags::NODIRATIME,
            "relatime" => MountFlags::RELATIME,
            "nosymfollow" => MountFlags::NOSYMFOLLOW,
            _ => MountFlags::empty(),
        };
    }
    if !flags.intersects(MountFlags::NOATIME | MountFlags::RELATIME) {
        flags |= MountFlags::STRICTATIME;
    }
    Some(Mount { id, point: unescaped(point), flags })
}

/// Blanks and backslashes in a path are octal numbers there.
fn unescaped(text: &str) -> Utf8PathBuf {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let number = after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match number {
            Some(byte) if byte.is_ascii() => {
                plain.push(char::from(byte));
                rest = &after[3..];
            }
            _ => {
                plain.push('\\');
                rest = after;
            }
        }
    }
    Utf8PathBuf::from(plain + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_mount_table_is_read() {
        let line = r"36 35 98:0 /mnt1 /a\040b/\134c rw,nosuid,nodev,noexec,relatime shared:1 - ext4 /dev/x rw,errors=remount-ro";
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC | MountFlags::RELATIME;
        assert_eq!(parse(line), Some(Mount { id: 36, point: r"/a b/\c".into(), flags }));
        let flags = |line| parse(line).unwrap().flags;
        assert_eq!(flags("1 0 0:1 / / ro - tmpfs none rw"), MountFlags::RDONLY | MountFlags::STRICTATIME);
        assert_eq!(flags("1 0 0:1 / / rw,noatime - tmpfs none rw"), MountFlags::NOATIME);
        assert_eq!(parse(""), None);
        assert_eq!(unescaped(r"a\9"), r"a\9");
    }
}
