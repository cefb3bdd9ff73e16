//! Whether an image is fit to run Spacelift jobs offline: a checklist, each line with what was found, and a fix only
//! where something is wrong.
//!
//! Changes nothing. Permissions are always checked for Spacelift's user, because images are built as root.

mod airtight;
mod engine;
mod image;
mod kernel;
mod mirror;
mod modules;
mod permission;
mod seal;
mod user;

use camino::Utf8PathBuf;
use serde::Serialize;

use crate::engine::{EngineError, FoundEngine};
use crate::settings::Seal;
use airtight_engine::environment::Environment;

pub use user::{SPACELIFT_USER, User};

/// The version of the JSON form.
pub const SCHEMA: &str = "airtight/doctor/1";

/// What a check found. Serialises as `"passed"`, `"warning"`, `"failed"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Passed,
    /// It works, in most stacks.
    Warning,
    Failed,
}

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, such as `engine`. An interface, like a finding's code.
    pub name: &'static str,
    pub outcome: Outcome,
    /// One line.
    pub text: String,
    /// How to fix it; only if it did not pass.
    pub fix: Option<String>,
}

impl Check {
    fn passed(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Passed, text: text.into(), fix: None }
    }

    fn warning(name: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Warning, text: text.into(), fix: Some(fix.into()) }
    }

    fn failed(name: &'static str, text: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, outcome: Outcome::Failed, text: text.into(), fix: Some(fix.into()) }
    }
}

/// What the checks look at.
#[derive(Debug)]
pub struct Image<'a> {
    pub environment: &'a Environment,
    pub engine: Result<&'a FoundEngine, &'a EngineError>,
    pub mirrors: &'a [Utf8PathBuf],
    /// Stores of modules.
    pub module_stores: &'a [Utf8PathBuf],
    /// The settings name them; else they are the default place.
    pub names_module_stores: bool,
    /// The settings' proof of the mirrors' seals.
    pub seal: Option<&'a Seal>,
    pub templates: Option<&'a Utf8PathBuf>,
    /// This program.
    pub program: Option<Utf8PathBuf>,
}

/// Runs all checks, in the order in which people can fix them.
pub fn examine(image: &Image<'_>) -> Vec<Check> {
    let (user, user_check) = user::check();
    let mut checks = vec![user_check];
    checks.extend(image::check(image.environment));
    checks.extend(airtight::check(image, &user));
    checks.extend(engine::check(image.engine, &user));
    checks.extend(engine::check_shadow(image, &user));
    checks.extend(mirror::check(image, &user));
    checks.extend(modules::check(image, &user));
    checks.extend(seal::check(image));
    checks.extend(kernel::check(&user));
    for check in &checks {
        tracing::debug!(check = check.name, outcome = ?check.outcome, "checked");
    }
    checks
}

/// Whether nothing failed.
pub fn is_fit(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.outcome != Outcome::Failed)
}
