//! Completion of lock files: `h1:` hashes for more platforms, added only where something that the lock file or a
//! trusted key already proves can prove them.
//!
//! The engines' own `providers lock -fs-mirror` takes whatever the mirror holds, a tampered package included.

mod complete;
mod edit;
mod place;

pub use complete::{Answer, Completion, Outcome, Proof, Request, complete};
