//! Every provider that `init` would install is proven by a hash of the lock file: stricter than the engines.

use airtight_engine::predict::{Cause, Facts, Failure, Origin, Prediction, ProviderPrediction, Status};
use airtight_finding::shell_word as quoted;
use airtight_finding::{Claim, Code, Finding, Owner, Severity};
use airtight_hcl::Place;
use airtight_provider::hashing::Hasher;
use airtight_provider::lock_file::{FILE_NAME, ProviderLock};
use airtight_provider::{DigestKind, DigestRequest, Digests, EngineName, Hash, HashScheme, Layout, ProviderAddress};

const NO_USABLE_HASH: Claim = Claim {
    noun: "provider",
    of_one: "is locked without a hash that can prove its package",
    of_many: "are locked without a hash that can prove their packages",
};

const LOCKED_FOR_TERRAFORM: Claim = Claim {
    noun: "provider",
    of_one: "is locked only for Terraform's registry, whose hashes are for other packages",
    of_many: "are locked only for Terraform's registry, whose hashes are for other packages",
};

const NOT_LOCKED: Claim = Claim {
    noun: "provider",
    of_one: "is not locked and would be installed without proof",
    of_many: "are not locked and would be installed without proof",
};

/// One error for each selected provider that nothing proves. A mismatch is a predicted failure, and said there; a lock
/// file that cannot be read is an error by itself.
pub fn check(facts: &Facts, prediction: &Prediction) -> Vec<Finding> {
    let is_lock_read = facts.lock.not_understood.is_empty() && facts.lock.errors.is_empty();
    let unproven: Vec<_> = prediction
        .providers
        .iter()
        .filter(|provider| provider.requirement.is_needed && provider.status == Status::Unproven)
        .filter(|provider| is_lock_read || facts.lock.lock_for(&provider.requirement.address).is_some())
        .filter(|provider| !prediction.failures.iter().any(|failure| is_said(failure, &provider.requirement.address)))
        .collect();
    unproven.iter().map(|provider| finding(facts, provider, unproven.len() > 1)).collect()
}

/// `-lockfile=readonly` stops `init` because the entry is missing.
fn is_said(failure: &Failure, address: &ProviderAddress) -> bool {
    matches!(&failure.cause, Some(Cause::LockSet { unlocked, .. }) if unlocked.contains(address))
}

/// `is_one_of_many`: one command fixes all of them.
fn finding(facts: &Facts, provider: &ProviderPrediction, is_one_of_many: bool) -> Finding {
    let address = &provider.requirement.address;
    let selected = provider.selected.as_ref();
    let lock =
        facts.lock.lock_for(address).filter(|lock| selected.is_none_or(|selected| selected.id.version == lock.version));
    let predecessor = (facts.engine.name == EngineName::Tofu)
        .then(|| facts.lock.lock_for(&address.on_host(EngineName::Terraform.default_registry_host())))
        .flatten();
    let finding = match (lock, predecessor) {
        (Some(lock), _) => without_usable_hash(lock, provider),
        (None, Some(predecessor)) => from_predecessor(provider, predecessor),
        (None, None) => without_entry(facts, provider),
    };
    let place = lock.map(|lock| lock.place.clone()).or_else(|| required_at(provider));
    let finding = match place {
        Some(place) if finding.places.is_empty() => finding.at(place, ""),
        _ => finding,
    };
    finding.help(lock_command(facts, provider, is_one_of_many))
}

fn required_at(provider: &ProviderPrediction) -> Option<Place> {
    provider.requirement.origins.iter().find_map(|origin| match origin {
        Origin::Configuration { place, .. } | Origin::Lock { place } | Origin::Test { place } => Some(place.clone()),
        Origin::State { .. } | Origin::Engine => None,
    })
}

fn without_usable_hash(lock: &ProviderLock, provider: &ProviderPrediction) -> Finding {
    let selected = provider.selected.as_ref().and_then(|selected| selected.package.as_ref());
    let layout = selected.map_or(Layout::Unpacked, |package| package.layout);
    let only_zh = lock.hashes.iter().any(|hash| hash.scheme() == HashScheme::Zh);
    let detail = if only_zh && layout == Layout::Unpacked {
        "The package is unpacked, and the lock file holds only `zh:` hashes for it, which prove archives. The engine would \
         install it without any check, whatever it is, and write its hash into the lock file."
            .to_owned()
    } else if lock.hashes.iter().any(Hash::is_preferred) {
        format!("None of the locked hashes says anything about a package that is {}.", layout.as_str())
    } else {
        "The lock file holds no hash for it that the engine knows, so the engine would install it without any check."
            .to_owned()
    };
    let subject = format!("`{}` {}", lock.address, lock.version);
    Finding::about(Code::ProviderNotLocked, Severity::Error, Owner::Repository, subject, NO_USABLE_HASH)
        .detail(detail)
        .at(lock.hashes_place.clone().unwrap_or_else(|| lock.place.clone()), "no usable hash here")
}

