//! Which process holds a socket: by its inode, in `/proc`.
//!
//! Source: proc(5) `/proc/net/tcp`, `/proc/pid/fd`.

use camino::Utf8Path;
use fs_err as fs;

#[derive(Clone, Copy)]
pub(super) enum Transport {
    Tcp,
    Udp,
}

/// The name of the process whose socket sends from one port to another; none where it has closed it already.
pub(super) fn find(transport: Transport, from: u16, to: u16) -> Option<String> {
    let tables = match transport {
        Transport::Tcp => ["/proc/self/net/tcp", "/proc/self/net/tcp6"],
        Transport::Udp => ["/proc/self/net/udp", "/proc/self/net/udp6"],
    };
    let inode = tables.iter().find_map(|table| inode(&fs::read_to_string(table).ok()?, from, to))?;
    holder(inode)
}

/// The socket from one port to another; an unconnected one sends to any.
fn inode(table: &str, from: u16, to: u16) -> Option<u64> {
    let port = |address: &str| u16::from_str_radix(address.rsplit_once(':')?.1, 16).ok();
    table.lines().skip(1).find_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let other = port(words.get(2)?)?;
        let inode = words.get(9)?.parse().ok()?;
        (port(words.get(1)?)? == from && (other == to || other == 0) && inode != 0).then_some(inode)
    })
}

fn holder(inode: u64) -> Option<String> {
    let link = format!("socket:[{inode}]");
    let processes = fs::read_dir("/proc").ok()?;
    for process in processes.flatten() {
        let path = process.path();
        let Some(path) = Utf8Path::from_path(&path) else { continue };
        if !path.file_name().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit())) {
            continue;
        }
        let Ok(files) = fs::read_dir(path.join("fd")) else { continue };
        if files
            .flatten()
            .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == link.as_str()))
        {
            return name(path);
        }
    }
    None
}

fn name(process: &Utf8Path) -> Option<String> {
    let executable = fs::read_link(process.join("exe")).ok()?;
    let executable = executable.file_name()?.to_str()?;
    let executable = executable.strip_suffix(" (deleted)").unwrap_or(executable);
    let called = fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    let called = called.split('\0').next().unwrap_or_default();
    Some(display_name(executable, called))
}

/// A provider's name without its version; an applet's own name, where one executable has many.
fn display_name(executable: &str, called: &str) -> String {
    if matches!(executable, "busybox" | "coreutils" | "toybox") {
        let applet = called.rsplit('/').next().unwrap_or_default().trim_start_matches('-');
        return if applet.is_empty() { executable } else { applet }.to_owned();
    }
    let is_provider = executable.starts_with("terraform-provider-");
    match executable.split_once("_v") {
        Some((provider, _)) if is_provider => provider.to_owned(),
        _ => executable.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_the_name_that_people_know() {
        for (executable, called, expected) in [
            ("terraform-provider-aws_v5.1.0_x5", "/x/terraform-provider-aws_v5.1.0_x5", "terraform-provider-aws"),
            ("tofu", "tofu", "tofu"),
            ("my_vault", "my_vault", "my_vault"),
            ("busybox", "wget", "wget"),
            ("busybox", "-sh", "sh"),
            ("busybox", "", "busybox"),
        ] {
            assert_eq!(display_name(executable, called), expected);
        }
    }

    #[test]
    fn a_socket_is_found_by_both_of_its_ports() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
                     0: 010012C6:A1B2 100012C6:01BB 01 00000000:00000000 00:00000000 00000000  1983 0 4711 1 0 20 4\n   \
                     1: 00000000:A1B3 00000000:0000 07 00000000:00000000 00:00000000 00000000  1983 0 4712 2 0 0\n   \
                     2: 010012C6:A1B4 100012C6:01BB 06 00000000:00000000 00:00000000 00000000  0 0 0 3 0\n";
        assert_eq!(inode(table, 0xa1b2, 443), Some(4711));
        assert_eq!(inode(table, 0xa1b2, 80), None);
        assert_eq!(inode(table, 0xa1b3, 53), Some(4712));
        assert_eq!(inode(table, 0xa1b4, 443), None, "closed, and nobody's");
    }

    #[test]
    fn the_holder_of_our_own_socket_is_this_test() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        client.connect(server.local_addr().unwrap()).unwrap();
        let ports = (client.local_addr().unwrap().port(), server.local_addr().unwrap().port());
        let own = std::env::current_exe().unwrap();
        let found = find(Transport::Udp, ports.0, ports.1);
        assert_eq!(found.as_deref(), own.file_name().and_then(|name| name.to_str()));
    }
}
