//! Findings that concern no single run.

use airtight_finding::secrets::without_credentials;
use airtight_finding::{Code, Finding, Outcome, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::{Engine, Platform};

use crate::fleet::Fleet;
use crate::report::megabytes;
use crate::usage::{self, ModuleUsage, ProviderUsage};

/// Adds what concerns no single run: packages that nobody uses, versions that are behind, stacks that only the new image breaks. To be
/// called before the rules are applied.
pub fn add(fleet: &mut Fleet, usage: &[ProviderUsage], modules: &[ModuleUsage], engine: &Engine, platform: &Platform) {
    unused_modules(fleet, modules);
    for provider in usage {
        for version in provider.versions.iter().filter(|version| version.used_by.is_empty()) {
            let size = megabytes(version.size_bytes());
            let summary = format!("no stack uses `{}` {} ({size})", provider.address, version.version);
            let finding = Finding::new(Code::PackageUnused, Severity::Note, Owner::Image, summary)
                .detail("Neither a lock file nor a configuration of the stacks that were read selects this version.")
                .help("Leave it out of the next mirror: `airtight audit --emit-manifest FILE`, then `airtight mirror build --manifest FILE`.");
            let places = version.packages.iter().map(|package| Place::file(&package.package.path));
            fleet.findings.push(places.fold(finding, |finding, place| finding.at(place, "")));
        }
    }
    for stack in &mut fleet.stacks {
        let mut found = Vec::new();
        for provider in stack.providers.iter().filter(|provider| provider.is_needed && provider.locked.is_some()) {
            let Ok(at) = usage.binary_search_by(|usage| usage.address.cmp(&provider.address)) else { continue };
            let Some(newer) = usage::newer(provider, &usage[at], engine, platform) else { continue };
            let (address, locked) = (&provider.address, provider.wanted().map(ToString::to_string).unwrap_or_default());
            let summary = format!("`{address}` is locked at {locked}, and the image has {newer}");
            let finding = Finding::new(Code::ProviderVersionBehind, Severity::Note, Owner::Repository, summary)
                .detail(format!("The constraints `{}` allow the newer version.", provider.constraints))
                .help(format!(
                    "Run `{} init -upgrade` with this mirror, and commit the lock file with its hashes: `airtight lock complete`.",
                    engine.name
                ));
            found.push(match &provider.locked_at {
                Some(place) => finding.at(place.clone(), "locked here"),
                None => finding,
            });
        }
        if let Some(earlier) = &stack.baseline
            && earlier.init != Outcome::Failure
            && stack.init == Outcome::Failure
        {
            let codes = stack.reasons.iter().map(|code| format!("`{code}`")).collect::<Vec<_>>().join(", ");
            found.push(
                Finding::new(
                    Code::ImageChangeBreaks,
                    Severity::Error,
                    Owner::Image,
                    "`init` works with the earlier image, and fails with this one",
                )
                .detail(format!("With this image it fails because of {codes}."))
                .help("Put what is missing back into the image, or change the stack before the image is used.")
                .at(Place::file(&stack.directory), ""),
            );
        }
        stack.findings.append(&mut found);
    }
}

/// Modules of the stores that no stack calls.
fn unused_modules(fleet: &mut Fleet, modules: &[ModuleUsage]) {
    for module in modules.iter().filter(|module| module.used_by.is_empty()) {
        let version = module.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let name = without_credentials(module.source.clone());
        let summary = format!("no stack calls the module `{name}`{version}");
        let finding = Finding::new(Code::ModuleUnused, Severity::Note, Owner::Image, summary)
            .detail("No configuration of the stacks that were read calls it, nor does a module that they call.")
            .help("Remove what no stack calls: `airtight modules prune --modules DIR --keep-for REPOSITORIES`.");
        fleet.findings.push(finding.at(Place::file(&module.tree), ""));
    }
}
