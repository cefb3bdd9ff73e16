//! Names to addresses, without the C library: its name service loads shared objects, which a static binary must not.
//!
//! Reads `/etc/hosts` and `/etc/resolv.conf`, and asks name servers. Other sources of `nsswitch.conf` are not asked.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use fs_err as fs;
use simple_dns::TYPE;

use super::dns::{self, Answer};
use super::hosts::{self, ResolverConfiguration};

/// Why a name has no address. Prints as a fragment, such as `the name server 10.0.0.2 knows no such name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unresolved {
    /// Every form of the name is unknown to the server that answered last.
    NoSuchName { server: IpAddr },
    /// The name is there, with other records.
    NoAddress { server: IpAddr },
    /// What became of each server, in the order in which they were asked.
    NoAnswer { failures: Vec<(IpAddr, String)> },
}

impl fmt::Display for Unresolved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchName { server } => write!(formatter, "the name server {server} knows no such name"),
            Self::NoAddress { server } => write!(formatter, "the name server {server} has no address for the name"),
            Self::NoAnswer { failures } => {
                let texts: Vec<_> = failures.iter().map(|(server, reason)| format!("{server}: {reason}")).collect();
                write!(formatter, "no name server gave an answer ({})", texts.join("; "))
            }
        }
    }
}

/// Every address of a host, IPv4 first, never none.
///
/// `limit` is for all questions together; without one, `/etc/resolv.conf` decides alone.
///
/// # Errors
/// Says which server said what.
pub fn resolve(host: &str, limit: Option<Duration>) -> Result<Vec<IpAddr>, Unresolved> {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = literal.parse() {
        return Ok(vec![address]);
    }
    let local = hosts::addresses(&fs::read_to_string("/etc/hosts").unwrap_or_default(), host);
    if !local.is_empty() {
        return Ok(local);
    }
    if host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let text = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let questions = Questions::new(ResolverConfiguration::parse(&text), limit);
    let names = questions.configuration.candidates(host);
    let mut last = None;
    for name in &names {
        match questions.ask(name) {
            Ok(found) => return Ok(found),
            // Whoever cannot be asked for one name cannot be asked for another.
            Err(unresolved @ Unresolved::NoAnswer { .. }) => return Err(unresolved),
            // A name that is there says more than one that is not.
            Err(Unresolved::NoSuchName { .. }) if matches!(last, Some(Unresolved::NoAddress { .. })) => {}
            Err(unresolved) => last = Some(unresolved),
        }
    }
    Err(last.unwrap_or(Unresolved::NoAnswer { failures: Vec::new() }))
}

/// The servers to ask, and how long.
struct Questions {
    configuration: ResolverConfiguration,
    /// Of one question to one server.
    patience: Duration,
    deadline: Option<Instant>,
}

impl Questions {
    fn new(configuration: ResolverConfiguration, limit: Option<Duration>) -> Self {
        let rounds = u32::try_from(configuration.servers.len()).unwrap_or(1).max(1) * configuration.attempts;
        // Each server gets its turn, even where the first ones are silent.
        let share = limit.map_or(configuration.timeout, |limit| limit / rounds);
        let patience = configuration.timeout.min(share).max(Duration::from_millis(1));
        Self { configuration, patience, deadline: limit.map(|limit| Instant::now() + limit) }
    }

    /// Both types of address; the first server that answers at all counts.
    fn ask(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let (mut found, mut server) = self.ask_for(name, TYPE::A)?;
        match self.ask_for(name, TYPE::AAAA) {
            Ok((more, by)) => {
                // A server that answers every question alike is no reason to try an address twice.
                found.extend(more.into_iter().filter(|address| !found.contains(address)).collect::<Vec<_>>());
                server = by;
            }
            // One type of address is enough.
            Err(unresolved) if found.is_empty() => return Err(unresolved),
            Err(_) => {}
        }
        if found.is_empty() { Err(Unresolved::NoAddress { server }) } else { Ok(found) }
    }

    fn ask_for(&self, name: &str, record: TYPE) -> Result<(Vec<IpAddr>, IpAddr), Unresolved> {
        let mut failures = Vec::new();
        for _ in 0..self.configuration.attempts {
            for server in &self.configuration.servers {
                let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                let patience = left.map_or(self.patience, |left| left.min(self.patience));
                if patience.is_zero() {
                    break;
                }
                match dns::ask(*server, name, record, patience) {
                    Ok(Answer::Addresses(addresses)) => return Ok((addresses, *server)),
                    Ok(Answer::NoSuchName) => return Err(Unresolved::NoSuchName { server: *server }),
                    Err(error) => {
                        tracing::debug!(%server, name, ?record, %error, "no answer");
                        let reason = reason(&error);
                        if !failures.contains(&(*server, reason.clone())) {
                            failures.push((*server, reason));
                        }
                    }
                }
            }
        }
        Err(Unresolved::NoAnswer { failures })
    }
}

/// What people can do something with.
fn reason(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => "silent".to_owned(),
        ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => "no route to it".to_owned(),
        ErrorKind::Other => error.to_string().trim_start_matches("the name server ").to_owned(),
        _ => airtight_provider::digest::os_error::reason(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_this_machine_need_no_server() {
        for (host, expected) in [("127.0.0.9", "127.0.0.9"), ("[::1]", "::1"), ("x.LOCALHOST", "127.0.0.1")] {
            assert_eq!(resolve(host, Some(Duration::ZERO)).unwrap()[0], expected.parse::<IpAddr>().unwrap(), "{host}");
        }
    }

    #[test]
    fn the_limit_is_shared_out_among_the_servers() {
        let text = "nameserver 10.0.0.1\nnameserver 10.0.0.2\noptions attempts:2 timeout:5\n";
        let patience = |limit: Option<u64>| {
            Questions::new(ResolverConfiguration::parse(text), limit.map(Duration::from_millis)).patience.as_millis()
        };
        assert_eq!((patience(None), patience(Some(4000)), patience(Some(60_000))), (5000, 1000, 5000));
    }

    #[test]
    fn says_which_server_said_what() {
        let server: IpAddr = "10.0.0.2".parse().unwrap();
        let failures = vec![(server, "silent".to_owned()), (server, "answered ServerFailure".to_owned())];
        for (unresolved, expected) in [
            (Unresolved::NoSuchName { server }, "the name server 10.0.0.2 knows no such name"),
            (Unresolved::NoAddress { server }, "the name server 10.0.0.2 has no address for the name"),
            (
                Unresolved::NoAnswer { failures },
                "no name server gave an answer (10.0.0.2: silent; 10.0.0.2: answered ServerFailure)",
            ),
        ] {
            assert_eq!(unresolved.to_string(), expected);
        }
    }
}
