//! airtight: OpenTofu and Terraform runs that work, provably, where nothing can be downloaded.
//!
//! A room uses only rooms above it in this list:
//!
//! - [`domain`]: values, parsed once: address, version and constraints, platform, hash, package, engine, phase
//! - [`finding`]: what is wrong, where, whose it is, how it is mended; the catalogue; one file per output format
//! - [`digest`]: `h1:` and `zh:` hashes, streaming and parallel
//! - [`signature`]: OpenPGP signatures and the checksum files that they sign
//! - [`read`]: one reader per input
//! - [`ask`]: the engine's own word about a configuration
//! - [`predict`]: the engines' own rules as pure functions
//! - [`check`]: our rules, pure; `Cleared` is the proof that none failed
//! - [`render`]: arguments and files from templates, pure
//! - [`gate`]: what happens before each phase: gather, check, CLI configuration, handover, seal
//! - [`network`]: this machine's way out: names, proxies, trusted authorities
//! - [`registry`]: where packages come from over the network: registries and network mirrors
//! - [`mirror`]: the mirror's life: build, evidence, seal, verify, unpack, prune, list, bill of materials
//! - [`lock`]: completion of lock files with proven hashes
//! - [`doctor`]: whether an image is fit, as a checklist
//! - [`exec`]: becoming the engine, or running and explaining it
//! - [`reach`]: whether hosts can be reached from here, and what stands in the way
//! - [`rehearse`]: a whole run of Spacelift's, locally
//! - [`cli`]: arguments, one file per subcommand, exit codes

pub mod ask;
pub mod check;
pub mod cli;
pub mod digest;
pub mod doctor;
pub mod domain;
pub mod exec;
pub mod finding;
pub mod gate;
pub mod lock;
pub mod mirror;
pub mod network;
pub mod predict;
pub mod reach;
pub mod read;
pub mod registry;
pub mod rehearse;
pub mod render;
pub mod signature;
