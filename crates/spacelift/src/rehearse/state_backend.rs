//! The state behind HTTP on the loopback, as the worker's own backend is: with a lock, and credentials of one run.
//!
//! Source: OpenTofu and Terraform, the `http` backend; Spacelift `vendors/terraform/state-management.md`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine as _;

/// Larger states than any.
const LIMIT_BYTES: usize = 1024 * 1024 * 1024;

/// The user of the backend; the password is the run's.
pub(crate) const USER: &str = "rehearsal";

/// The name of the file with the backend in the project root: an override, so that it replaces a backend that the
/// configuration names.
pub(crate) const FILE: &str = "zz_spacelift_backend_override.tf";

/// A state that is served.
#[derive(Clone)]
pub(crate) struct StateBackend {
    contents: Arc<Mutex<Contents>>,
    password: String,
}

#[derive(Default)]
struct Contents {
    /// Empty for none.
    state: String,
    lock: Option<String>,
}

/// The file that points the engine at the backend.
pub(crate) fn configuration(port: u16, password: &str) -> String {
    format!(
        "terraform {{\n  backend \"http\" {{\n    address        = \"http://127.0.0.1:{port}/state\"\n    lock_address   = \
         \"http://127.0.0.1:{port}/state\"\n    unlock_address = \"http://127.0.0.1:{port}/state\"\n    username       = \
         \"{USER}\"\n    password       = \"{password}\"\n  }}\n}}\n"
    )
}

impl StateBackend {
    pub(crate) fn new(state: String, password: String) -> Self {
        Self { contents: Arc::new(Mutex::new(Contents { state, lock: None })), password }
    }

    /// Serves on a port of the loopback, until the process ends.
    ///
    /// # Errors
    /// Fails where the port is taken. 0 takes any.
    pub(crate) fn serve(&self, port: u16) -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let backend = self.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let backend = backend.clone();
                // An engine that was killed in the middle of a request.
                thread::spawn(move || backend.converse(&stream));
            }
        });
        Ok(port)
    }

    /// The state as it is.
    pub(crate) fn state(&self) -> String {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).state.clone()
    }

    /// Request after request of one connection.
    fn converse(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        while let Some(request) = Request::read(&mut reader)? {
            let (status, body) = self.answer(&request);
            let mut writer = stream;
            write!(
                writer,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            )?;
            writer.write_all(body.as_bytes())?;
        }
        Ok(())
    }

    fn answer(&self, request: &Request) -> (&'static str, String) {
        let given = base64::engine::general_purpose::STANDARD.encode(format!("{USER}:{}", self.password));
        if request.authorization.as_deref() != Some(&format!("Basic {given}")) {
            return ("401 Unauthorized", String::new());
        }
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        match request.method.as_str() {
            "GET" if contents.state.is_empty() => ("204 No Content", String::new()),
            "GET" => ("200 OK", contents.state.clone()),
            "POST" => {
                contents.state.clone_from(&request.body);
                ("200 OK", String::new())
            }
            "DELETE" => {
                contents.state.clear();
                ("200 OK", String::new())
            }
            "LOCK" => {
                if let Some(holder) = &contents.lock {
                    return ("423 Locked", holder.clone());
                }
                contents.lock = Some(request.body.clone());
                ("200 OK", String::new())
            }
            "UNLOCK" => {
                contents.lock = None;
                ("200 OK", String::new())
            }
            _ => ("405 Method Not Allowed", String::new()),
        }
    }
}

#[derive(Default)]
struct Request {
    method: String,
    authorization: Option<String>,
    body: String,
}

impl Request {
    /// The next request; none at the connection's end.
    fn read(reader: &mut impl io::BufRead) -> io::Result<Option<Self>> {
        let mut request = Self::default();
        let mut length = 0;
        let mut line = String::new();
        if reader.by_ref().take(8192).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        line.split(' ').next().unwrap_or_default().clone_into(&mut request.method);
        loop {
            line.clear();
            if reader.by_ref().take(8192).read_line(&mut line)? <= 2 {
                break;
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
                "authorization" => request.authorization = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        if length > LIMIT_BYTES {
            return Err(io::Error::other("a state of more than a gigabyte"));
        }
        let read = reader.take(u64::try_from(length).unwrap_or(u64::MAX)).read_to_string(&mut request.body)?;
        if read < length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(Some(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole conversation, over a real connection.
    #[test]
    fn keeps_a_state_and_its_lock_for_who_knows_the_password() {
        let backend = StateBackend::new(String::new(), "s3cret".to_owned());
        let port = backend.serve(0).unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let known = "Authorization: Basic cmVoZWFyc2FsOnMzY3JldA==\r\n";
        let mut ask = |method: &str, authorization: &str, body: &str| {
            let length = body.len();
            write!(stream, "{method} /state HTTP/1.1\r\n{authorization}Content-Length: {length}\r\n\r\n{body}")
                .unwrap();
            let mut reader = BufReader::new(&stream);
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let status = line.split(' ').nth(1).unwrap().to_owned();
            let mut length = 0;
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
                if let Some(value) = line.strip_prefix("Content-Length: ") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            format!("{status} {}", String::from_utf8(body).unwrap())
        };
        for (method, authorization, body, expected) in [
            ("GET", "", "", "401 "),
            ("POST", "Authorization: Basic eDp5\r\n", "{}", "401 "),
            ("GET", known, "", "204 "),
            ("LOCK", known, "mine", "200 "),
            ("LOCK", known, "yours", "423 mine"),
            ("POST", known, "{\"serial\": 1}", "200 "),
            ("GET", known, "", "200 {\"serial\": 1}"),
            ("UNLOCK", known, "mine", "200 "),
            ("LOCK", known, "yours", "200 "),
            ("PUT", known, "", "405 "),
            ("DELETE", known, "", "200 "),
            ("GET", known, "", "204 "),
        ] {
            assert_eq!(ask(method, authorization, body), expected, "{method}");
        }
        assert_eq!(backend.state(), "");
    }
}
