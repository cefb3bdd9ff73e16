//! The gate before every phase after `init`: the installed packages are those that the lock file proves, and what was handed
//! over.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::context::Context;
use super::handover::{self, Found, Handover, HandoverEngine, HandoverProvider};
use super::init;
use super::seal::Seals;
use crate::check;
use crate::check::handover::{Leg, LegProvider};
use crate::check::installed;
use crate::check::installed::{Locked, Proof};
use crate::exec::guard::{NotEnforceable, VerifiedCopy};
use crate::modules;
use crate::modules::judge::InstalledModule;
use crate::settings::Execute;
use airtight_engine::modules_manifest;
use airtight_finding::report::{ReportPackage, ReportProvider};
use airtight_finding::{Code, Finding, Need, Owner, Severity, Status};
use airtight_hcl::{Place, Sources};
use airtight_provider::Digests;
use airtight_provider::executable;
use airtight_provider::hashing::Hasher;
use airtight_provider::installed::{Installed, InstalledEntry, InstalledKind};
use airtight_provider::lock_file;
use airtight_provider::lock_file::LockFile;
use airtight_provider::mirror;
use airtight_provider::mirror::Mirror;
use airtight_provider::protection::Protection;
use airtight_provider::{Layout, PackageId, ProviderAddress};

/// Whether the phase has to find everything installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// A plan, an apply, a destroy: they use providers.
    Installed,
    /// A task may do anything, also fix the cause of a failed `init`.
    Whatever,
}

/// What the settings' provider policies say of the packages that this phase uses.
fn not_allowed(context: &Context<'_>, seen: &Seen) -> Vec<Finding> {
    let policies = &context.settings.provider_policies;
    let used = seen.installed.entries.iter().filter(|entry| {
        let is_locked = |lock: &lock_file::ProviderLock| lock.version == entry.id.version;
        entry.id.platform == *context.platform && seen.now.lock_for(&entry.id.address).is_some_and(is_locked)
    });
    let judge = |entry: &InstalledEntry| {
        check::provider_policy::judge(policies, &entry.id, Some((&entry.path, Layout::Unpacked)), context.engine)
    };
    used.filter_map(judge).collect()
}

/// What was found before a later phase.
#[derive(Debug)]
pub struct Later {
    pub findings: Vec<Finding>,
    pub modules: Vec<InstalledModule>,
    pub sources: Sources,
    pub providers: Vec<ReportProvider>,
    /// Executables in the data directory whose packages have the contents of the mirror's, or come from a further method.
    pub verified_copies: Vec<VerifiedCopy>,
    /// By address, what kept each provider from being proven.
    unproven: BTreeMap<String, Code>,
    has_added_locks: bool,
    leg: Leg,
    found: Found,
}

/// What this phase sees.
struct Seen {
    now: LockFile,
    before: LockFile,
    installed: Installed,
    mirrors: Vec<Mirror>,
    digests: Digests,
    /// The executables of copies, as they were before they were hashed; each with the number of its entry.
    copies: Vec<(usize, VerifiedCopy)>,
    /// The digest of mirrors that are as they were sealed, all of them.
    seal: Option<String>,
    findings: Vec<Finding>,
}

/// What an `init` that has just ended knows.
pub struct AfterInit<'a> {
    /// The lock file as it was before.
    pub lock: &'a LockFile,
    /// Asks the engine which resources of the state need which provider.
    pub resources: &'a dyn Fn() -> BTreeMap<ProviderAddress, Vec<String>>,
}

