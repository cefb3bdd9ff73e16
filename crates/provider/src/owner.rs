//! Whether a file belongs to root, or to somebody whom this user namespace does not have.
//!
//! In a rootless container, files of owners without a number there (such as bind mounts of the real root's files) show
//! the overflow user. No process of the namespace can be that owner, so it is as good as root's: the run's user can
//! neither change such a file nor its permissions.
//!
//! Source: `user_namespaces(7)`, "Unmapped user and group IDs".

use std::sync::LazyLock;

use fs_err as fs;

/// The kernel's default.
const OVERFLOW_USER: u32 = 65_534;

/// The whole range, mapped to itself: the first namespace, which has every owner.
const EVERYBODY: [u64; 3] = [0, 0, 4_294_967_295];

/// Whether nobody but root, of this namespace or outside it, owns a file with this user id.
pub fn is_root_or_outside(user: u32) -> bool {
    static OUTSIDE: LazyLock<Option<u32>> = LazyLock::new(|| {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let overflow = fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
        let overflow = overflow.and_then(|text| text.trim().parse().ok()).unwrap_or(OVERFLOW_USER);
        outside(&map, overflow, rustix::process::geteuid().as_raw())
    });
    user == 0 || *OUTSIDE == Some(user)
}

/// The user id that represents owners outside the namespace. None if there are none, or if it is our own.
fn outside(map: &str, overflow: u32, own: u32) -> Option<u32> {
    let numbers = |line: &str| line.split_whitespace().map(str::parse).collect::<Result<Vec<u64>, _>>();
    let lines: Vec<Vec<u64>> = map.lines().map(numbers).collect::<Result<_, _>>().ok()?;
    let is_first = lines.iter().any(|line| line[..] == EVERYBODY);
    (!lines.is_empty() && !is_first && own != overflow).then_some(overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_namespace_of_some_users_has_owners_outside() {
        for (map, own, expected) in [
            ("         0          0 4294967295\n", 1983, None),
            ("0 1000 1\n1 100000 65536\n", 1983, Some(65_534)),
            ("1983 1000 1\n", 1983, Some(65_534)),
            ("0 1000 1\n1 100000 65536\n", 65_534, None),
            ("", 1983, None),
            ("odd", 1983, None),
        ] {
            assert_eq!(outside(map, 65_534, own), expected, "{map}");
        }
    }
}
