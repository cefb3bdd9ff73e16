//! `/etc/hosts` and `/etc/resolv.conf`.

use std::net::IpAddr;
use std::time::Duration;

/// The addresses that a hosts file has for a name, in its order.
///
/// Source: `hosts(5)`.
pub(super) fn addresses(hosts: &str, name: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in hosts.lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse) else { continue };
        if words.any(|word| word.eq_ignore_ascii_case(name)) && !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

/// How names are asked for.
///
/// Source: `resolv.conf(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ResolverConfiguration {
    pub(super) servers: Vec<IpAddr>,
    pub(super) search: Vec<String>,
    /// A name with at least so many dots is asked for as it is, before the search list.
    pub(super) dots: usize,
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
}

impl ResolverConfiguration {
    /// Reads the file's text; what it does not say is as in the C library.
    pub(super) fn parse(text: &str) -> Self {
        const MAXIMUM_SERVERS: usize = 3;
        let mut configuration =
            Self { servers: Vec::new(), search: Vec::new(), dots: 1, timeout: Duration::from_secs(5), attempts: 2 };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if configuration.servers.len() < MAXIMUM_SERVERS => {
                    // A zone such as `%eth0` is for link-local addresses, which do not leave this machine's networks.
                    let address = words.next().and_then(|word| word.split('%').next()?.parse::<IpAddr>().ok());
                    configuration.servers.extend(address);
                }
                Some("search" | "domain") => configuration.search = words.map(ToOwned::to_owned).collect(),
                Some("options") => words.for_each(|option| configuration.set(option)),
                _ => {}
            }
        }
        if configuration.servers.is_empty() {
            configuration.servers.push(IpAddr::from([127, 0, 0, 1]));
        }
        configuration
    }

    fn set(&mut self, option: &str) {
        let Some((name, Ok(value))) = option.split_once(':').map(|(name, value)| (name, value.parse::<u32>())) else {
            return;
        };
        match name {
            "ndots" => self.dots = value.min(15) as usize,
            "timeout" => self.timeout = Duration::from_secs(value.clamp(1, 30).into()),
            "attempts" => self.attempts = value.clamp(1, 5),
            _ => {}
        }
    }

    /// The full names to ask for, one after the other.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_owned()];
        }
        let searched = self.search.iter().map(|domain| format!("{name}.{}", domain.trim_matches('.')));
        let mut candidates: Vec<String> = searched.collect();
        let place = if name.matches('.').count() >= self.dots { 0 } else { candidates.len() };
        candidates.insert(place, name.to_owned());
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_file_may_name_an_address_more_than_once() {
        let hosts = "# 9.9.9.9 a\n127.0.0.1 localhost a # b\n::1\tLocalHost A\nnonsense a\n127.0.0.1 a\n";
        assert_eq!(addresses(hosts, "a"), ["127.0.0.1".parse::<IpAddr>().unwrap(), "::1".parse().unwrap()]);
        assert_eq!(addresses(hosts, "b"), Vec::<IpAddr>::new());
    }

    #[test]
    fn the_search_list_comes_before_or_after_the_name_itself() {
        let parsed = ResolverConfiguration::parse(
            "; comment\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nsearch a.example b.example.\noptions ndots:2 timeout:1 attempts:9 x\n",
        );
        assert_eq!(parsed.servers, ["10.0.0.1".parse::<IpAddr>().unwrap(), "fe80::1".parse().unwrap()]);
        assert_eq!((parsed.timeout, parsed.attempts), (Duration::from_secs(1), 5));
        assert_eq!(parsed.candidates("x.y"), ["x.y.a.example", "x.y.b.example", "x.y"]);
        assert_eq!(parsed.candidates("x.y.z")[0], "x.y.z");
        assert_eq!(parsed.candidates("x."), ["x"]);
        let empty = ResolverConfiguration::parse("");
        assert_eq!((empty.servers.len(), empty.candidates("x.y")), (1, vec!["x.y".to_owned()]));
    }
}
