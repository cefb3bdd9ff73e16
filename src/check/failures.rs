//! What the engine would fail on, as findings: each with who can mend it and how.

use crate::domain::{EngineName, ProviderAddress};
use crate::finding::{Code, Finding, Owner, Severity};
use crate::predict::{Facts, Failure, Origin, Prediction};

/// One error for each failure of the prediction, in its order. A mirror that cannot be searched fails every provider
/// alike, and is said once.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    let mut failures: Vec<Failure> = Vec::new();
    for failure in &prediction.failures {
        let is_of_mirror = matches!(failure.code, Code::MirrorMissing | Code::MirrorUnreadable);
        match failures.iter_mut().find(|earlier| is_of_mirror && earlier.code == failure.code) {
            Some(earlier) => earlier.providers.extend(failure.providers.iter().cloned()),
            None => failures.push(failure.clone()),
        }
    }
    failures.iter().map(|failure| finding(facts, prediction, failure)).collect()
}

fn finding(facts: &Facts, prediction: &Prediction, failure: &Failure) -> Finding {
    let (owner, help) = mend(facts, prediction, failure);
    let mut finding = Finding::new(failure.code, Severity::Error, owner, summary(facts, failure))
        .detail(format!("`{} init` would fail: {}: {}", facts.engine.name, failure.summary, failure.detail.trim_end()))
        .help(help);
    for place in &failure.places {
        finding = finding.at(place.clone(), "");
    }
    for address in &failure.providers {
        for origin in origins(prediction, address) {
            match origin {
                Origin::Configuration { place, .. } | Origin::Lock { place } | Origin::Test { place }
                    if !failure.places.contains(place) =>
                {
                    finding = finding.at(place.clone(), format!("`{address}` is required here"));
                }
                _ => {}
            }
        }
    }
    finding
}

fn origins<'a>(prediction: &'a Prediction, address: &ProviderAddress) -> &'a [Origin] {
    prediction
        .providers
        .iter()
        .find(|provider| provider.requirement.address == *address)
        .map_or(&[], |provider| &provider.requirement.origins)
}

fn summary(facts: &Facts, failure: &Failure) -> String {
    let names = failure.providers.iter().map(|address| format!("`{address}`")).collect::<Vec<_>>().join(", ");
    let what = match failure.code {
        Code::MirrorMissing | Code::MirrorUnreadable => {
            let paths = facts.sources.mirrors().into_iter().filter(|mirror| mirror.error.is_some());
            let paths = paths.map(|mirror| format!("`{}`", mirror.path)).collect::<Vec<_>>().join(", ");
            return format!("the mirror {paths} cannot be searched, so no provider can be installed");
        }
        Code::ProviderMissing => "is not in the mirror",
        Code::ProviderVersionMissing => "is in the mirror, but in no version that is wanted here",
        Code::ProviderPlatformMissing => return format!("{names} is not in the mirror for {}", facts.platform),
        Code::ProviderVersionUnlocked => "is locked at a version that the configuration does not accept any more",
        Code::PackageMismatch => "matches none of the hashes that the lock file holds",
        Code::PackageUnreadable => "has a package that cannot be read",
        Code::PackageExecutableMissing => "has a package without an executable",
        _ => return failure.summary.clone(),
    };
    if names.is_empty() { failure.summary.clone() } else { format!("{names} {what}") }
}

