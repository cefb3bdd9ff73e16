//! What the engine would fail on, as findings: each with who can fix it and how.

use std::collections::HashMap;

use camino::Utf8PathBuf;

use super::lock_fixes::lock_set;
use super::package_fixes::package_path;
use super::{elsewhere, module_fixes, package_fixes, proof, state};
use airtight_engine::predict::{Cause, Facts, Failure, ModuleCause, Origin, Prediction, ProviderPrediction};
use airtight_finding::{Claim, Code, Finding, Owner, Severity, plural};
use airtight_provider::{ProviderAddress, Version};

/// One error for each failure of the prediction: first those that follow from the required providers, then those about what
/// only the engine decides. A mirror that cannot be searched fails every provider alike, and is said once.
///
/// `implied` are the directories where an engine looks without a CLI configuration.
pub fn check(facts: &Facts, prediction: &Prediction, implied: &[Utf8PathBuf]) -> (Vec<Finding>, Vec<Finding>) {
    let mut failures: Vec<Failure> = Vec::new();
    // Another finding says what is wrong with these.
    let has_finding = |failure: &&Failure| {
        !matches!(failure.cause, Some(Cause::WorkspaceFile | Cause::Argument))
            && failure.code != Code::DirectoryUnwritable
    };
    for failure in prediction.failures.iter().filter(has_finding) {
        let is_of_mirror = matches!(failure.code, Code::MirrorMissing | Code::MirrorUnreadable);
        let earlier =
            if is_of_mirror { failures.iter_mut().find(|earlier| earlier.code == failure.code) } else { None };
        match earlier {
            Some(earlier) => earlier.providers.extend(failure.providers.iter().cloned()),
            None => failures.push(failure.clone()),
        }
    }
    let mut alike: HashMap<Code, usize> = HashMap::new();
    for failure in &failures {
        *alike.entry(failure.code).or_default() += 1;
    }
    failures
        .iter()
        .map(|failure| {
            let has_others_alike = alike[&failure.code] > 1;
            finding(facts, prediction, failure, implied, has_others_alike)
        })
        .partition(|finding| is_of_providers(finding.code))
}

/// Whether a failure follows from what is on the disk, once the required providers are known.
const fn is_of_providers(code: Code) -> bool {
    matches!(
        code,
        Code::CliConfigMethodDropped
            | Code::CliConfigReachesOut
            | Code::LockFileInvalid
            | Code::MirrorMissing
            | Code::MirrorUnreadable
            | Code::PackageCacheConflict
            | Code::PackageExecutableMissing
            | Code::PackageMismatch
            | Code::PackagePlanted
            | Code::PackageUnreadable
            | Code::PluginCacheBesideMirror
            | Code::ProviderMissing
            | Code::ProviderPlatformMissing
            | Code::ProviderVersionMissing
            | Code::ProviderVersionUnlocked
    )
}

/// `has_others_alike`: other providers fail alike, and the engine's text, which names one, would keep them apart.
fn finding(
    facts: &Facts,
    prediction: &Prediction,
    failure: &Failure,
    implied: &[Utf8PathBuf],
    has_others_alike: bool,
) -> Finding {
    let is_missing = matches!(failure.code, Code::ProviderMissing | Code::MirrorMissing);
    let elsewhere = failure.providers.first().filter(|_| is_missing);
    let elsewhere = match failure.code {
        Code::MirrorMissing => elsewhere::in_place_of_the_mirror(facts, &failure.providers, implied),
        _ => None,
    }
    .or_else(|| elsewhere.and_then(|address| elsewhere::find(facts, address, implied)));
    let (owner, help) = elsewhere.unwrap_or_else(|| fix(facts, prediction, failure));
    let program = facts.engine.name;
    let claim = claim(failure);
    let (said, detail) = (failure.summary.trim_end(), failure.detail.trim_end());
    let fails = match claim {
        Some(_) if has_others_alike => format!("`{program} init` would fail with `{said}`."),
        _ if detail.is_empty() => format!("`{program} init` would fail: {said}"),
        _ => format!("`{program} init` would fail: {said}: {detail}"),
    };
    let finding = match (claim, failure.providers.as_slice()) {
        (Some(claim), [address]) => Finding::about(
            failure.code,
            Severity::Error,
            owner,
            subject(facts, prediction, failure.code, address),
            claim,
        ),
        _ => Finding::new(failure.code, Severity::Error, owner, summary(facts, failure)),
    };
    let mut finding = finding.detail(fails).help(help);
    for place in &failure.places {
        finding = finding.at(place.clone(), "");
    }
    for address in &failure.providers {
        for origin in origins(prediction, address) {
            let verb = if matches!(origin, Origin::Lock { .. }) { "locked" } else { "required" };
            if let Some(place) = origin.place().filter(|place| !failure.places.contains(place)) {
                let label = if has_others_alike || failure.providers.len() > 1 {
                    format!("`{}` is {verb} here", address.for_display(program))
                } else {
                    format!("{verb} here")
                };
                finding = finding.at(place.clone(), label);
            }
        }
    }
    finding
}

