//! Whether hosts can be reached from here, as the engines and providers would reach them; and if not, why.
//!
//! Each endpoint is tried on its own: its name, a TCP connection, the proxy if there is one, TLS with this machine's
//! authorities. The first step that fails is what somebody must open. Nothing is sent but what these steps need.

mod attempt;
mod certificate;
mod endpoint;
mod report;
mod tls;
mod tunnel;
mod wire;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use attempt::{Outcome, Step, Trouble};
pub use endpoint::{Endpoint, EndpointError, Protocol};
pub use report::{JsonReport, REPORT_LIMIT_BYTES, concise, declared_in, human};

use crate::network::Proxies;

/// How endpoints are tried.
pub struct Options {
    /// Of each step of each endpoint.
    pub timeout: Duration,
    pub proxies: Proxies,
}

/// One endpoint and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    pub endpoint: Endpoint,
    pub outcome: Outcome,
    pub elapsed: Duration,
}

impl Attempt {
    pub const fn is_open(&self) -> bool {
        matches!(self.outcome, Outcome::Open { .. })
    }
}

/// At a time: waiting costs nothing, and a firewall that counts new connections shall not mistake this for a scan.
const AT_A_TIME: usize = 16;

/// Tests every endpoint, several at a time; the answers are in the order of the endpoints.
pub fn reach(endpoints: &[Endpoint], options: &Options) -> Vec<Attempt> {
    let trust = tls::Trust::of_this_machine();
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Vec::with_capacity(endpoints.len()));
    thread::scope(|scope| {
        for _ in 0..endpoints.len().min(AT_A_TIME) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(endpoint) = endpoints.get(index) else { break };
                    let started = Instant::now();
                    let outcome = attempt::attempt(endpoint, options, &trust);
                    let attempt = Attempt { endpoint: endpoint.clone(), outcome, elapsed: started.elapsed() };
                    found.lock().unwrap_or_else(PoisonError::into_inner).push((index, attempt));
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, attempt)| attempt).collect()
}