/// Judges the installed packages, with what an `init` of this same command knows.
///
/// # Errors
/// Fails if the data directory cannot be read.
pub fn judge(context: &Context<'_>, after_init: Option<&AfterInit<'_>>, demand: Demand) -> anyhow::Result<Later> {
    let mut sources = Sources::of_repository(context.repository);
    let mut seen = see(context, after_init.map(|after| after.lock), &mut sources)?;
    let mut findings = std::mem::take(&mut seen.findings);
    let mirrors = seen.mirrors.iter().collect::<Vec<_>>();
    let is_installed_otherwise = |address: &ProviderAddress| context.has_further_method(address);
    findings.extend(installed::check(
        &seen.installed,
        &mirrors,
        &seen.digests,
        context.platform,
        &is_installed_otherwise,
    ));
    findings.extend(not_allowed(context, &seen));
    // Behind a seal, the owner of each file has been looked at.
    if context.guard.is_some() && seen.seal.is_none() {
        findings.extend(unprotected(&seen.installed, &mirrors));
    }
    let plugins = context.planted_plugins(context.launch_directory, &context.data_dir());
    findings.extend(check::planted_plugins::check(&plugins));
    let (modules, found_in_modules) = installed_modules(context);
    findings.extend(found_in_modules);
    findings.extend(check::reattached::check(context.environment.reattach_providers.as_deref(), context.engine.name));
    let is_new = seen.now.locks.iter().any(|lock| seen.before.lock_for(&lock.address).is_none());
    let resources = after_init.filter(|_| is_new).map(|after| (after.resources)()).unwrap_or_default();
    let mut locked = installed::check_locked(&Locked {
        now: &seen.now,
        before: &seen.before,
        installed: &seen.installed,
        mirrors: &mirrors,
        digests: &seen.digests,
        platform: context.platform,
        resources: &resources,
        is_installed_otherwise: &is_installed_otherwise,
    });
    if demand == Demand::Whatever {
        for (_, finding) in locked.iter_mut().filter(|(_, finding)| finding.code == Code::PackageNotInstalled) {
            finding.severity = Severity::Note;
        }
    }
    findings.extend(seen.now.errors.iter().map(|problem| {
        Finding::new(Code::LockFileInvalid, Severity::Error, Owner::Repository, problem.summary.clone())
            .detail(problem.detail.clone())
            .help(format!("Correct the lock file, and check with `{} init`.", context.engine.name))
            .at(problem.place.clone(), "")
    }));
    findings.extend(check::lock_file::not_understood(&seen.now));
    for mirror in &seen.mirrors {
        if let Some(error) = &mirror.error {
            let help = "Make the whole mirror readable for the run's user, or mount it.";
            let finding = Finding::new(Code::MirrorUnreadable, Severity::Error, Owner::Image, error.clone());
            findings.push(finding.help(help).at(Place::file(&mirror.path), ""));
        }
    }
    let copies = std::mem::take(&mut seen.copies);
    let verified_copies = copies.into_iter().filter_map(|(entry, copy)| {
        let entry = &seen.installed.entries[entry];
        installed::is_hashed_copy(entry, &mirrors, &seen.digests, &is_installed_otherwise).then_some(copy)
    });
    let verified_copies = verified_copies.collect();
    let (leg, mut providers) = leg(context, &seen, &mirrors, &modules);
    let data_dir = context.data_dir();
    let place = Place::file(handover::path(&data_dir));
    let found = if after_init.is_some() { Found::Missing } else { handover::read(&data_dir) };
    match &found {
        Found::Read(handover) => {
            findings.extend(check::handover::check(&leg_of(handover), &leg, &place));
            for (address, code) in handover.unproven() {
                let is_known = locked.iter().any(|(known, _)| known.to_string() == address);
                let Some(provider) = providers.iter_mut().find(|provider| provider.address == address) else {
                    continue;
                };
                (provider.status, provider.proven_by) = (Status::Unproven, None);
                if !is_known {
                    let version = provider.version.clone().unwrap_or_default();
                    findings.push(check::handover::unproven(code, address, &version, &place));
                }
            }
        }
        Found::Missing if after_init.is_some() || init::has_kept_lock_file(context) => {}
        Found::Missing => findings.push(check::handover::missing(place, "there is no handover")),
        Found::Unreadable(why) => findings.push(check::handover::missing(place, why)),
    }
    let is_proof = |finding: &Finding| finding.code != Code::PackageNotInstalled;
    let unproven = locked.iter().filter(|(_, finding)| is_proof(finding));
    let mut unproven: BTreeMap<String, Code> =
        unproven.map(|(address, finding)| (address.to_string(), finding.code)).collect();
    if let Found::Read(handover) = &found {
        unproven.extend(handover.unproven().map(|(address, code)| (address.to_owned(), code)));
    }
    findings.extend(locked.into_iter().map(|(_, finding)| finding));
    let has_added_locks = seen.now.text != seen.before.text;
    Ok(Later { findings, modules, sources, providers, verified_copies, unproven, has_added_locks, leg, found })
}

