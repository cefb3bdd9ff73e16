//! The mirror's life on the image maintainer's machine, before the image is pushed.

pub mod build;
pub mod evidence;
mod extract;
pub mod list;
pub mod locks;
pub(crate) mod machine;
pub(crate) mod place;
pub mod prune;
pub mod sbom;
pub mod seal;
pub mod unpack;
pub mod verify;
mod vet;

pub use vet::Limits;
