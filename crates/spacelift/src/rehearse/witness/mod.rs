//! The witness: what a network namespace without a network was asked for, by whom.
//!
//! Every address leads to this machine ([`super::netlink`]), so a name server here hears each question ([`dns`]), gives
//! each name an address of its own, and a later connection leads back to the name; well-known ports read the name from
//! the greeting ([`greeting`]); a packet socket sees every other attempt ([`packet`]). The process is looked up while its
//! client waits for an answer ([`process`]), and unknown where it does not wait.

mod dns;
mod greeting;
mod packet;
mod process;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io, thread};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt};
use serde::{Deserialize, Serialize};

/// Where HashiCorp's engine looks for a newer version of itself. It does not wait for an answer.
///
/// Source: Terraform `checkpoint.go`.
pub const CHECKPOINT: &str = "checkpoint-api.hashicorp.com";

/// How a host was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Its name was looked up, and nothing was sent there.
    Dns,
    Icmp,
    Tcp,
    Udp,
}

impl Protocol {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A host that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asked {
    /// A name in lower case, or an address.
    pub host: String,
    pub port: Option<u16>,
    pub protocol: Protocol,
    /// The executable's name, without a provider's version.
    pub process: Option<String>,
}

impl fmt::Display for Asked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            Some(port) if self.host.contains(':') => write!(formatter, "[{}]:{port}", self.host),
            Some(port) => write!(formatter, "{}:{port}", self.host),
            None => formatter.write_str(&self.host),
        }
    }
}

/// What was asked for since [`Witness::begin`].
#[derive(Clone, Default)]
pub struct Witness {
    seen: Arc<Mutex<Seen>>,
    is_started: Arc<AtomicBool>,
    /// The port that the last of our own datagrams came from which was seen.
    passed: Arc<AtomicU16>,
    /// Greetings that are being read.
    greetings: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Seen {
    /// Each name's number, which makes its addresses, and who asked for it last.
    names: BTreeMap<String, (u16, Option<String>)>,
    by_number: Vec<String>,
    /// Looked up since the beginning, and not connected to.
    pending: BTreeMap<String, Option<String>>,
    asked: BTreeMap<(String, Option<u16>, Protocol), Option<String>>,
}

/// Of the benchmarking range 198.18.0.0/15, which leads nowhere (RFC 2544).
const FIRST_V4: u32 = 0xc612_0000;
/// Of the benchmarking range `2001:2::/48` (RFC 5180).
const FIRST_V6: u128 = 0x2001_0002_0000_0000_0000_0000_0000_0000;

/// Of the loopback: where our own datagrams go, the discard service (RFC 863).
const MARK_PORT: u16 = 9;

const LONGEST_SETTLING: Duration = Duration::from_secs(2);

/// The witness's own name server.
pub const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// Names get numbers from here on; the name server's address is among those below.
const FIRST_NUMBER: u16 = 16;

impl Witness {
    /// Starts listening in this process's network namespace.
    ///
    /// # Errors
    /// Fails where a port is taken, or no packet socket can be made.
    pub fn start(&self) -> io::Result<()> {
        self.is_started.store(true, Ordering::Relaxed);
        packet::watch(self.clone())?;
        dns::serve(self)?;
        greeting::serve(self)
    }

    /// Forgets what was asked for.
    pub fn begin(&self) {
        let mut seen = self.lock();
        seen.pending.clear();
        seen.asked.clear();
    }

    /// What was asked for up to now, sorted.
    pub fn asked(&self) -> Vec<Asked> {
        let seen = self.lock();
        let connections = seen.asked.iter().map(|((host, port, protocol), process)| Asked {
            host: host.clone(),
            port: *port,
            protocol: *protocol,
            process: process.clone(),
        });
        let names = seen.pending.iter().map(|(name, process)| Asked {
            host: name.clone(),
            port: None,
            protocol: Protocol::Dns,
            process: process.clone(),
        });
        let mut asked: Vec<_> = connections.chain(names).collect();
        asked.sort();
        asked
    }

