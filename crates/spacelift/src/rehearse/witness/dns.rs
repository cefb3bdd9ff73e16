//! A name server for every name: each gets an address of its own.
//!
//! Source: RFC 1035 sections 4.1 and 4.2, RFC 3596.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, ResourceRecord, TYPE};

use super::process::{self, Transport};
use super::{Protocol, Witness};

const PORT: u16 = 53;
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
    let asked = Packet::parse(message).ok().filter(|packet| !packet.has_flags(PacketFlag::RESPONSE))?;
    let [question] = &asked.questions[..] else { return None };
    let mut answer = Packet::new_reply(asked.id());
    *answer.opcode_mut() = asked.opcode();
    answer.set_flags(PacketFlag::RECURSION_AVAILABLE);
    if asked.has_flags(PacketFlag::RECURSION_DESIRED) {
        answer.set_flags(PacketFlag::RECURSION_DESIRED);
    }
    answer.questions.push(question.clone());
    let name = question.qname.to_string();
    if !name.is_empty() {
        let lower = name.to_ascii_lowercase();
        let is_local = lower == "localhost" || lower.ends_with(".localhost");
        let (v4, v6) =
            if is_local { (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST) } else { witness.name(&name, process()) };
        let data = match question.qtype {
            QTYPE::TYPE(TYPE::A) => Some(RData::A(A::from(v4))),
            QTYPE::TYPE(TYPE::AAAA) => Some(RData::AAAA(AAAA::from(v6))),
            _ => None,
        };
        let record = |data| ResourceRecord::new(question.qname.clone(), CLASS::IN, TIME_TO_LIVE, data);
        answer.answers.extend(data.map(record));
    }
    answer.build_bytes_vec_compressed().ok()
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
        let first = ask("registry.opentofu.org", 1);
        assert_eq!(first[..12], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert!(Packet::parse(&first).unwrap().opt().is_none());
        assert_eq!(first[first.len() - 6..], [0, 4, 198, 18, 0, 16]);
        assert!(ask("a.example", 1).ends_with(&[198, 18, 0, 17]));
        assert!(ask("a.example", 28).ends_with(&[0, 16, 0x20, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 17]));
        assert_eq!(ask("a.example", 65)[6..8], [0, 0], "an HTTPS record: none");
        assert!(ask("localhost", 1).ends_with(&[127, 0, 0, 1]));
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
