//! A whole run of Spacelift's, locally, in the order and by the rules of its worker, without network.
//!
//! [`preparing`] lays out the [`workspace`] and reads what the worker reads, [`run`] decides on the phases and their
//! containers, [`script`] makes what each runs, [`conduct`] starts a [`leg`] and hears of it, [`container`] runs it inside,
//! in [`namespaces`] of its own where nothing leads out and a [`witness`] names each host that was asked for. [`judge`]
//! finds what is wrong, [`report`] says it, in one file per format. What needs Linux stays here.

mod causes;
mod commit;
#[cfg(target_os = "linux")]
pub mod conduct;
#[cfg(target_os = "linux")]
pub mod container;
#[cfg(target_os = "linux")]
mod control;
mod environment;
#[cfg(target_os = "linux")]
pub mod executions;
pub mod html;
pub mod human;
mod installation;
#[cfg(target_os = "linux")]
pub mod janitor;
pub mod judge;
pub mod leg;
pub mod markdown;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
pub mod namespaces;
#[cfg(target_os = "linux")]
mod netlink;
mod plan_file;
pub mod preparing;
pub mod progress;
#[cfg(target_os = "linux")]
mod read_only;
#[cfg(target_os = "linux")]
pub mod rehearsal;
pub mod report;
pub mod run;
#[cfg(target_os = "linux")]
mod running;
pub mod script;
#[cfg(target_os = "linux")]
mod served_state;
#[cfg(target_os = "linux")]
mod state_backend;
mod visible;
pub mod witness;
pub mod workspace;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// The options do not fit the source.
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Failed(#[from] anyhow::Error),
}