fn origins<'a>(prediction: &'a Prediction, address: &ProviderAddress) -> &'a [Origin] {
    prediction.provider(address).map_or(&[], |provider| &provider.requirement.origins)
}

/// What is said of a provider, and of several in the same words.
fn claim(failure: &Failure) -> Option<Claim> {
    let (of_one, of_many) = match failure.code {
        Code::ProviderMissing | Code::ProviderPlatformMissing => ("is not in the mirror", "are not in the mirror"),
        Code::ProviderVersionMissing => (
            "is in the mirror, but not in a version that can be used",
            "are in the mirror, but not in a version that can be used",
        ),
        Code::ProviderVersionUnlocked => (
            "is locked at a version that the configuration no longer accepts",
            "are locked at versions that the configuration no longer accepts",
        ),
        Code::PackageMismatch if matches!(failure.cause, Some(Cause::Leftovers(_))) => (
            "has a package with files that an archiver left in it, so that no locked hash matches",
            "have packages with files that an archiver left in them, so that no locked hash matches",
        ),
        Code::PackageMismatch => (
            "has a package that matches none of the hashes in the lock file",
            "have packages that match none of the hashes in the lock file",
        ),
        Code::PackageExecutableMissing => {
            ("has a package without an executable", "have packages without an executable")
        }
        Code::CliConfigReachesOut => ("would be fetched from the network", "would be fetched from the network"),
        _ => return None,
    };
    Some(Claim { noun: "provider", of_one, of_many })
}

/// The provider, with the platform or the versions that are wanted if these are what is wrong.
fn subject(facts: &Facts, prediction: &Prediction, code: Code, address: &ProviderAddress) -> String {
    let is_of = |provider: &&ProviderPrediction| provider.requirement.address == *address;
    let wanted = match code {
        Code::ProviderPlatformMissing => Some(facts.platform.to_string()),
        Code::ProviderVersionMissing | Code::ProviderVersionUnlocked => {
            prediction.providers.iter().find(is_of).map(|provider| provider.requirement.constraints.to_string())
        }
        _ => None,
    };
    match wanted.filter(|wanted| !wanted.is_empty()) {
        Some(wanted) => format!("`{address}` ({wanted})"),
        None => format!("`{address}`"),
    }
}

fn summary(facts: &Facts, failure: &Failure) -> String {
    let names = failure.providers.iter().map(|address| format!("`{address}`")).collect::<Vec<_>>().join(", ");
    match failure.code {
        Code::MirrorMissing | Code::MirrorUnreadable => {
            let paths = unsearchable(facts).into_iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
            format!("the mirror {paths} cannot be searched, so no provider can be installed")
        }
        Code::PackageUnreadable => match &failure.cause {
            Some(Cause::Package(problem)) => format!("the package of {names} {}", problem.describe()),
            _ => format!("the package of {names} cannot be read"),
        },
        Code::HostUndeclared => {
            let host = match &failure.cause {
                Some(Cause::BackendHost(host)) => host.as_str(),
                _ => "a host",
            };
            format!("`init` would ask {host}, which this air gap does not let through")
        }
        Code::ModuleNeedsNetwork => "`init` would fetch this module from the network".to_owned(),
        _ => failure.summary.clone(),
    }
}

