//! `required_version`: whether the modules accept this engine.
//!
//! Source: Terraform `internal/terraform/version_required.go`; OpenTofu `internal/configs/diagnostics.go`.

use super::{Failure, Step};
use crate::configuration::{CoreVersion, Module};
use airtight_finding::Code;
use airtight_provider::{CoreCheck, CoreConstraints, Engine, EngineName};

/// What a module's constraints on the engine come to. `named` says which module it is, for a child; a text that is no
/// constraint is one of the module's own errors, reported at the second step.
pub(super) fn check(engine: &Engine, module: &Module, named: Option<&str>, steps: [Step; 2]) -> Vec<Failure> {
    module
        .core_versions
        .iter()
        .filter(|constraint| constraint.is_for_tofu || engine.checks_required_version_in_tf_files())
        .filter_map(|constraint| check_one(engine, constraint, named, steps))
        .collect()
}

fn check_one(
    engine: &Engine,
    constraint: &CoreVersion,
    named: Option<&str>,
    [step, error_step]: [Step; 2],
) -> Option<Failure> {
    let title = engine.name.title();
    let failure = match CoreConstraints::parse(&constraint.text) {
        Err(_) => Failure::new(
            error_step,
            Code::ConstraintInvalid,
            "Invalid version constraint",
            "This string does not use correct version constraint syntax.",
        ),
        Ok(constraints) => match constraints.check_core(&engine.version) {
            CoreCheck::Met => return None,
            CoreCheck::NamesPrerelease => Failure::new(
                step,
                Code::EngineVersionRefused,
                "Invalid required_version constraint",
                format!(
                    "Prerelease version constraints are not supported: {}. Remove the prerelease information from the \
                     constraint. Prerelease versions of {} will match constraints using their version core only.",
                    constraint.text,
                    match engine.name {
                        EngineName::Terraform => "terraform",
                        EngineName::Tofu => title,
                    }
                ),
            ),
            CoreCheck::NotMet => {
                let (summary, subject) = if engine.checks_required_version_in_tf_files() {
                    let subject = named.unwrap_or("This configuration");
                    (
                        format!("Unsupported {title} Core version"),
                        format!("{subject} does not support {title} version {}. ", engine.version),
                    )
                } else {
                    (
                        "Incompatible module".to_owned(),
                        format!("This module is not compatible with {title} v{}.\n\n", engine.version),
                    )
                };
                Failure::new(
                    step,
                    Code::EngineVersionRefused,
                    summary,
                    format!(
                        "{subject}To proceed, either choose another supported {title} version or update this version \
                         constraint. Version constraints are normally set for good reason, so updating the constraint \
                         may lead to other errors or unexpected behavior."
                    ),
                )
            }
        },
    };
    Some(failure.at(&constraint.place))
}
