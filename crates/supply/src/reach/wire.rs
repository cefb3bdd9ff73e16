//! A TCP connection that nobody can hold up: every operation ends by one deadline.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// When the current step ends; shared by the layers over one connection.
#[derive(Clone, Debug)]
pub(super) struct Deadline(Rc<Cell<Instant>>);

impl Deadline {
    pub(super) fn after(timeout: Duration) -> Self {
        Self(Rc::new(Cell::new(Instant::now() + timeout)))
    }

    /// Begins another step.
    pub(super) fn renew(&self, timeout: Duration) {
        self.0.set(Instant::now() + timeout);
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.0.get().saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// The connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    deadline: Deadline,
}

impl Wire {
    pub(super) fn peer(&self) -> Option<IpAddr> {
        self.stream.peer_addr().ok().map(|address| address.ip())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.deadline.left()?))?;
        self.stream.read(buffer)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.deadline.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Connects to the first address that answers; each gets its share of the time.
///
/// # Errors
/// What became of each address.
pub(super) fn connect(
    addresses: &[IpAddr],
    port: u16,
    timeout: Duration,
) -> Result<(Wire, Deadline), Vec<(SocketAddr, io::Error)>> {
    let deadline = Deadline::after(timeout);
    let mut failures = Vec::new();
    for (index, address) in addresses.iter().enumerate() {
        let address = SocketAddr::new(*address, port);
        let shares = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let result = deadline.left().and_then(|left| TcpStream::connect_timeout(&address, (left / shares).max(LEAST)));
        match result {
            Ok(stream) => return Ok((Wire { stream, deadline: deadline.clone() }, deadline)),
            Err(error) => failures.push((address, error)),
        }
    }
    Err(failures)
}

/// `connect_timeout` takes no zero.
const LEAST: Duration = Duration::from_millis(1);