/// Who can fix a failure, and how.
fn fix(facts: &Facts, prediction: &Prediction, failure: &Failure) -> (Owner, String) {
    let program = facts.engine.name;
    let platform = &facts.platform;
    let names = failure.providers.iter().map(|address| address.for_display(program)).collect::<Vec<_>>().join(" ");
    match &failure.cause {
        Some(Cause::Module(cause)) => return module_fixes::needs_network(facts, *cause),
        Some(Cause::State(kind)) => return state::fix(facts, kind),
        Some(Cause::RecordedBackend) => return (Owner::Repository, state::fix_recorded(facts)),
        Some(Cause::LegacyInState(address)) => return state::fix_legacy(facts, address),
        Some(Cause::LockFile(unlikely)) => {
            return (Owner::Repository, unlikely.fix(facts.lock.path.as_str()));
        }
        Some(Cause::Package(problem)) => return (Owner::Image, problem.fix(&package_path(prediction, failure))),
        Some(Cause::ExecutableBelow(name)) => {
            return (Owner::Image, package_fixes::executable_below(facts, prediction, failure, name));
        }
        Some(Cause::Leftovers(names)) => {
            return (Owner::Image, package_fixes::leftovers(&package_path(prediction, failure), names));
        }
        Some(Cause::Argument | Cause::WorkspaceFile) | None => {}
        Some(Cause::ModuleRecord { record, state }) => {
            return (Owner::Repository, module_fixes::record(record, *state));
        }
        Some(Cause::Repository(problem)) => return module_fixes::repository(problem),
        Some(Cause::ModuleNameTooLong) => {
            return (Owner::Repository, "Give the module, or a module on the way to it, a shorter name.".to_owned());
        }
        Some(Cause::ModulePath(mistake)) => return (Owner::Repository, module_fixes::path(mistake)),
        Some(Cause::BackendHost(host)) => return (Owner::Repository, backend_host(host)),
        Some(Cause::LockSet { unlocked, unused }) => return (Owner::Repository, lock_set(facts, unlocked, unused)),
    }
    match failure.code {
        Code::ProviderMissing if only_state(prediction, failure) => {
            (Owner::Repository, only_in_state(facts, prediction, failure))
        }
        Code::ProviderMissing => (Owner::Image, missing_provider(facts)),
        Code::ProviderVersionMissing if pre_release(facts, prediction, failure).is_some() => {
            (Owner::Repository, pre_release(facts, prediction, failure).unwrap_or_default())
        }
        Code::ProviderVersionMissing | Code::ProviderPlatformMissing => (
            Owner::Image,
            format!(
                "On a machine with network access, run `airtight mirror build --from . --platform {platform} DIR` in this \
                 root module, where DIR is the image's mirror. Or lock a version that the mirror has for {platform}."
            ),
        ),
        Code::ProviderVersionUnlocked => (
            Owner::Repository,
            format!(
                "Run `{program} init -upgrade` on a machine with network access, or with a mirror that has the new version, \
                 and commit the lock file."
            ),
        ),
        Code::PackageMismatch if completed(facts, prediction, failure).is_some() => {
            (Owner::Repository, completed(facts, prediction, failure).unwrap_or_default())
        }
        Code::PackageMismatch => (
            Owner::Repository,
            format!(
                "If the lock file was written on another platform, run `{program} providers lock \
                 -platform={platform} {names}` on a machine with network access, and commit it. If it has this platform's \
                 hashes, the package in the mirror is not the locked one: replace it with `airtight mirror build`."
            ),
        ),
        Code::PackageUnreadable | Code::PackageExecutableMissing => {
            (Owner::Image, "Remove the package from the mirror and download it again with `airtight mirror build`.".to_owned())
        }
        Code::MirrorMissing => (
            Owner::Image,
            "Put the mirror into the image, or name its directory: `--mirror DIR`, AIRTIGHT_MIRROR, or \
             `mirror` in /etc/airtight/settings.yml."
                .to_owned(),
        ),
        Code::MirrorUnreadable => (
            Owner::Image,
            format!(
                "Make the whole mirror readable for the run's user (1983 in Spacelift), in the image's build: `chmod -R \
                 a+rX {}`",
                unsearchable(facts).first().map_or("/providers", |path| path.as_str())
            ),
        ),
        // Not installed, with `-get=false`.
        Code::ModuleNeedsNetwork => module_fixes::needs_network(facts, ModuleCause::NotHere),
        Code::CliConfigReachesOut => (
            Owner::Administrator,
            "Remove `direct` and network methods from `provider_installation`. Or list the hosts under `reachable` and the \
             method under `also` in the image's settings."
                .to_owned(),
        ),
        Code::EngineVersionRefused => (
            Owner::Repository,
            format!("Change the version constraint, or use an image with another {}.", program.title()),
        ),
        Code::LockFileInvalid => (
            Owner::Repository,
            format!(
                "Correct the lock file, or remove it and run `{program} providers lock -platform={platform}` on a \
                 machine with network access; then commit it."
            ),
        ),
        Code::InitArgumentsInvalid => (
            Owner::Administrator,
            "Correct the arguments of `init`, or TF_CLI_ARGS and TF_CLI_ARGS_init in the stack's environment.".to_owned(),
        ),
        Code::ConstraintInvalid => (
            Owner::Repository,
            "Write a constraint such as `~> 1.2` or `>= 1.2, < 2.0` there, and commit it.".to_owned(),
        ),
        Code::ProviderAddressInvalid => (
            Owner::Repository,
            "Name the provider with `source = \"NAMESPACE/TYPE\"` or `\"HOST/NAMESPACE/TYPE\"` in `required_providers`."
                .to_owned(),
        ),
        Code::PackageCacheConflict if facts.plugin_cache.is_none() => (
            Owner::Repository,
            "Something else is where `init` makes the data directory. Remove it: `rm -r .terraform`".to_owned(),
        ),
        Code::PackageCacheConflict => (
            Owner::Administrator,
            "Unset TF_PLUGIN_CACHE_DIR for this stack: with a mirror on disk the cache saves nothing. Or remove this \
             provider from the cache."
                .to_owned(),
        ),
        Code::PluginCacheBesideMirror => {
            (Owner::Administrator, "Unset TF_PLUGIN_CACHE_DIR for this stack.".to_owned())
        }
        Code::PackagePlanted => (
            Owner::Repository,
            "Remove the installed providers, also from the repository: `rm -rf .terraform/providers`"
                .to_owned(),
        ),
        Code::CliConfigMethodDropped => (
            Owner::Administrator,
            "Correct the installation method; `airtight render cli-config` prints a file that both engines accept.".to_owned(),
        ),
        Code::ConfigurationInvalid | Code::ModuleInvalid => {
            (Owner::Repository, "Correct it there. `airtight check` shows whether it is right.".to_owned())
        }
        code => (Owner::Repository, format!("Read how to fix it: `airtight explain {code}`")),
    }
}

