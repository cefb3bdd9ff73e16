//! This machine's way out: how names are found, through which proxy, and whom to trust.
//!
//! Names are resolved here, not by the C library, so that a static binary works.

mod dns;
mod hosts;
mod proxy;
mod resolver;
mod trust;

pub use proxy::Proxies;
pub use resolver::{Unresolved, resolve};
pub use trust::{NoAuthorities, authorities};