/// Who can mend a failure, and with what.
fn mend(facts: &Facts, prediction: &Prediction, failure: &Failure) -> (Owner, String) {
    let program = facts.engine.name;
    let platform = &facts.platform;
    let names = failure.providers.iter().map(|address| address.for_display(program)).collect::<Vec<_>>().join(" ");
    match failure.code {
        Code::ProviderMissing => (Owner::Image, missing_provider(facts, prediction, failure)),
        Code::ProviderVersionMissing | Code::ProviderPlatformMissing => (
            Owner::Image,
            format!(
                "Where there is network, run `{program} providers mirror -platform={platform} DIR` in this root module \
                 and add DIR to the image's mirror; or lock a version that the mirror has for {platform}."
            ),
        ),
        Code::ProviderVersionUnlocked => (
            Owner::Repository,
            format!("Run `{program} init -upgrade` where the wanted version can be had, and commit the lock file."),
        ),
        Code::PackageMismatch => (
            Owner::Repository,
            format!(
                "If the lock file was written on another platform, run `{program} providers lock \
                 -platform={platform} {names}` where there is network, and commit it. If it holds this platform's \
                 hashes, the package in the mirror is not the one that was locked: rebuild the mirror from its origin."
            ),
        ),
        Code::PackageUnreadable | Code::PackageExecutableMissing => {
            (Owner::Image, "Replace the package in the mirror by a fresh copy from its origin registry.".to_owned())
        }
        Code::MirrorMissing | Code::MirrorUnreadable => (
            Owner::Image,
            "Make the whole mirror readable for the run's user (1983 in Spacelift): `chmod -R a+rX /providers`, or \
             name the right directory by --mirror."
                .to_owned(),
        ),
        Code::ModuleNeedsNetwork => (
            Owner::Repository,
            "Put the module into the repository and call it by a local path such as `./modules/NAME`; if this air gap \
             lets its host through, have the image's settings name it under `reachable`."
                .to_owned(),
        ),
        Code::CliConfigReachesOut => (
            Owner::Administrator,
            "Leave `direct` and network methods out of `provider_installation`, or have the image's settings name \
             the hosts under `reachable` and the method under `also`."
                .to_owned(),
        ),
        Code::LockFileReadonly => (
            Owner::Repository,
            format!("Run `{program} init` once without `-lockfile=readonly`, and commit the lock file."),
        ),
        Code::EngineVersionRefused => (
            Owner::Repository,
            format!("Change the version constraint, or use an image with another {}.", program.title()),
        ),
        Code::LockFileInvalid => (
            Owner::Repository,
            format!(
                "Correct the lock file, or remove it and run `{program} providers lock -platform={platform}` where \
                 there is network; then commit it."
            ),
        ),
        Code::InitArgumentsInvalid => {
            (Owner::Administrator, "Correct the arguments, or the variable that holds them.".to_owned())
        }
        Code::StateInvalid => (Owner::Administrator, "Mend or restore the state before the run.".to_owned()),
        _ => (Owner::Repository, String::new()),
    }
}

fn missing_provider(facts: &Facts, prediction: &Prediction, failure: &Failure) -> String {
    let program = facts.engine.name;
    let platform = &facts.platform;
    let origins = failure.providers.iter().flat_map(|address| origins(prediction, address)).collect::<Vec<_>>();
    let only_state = !origins.is_empty() && origins.iter().all(|origin| matches!(origin, Origin::State { .. }));
    if only_state {
        let declarations = failure
            .providers
            .iter()
            .map(|address| {
                format!(
                    "{} = {{ source = \"{}\" }}",
                    address.provider_type().replace('.', "-"),
                    address.for_display(program)
                )
            })
            .collect::<Vec<_>>()
            .join("; ");
        return format!(
            "Only the state needs it. Declare it in `required_providers` ({declarations}), then, where there is \
             network, run `{program} providers lock -platform={platform}` and `{program} providers mirror \
             -platform={platform} DIR`; or remove its resources from the state."
        );
    }
    let other = match facts.engine.name {
        EngineName::Tofu => "registry.terraform.io",
        EngineName::Terraform => "registry.opentofu.org",
    };
    let elsewhere = failure.providers.iter().any(|address| {
        facts
            .sources
            .methods
            .iter()
            .filter_map(|source| source.mirror.as_ref())
            .any(|mirror| mirror.packages.iter().any(|package| package.id.address == address.on_host(other)))
    });
    let hint = if elsewhere {
        format!(
            " The mirror has it under `{other}`, which {} does not look at for this source address.",
            program.title()
        )
    } else {
        String::new()
    };
    format!(
        "Where there is network, run `{program} providers mirror -platform={platform} DIR` in this root module, and \
         add DIR to the image's mirror.{hint}"
    )
}
