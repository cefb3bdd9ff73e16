//! Our rules, one file each: facts and a prediction in, findings out. Pure.
//!
//! A prediction says what the engine will do; a verdict is ours, and stricter: what an engine would let pass
//! unverified, we refuse.

pub mod verdict;

pub use verdict::{Cleared, Verdict};
