//! A state behind HTTP, on the loopback of a command's own network namespace, for the engines' `http` backend.
//!
//! The test binary starts itself again inside the namespace, as [`serves_a_state`] with a job, and ends with the command.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use camino::Utf8Path;
use fs_err as fs;

use super::isolation::Isolated;

crate::tests! {
    serves_a_state,
}

/// The same in every namespace.
const PORT: u16 = 8099;

const JOB: &str = "AIRTIGHT_TEST_STATE_SERVER";

/// The block of the configuration.
pub(crate) fn backend() -> String {
    format!("terraform {{\n  backend \"http\" {{\n    address = \"http://127.0.0.1:{PORT}/state\"\n  }}\n}}\n")
}

/// The directory with what is served, and what happened.
///
/// `state` is the state, none for an empty one; `delay`, in milliseconds, is how long an answer takes; `asked` appears
/// with the first question.
pub(crate) fn serving(command: Isolated, directory: &Utf8Path) -> Isolated {
    let program = std::env::current_exe().unwrap();
    let before = format!(
        "ip link set lo up && {{ {JOB}={directory} {} --exact support::state_server::serves_a_state >/dev/null 2>&1 & }} \
         && {{ until [ -e {directory}/ready ]; do sleep 0.05; done; }}",
        program.display()
    );
    let _ = fs::remove_file(directory.join("ready"));
    let _ = fs::remove_file(directory.join("asked"));
    Isolated { before: Some(before), ..command }
}

/// Whether a loopback can be started in a namespace.
pub(crate) fn can_serve() -> bool {
    let command = Isolated::new("true".into(), "/".into());
    Isolated { before: Some("ip link set lo up".to_owned()), ..command }.run().status.success()
}

fn answer(stream: TcpStream, directory: &Utf8Path) {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or_default() <= 2 {
            break;
        }
        lines.push(line.to_ascii_lowercase());
    }
    let Some(first) = lines.first() else { return };
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    let state = directory.join("state");
    fs::write(directory.join("asked"), first).unwrap();
    let delay = fs::read_to_string(directory.join("delay")).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    std::thread::sleep(Duration::from_millis(delay));
    let body = if first.starts_with("get ") {
        fs::read(&state).ok()
    } else {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        fs::write(&state, &body).unwrap();
        Some(Vec::new())
    };
    let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
    let body = body.unwrap_or_default();
    let mut stream = reader.into_inner();
    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // The client may have been interrupted meanwhile.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// Serves until the process that started it has ended.
fn serve(directory: &Utf8Path) {
    let listener = TcpListener::bind(("127.0.0.1", PORT)).unwrap();
    listener.set_nonblocking(true).unwrap();
    fs::write(directory.join("ready"), "").unwrap();
    let parent = rustix::process::getppid();
    while rustix::process::getppid() == parent {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                let directory = directory.to_owned();
                std::thread::spawn(move || answer(stream, &directory));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn serves_a_state() {
    if let Ok(directory) = std::env::var(JOB) {
        return serve(Utf8Path::new(&directory));
    }
    let directory = tempfile::tempdir().unwrap();
    let directory = Utf8Path::from_path(directory.path()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ask = |text: &str| {
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.write_all(text.as_bytes()).unwrap();
        answer(listener.accept().unwrap().0, directory);
        let mut answered = String::new();
        client.read_to_string(&mut answered).unwrap();
        answered
    };
    assert!(ask("GET /state HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert!(ask("POST /state HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}").starts_with("HTTP/1.1 200 "));
    assert!(ask("GET /state HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n{}"));
    assert!(directory.join("asked").exists());
}
