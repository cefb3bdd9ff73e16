//! A name server for every name: each gets an address of its own.
//!
//! Source: RFC 1035 sections 4.1 and 4.2, RFC 3596.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use super::process::{self, Transport};
use super::{Protocol, Witness};

const PORT: u16 = 53;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// Seconds that an answer may be kept.
const TIME_TO_LIVE: u32 = 60;
const WAIT: Duration = Duration::from_secs(1);

/// Answers on UDP and TCP, IPv4 and IPv6.
pub(super) fn serve(witness: &Witness) -> io::Result<()> {
    for address in [SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)), SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT))] {
        let (udp, tcp) = match super::listen(address).and_then(|tcp| Ok((super::receive(address)?, tcp))) {
            Ok(sockets) => sockets,
            // A kernel without IPv6.
            Err(_) if address.is_ipv6() => continue,
            Err(error) => return Err(error),
        };
        let of_udp = witness.clone();
        thread::spawn(move || serve_udp(&of_udp, &udp));
        let of_tcp = witness.clone();
        thread::spawn(move || serve_tcp(&of_tcp, &tcp));
    }
    Ok(())
}

fn serve_udp(witness: &Witness, socket: &UdpSocket) {
    let mut buffer = [0; 4096];
    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else { continue };
        let process = || process::find(Transport::Udp, client.port(), PORT);
        match answer(witness, &buffer[..length], process) {
            Some(answer) => {
                let _ = socket.send_to(&answer, client);
            }
            None => witness.connection(client.ip(), Some(PORT), Protocol::Udp, process(), None),
        }
    }
}

fn serve_tcp(witness: &Witness, listener: &TcpListener) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let witness = witness.clone();
        thread::spawn(move || -> io::Result<()> {
            stream.set_read_timeout(Some(WAIT))?;
            let (client, server) = (stream.peer_addr()?, stream.local_addr()?);
            let process = || process::find(Transport::Tcp, client.port(), PORT);
            let mut length = [0; 2];
            let mut question = Vec::new();
            let read = stream.read_exact(&mut length).and_then(|()| {
                question.resize(usize::from(u16::from_be_bytes(length)), 0);
                stream.read_exact(&mut question)
            });
            if let Some(answer) = read.ok().and_then(|()| answer(&witness, &question, process)) {
                let length = u16::try_from(answer.len()).unwrap_or_default();
                return stream.write_all(&[&length.to_be_bytes()[..], &answer].concat());
            }
            witness.connection(server.ip(), Some(PORT), Protocol::Tcp, process(), None);
            Ok(())
        });
    }
}

/// The answer to a message with one question; none to what is no question.
fn answer(witness: &Witness, message: &[u8], process: impl Fn() -> Option<String>) -> Option<Vec<u8>> {
    let (name, kind, end) = question(message)?;
    let mut answer = message[..end].to_vec();
    // A response, recursion available, no error; one question, and no more than what we add.
    answer[2] = 0x80 | (message[2] & 0x79);
    answer[3] = 0x80;
    answer[6..12].fill(0);
    if name.is_empty() {
        return Some(answer);
    }
    let is_local = name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost");
    let (v4, v6) = if is_local { (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST) } else { witness.name(&name, process()) };
    let data = match kind {
        TYPE_A => v4.octets().to_vec(),
        TYPE_AAAA => v6.octets().to_vec(),
        _ => return Some(answer),
    };
    answer[7] = 1;
    // The question's name, its type and class, how long it counts, its length.
    answer.extend([0xc0, 12]);
    answer.extend(kind.to_be_bytes());
    answer.extend([0, 1]);
    answer.extend(TIME_TO_LIVE.to_be_bytes());
    answer.extend(u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
    answer.extend(data);
    Some(answer)
}

/// The name, the type, and where the question ends.
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    if message.get(2)? & 0x80 != 0 || message.get(4..6)? != [0, 1] {
        return None;
    }
    let mut at = 12;
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        if length > 63 {
            return None;
        }
        at += 1;
        if length == 0 {
            let kind = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
            message.get(at + 2..at + 4)?;
            return Some((labels.join("."), kind, at + 4));
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).into_owned());
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asking(name: &str, kind: u16) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).unwrap());
            message.extend(label.bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        // An additional record that the answer leaves out.
        message.extend([0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]);
        message
    }

    #[test]
    fn each_name_has_an_address_of_its_own() {
        let witness = Witness::default();
        let ask = |name: &str, kind: u16| answer(&witness, &asking(name, kind), || Some("tofu".to_owned())).unwrap();
        let first = ask("registry.opentofu.org", TYPE_A);
        assert_eq!(first[..12], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(first[first.len() - 6..], [0, 4, 198, 18, 0, 16]);
        assert!(ask("a.example", TYPE_A).ends_with(&[198, 18, 0, 17]));
        assert!(ask("a.example", TYPE_AAAA).ends_with(&[0, 16, 0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17]));
        assert_eq!(ask("a.example", 65)[6..8], [0, 0], "an HTTPS record: none");
        assert!(ask("localhost", TYPE_A).ends_with(&[127, 0, 0, 1]));
        let asked: Vec<_> = witness.asked().into_iter().map(|asked| asked.host).collect();
        assert_eq!(asked, ["a.example", "registry.opentofu.org"]);
    }

    proptest! {
        #[test]
        fn no_message_is_too_odd(message in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = answer(&Witness::default(), &message, || None);
        }
    }
}
