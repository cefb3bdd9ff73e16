//! What a program may do that is only asked something: start the image's programs (`execute: image`), and reach nobody if
//! the question needs no network.

use airtight_engine::ask::Confine;
use airtight_engine::bound::Network;
use landlock::{ABI, Access as _, AccessNet, Ruleset, RulesetAttr as _, RulesetError};

use super::guard::Guard;

/// The limits of a question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Confined<'a> {
    /// The kernel's limit for what may start, if the settings ask for it.
    pub guard: Option<&'a Guard>,
}

impl Confine for Confined<'_> {
    fn enter(&self, network: Network) -> Result<(), String> {
        // Besides the network namespace, which many container profiles forbid.
        if network == Network::Closed
            && let Err(error) = refuse_connections()
        {
            tracing::debug!(%error, "the kernel refuses no connections");
        }
        let Some(guard) = self.guard else { return Ok(()) };
        guard.try_clone().and_then(Guard::enter).map(drop).map_err(|error| error.to_string())
    }
}

/// As far as this kernel can: TCP since Linux 6.7, UDP on newer ones.
fn refuse_connections() -> Result<(), RulesetError> {
    Ruleset::default().handle_access(AccessNet::from_all(ABI::V10))?.create()?.restrict_self()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn only_a_closed_network_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connects = move |network| {
            let thread = std::thread::spawn(move || {
                Confined { guard: None }.enter(network).unwrap();
                TcpStream::connect(address).map_err(|error| error.kind()).map(drop)
            });
            thread.join().unwrap()
        };
        assert_eq!(connects(Network::Open), Ok(()));
        let kernel_can = {
            use landlock::{CompatLevel, Compatible as _};
            let ruleset = Ruleset::default();
            ruleset.set_compatibility(CompatLevel::HardRequirement).handle_access(AccessNet::ConnectTcp).is_ok()
        };
        assert_eq!(connects(Network::Closed), if kernel_can { Err(ErrorKind::PermissionDenied) } else { Ok(()) });
    }
}
