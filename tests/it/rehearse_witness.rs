//! The witness of a rehearsal: what was asked for, by name, whatever way it was asked.
//!
//! The negative control of every rehearsal that says that nothing was asked for. The client is this very binary, started
//! again inside.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use serde_json::Value;

use crate::support::isolation::{Isolated, has_namespaces, is_root};
use crate::support::rehearsal::{Rehearsed, bare_stack, client};
use crate::support::runner::ignored;

crate::tests! {
    sees_every_request_by_name,
    a_phase_that_asks_again_and_again_is_ended,
    a_phase_that_stopped_for_a_declared_host_is_incomplete,
}

const JOB: &str = "AIRTIGHT_TEST_CLIENT";

/// A name server that nobody configured.
const NAME_SERVER: &str = "8.8.8.8:53";

fn question(name: &str, kind: u16) -> Vec<u8> {
    let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.bytes());
    }
    message.push(0);
    message.extend(kind.to_be_bytes());
    message.extend([0, 1]);
    message
}

/// The address at the end of an answer with one record.
fn address(answer: &[u8]) -> IpAddr {
    assert_eq!(answer[6..8], [0, 1], "{answer:?}");
    match u16::from_be_bytes([answer[answer.len() - 6], answer[answer.len() - 5]]) {
        4 => <[u8; 4]>::try_from(&answer[answer.len() - 4..]).unwrap().into(),
        _ => <[u8; 16]>::try_from(&answer[answer.len() - 16..]).unwrap().into(),
    }
}

fn look_up(name: &str, kind: u16) -> IpAddr {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect(NAME_SERVER).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.send(&question(name, kind)).unwrap();
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).unwrap();
    address(&answer[..length])
}

fn look_up_by_tcp(name: &str) -> IpAddr {
    let mut stream = TcpStream::connect(NAME_SERVER).unwrap();
    let question = question(name, 1);
    stream.write_all(&[&(question.len() as u16).to_be_bytes()[..], &question].concat()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    address(&answer[2..])
}

fn connect(address: IpAddr, port: u16) -> Option<TcpStream> {
    TcpStream::connect_timeout(&SocketAddr::from((address, port)), Duration::from_secs(5)).ok()
}

fn send(address: IpAddr, port: u16) {
    let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any).unwrap().send_to(b"hello", (address, port)).unwrap();
}