fn see(context: &Context<'_>, before: Option<&LockFile>, sources: &mut Sources) -> anyhow::Result<Seen> {
    let name = context.engine.name;
    let now = lock_file::read(context.launch_directory, name, sources);
    let before = before.cloned().or_else(|| init::kept_lock_file(context, &now)).unwrap_or_else(|| now.clone());
    let installed = airtight_provider::installed::read(&context.data_dir(), name)?;
    let locked = now.locks.iter().map(|lock| PackageId {
        address: lock.address.clone(),
        version: lock.version.clone(),
        platform: context.platform.clone(),
    });
    let ids = locked.chain(installed.entries.iter().map(|entry| entry.id.clone())).collect::<BTreeSet<_>>();
    let seals = Seals::open(context);
    let (mut mirrors, mut digests) = (Vec::new(), Digests::new());
    let mut findings = seals.findings.clone();
    for path in &context.settings.mirror {
        match seals.of(path).map(|seal| seal.view_packages(&ids)) {
            Some(Ok((mirror, sealed))) => {
                mirrors.push(mirror);
                digests.extend(sealed);
                continue;
            }
            Some(Err(finding)) => findings.push(*finding),
            None => {}
        }
        mirrors.push(mirror::walk(path, name));
    }
    let seal = if findings.is_empty() { seals.digest() } else { None };
    let borrowed = mirrors.iter().collect::<Vec<_>>();
    let copies = match context.settings.execute {
        Execute::Image => copies(&installed, &borrowed, seal.is_some()),
        Execute::Anything => Vec::new(),
    };
    let mut wanted = installed::wanted_digests(&installed, &borrowed);
    for lock in &now.locks {
        let id = PackageId {
            address: lock.address.clone(),
            version: lock.version.clone(),
            platform: context.platform.clone(),
        };
        let Some(package) = installed::package_for(&borrowed, &id) else { continue };
        wanted.extend(
            before.lock_for(&lock.address).iter().flat_map(|earlier| installed::proof_digests(earlier, package)),
        );
        wanted.push(installed::contents(&package.path, package.layout));
    }
    wanted.sort();
    wanted.dedup();
    wanted.retain(|request| !digests.contains_key(request));
    if !wanted.is_empty() {
        let hasher = Hasher::new(context.progress);
        hasher.compute(&wanted, &mut digests);
    }
    Ok(Seen { now, before, installed, mirrors, digests, copies, seal, findings })
}

/// What the engine would load as modules.
fn installed_modules(context: &Context<'_>) -> (Vec<InstalledModule>, Vec<Finding>) {
    let (stores, mut findings) = modules::open(context);
    let data_dir = context.data_dir();
    let places = modules::judge::Places {
        root_module: context.launch_directory,
        data_dir: &data_dir,
        repository: context.repository,
    };
    let judged = modules::judge::judge(&stores, context.engine, &places).modules;
    findings.extend(check::modules::check(&judged, &modules_manifest::path(&data_dir)));
    (judged, findings)
}

/// Looks at the executable of each copy, also of one that a link leads to, such as into a plugin cache. No package behind a seal
/// leads elsewhere.
fn copies(installed: &Installed, mirrors: &[&Mirror], is_sealed: bool) -> Vec<(usize, VerifiedCopy)> {
    let is_in_mirror = |path: &Utf8Path| mirrors.iter().any(|mirror| path.starts_with(&mirror.base));
    let place = |entry: &InstalledEntry| match &entry.kind {
        InstalledKind::Directory => Some(entry.path.clone()),
        InstalledKind::Link { target, .. }
            if is_sealed
                && installed::package_for(mirrors, &entry.id).is_some_and(|package| package.path == *target) =>
        {
            None
        }
        InstalledKind::Link { resolved, .. } => resolved.get().filter(|resolved| !is_in_mirror(resolved)).cloned(),
        InstalledKind::Other => None,
    };
    let copies =
        installed.entries.iter().enumerate().filter_map(|(number, entry)| Some((number, entry, place(entry)?)));
    copies
        .filter_map(|(number, entry, place)| {
            let found = executable::find(&place, Layout::Unpacked, entry.id.address.provider_type()).ok()??;
            Some((number, VerifiedCopy::before_hashing(&found.path).ok()?))
        })
        .collect()
}

/// Packages that the engine would start from a mirror although the run's user can change them: the kernel's limit lets whole
/// mirrors start.
fn unprotected(installed: &Installed, mirrors: &[&Mirror]) -> Vec<Finding> {
    let mut protection = Protection::here();
    let packages = installed.entries.iter().filter_map(|entry| installed::package_for(mirrors, &entry.id));
    let reasons = packages.filter(|package| package.layout == Layout::Unpacked).filter_map(|package| {
        let executable = executable::find(&package.path, package.layout, package.id.address.provider_type()).ok()?;
        let path = executable.map_or_else(|| package.path.clone(), |executable| executable.path);
        // A platform directory may be a link.
        let real = path.canonicalize_utf8().ok()?;
        protection.check(&real).err()
    });
    let findings = reasons.map(|reason| check::execution::not_enforced(&NotEnforceable::Unprotected(reason)));
    findings.collect()
}

