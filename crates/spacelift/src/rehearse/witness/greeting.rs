//! Ports of well-known services: a client connects, says whom it wants, and is left there.
//!
//! Source: RFC 8446 section 4.1.2 (`ClientHello`), RFC 6066 section 3 (server name), RFC 9112 section 3.2 (`Host`).

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rustls::server::Acceptor;

use super::process::{self, Transport};
use super::{Protocol, Witness};

/// Below 1024, where nothing of the run's user listens: ssh, HTTP, LDAP, HTTPS, LDAPS.
pub(super) const PORTS: [u16; 5] = [22, 80, 389, 443, 636];

/// A client that says nothing in this time waits for the server to speak first.
const WAIT: Duration = Duration::from_millis(500);

const LONGEST: usize = 16 * 1024;

pub(super) fn serve(witness: &Witness) -> io::Result<()> {
    for port in PORTS {
        for address in
            [SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, port))]
        {
            let listener = match super::listen(address) {
                Ok(listener) => listener,
                // A kernel without IPv6.
                Err(_) if address.is_ipv6() => continue,
                Err(error) => return Err(error),
            };
            let witness = witness.clone();
            thread::spawn(move || accept(&witness, &listener));
        }
    }
    Ok(())
}

fn accept(witness: &Witness, listener: &TcpListener) {
    for stream in listener.incoming().flatten() {
        let witness = witness.clone();
        witness.greetings.fetch_add(1, Ordering::AcqRel);
        thread::spawn(move || {
            hear(&witness, stream);
            witness.greetings.fetch_sub(1, Ordering::AcqRel);
        });
    }
}

fn hear(witness: &Witness, stream: TcpStream) {
    let (Ok(client), Ok(server)) = (stream.peer_addr(), stream.local_addr()) else { return };
    let process = process::find(Transport::Tcp, client.port(), server.port());
    let told = match server.port() {
        80 | 443 => read_name(stream),
        _ => None,
    };
    witness.connection(server.ip(), Some(server.port()), Protocol::Tcp, process, told);
}

/// Reads until the name is there, or the client has said all. The connection then closes.
fn read_name(mut stream: TcpStream) -> Option<String> {
    let started = Instant::now();
    stream.set_read_timeout(Some(WAIT)).ok()?;
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    while text.len() < LONGEST && started.elapsed() < WAIT {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(length) => text.extend(&buffer[..length]),
        }
        if let Some(name) = name(&text) {
            return Some(name);
        }
        let is_whole = text.windows(4).any(|end| end == b"\r\n\r\n");
        if is_whole {
            break;
        }
    }
    None
}

fn name(text: &[u8]) -> Option<String> {
    let name = server_name(text).or_else(|| host(text))?;
    // A name of a server is printed and compared: nothing else may pass for one.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_name)).then_some(name)
}

/// The server name of a TLS `ClientHello`; none if it is cut off.
fn server_name(mut record: &[u8]) -> Option<String> {
    let mut acceptor = Acceptor::default();
    while acceptor.read_tls(&mut record).is_ok_and(|length| length > 0) {
        match acceptor.accept() {
            Ok(Some(accepted)) => return accepted.client_hello().server_name().map(str::to_owned),
            Ok(None) => {}
            Err(_) => return None,
        }
    }
    None
}

/// The `Host` of an HTTP request, without its port.
fn host(request: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(request);
    let head = text.split_once("\r\n\r\n")?.0;
    let value = head.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("host").then(|| value.trim())
    })?;
    let without_port = match value.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => value,
    };
    Some(without_port.trim_matches(['[', ']']).to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    /// A real client's first words.
    fn hello(server: &str) -> Vec<u8> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let name = server.to_owned().try_into().unwrap();
        let mut client = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let mut bytes = Vec::new();
        client.write_tls(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_greeting_names_the_server() {
        assert_eq!(name(&hello("registry.opentofu.org")).as_deref(), Some("registry.opentofu.org"));
        assert_eq!(name(&hello("198.18.0.16")), None, "an address is no server name");
        for (request, expected) in [
            ("GET / HTTP/1.1\r\nHost: A.example:80\r\nx: y\r\n\r\n", Some("A.example")),
            ("GET / HTTP/1.1\r\nhost: [::1]:8080\r\n\r\n", Some("::1")),
            ("GET / HTTP/1.1\r\nHost: a.example", None),
            ("SSH-2.0-x\r\n", None),
        ] {
            assert_eq!(name(request.as_bytes()).as_deref(), expected, "{request}");
        }
    }

    #[test]
    fn a_greeting_that_is_cut_off_names_nobody() {
        let whole = hello("registry.opentofu.org");
        for end in 0..whole.len() {
            assert_eq!(server_name(&whole[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn no_greeting_is_too_odd(mut text in prop::collection::vec(any::<u8>(), 0..200), is_tls: bool) {
            if is_tls && text.len() > 5 {
                text[0] = 22;
                text[5] = 1;
            }
            let _ = name(&text);
        }
    }
}
