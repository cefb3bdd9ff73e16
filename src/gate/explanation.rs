//! Why the engine's own `init` failed, or what it installed that nothing proves.

use std::collections::BTreeSet;

use super::context::Context;
use super::gather::Gathered;
use crate::domain::ProviderAddress;
use crate::exec::{Invocation, engine_error, state_pull};
use crate::finding::{Code, Finding, Owner, Severity, catalogue};
