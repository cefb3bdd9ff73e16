//! Arguments of module calls against the called module's variables, as far as `init` looks at them.
//!
//! Source: Terraform from 1.15 `internal/terraform/transform_module_variable.go` `transformSingle`.

use std::collections::BTreeMap;

use super::declarations::CallDeclaration;
use airtight_hcl::Problem;
use airtight_hcl::schema::missing_argument;

/// What a call gives that the module does not take, and the other way about. `variables` says of each whether it has
/// to be given.
pub(super) fn check(call: &CallDeclaration, variables: &BTreeMap<String, bool>) -> Vec<Problem> {
    let mut problems = call.other_blocks.clone();
    for (name, place) in call.arguments.iter().filter(|(name, _)| !variables.contains_key(name)) {
        problems.push(Problem {
            summary: "Unsupported argument".to_owned(),
            detail: format!("An argument named \"{name}\" is not expected here."),
            place: place.clone(),
        });
    }
    let is_given = |name: &String| call.arguments.iter().any(|(given, _)| given == name);
    for (name, _) in variables.iter().filter(|(name, is_required)| **is_required && !is_given(name)) {
        problems.push(Problem {
            summary: "Missing required argument".to_owned(),
            detail: missing_argument(name),
            place: call.place.clone(),
        });
    }
    problems
}
