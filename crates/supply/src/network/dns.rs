//! Questions to name servers: one name, one type of address, over UDP, and over TCP where the answer is too long.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

/// The port of name servers.
const PORT: u16 = 53;

/// What a server said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Empty: the name has no address of this type.
    Addresses(Vec<IpAddr>),
    NoSuchName,
}

/// Asks one server once.
///
/// # Errors
/// No answer in time, or none that is one: another server may know.
pub(super) fn ask(server: IpAddr, name: &str, record: TYPE, timeout: Duration) -> io::Result<Answer> {
    ask_at(SocketAddr::new(server, PORT), name, record, timeout)
}

fn ask_at(server: SocketAddr, name: &str, record: TYPE, timeout: Duration) -> io::Result<Answer> {
    // Unpredictable, together with the port that the system chooses: an answer can only be made by who saw the question.
    let [first, second, ..] = RandomState::new().build_hasher().finish().to_ne_bytes();
    let id = u16::from_ne_bytes([first, second]);
    let question = question(id, name, record)?;
    let deadline = Instant::now() + timeout;
    let local: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((local, 0))?;
    socket.connect(server)?;
    socket.send(&question)?;
    let mut buffer = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        socket.set_read_timeout(Some(left))?;
        let count = socket.recv(&mut buffer)?;
        match read(&buffer[..count], id, name)? {
            Some(Reading::Answer(answer)) => return Ok(answer),
            Some(Reading::Truncated) => break,
            // Not an answer to this question.
            None => {}
        }
    }
    let answer = ask_by_tcp(server, &question, deadline)?;
    match read(&answer, id, name)? {
        Some(Reading::Answer(answer)) => Ok(answer),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn question(id: u16, name: &str, record: TYPE) -> io::Result<Vec<u8>> {
    let invalid = |error: simple_dns::SimpleDnsError| io::Error::new(io::ErrorKind::InvalidInput, error.to_string());
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let name = Name::new(name).map_err(invalid)?;
    packet.questions.push(Question::new(name, QTYPE::TYPE(record), QCLASS::CLASS(CLASS::IN), false));
    packet.build_bytes_vec().map_err(invalid)
}

enum Reading {
    Answer(Answer),
    Truncated,
}

/// Null if it answers something else.
fn read(bytes: &[u8], id: u16, name: &str) -> io::Result<Option<Reading>> {
    let Ok(packet) = Packet::parse(bytes) else { return Ok(None) };
    let asked = packet.questions.first().is_some_and(|question| question.qname.to_string().eq_ignore_ascii_case(name));
    if packet.id() != id || !packet.has_flags(PacketFlag::RESPONSE) || !asked {
        return Ok(None);
    }
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Ok(Some(Reading::Truncated));
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Ok(Some(Reading::Answer(Answer::NoSuchName))),
        other => return Err(io::Error::other(format!("the name server answered {other:?}"))),
    }
    // A recursive server puts the whole chain of aliases before the addresses that it ends at.
    let addresses = packet.answers.iter().filter_map(|answer| match &answer.rdata {
        RData::A(record) => Some(IpAddr::from(Ipv4Addr::from(record.address))),
        RData::AAAA(record) => Some(IpAddr::from(Ipv6Addr::from(record.address))),
        _ => None,
    });
    Ok(Some(Reading::Answer(Answer::Addresses(addresses.collect()))))
}

fn ask_by_tcp(server: SocketAddr, question: &[u8], deadline: Instant) -> io::Result<Vec<u8>> {
    let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let mut stream = TcpStream::connect_timeout(&server, left())?;
    stream.set_read_timeout(Some(left()))?;
    let length = u16::try_from(question.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes(), question].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use simple_dns::ResourceRecord;
    use simple_dns::rdata::A;

    use super::*;

    fn answer_to(question: &[u8], change: impl FnOnce(&mut Packet<'_>)) -> Vec<u8> {
        let mut packet = Packet::parse(question).unwrap().into_reply();
        packet.set_flags(PacketFlag::RESPONSE);
        change(&mut packet);
        packet.build_bytes_vec().unwrap()
    }

    fn add_address(packet: &mut Packet<'_>) {
        let name = Name::new("a.example").unwrap().into_owned();
        packet.answers.push(ResourceRecord::new(name, CLASS::IN, 1, RData::A(A { address: 0x7f00_0001 })));
    }

    #[test]
    fn an_answer_to_another_question_does_not_count_and_a_long_one_comes_by_tcp() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(server).unwrap();
        let answering = thread::spawn(move || {
            let mut buffer = [0; 512];
            let (count, client) = udp.recv_from(&mut buffer).unwrap();
            let mut forged = answer_to(&buffer[..count], add_address);
            forged[0] ^= 0xff;
            udp.send_to(&forged, client).unwrap();
            udp.send_to(b"nonsense", client).unwrap();
            let truncated = answer_to(&buffer[..count], |packet| packet.set_flags(PacketFlag::TRUNCATION));
            udp.send_to(&truncated, client).unwrap();
            let (mut stream, _) = tcp.accept().unwrap();
            let mut question = vec![0; count + 2];
            stream.read_exact(&mut question).unwrap();
            let answer = answer_to(&question[2..], add_address);
            stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
            stream.write_all(&answer).unwrap();
        });
        let answer = ask_at(server, "A.example", TYPE::A, Duration::from_secs(10)).unwrap();
        assert_eq!(answer, Answer::Addresses(vec!["127.0.0.1".parse().unwrap()]));
        answering.join().unwrap();
    }

    #[test]
    fn no_such_name_is_an_answer_and_silence_is_none() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = udp.local_addr().unwrap();
        let answering = thread::spawn(move || {
            let mut buffer = [0; 512];
            let (count, client) = udp.recv_from(&mut buffer).unwrap();
            let answer = answer_to(&buffer[..count], |packet| *packet.rcode_mut() = RCODE::NameError);
            udp.send_to(&answer, client).unwrap();
            udp
        });
        assert_eq!(ask_at(server, "a.example", TYPE::A, Duration::from_secs(10)).unwrap(), Answer::NoSuchName);
        let _silent = answering.join().unwrap();
        assert!(ask_at(server, "a.example", TYPE::A, Duration::from_millis(50)).is_err());
        assert!(ask_at(server, &"a".repeat(300), TYPE::A, Duration::from_millis(50)).is_err());
    }
}