fn from_predecessor(provider: &ProviderPrediction, predecessor: &ProviderLock) -> Finding {
    let subject = format!("`{}`", provider.requirement.address);
    Finding::about(Code::LockEntryPredecessor, Severity::Error, Owner::Repository, subject, LOCKED_FOR_TERRAFORM)
        .detail(
            "The packages of the two registries differ. OpenTofu takes at most the version from such an entry, \
             drops its hashes and would install the package without any check.",
        )
        .at(predecessor.place.clone(), "written by Terraform")
}

fn without_entry(facts: &Facts, provider: &ProviderPrediction) -> Finding {
    let address = &provider.requirement.address;
    let why = match &facts.lock.misnamed {
        Some(path) => format!("There is no `.terraform.lock.hcl` here, only `{path}`, which engines do not read."),
        None if facts.lock.exists => "The lock file has no entry for it.".to_owned(),
        None => "There is no lock file.".to_owned(),
    };
    let version = provider.selected.as_ref().map(|selected| format!(" {}", selected.id.version)).unwrap_or_default();
    let subject = format!("`{address}`{version}");
    Finding::about(Code::ProviderNotLocked, Severity::Error, Owner::Repository, subject, NOT_LOCKED).detail(format!(
        "{why} The engine would take the package as it is in the mirror, and write its hash into the lock file."
    ))
}

fn lock_command(facts: &Facts, provider: &ProviderPrediction, is_one_of_many: bool) -> String {
    let program = facts.engine.name;
    if let Some(path) = &facts.lock.misnamed {
        let (from, to) = (quoted(path.as_str()), quoted(facts.lock.path.as_str()));
        if path.file_name() == Some(FILE_NAME) {
            return format!("If it is this root module's, put a copy of it here, and commit it: `cp {from} {to}`");
        }
        return format!("Give the lock file its name, and commit it: `mv {from} {to}`");
    }
    if let Some(command) = complete(facts, provider) {
        return command;
    }
    let only_state = !provider.requirement.origins.is_empty()
        && provider.requirement.origins.iter().all(|origin| matches!(origin, Origin::State { .. }));
    let first = if only_state { "Only the state needs it: declare it in `required_providers`. Then, on" } else { "On" };
    let address = provider.requirement.address.for_display(program);
    let address = if is_one_of_many { String::new() } else { format!(" {address}") };
    format!(
        "{first} a machine with network access, run `{program} providers lock -platform={}{address}` in this root module, and commit \
         `.terraform.lock.hcl`. Do not use `-fs-mirror`: it writes whatever the mirror holds.",
        facts.platform
    )
}

/// `airtight lock complete`, if the mirror keeps the archive of an unpacked package, and the lock file has its `zh:` hash.
pub(super) fn complete(facts: &Facts, provider: &ProviderPrediction) -> Option<String> {
    let selected = provider.selected.as_ref()?;
    let lock = facts.lock.lock_for(&selected.id.address).filter(|lock| lock.version == selected.id.version)?;
    let mirrors = facts.sources.mirrors();
    let (mirror, archive) = mirrors.iter().find_map(|mirror| {
        let archive = mirror.base.join(ARCHIVES).join(selected.id.packed_path());
        archive.is_file().then_some((mirror, archive))
    })?;
    let request = DigestRequest { path: archive, layout: Layout::Packed, kind: DigestKind::Zh };
    let mut digests = Digests::new();
    Hasher::new(&|_| {}).compute(std::slice::from_ref(&request), &mut digests);
    let hash = digests.get(&request)?.as_ref().ok()?;
    lock.hashes.contains(hash).then(|| {
        format!(
            "The mirror has the proof: run `airtight lock complete --mirror {} --platform {} {}`, without network, and commit \
             `.terraform.lock.hcl`.",
            quoted(mirror.path.as_str()),
            facts.platform,
            quoted(facts.root_module.as_str())
        )
    })
}

/// Where `mirror unpack` and `mirror build` keep archives, below a mirror.
const ARCHIVES: &str = ".airtight/archives";