fn backend_host(host: &str) -> String {
    format!(
        "If Spacelift keeps the state, remove the `cloud` block or `remote` backend. If this air gap lets the host through, \
         list it in the image's settings: `reachable: [{host}]`."
    )
}

fn completed(facts: &Facts, prediction: &Prediction, failure: &Failure) -> Option<String> {
    let address = failure.providers.first()?;
    let provider = prediction.provider(address)?;
    proof::complete(facts, provider)
}

/// The mirror's only versions count as pre-releases, which constraints pass over.
fn pre_release(facts: &Facts, prediction: &Prediction, failure: &Failure) -> Option<String> {
    let address = failure.providers.first()?;
    let is_unlocked = facts.lock.lock_for(address).is_none() || facts.init.upgrade;
    let mirrors = facts.sources.mirrors();
    let packages = mirrors.iter().flat_map(|mirror| &mirror.packages).filter(|package| package.id.address == *address);
    let here = packages.filter(|package| package.id.platform == facts.platform).map(|package| &package.id.version);
    let newest = here
        .clone()
        .filter(|version| is_unlocked && !version.prerelease.is_empty())
        .max_by(|a, b| a.cmp_precedence(b))?;
    let requirement = &prediction.provider(address)?.requirement;
    // Its release would do, so that only this rule stands in the way.
    let release = Version::release(newest.major, newest.minor, newest.patch);
    requirement.constraints.allows(&release, &facts.engine).then(|| {
        format!(
            "`{newest}` counts as a pre-release because of the `-` in it, and engines take one only if a constraint names it \
             exactly: write `version = \"{newest}\"`."
        )
    })
}

/// The mirrors that cannot be searched, as configured.
fn unsearchable(facts: &Facts) -> Vec<&Utf8PathBuf> {
    let mirrors = facts.sources.mirrors().into_iter().filter(|mirror| mirror.error.is_some());
    mirrors.map(|mirror| &mirror.path).collect()
}

fn only_state(prediction: &Prediction, failure: &Failure) -> bool {
    let mut origins = failure.providers.iter().flat_map(|address| origins(prediction, address)).peekable();
    origins.peek().is_some() && origins.all(|origin| matches!(origin, Origin::State { .. }))
}

fn only_in_state(facts: &Facts, prediction: &Prediction, failure: &Failure) -> String {
    /// Resources are named up to this number.
    const SHOWN: usize = 5;
    let (program, platform) = (facts.engine.name, &facts.platform);
    let declarations = failure.providers.iter().map(|address| {
        let name = address.provider_type().replace('.', "-");
        format!("`{name} = {{ source = \"{}\" }}`", address.for_display(program))
    });
    let resources = failure.providers.iter().flat_map(|address| origins(prediction, address));
    let resources = resources.filter_map(|origin| match origin {
        Origin::State { resource } => Some(format!("`{resource}`")),
        _ => None,
    });
    let mut resources = resources.collect::<Vec<_>>();
    if resources.len() > SHOWN {
        let more = resources.len() - SHOWN;
        resources.truncate(SHOWN);
        resources.push(plural(more, "more resource"));
    }
    format!(
        "Only the state needs it, for {}. Declare it in `required_providers` ({}). Then, on a machine with network \
         access, run `{program} providers lock -platform={platform}` and `airtight mirror build --from . --platform \
         {platform} DIR`, where DIR is the image's mirror. Or remove the resources from the state.",
        resources.join(", "),
        declarations.collect::<Vec<_>>().join(", ")
    )
}

fn missing_provider(facts: &Facts) -> String {
    let (program, platform) = (facts.engine.name, &facts.platform);
    format!(
        "On a machine with network access, run `{program} providers lock -platform={platform}` in this root module if the \
         lock file lacks the provider, then `airtight mirror build --from . --platform {platform} DIR`, where DIR is the \
         image's mirror."
    )
}