/// What this leg uses, and the same for the report.
fn leg(
    context: &Context<'_>,
    seen: &Seen,
    mirrors: &[&Mirror],
    modules: &[InstalledModule],
) -> (Leg, Vec<ReportProvider>) {
    use std::os::unix::fs::MetadataExt as _;
    let mut leg = Leg {
        engine: format!("{} {}", context.engine.name, context.engine.version),
        platform: context.platform.to_string(),
        mirror: seen.seal.clone(),
        providers: BTreeMap::new(),
        modules: modules.iter().filter_map(|module| Some((module.key.clone(), module.measured.clone()?))).collect(),
    };
    let mut providers = Vec::new();
    for lock in &seen.now.locks {
        let address = lock.address.clone();
        let id = PackageId { address, version: lock.version.clone(), platform: context.platform.clone() };
        let mut reported = ReportProvider {
            address: lock.address.to_string(),
            version: Some(lock.version.to_string()),
            constraints: Vec::new(),
            needed_by: vec![Need::Lock],
            package: None,
            install: None,
            proven_by: None,
            status: Status::Missing,
            derivation: String::new(),
        };
        if let Some(package) = installed::package_for(mirrors, &id) {
            let contents = installed::contents(&package.path, package.layout);
            let h1 = seen.digests.get(&contents).and_then(|result| result.as_ref().ok());
            let metadata = fs_err::metadata(&package.path).ok();
            leg.providers.insert(
                lock.address.to_string(),
                LegProvider {
                    version: lock.version.to_string(),
                    h1: h1.map(ToString::to_string).unwrap_or_default(),
                    path: package.path.to_string(),
                    modified: metadata.map_or(0, |metadata| metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec()),
                },
            );
            let earlier = seen.before.lock_for(&lock.address).filter(|earlier| earlier.version == lock.version);
            let proof =
                earlier.map_or(Proof::NoUsableHash, |earlier| installed::prove(earlier, package, &seen.digests));
            reported.package = Some(ReportPackage { layout: package.layout, path: package.path.to_string() });
            (reported.status, reported.proven_by) = match proof {
                Proof::By(hash) => (Status::Proven, Some(hash.to_string())),
                Proof::NoUsableHash => (Status::Unproven, None),
                Proof::Mismatch => (Status::Mismatch, None),
                Proof::Unreadable(_) => (Status::Unknown, None),
            };
        }
        providers.push(reported);
    }
    (leg, providers)
}

fn leg_of(handover: &Handover) -> Leg {
    let providers = handover.providers.iter().map(|(address, provider)| {
        let HandoverProvider { version, h1, path, modified, .. } = provider.clone();
        (address.clone(), LegProvider { version, h1, path, modified })
    });
    Leg {
        engine: format!("{} {}", handover.engine.name, handover.engine.version),
        platform: handover.platform.clone(),
        mirror: handover.mirror.clone(),
        providers: providers.collect(),
        modules: handover.modules.clone(),
    }
}

impl Later {
    /// Whether the lock file holds entries or hashes that it did not hold before `init`.
    pub(crate) fn has_added_locks(&self) -> bool {
        self.has_added_locks
    }

    /// Whether this leg is the first to know what was proven: after an `init` that was gated in this container.
    pub(crate) fn should_hand_over(&self, context: &Context<'_>) -> bool {
        self.found == Found::Missing && init::has_kept_lock_file(context)
    }

    /// Hands over what was proven here.
    ///
    /// # Errors
    /// Fails if the data directory cannot be written.
    pub fn hand_over(&self, context: &Context<'_>, _cleared: &check::Cleared) -> anyhow::Result<()> {
        let engine =
            HandoverEngine { name: context.engine.name.to_string(), version: context.engine.version.to_string() };
        let providers = self.leg.providers.iter().map(|(address, provider)| {
            let LegProvider { version, h1, path, modified } = provider.clone();
            let unproven = self.unproven.get(address).map(ToString::to_string);
            (address.clone(), HandoverProvider { version, h1, path, modified, unproven })
        });
        let mirror = self.leg.mirror.clone();
        Handover::new(engine, context.platform.to_string(), providers.collect(), mirror, self.leg.modules.clone())
            .write(&context.data_dir())
    }
}
