//! New namespaces: users, mounts, network, processes, and the words of the two processes that enter them.
//!
//! Three processes: `airtight rehearse` itself; its child, which leaves for new namespaces and has one thread, as the
//! kernel demands; and that one's child, the first process of the new process namespace, whose end ends everything in it.
//!
//! Source: `user_namespaces(7)`, `pid_namespaces(7)`, `capabilities(7)`.

use std::io;

use fs_err as fs;
use rustix::process::{Pid, Signal, getegid, geteuid, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, UnshareFlags};

/// Spacelift's user.
///
/// Source: Spacelift `integrations/docker.md`.
pub const RUN_USER: u32 = 1983;

/// Leaves for new namespaces. To be called in a process with one thread.
///
/// # Errors
/// Fails where the kernel or a seccomp filter does not permit it.
pub fn leave() -> io::Result<()> {
    let all = UnshareFlags::NEWUSER
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWNET
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWIPC
        | UnshareFlags::NEWUTS;
    #[expect(
        deprecated,
        reason = "unsound only with threads that share file descriptors; this process has one thread"
    )]
    rustix::thread::unshare(all)?;
    Ok(())
}

/// Maps our own user and group, which need no privilege, to Spacelift's.
pub(crate) fn map_own_user(user: u32, group: u32) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{RUN_USER} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{RUN_USER} {group} 1"))
}

/// Maps every user and group of ours to itself in the namespace of a child. Only root may.
pub(crate) fn map_every_user(child: u32) -> io::Result<()> {
    for (name, kind) in [("uid_map", "uid_map"), ("gid_map", "gid_map")] {
        let own = fs::read_to_string(format!("/proc/self/{kind}"))?;
        let mapped: String = (own.lines())
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                let (first, _, count) = (words.next()?, words.next()?, words.next()?);
                Some(format!("{first} {first} {count}\n"))
            })
            .collect();
        fs::write(format!("/proc/{child}/{name}"), mapped)?;
    }
    Ok(())
}

/// Whether this process may become Spacelift's user: it is root, and knows that user.
pub fn is_root() -> bool {
    let maps = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).is_ok_and(|map| has_run_user(&map));
    geteuid().is_root() && maps("uid_map") && maps("gid_map")
}

fn has_run_user(map: &str) -> bool {
    map.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if (first..first + count).contains(&RUN_USER.into()))
    })
}

/// The effective user and group.
pub(crate) fn own_user() -> (u32, u32) {
    (geteuid().as_raw(), getegid().as_raw())
}

/// Hands this process's capabilities on to the program that its child will be.
pub(crate) fn pass_capabilities_on() -> io::Result<()> {
    let mut sets = rustix::thread::capabilities(None)?;
    sets.inheritable = sets.permitted;
    rustix::thread::set_capabilities(None, sets)?;
    for capability in sets.permitted.iter() {
        rustix::thread::configure_capability_in_ambient_set(capability, true)?;
    }
    Ok(())
}

/// What this process starts has no capability, and cannot gain one by a set-user-ID program: it could make mounts
/// writable again.
pub(crate) fn keep_capabilities() -> io::Result<()> {
    rustix::thread::clear_ambient_capability_set()?;
    for number in 0..u64::BITS {
        match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // The kernel knows no more.
            Err(rustix::io::Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    let mut sets = rustix::thread::capabilities(None)?;
    sets.inheritable = CapabilitySet::empty();
    rustix::thread::set_capabilities(None, sets)?;
    Ok(())
}

/// The kernel kills this process when its parent ends, however it ends.
pub(crate) fn end_with_parent() -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(())
}

/// The processes whose parent this one is.
///
/// Source: `proc(5)` `/proc/pid/stat`.
pub fn children() -> Vec<Pid> {
    let own = rustix::process::getpid();
    let stats = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        Some((Pid::from_raw(pid)?, fs::read_to_string(entry.path().join("stat")).ok()?))
    });
    let of_own = stats.filter(|(_, stat)| parent_of(stat) == Some(own.as_raw_pid()));
    of_own.map(|(pid, _)| pid).collect()
}

/// The name in the middle may hold anything.
fn parent_of(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Why a process without namespaces still cannot reach anything: it has no route but those of the loopback.
///
/// # Errors
/// Names the route that leads out.
///
/// Source: proc(5) `/proc/net/route`, `/proc/net/ipv6_route`.
pub(crate) fn no_way_out() -> Result<(), String> {
    let unreadable = |error: io::Error| format!("the routes cannot be read: {error}");
    let routes = fs::read_to_string("/proc/self/net/route").map_err(unreadable)?;
    let routes6 = fs::read_to_string("/proc/self/net/ipv6_route").unwrap_or_default();
    match way_out(&routes, &routes6) {
        None => Ok(()),
        Some(interface) => Err(format!("a route leads out by the interface `{interface}`")),
    }
}

fn way_out(routes: &str, routes6: &str) -> Option<String> {
    let first = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let last = |line: &str| line.split_whitespace().last().map(str::to_owned);
    let mut interfaces = routes.lines().skip(1).filter_map(first).chain(routes6.lines().filter_map(last));
    interfaces.find(|interface| interface != "lo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_of_one_user_has_no_other() {
        assert!(has_run_user("         0          0 4294967295\n"));
        assert!(has_run_user("0 1000 1\n1 100000 65536\n"));
        assert!(!has_run_user("0 1000 1\n"));
        assert!(!has_run_user(""));
    }

    #[test]
    fn a_process_is_known_by_its_parent() {
        assert_eq!(parent_of("7 (a) b) S 42 7 7 0"), Some(42));
        assert_eq!(parent_of("7"), None);
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let is_seen = children().iter().any(|pid| pid.as_raw_pid().unsigned_abs() == child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(is_seen);
    }

    #[test]
    fn a_route_that_leads_out_is_named() {
        let header = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
        let local = "00000000000000000000000000000001 80 00000000000000000000000000000000 00 \
                     00000000000000000000000000000000 00000000 00000002 00000000 80200001       lo\n";
        assert_eq!(way_out(header, local), None);
        assert_eq!(way_out("", ""), None);
        let routes = format!("{header}eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
        assert_eq!(way_out(&routes, local).as_deref(), Some("eth0"));
        assert_eq!(way_out(header, &local.replace("lo", "eth1")).as_deref(), Some("eth1"));
    }
}
