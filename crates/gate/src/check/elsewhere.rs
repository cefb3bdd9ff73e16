//! A provider that no mirror has but this machine has: where it is, and what it takes to be found.

use airtight_engine::predict::Facts;
use airtight_finding::{Owner, shell_word};
use airtight_provider::mirror::{Mirror, MirrorPackage, walk};
use airtight_provider::{EngineName, Layout, ProviderAddress, SourceAddress};
use camino::{Utf8Path, Utf8PathBuf};

use super::misplaced;

/// Who can fix it, and how; null if it is nowhere. `implied` are the directories where an engine looks without a CLI
/// configuration.
pub fn find(facts: &Facts, address: &ProviderAddress, implied: &[Utf8PathBuf]) -> Option<(Owner, String)> {
    let mirrors = facts.sources.mirrors();
    let misplaced = mirrors
        .iter()
        .find_map(|mirror| mirror.ignored.iter().find_map(|entry| misplaced::fix(mirror, &entry.path, Some(address))));
    misplaced
        .map(|help| (Owner::Image, help))
        .or_else(|| in_implied(facts, &mirrors, address, implied))
        .or_else(|| under_another_address(facts, &mirrors, address))
}

/// The directories where an engine looks by itself that together hold providers, in the place of a mirror that is missing.
/// Null if one is nowhere.
pub(super) fn in_place_of_the_mirror(
    facts: &Facts,
    addresses: &[ProviderAddress],
    implied: &[Utf8PathBuf],
) -> Option<(Owner, String)> {
    let walked: Vec<_> = implied.iter().map(|path| (path, walk(path, facts.engine.name))).collect();
    let mut directories = Vec::new();
    for address in addresses {
        let (path, _) =
            walked.iter().find(|(_, mirror)| mirror.packages.iter().any(|found| is_wanted(facts, address, found)))?;
        if !directories.contains(path) {
            directories.push(path);
        }
    }
    let named = directories.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(" and ");
    let options = directories.iter().map(|path| format!("--mirror {}", shell_word(path.as_str()))).collect::<Vec<_>>();
    let help = format!(
        "{named} {}. Name that as the mirror: `{}`. In an image, copy it to /providers, which the run's user cannot change.",
        if directories.len() == 1 { "has every provider" } else { "have every provider" },
        options.join(" ")
    );
    (!directories.is_empty()).then_some((Owner::Image, help))
}

fn is_wanted(facts: &Facts, address: &ProviderAddress, package: &MirrorPackage) -> bool {
    package.id.address == *address
        && package.id.platform == facts.platform
        && facts.lock.lock_for(address).is_none_or(|lock| lock.version == package.id.version)
}

/// In a directory where an engine looks by itself, but not with the CLI configuration of this run.
fn in_implied(
    facts: &Facts,
    mirrors: &[&Mirror],
    address: &ProviderAddress,
    implied: &[Utf8PathBuf],
) -> Option<(Owner, String)> {
    let is_asked = |path: &Utf8Path| mirrors.iter().any(|mirror| mirror.base == path);
    for path in implied.iter().filter(|path| !is_asked(path)) {
        let found = walk(path, facts.engine.name);
        if let Some(package) = found.packages.iter().rev().find(|package| is_wanted(facts, address, package)) {
            return Some((Owner::Image, copied(mirrors, package, path)));
        }
        if let Some(flat) = flat(path, facts, address) {
            return Some((Owner::Image, flat));
        }
    }
    None
}

fn copied(mirrors: &[&Mirror], package: &MirrorPackage, implied: &Utf8Path) -> String {
    let from = shell_word(package.path.as_str());
    let Some(mirror) = mirrors.iter().find(|mirror| !mirror.is_missing) else {
        return format!(
            "It is in `{implied}`, which is not the mirror. Name that directory: `--mirror {}`. In an image, copy it to \
             /providers, which the run's user cannot change.",
            shell_word(implied.as_str())
        );
    };
    let below = match package.layout {
        Layout::Unpacked => package.id.unpacked_path(),
        Layout::Packed => {
            let file = package.path.file_name().unwrap_or_default();
            format!("{}/{file}", package.id.address)
        }
    };
    let to = mirror.base.join(below);
    let directory = to.parent().unwrap_or(&mirror.base);
    format!(
        "`{}` has it, where the CLI configuration of this run does not look. Copy it into the mirror: `mkdir -p {} && cp -r \
         {from} {}`",
        package.path,
        shell_word(directory.as_str()),
        shell_word(to.as_str())
    )
}