/// The other side of these tests, if this program is started by a rehearsal.
pub(crate) fn asks_for_hosts() -> bool {
    let Ok(job) = std::env::var(JOB) else { return false };
    if job == "again and again" {
        let address = look_up("retried.example", 1);
        loop {
            let _ = connect(address, 443);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    if job == "declared" {
        assert!(connect(look_up("declared.example", 1), 8200).is_none());
        panic!("the host is not there");
    }
    assert!(connect(look_up("tcp4.example", 1), 5432).is_none(), "somebody answers");
    assert!(connect(look_up("tcp6.example", 28), 5432).is_none(), "somebody answers");
    send(look_up("udp4.example", 1), 123);
    send(look_up("udp6.example", 28), 123);
    look_up("only.example", 1);
    assert!(connect(look_up_by_tcp("tcp-dns.example"), 5432).is_none());
    assert!(connect("10.20.30.40".parse().unwrap(), 2525).is_none());
    assert!(connect("2001:db8::7".parse().unwrap(), 2525).is_none());
    send("2001:db8::8".parse().unwrap(), 514);
    let mut stream = connect("10.9.8.7".parse().unwrap(), 80).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: greeted.example\r\n\r\n").unwrap();
    let mut text = String::new();
    let _ = stream.read_to_string(&mut text);
    assert_eq!(text, "");
    // What stays inside is nobody's business.
    assert!(connect("127.0.0.1".parse().unwrap(), 5432).is_none());
    assert!(connect("::1".parse().unwrap(), 5432).is_none());
    true
}

fn hosts(report: &Value) -> Vec<(String, Option<u64>, String, bool)> {
    let own = std::env::current_exe().unwrap();
    let own = own.file_name().unwrap().to_str().unwrap();
    let mut hosts: Vec<_> = (report["hosts"].as_array().unwrap().iter())
        .map(|host| {
            assert_eq!(host["phase"], "perform");
            let process = host["process"].as_str();
            assert!(process.is_none_or(|process| process == own), "{host}");
            let text = |name: &str| host[name].as_str().unwrap().to_owned();
            (text("host"), host["port"].as_u64(), text("protocol"), process.is_some())
        })
        .collect();
    hosts.sort();
    hosts
}

fn witnessed(users: &[bool], check: impl Fn(&dyn Fn(Vec<&str>, &str) -> Rehearsed)) {
    if !has_namespaces() {
        return ignored("no namespace can be made here");
    }
    for unprivileged in users.iter().filter(|unprivileged| **unprivileged || is_root()) {
        let stack = bare_stack();
        check(&|options, job| {
            let task = client();
            let mut arguments = vec!["--type", "task", "--skip-init", "--task", task.as_str()];
            arguments.extend(options);
            let command = stack.rehearse(arguments).environment(JOB, job);
            Rehearsed::of(&Isolated { unprivileged: *unprivileged, ..command })
        });
    }
}

fn sees_every_request_by_name() {
    witnessed(&[true, false], |rehearse| {
        let rehearsed = rehearse(vec!["--grace", "60"], "everything");
        assert_eq!(rehearsed.code, 100, "{}", rehearsed.stderr);
        assert_eq!(rehearsed.report["verdict"], "refused");
        assert_eq!(rehearsed.phase("perform")["exit_code"], 0, "{}", rehearsed.stderr);
        let expected = [
            ("10.20.30.40", Some(2525), "tcp"),
            ("2001:db8::7", Some(2525), "tcp"),
            ("2001:db8::8", Some(514), "udp"),
            ("greeted.example", Some(80), "tcp"),
            ("only.example", None, "dns"),
            ("tcp-dns.example", Some(5432), "tcp"),
            ("tcp4.example", Some(5432), "tcp"),
            ("tcp6.example", Some(5432), "tcp"),
            ("udp4.example", Some(123), "udp"),
            ("udp6.example", Some(123), "udp"),
        ];
        let seen = hosts(&rehearsed.report);
        let names: Vec<_> =
            seen.iter().map(|(host, port, protocol, _)| (host.as_str(), *port, protocol.as_str())).collect();
        assert_eq!(names, expected);
        for (host, .., has_process) in seen {
            // Whoever is refused at once has closed the socket before anybody looks.
            assert!(has_process || host.starts_with("10.20.") || host.starts_with("2001:"), "{host}");
        }
    });
}

fn a_phase_that_asks_again_and_again_is_ended() {
    witnessed(&[true], |rehearse| {
        let rehearsed = rehearse(vec!["--grace", "0.3"], "again and again");
        assert_eq!(rehearsed.code, 100, "{}", rehearsed.stderr);
        let phase = rehearsed.phase("perform");
        assert_eq!(phase["status"], "stopped");
        assert!(phase["elapsed_ms"].as_u64().unwrap() < 5000, "{phase}");
        assert_eq!(phase["hosts"][0]["host"], "retried.example");
        assert_eq!(phase["findings"][0]["code"], "host-undeclared");
    });
}

fn a_phase_that_stopped_for_a_declared_host_is_incomplete() {
    witnessed(&[true], |rehearse| {
        for (reachable, code, verdict) in
            [("declared.example:8200", 0, "incomplete"), ("declared.example:443", 100, "refused")]
        {
            let directory = tempfile::tempdir().unwrap();
            let settings = directory.path().join("settings.yml");
            fs_err::write(&settings, format!("reachable: [\"{reachable}\"]\n")).unwrap();
            fs_err::set_permissions(directory.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
            let rehearsed = rehearse(vec!["--settings", settings.to_str().unwrap()], "declared");
            assert_eq!(
                (rehearsed.code, rehearsed.report["verdict"].as_str()),
                (code, Some(verdict)),
                "{}",
                rehearsed.stderr
            );
            assert_eq!(rehearsed.report["hosts"][0]["declared"], code == 0);
            assert_ne!(rehearsed.phase("perform")["exit_code"], 0);
        }
    });
}
