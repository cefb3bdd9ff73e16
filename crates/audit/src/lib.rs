//! Many repositories against one image: which stacks would fail once it is used, and what of it nobody needs.
//!
//! - [`discover`]: which directories are root modules
//! - [`image`]: what they are held against: mirrors, or a seal alone
//! - [`stack`]: one of them, by the pure rules of the engine and the gate
//! - [`fleet`]: all of them, each read once and dropped again
//! - [`usage`]: which stacks use which packages, which would fail without one, which versions could go
//! - [`findings`]: packages that nobody uses, versions that are behind, stacks that a new image breaks
//! - [`demand`]: what the next mirror must hold
//! - [`report`]: the value that every format prints; [`human`], [`csv`], [`markdown`], [`html`]
//!
//! No engine is asked: a thousand configurations are assumed to load.

pub mod csv;
pub mod demand;
pub mod discover;
pub mod findings;
pub mod fleet;
pub mod html;
pub mod human;
pub mod image;
pub mod markdown;
pub mod report;
#[cfg(test)]
mod sample;
pub mod stack;
pub mod usage;
