//! Every packet on the loopback: attempts at ports where nobody listens are refused by the kernel at once, and seen here.
//!
//! Source: packet(7); RFC 791, 8200, 9293, 768 for the headers.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering;
use std::thread;

use rustix::net::{AddressFamily, Protocol as SocketProtocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use super::process::{self, Transport};
use super::{MARK_PORT, Protocol, Witness, greeting};

const ETH_P_ALL: u16 = 3;
const DNS_PORT: u16 = 53;

/// Watches until the process ends.
pub(super) fn watch(witness: Witness) -> io::Result<()> {
    let protocol = SocketProtocol::from_raw(u32::from(ETH_P_ALL.to_be()).try_into().map_err(io::Error::other)?);
    let socket = socket_with(AddressFamily::PACKET, SocketType::DGRAM, SocketFlags::CLOEXEC, Some(protocol))?;
    thread::spawn(move || read(&witness, &socket));
    Ok(())
}

fn read(witness: &Witness, socket: &OwnedFd) {
    let mut flows = BTreeSet::new();
    let mut buffer = vec![0; 65536];
    loop {
        let Ok((length, _)) = recv(socket, &mut buffer[..], RecvFlags::empty()) else { continue };
        let Some(attempt) = attempt(&buffer[..length]) else { continue };
        if attempt.kind == Kind::Udp && attempt.is_loopback() && attempt.to_port == MARK_PORT {
            witness.passed.store(attempt.from_port, Ordering::Release);
            continue;
        }
        // Each packet passes twice, and a datagram's answer is the way back of its question.
        if flows.contains(&attempt.back()) || !flows.insert(attempt) {
            continue;
        }
        if attempt.is_loopback() {
            continue;
        }
        let (protocol, transport) = match attempt.kind {
            Kind::Tcp => (Protocol::Tcp, Transport::Tcp),
            Kind::Udp => (Protocol::Udp, Transport::Udp),
            Kind::Echo => {
                witness.connection(attempt.to, None, Protocol::Icmp, None, None);
                continue;
            }
        };
        // Where somebody of ours listens, more is learned there.
        let is_heard =
            attempt.to_port == DNS_PORT || (attempt.kind == Kind::Tcp && greeting::PORTS.contains(&attempt.to_port));
        if is_heard {
            continue;
        }
        let process = process::find(transport, attempt.from_port, attempt.to_port);
        witness.connection(attempt.to, Some(attempt.to_port), protocol, process, None);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Echo,
    Tcp,
    Udp,
}

/// The first packet of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attempt {
    kind: Kind,
    from: IpAddr,
    from_port: u16,
    to: IpAddr,
    to_port: u16,
}

impl Attempt {
    fn back(self) -> Self {
        Self { kind: self.kind, from: self.to, from_port: self.to_port, to: self.from, to_port: self.from_port }
    }

    fn is_loopback(self) -> bool {
        self.to.to_canonical().is_loopback()
    }
}

/// A TCP packet that opens a connection, a datagram, or an echo request.
fn attempt(packet: &[u8]) -> Option<Attempt> {
    let (protocol, from, to, payload) = match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet[0] & 0x0f) * 4;
            let address = |at: usize| {
                let octets: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
                Some(IpAddr::from(Ipv4Addr::from(octets)))
            };
            // A later fragment has no ports.
            let is_later_fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff != 0;
            if is_later_fragment {
                return None;
            }
            (*packet.get(9)?, address(12)?, address(16)?, packet.get(header..)?)
        }
        6 => {
            let address = |at: usize| {
                let octets: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
                Some(IpAddr::from(Ipv6Addr::from(octets)))
            };
            (*packet.get(6)?, address(8)?, address(24)?, packet.get(40..)?)
        }
        _ => return None,
    };
    let port = |at: usize| Some(u16::from_be_bytes([*payload.get(at)?, *payload.get(at + 1)?]));
    let kind = match protocol {
        // SYN without ACK.
        6 => (payload.get(13)? & 0x12 == 0x02).then_some(Kind::Tcp)?,
        17 => Kind::Udp,
        1 => (payload.first() == Some(&8)).then_some(Kind::Echo)?,
        58 => (payload.first() == Some(&128)).then_some(Kind::Echo)?,
        _ => return None,
    };
    let (from_port, to_port) = if kind == Kind::Echo { (0, 0) } else { (port(0)?, port(2)?) };
    Some(Attempt { kind, from, from_port, to, to_port })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, protocol, 0, 0, 198, 18, 0, 1, 10, 1, 2, 3];
        packet.extend(payload);
        packet
    }

    fn v6(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
        packet.extend(Ipv6Addr::LOCALHOST.octets());
        packet.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        packet.extend(payload);
        packet
    }

    fn tcp(flags: u8) -> Vec<u8> {
        let mut header = vec![0xa0, 0x01, 0x0c, 0xea];
        header.extend([0; 8]);
        header.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
        header
    }

    #[test]
    fn sees_what_opens_something() {
        let text = |packet: &[u8]| attempt(packet).map(|seen| format!("{:?} {} {}", seen.kind, seen.to, seen.to_port));
        let udp = [0xa0, 0x01, 0x00, 0x7b, 0, 8, 0, 0];
        for (packet, expected) in [
            (v4(6, &tcp(0x02)), Some("Tcp 10.1.2.3 3306")),
            (v4(6, &tcp(0x12)), None),
            (v4(6, &tcp(0x10)), None),
            (v4(17, &udp), Some("Udp 10.1.2.3 123")),
            (v6(6, &tcp(0xc2)), Some("Tcp 2001:db8::1 3306")),
            (v6(17, &udp), Some("Udp 2001:db8::1 123")),
            (v4(1, &[8, 0]), Some("Echo 10.1.2.3 0")),
            (v4(1, &[3, 3]), None),
            (v6(58, &[128, 0]), Some("Echo 2001:db8::1 0")),
            (v4(6, &[]), None),
            (vec![], None),
            (vec![0x10, 0], None),
        ] {
            assert_eq!(text(&packet).as_deref(), expected, "{packet:?}");
        }
    }

    proptest! {
        #[test]
        fn no_packet_is_too_odd(packet in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = attempt(&packet);
        }
    }
}
