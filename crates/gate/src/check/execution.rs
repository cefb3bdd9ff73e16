//! What the settings' `execute` asks for and the kernel cannot do here.

use crate::exec::guard::NotEnforceable;
use airtight_finding::{Code, Finding, Owner, Severity, shell_word};
use airtight_provider::protection::Unprotected;

/// The engine would start without the kernel's protection. An error: to run without it, set the rule
/// `execution-not-enforced` to `warn`, with a reason.
pub fn not_enforced(reason: &NotEnforceable) -> Finding {
    let help = match reason {
        NotEnforceable::NoLandlock => {
            "Use workers with Linux 5.19 or later, `landlock` among the security modules (`cat \
             /sys/kernel/security/lsm`), and a seccomp profile that lets `landlock_create_ruleset` through."
                .to_owned()
        }
        NotEnforceable::KernelTooOld => "Use workers with Linux 5.19 or later.".to_owned(),
        NotEnforceable::RunsAsRoot => "Run as user 1983, without capabilities.".to_owned(),
        NotEnforceable::Unprotected(Unprotected::Unreadable(path, _)) => {
            format!("Make `{path}` exist and readable in the image.")
        }
        NotEnforceable::Unprotected(
            Unprotected::NotRoots(path) | Unprotected::WritableByMode(path) | Unprotected::WritableHere(path),
        ) => {
            let path = shell_word(path.as_str());
            format!(
                "In the image's build, as root: `chown -R root:root {path} && chmod -R go-w {path}`, and install engine and \
             mirror below directories of root's."
            )
        }
        NotEnforceable::Failed(_) => "Read the reason above; `airtight doctor` checks the kernel, too.".to_owned(),
    };
    Finding::new(
        Code::ExecutionNotEnforced,
        Severity::Error,
        Owner::Image,
        format!("the settings say `execute: image`, but the kernel cannot enforce it: {reason}"),
    )
    .detail(
        "Without it, a file that a repository or an earlier command puts in a plugin's place after the check could still \
         run.",
    )
    .help(format!(
        "{help} To run without this protection, set `rules: {{execution-not-enforced: {{level: warn, reason: ...}}}}`, or \
         `execute: anything`."
    ))
}

/// A hook cannot limit an engine that the phase's shell starts.
pub fn not_enforced_by_hooks() -> Finding {
    Finding::new(
        Code::ExecutionNotEnforced,
        Severity::Note,
        Owner::Administrator,
        "the settings say `execute: image`, which hooks cannot enforce",
    )
    .detail("The phase's shell starts the engine, after the hook has ended. Only `airtight run` starts it within the limit.")
    .help("Use airtight as the custom workflow tool of this stack: `airtight render workflow`.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_fix_of_its_own() {
        let helps = [
            NotEnforceable::NoLandlock,
            NotEnforceable::KernelTooOld,
            NotEnforceable::RunsAsRoot,
            NotEnforceable::Unprotected(Unprotected::NotRoots("/providers".into())),
            NotEnforceable::Failed("EINVAL".to_owned()),
        ]
        .map(|reason| {
            let finding = not_enforced(&reason);
            assert_eq!((finding.code, finding.severity), (Code::ExecutionNotEnforced, Severity::Error));
            assert!(finding.summary.ends_with(&reason.to_string()));
            finding.help
        });
        assert_eq!(helps.iter().collect::<std::collections::BTreeSet<_>>().len(), helps.len());
        assert!(helps[3].contains("chown -R root:root /providers"));
    }
}