    /// Waits until everything that was sent up to now has been looked at: packets are seen in their order, so one of
    /// our own is the last.
    pub(crate) fn settle(&self) {
        if !self.is_started.load(Ordering::Relaxed) {
            return;
        }
        let Ok(socket) = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)) else { return };
        let Ok(own) = socket.local_addr() else { return };
        let _ = socket.send_to(&[], (Ipv4Addr::LOCALHOST, MARK_PORT));
        let started = Instant::now();
        let is_settled =
            || self.passed.load(Ordering::Acquire) == own.port() && self.greetings.load(Ordering::Acquire) == 0;
        while !is_settled() && started.elapsed() < LONGEST_SETTLING {
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether anything was asked for that a phase may wait for.
    pub(crate) fn has_seen(&self) -> bool {
        let seen = self.lock();
        let mut names = seen.pending.keys().chain(seen.asked.keys().map(|(name, ..)| name));
        names.any(|name| name != CHECKPOINT)
    }

    /// The addresses of a name.
    fn name(&self, name: &str, process: Option<String>) -> (Ipv4Addr, Ipv6Addr) {
        let mut seen = self.lock();
        let name = name.to_ascii_lowercase();
        let number = if let Some((number, known)) = seen.names.get_mut(&name) {
            if process.is_some() {
                known.clone_from(&process);
            }
            *number
        } else {
            // 65,000 names are more than a run asks for; the last address is then shared by several.
            let number = u16::try_from(seen.by_number.len()).unwrap_or(u16::MAX).saturating_add(FIRST_NUMBER);
            seen.by_number.push(name.clone());
            seen.names.insert(name.clone(), (number, process.clone()));
            number
        };
        let is_connected = seen.asked.keys().any(|(host, ..)| *host == name);
        if !is_connected {
            let pending = seen.pending.entry(name).or_default();
            if process.is_some() {
                *pending = process;
            }
        }
        (Ipv4Addr::from(FIRST_V4 + u32::from(number)), Ipv6Addr::from(FIRST_V6 + u128::from(number)))
    }

    /// Something was sent to an address, whose name a greeting may have told.
    fn connection(
        &self,
        address: IpAddr,
        port: Option<u16>,
        protocol: Protocol,
        process: Option<String>,
        told: Option<String>,
    ) {
        if address.to_canonical().is_loopback() {
            return;
        }
        let mut seen = self.lock();
        let named = number_of(address).and_then(|number| seen.by_number.get(usize::from(number)).cloned());
        if let Some(name) = &named {
            seen.pending.remove(name);
        }
        let host = told.map(|name| name.to_ascii_lowercase()).or(named.clone());
        let process = process.or_else(|| seen.names.get(named.as_ref()?)?.1.clone());
        let host = host.unwrap_or_else(|| address.to_canonical().to_string());
        let known = seen.asked.entry((host, port, protocol)).or_default();
        if process.is_some() {
            *known = process;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens; an IPv6 address takes no IPv4, which has a socket of its own.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address, SocketType::STREAM)?;
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, 128)?;
    Ok(socket.into())
}

/// The same for datagrams.
fn receive(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = socket(address, SocketType::DGRAM)?;
    rustix::net::bind(&socket, &address)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, kind: SocketType) -> io::Result<OwnedFd> {
    let family = if address.is_ipv6() { AddressFamily::INET6 } else { AddressFamily::INET };
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    Ok(socket)
}

/// The place of an address's name in the list of names.
fn number_of(address: IpAddr) -> Option<u16> {
    let number = match address.to_canonical() {
        IpAddr::V4(address) => u128::from(u32::from(address).checked_sub(FIRST_V4)?),
        IpAddr::V6(address) => u128::from(address).checked_sub(FIRST_V6)?,
    };
    u16::try_from(number).ok()?.checked_sub(FIRST_NUMBER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_leads_back_to_the_name_that_was_asked_for() {
        let witness = Witness::default();
        let (v4, v6) = witness.name("Registry.OpenTofu.org", Some("tofu".to_owned()));
        let (other, _) = witness.name("never.example", None);
        assert_ne!(v4, other);
        assert_eq!(witness.name("registry.opentofu.org", None), (v4, v6));
        witness.connection(v4.into(), Some(443), Protocol::Tcp, None, None);
        witness.connection(v6.into(), Some(443), Protocol::Tcp, None, None);
        witness.connection("10.0.0.1".parse().unwrap(), Some(22), Protocol::Tcp, Some("git".to_owned()), None);
        witness.connection("10.0.0.2".parse().unwrap(), Some(443), Protocol::Tcp, None, Some("A.example".to_owned()));
        witness.connection("::ffff:127.0.0.1".parse().unwrap(), Some(80), Protocol::Tcp, None, None);
        let asked: Vec<_> =
            (witness.asked().into_iter()).map(|asked| (asked.to_string(), asked.protocol, asked.process)).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            asked,
            [
                ("10.0.0.1:22".to_owned(), Protocol::Tcp, text("git")),
                ("a.example:443".to_owned(), Protocol::Tcp, None),
                ("never.example".to_owned(), Protocol::Dns, None),
                ("registry.opentofu.org:443".to_owned(), Protocol::Tcp, text("tofu")),
            ]
        );
        witness.begin();
        assert!(witness.asked().is_empty());
        witness.connection(v4.into(), Some(80), Protocol::Tcp, None, None);
        assert_eq!(witness.asked()[0].to_string(), "registry.opentofu.org:80");
    }
}
