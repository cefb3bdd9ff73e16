//! Where packages come from: registries by the protocols for providers and for modules, and network mirrors.
//!
//! Speaks HTTPS only. Credentials go to the host that they are for, over TLS, and appear in no text. What a server says is
//! data to be checked: nothing here decides whether a package is trusted, except that a signature is verified where there
//! is one.

mod credentials;
mod failure;
mod http;
mod modules;
mod network_mirror;
mod pauses;
mod protocol;
mod proxy;
mod resolver;
mod services;
mod signing;

pub use credentials::Credentials;
pub use failure::HttpError;
pub use http::{Client, Download};
pub(crate) use modules::{ModulePackage, ModuleRegistry};
pub use network_mirror::{MirrorArchive, NetworkMirror};
pub use protocol::{Announcement, ListedVersion, Registry, RegistryError};
pub use proxy::ClientOptions;
pub use services::HostServices;
pub(crate) use signing::authenticate;
pub use signing::{Authenticity, Evidence};
