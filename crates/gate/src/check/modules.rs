//! Installed modules are what the image's stores have, or the repository's own.
//!
//! The severity follows from who decided. A module that no store has is the repository's code: it was committed with it, and
//! a repository may run any code of its own, so this is a warning. What contradicts a store, or the call itself, is an error:
//! then what runs is not what the configuration says.

use airtight_finding::{Code, Finding, Owner, Severity, plural};
use airtight_hcl::Place;
use airtight_provider::Quoted;
use camino::Utf8Path;

use crate::modules::judge::{Differences, InstalledModule, Location, Standing};

/// Names are shown up to this number.
const SHOWN: usize = 5;

/// `place` is the record of installed modules.
pub(crate) fn check(modules: &[InstalledModule], place: &Utf8Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut unproven = Vec::new();
    for module in modules {
        match &module.standing {
            Standing::Proven | Standing::Local => {}
            Standing::LocalElsewhere { called } => findings.push(local_elsewhere(module, called, place)),
            Standing::Differs(differences) => findings.push(differs(module, differences, place)),
            Standing::Unproven(Location::DataDirectory | Location::Image) => unproven.push(module),
            Standing::Unproven(location) => findings.push(elsewhere(module, *location, place)),
            Standing::Unread(reason) => {
                let summary = "what `modules.json` makes the engine load is not known".to_owned();
                findings.push(planted(Severity::Error, summary).detail(reason.clone()).at(Place::file(place), ""));
            }
            Standing::Unreadable(reason) => findings.push(unreadable(module, reason)),
        }
    }
    if !unproven.is_empty() {
        findings.push(not_proven(&unproven, place));
    }
    findings
}

fn planted(severity: Severity, summary: String) -> Finding {
    Finding::new(Code::ModulePlanted, severity, Owner::Repository, summary)
        .help("Remove the installed modules, so that they come from the image's store: `rm -r .terraform/modules`. If the repository has them: \
             `git rm -r --cached .terraform`. If not, look for a hook or a command that changes them.")
}

fn local_elsewhere(module: &InstalledModule, called: &Utf8Path, place: &Utf8Path) -> Finding {
    planted(
        Severity::Error,
        format!("the engine would load another directory than module {} names", Quoted(&module.key)),
    )
    .detail(format!(
        "The call names `{called}`, and `modules.json` makes the engine load `{}`. No engine compares them.",
        module.directory
    ))
    .at(Place::file(place), "")
}

fn elsewhere(module: &InstalledModule, location: Location, place: &Utf8Path) -> Finding {
    let (severity, where_it_is) = match location {
        Location::Repository => (Severity::Warning, "a directory of the repository"),
        _ => (Severity::Error, "a directory outside the repository and the image"),
    };
    planted(severity, format!("`modules.json` makes the engine load module {} from {where_it_is}", Quoted(&module.key)))
        .detail(format!(
            "The call says {}, which no store of this image has. The engine would load `{}` in its place.",
            Quoted(&module.source),
            module.directory
        ))
        .at(Place::file(place), "")
}

fn differs(module: &InstalledModule, differences: &Differences, place: &Utf8Path) -> Finding {
    let version = module.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let is_error = differences.is_fixed && !differences.configuration.is_empty();
    let severity = if is_error { Severity::Error } else { Severity::Warning };
    let mut files = differences.configuration.iter().chain(&differences.other).take(SHOWN);
    let mut named = files.by_ref().map(|file| Quoted(file).to_string()).collect::<Vec<_>>().join(", ");
    let count = differences.configuration.len() + differences.other.len();
    if count > SHOWN {
        named.push_str(&format!(" and {} more", count - SHOWN));
    }
    let why = match (differences.is_fixed, differences.configuration.is_empty()) {
        (true, false) => "So what would run is not what the configuration says.",
        (false, false) => "The source names a branch, which may have moved.",
        (_, true) => "The engine does not read these files as configuration; the module itself may have written them.",
    };
    planted(severity, format!("module {} is installed, but not as the image's store has it", Quoted(&module.key)))
        .detail(format!(
            "It is recorded as {}{version}. Changed, new or missing in `{}`: {named}. {why}",
            Quoted(&module.source),
            module.directory
        ))
        .at(Place::file(place), "")
}

fn not_proven(modules: &[&InstalledModule], place: &Utf8Path) -> Finding {
    let named = modules.iter().take(SHOWN).map(|module| {
        let version = module.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        format!("{} ({}{version})", Quoted(&module.key), Quoted(&module.source))
    });
    let mut named = named.collect::<Vec<_>>().join(", ");
    if modules.len() > SHOWN {
        named.push_str(&format!(" and {} more", modules.len() - SHOWN));
    }
    Finding::new(
        Code::ModuleUnproven,
        Severity::Warning,
        Owner::Image,
        format!("{} in no store of this image", are(modules.len())),
    )
    .detail(format!("Nothing but the repository vouches for: {named}."))
    .help(
        "On a machine with network access, in the root module, run `airtight modules build --from . DIR`, where DIR is the \
         image's store of modules. Then remove `.terraform` from the repository.",
    )
    .at(Place::file(place), "")
}

fn are(count: usize) -> String {
    format!("{} {}", plural(count, "installed module"), if count == 1 { "is" } else { "are" })
}

fn unreadable(module: &InstalledModule, reason: &str) -> Finding {
    Finding::new(
        Code::ModuleStoreInvalid,
        Severity::Error,
        Owner::Image,
        format!("module {} cannot be compared with the image's store", Quoted(&module.key)),
    )
    .detail(format!("{reason}."))
    .help("Build the store of modules again, and copy the whole directory into the image.")
    .at(Place::file(&module.directory), "")
}