/// `OS_ARCH/terraform-provider-TYPE_vVERSION`, the layout of Terraform 0.12, which engines pass over today.
fn flat(implied: &Utf8Path, facts: &Facts, address: &ProviderAddress) -> Option<String> {
    let prefix = format!("terraform-provider-{}_v", address.provider_type());
    for directory in [implied.to_owned(), implied.join(facts.platform.to_string())] {
        let Ok(entries) = directory.read_dir_utf8() else { continue };
        let found = entries.filter_map(Result::ok).find_map(|entry| {
            let version = entry.file_name().strip_prefix(&prefix)?.to_owned();
            let version = version.split('_').next()?.parse::<airtight_provider::Version>().ok()?;
            entry.file_type().ok().filter(std::fs::FileType::is_file)?;
            Some((entry.path().to_owned(), version))
        });
        if let Some((path, version)) = found {
            let mirror =
                facts.sources.mirrors().first().map_or_else(|| "/providers".into(), |mirror| mirror.base.clone());
            let to = mirror.join(format!("{address}/{version}/{}", facts.platform));
            return Some(format!(
                "`{path}` is in the layout of Terraform 0.12, which engines no longer read. Put it into the mirror: `mkdir -p \
                 {to} && cp {} {to}/`",
                shell_word(path.as_str()),
                to = shell_word(to.as_str())
            ));
        }
    }
    None
}

/// The mirror has a provider of this type, but of another namespace or registry.
fn under_another_address(facts: &Facts, mirrors: &[&Mirror], address: &ProviderAddress) -> Option<(Owner, String)> {
    let packages = mirrors.iter().flat_map(|mirror| &mirror.packages);
    let mut same_type: Vec<&ProviderAddress> = packages
        .map(|package| &package.id.address)
        .filter(|found| found.provider_type() == address.provider_type() && *found != address)
        .collect();
    same_type.sort();
    same_type.dedup();
    let program = facts.engine.name;
    let other_registry = match program {
        EngineName::Tofu => EngineName::Terraform,
        EngineName::Terraform => EngineName::Tofu,
    }
    .default_registry_host();
    let on_other = address.on_host(other_registry);
    let found = same_type.iter().find(|found| ***found == on_other).or_else(|| same_type.first())?;
    if **found == on_other {
        return Some((
            Owner::Image,
            format!(
                "The mirror has it under `{other_registry}`, where {} does not look for this source address. Put it into the \
                 mirror for {}: `airtight mirror build --from . --platform {} DIR` on a machine with network access. Or, to use \
                 that one, write `source = \"{found}\"`.",
                program.title(),
                program.title(),
                facts.platform
            ),
        ));
    }
    let why = if address.namespace() == "hashicorp" && !is_named(facts, address) {
        ": without a `source`, an engine takes `hashicorp` for the namespace"
    } else {
        ""
    };
    Some((
        Owner::Repository,
        format!(
            "The mirror has `{found}`, and the configuration asks for `{address}`{why}. If that one is meant, write `{} = {{ \
             source = \"{}\" }}` in `required_providers` of the module that uses it.",
            address.provider_type(),
            found.for_display(program)
        ),
    ))
}

/// Whether a module names it by a `source`.
fn is_named(facts: &Facts, address: &ProviderAddress) -> bool {
    let engine = facts.engine.name;
    let configuration = &facts.configuration;
    let children = configuration.children.values().filter_map(|child| child.module.as_ref());
    std::iter::once(&configuration.root).chain(children).any(|module| {
        let sources = module.required_providers.values().filter_map(|required| required.source.as_deref());
        let mut addresses = sources.filter_map(|source| SourceAddress::parse(source, engine).ok());
        addresses.any(|source| source.resolve(engine) == *address)
    })
}
