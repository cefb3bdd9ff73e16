//! A whole run of Spacelift's, locally, in the order and by the rules of its worker, without network.
//!
//! [`preparing`] lays out the [`workspace`] and reads what the worker reads, [`run`] decides on the phases and their
//! containers, [`script`] makes what each runs, [`conduct`] starts a [`leg`] and hears of it, [`container`] runs it inside,
//! in [`namespaces`] of its own where nothing leads out and a [`witness`] names each host that was asked for. [`judge`]
//! finds what is wrong, [`report`] says it, in one file per format. What needs Linux stays here.

#[cfg(target_os = "linux")]
pub mod conduct;
#[cfg(target_os = "linux")]
pub mod container;
pub mod html;
pub mod human;
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
pub mod report;
pub mod run;
pub mod script;
#[cfg(target_os = "linux")]
mod state_backend;
pub mod witness;
mod words;
pub mod workspace;
