//! What is asked of [`super::fetch`], and what comes of it.

use std::collections::BTreeMap;

use url::Url;

use super::address::Address;
use super::build::FetchError;
use super::graph::RowKey;
use super::tidy::Tidied;
use airtight_provider::modules::manifest::{Reference, StoredTree};

/// A package to bring.
pub(super) struct Request {
    pub row: RowKey,
    pub place: Place,
    /// The directory that a registry's answer adds.
    pub subdirectory: String,
    /// The directory that alone is the package, as a page named it; empty for all of it.
    pub part: String,
}

pub(super) enum Place {
    Address(Address),
    /// A registry's own archive; the host whose token goes along.
    Direct {
        url: Url,
        token_host: Option<String>,
    },
}

/// What became of a request.
pub(super) struct Brought {
    pub row: RowKey,
    pub result: Result<Arrived, FetchError>,
}

pub(super) struct Arrived {
    pub tree: StoredTree,
    pub reference: Option<Reference>,
    pub subdirectory: String,
    pub how: How,
    pub noticed: Tidied,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Kept,
    Fetched,
    /// Only planned. Its tree is not there.
    Planned,
}

/// What is fetched together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Repository(String),
    Other(usize),
}

/// Brings requests into groups of one repository each.
pub(super) fn grouped(requests: Vec<Request>) -> Vec<Vec<Request>> {
    let mut groups: BTreeMap<Group, Vec<Request>> = BTreeMap::new();
    for (at, request) in requests.into_iter().enumerate() {
        let group = match &request.place {
            Place::Address(Address::Git(address)) => Group::Repository(address.url.clone()),
            _ => Group::Other(at),
        };
        groups.entry(group).or_default().push(request);
    }
    groups.into_values().collect()
}
