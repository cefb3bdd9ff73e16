//! What was proven at `init` against what is here now, maybe in another container and another image.

use std::collections::BTreeMap;

use airtight_finding::{Claim, Code, Finding, Owner, Severity};
use airtight_hcl::Place;

const OTHER_PACKAGE: Claim = Claim {
    noun: "provider",
    of_one: "has another package than at `init`",
    of_many: "have other packages than at `init`",
};

const OTHER_MODULE: Claim = Claim {
    noun: "module",
    of_one: "has other configuration files than at `init`",
    of_many: "have other configuration files than at `init`",
};

const NOT_PROVEN: Claim =
    Claim { noun: "provider", of_one: "was not proven at `init`", of_many: "were not proven at `init`" };

/// One side of the comparison: what was, or what is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leg {
    /// `tofu 1.12.6`.
    pub engine: String,
    pub platform: String,
    /// The digest of sealed mirrors; null if one is not sealed.
    pub mirror: Option<String>,
    /// By address.
    pub providers: BTreeMap<String, LegProvider>,
    /// The hash of the configuration files of each module that was compared with a store, by key.
    pub modules: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegProvider {
    pub version: String,
    /// Empty if it could not be computed, which is a finding of its own.
    pub h1: String,
    pub path: String,
    pub modified: i64,
}

/// Compares the leg of `init` with this one; `place` is the handover's file.
pub fn check(before: &Leg, now: &Leg, place: &Place) -> Vec<Finding> {
    let mut findings = Vec::new();
    if before.engine != now.engine || before.platform != now.platform {
        findings.push(
            Finding::new(
                Code::HandoverEngineDiffers,
                Severity::Error,
                Owner::Image,
                format!(
                    "`init` ran with {} ({}), this is {} ({})",
                    before.engine, before.platform, now.engine, now.platform
                ),
            )
            .detail("Another engine made the plan that was approved. The runner image changed while the run waited.")
            .help("Pin the runner image by digest, and trigger the run again.")
            .at(place.clone(), ""),
        );
    }
    let addresses = before.providers.keys().chain(now.providers.keys()).collect::<std::collections::BTreeSet<_>>();
    for address in addresses {
        let difference = match (before.providers.get(address), now.providers.get(address)) {
            (Some(before), Some(now)) if before.version == now.version && before.h1 == now.h1 => continue,
            (Some(before), Some(now)) => {
                format!("{} {} at `init`, {} {} now", before.version, before.h1, now.version, now.h1)
            }
            (Some(before), None) => format!("{} {} at `init`, missing now", before.version, before.h1),
            (None, Some(now)) => format!("missing at `init`, {} {} now", now.version, now.h1),
            (None, None) => continue,
        };
        let subject = format!("`{address}` ({difference})");
        findings.push(
            Finding::about(Code::HandoverPackageDiffers, Severity::Error, Owner::Image, subject, OTHER_PACKAGE)
                .detail(
                    "The approved plan was made with other packages. The image or the lock file changed in between.",
                )
                .help("Pin the runner image by digest, and trigger the run again.")
                .at(place.clone(), ""),
        );
    }
    for (key, now) in &now.modules {
        let Some(before) = before.modules.get(key).filter(|before| *before != now) else { continue };
        let subject = format!("`{key}` ({before} at `init`, {now} now)");
        findings.push(
            Finding::about(Code::HandoverPackageDiffers, Severity::Warning, Owner::Repository, subject, OTHER_MODULE)
                .detail("A saved plan holds the configuration that it was made from. Other commands read the files as they are now.")
                .help("Look for a hook or a command that changes `.terraform/modules`, and trigger the run again.")
                .at(place.clone(), ""),
        );
    }
    let is_resealed = before.mirror.is_some() && now.mirror.is_some() && before.mirror != now.mirror;
    let moved = before.providers.iter().any(|(address, before)| {
        now.providers.get(address).is_some_and(|now| (&before.path, before.modified) != (&now.path, now.modified))
    });
    if findings.is_empty() && (moved || is_resealed) {
        findings.push(
            Finding::new(
                Code::HandoverImageDiffers,
                Severity::Note,
                Owner::Image,
                "the mirror differs from the one at `init`, with the same packages for this run",
            )
            .detail("Images are rebuilt while runs wait for approval; every package is the one that was proven.")
            .at(place.clone(), ""),
        );
    }
    findings
}

/// An exception let a provider pass at `init`. It stays unproven: the rule that allowed it decides again, and its reason
/// and end are shown again.
pub fn unproven(code: Code, address: &str, version: &str, place: &Place) -> Finding {
    Finding::about(code, Severity::Error, Owner::Repository, format!("`{address}` {version}"), NOT_PROVEN)
        .detail(
            "An exception in the settings let it pass. `init` then added a hash of it to the lock file, and that hash proves \
             nothing.",
        )
        .help("On a machine with network access, run `providers lock` for the runner's platform, and commit the lock file.")
        .at(place.clone(), "")
}

/// Nothing was handed over: a task, a destroy, a skipped `init`. Everything is proven again, so this is only a note.
pub fn missing(place: Place, why: &str) -> Finding {
    Finding::new(
        Code::HandoverMissing,
        Severity::Note,
        Owner::Administrator,
        format!("no record of what `init` proved in this run: {why}"),
    )
    .detail("Normal for tasks, for a destroy and for a skipped `init`. The installed packages were proven again here.")
    .at(place, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(engine: &str, h1: &str, modified: i64) -> Leg {
        let provider =
            LegProvider { version: "1.0.0".to_owned(), h1: h1.to_owned(), path: "/providers/x".to_owned(), modified };
        let providers = [("registry.opentofu.org/a/x".to_owned(), provider)].into();
        Leg { engine: engine.to_owned(), platform: "linux_amd64".to_owned(), providers, ..Leg::default() }
    }

    #[test]
    fn another_engine_or_package_is_refused_and_another_image_is_a_note() {
        let init = leg("tofu 1.12.6", "h1:x", 1);
        let missing = Leg { providers: BTreeMap::new(), ..init.clone() };
        for (now, expected) in [
            (init.clone(), vec![]),
            (leg("tofu 1.12.5", "h1:x", 1), vec![(Code::HandoverEngineDiffers, Severity::Error)]),
            (leg("tofu 1.12.6", "h1:y", 1), vec![(Code::HandoverPackageDiffers, Severity::Error)]),
            (missing, vec![(Code::HandoverPackageDiffers, Severity::Error)]),
            (leg("tofu 1.12.6", "h1:x", 2), vec![(Code::HandoverImageDiffers, Severity::Note)]),
        ] {
            let findings = check(&init, &now, &Place::file("handover.json"));
            let found: Vec<_> = findings.iter().map(|finding| (finding.code, finding.severity)).collect();
            assert_eq!(found, expected, "{now:?}");
        }
    }
}
