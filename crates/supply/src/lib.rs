//! Building and keeping mirrors: the only way to the network.
//!
//! - [`network`]: this machine's way out: names, proxies, trusted authorities
//! - [`registry`]: registries and network mirrors
//! - [`signature`]: OpenPGP signatures and the checksum files that they sign
//! - [`mirror`]: build, evidence, seal, verify, unpack, prune, list, bill of materials
//! - [`modules`]: module sources: build, verify, prune
//! - [`lock`]: lock files completed with proven hashes
//! - [`reach`]: whether hosts can be reached from here

pub mod lock;
pub mod mirror;
pub mod modules;
pub mod network;
pub mod reach;
pub mod registry;
pub mod signature;
