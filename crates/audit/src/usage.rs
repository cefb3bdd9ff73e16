//! Who uses what of an image, which removal would break whom, and which versions could go if stacks moved.

use std::collections::{BTreeMap, BTreeSet};

use airtight_engine::module_stores::ModuleStores;
use airtight_provider::{CoreConstraints, Engine, Platform, ProviderAddress, Version, VersionConstraints};
use camino::Utf8PathBuf;

use crate::image::ImagePackage;
use crate::stack::{Stack, StackModule};

/// A provider of the image.
#[derive(Clone, Debug)]
pub struct ProviderUsage {
    pub address: ProviderAddress,
    /// Ascending.
    pub versions: Vec<VersionUsage>,
    /// How many stacks use it in any version.
    pub stacks: usize,
    pub upgrade: Option<Upgrade>,
}

/// A version of a provider, in all its packages.
#[derive(Clone, Debug)]
pub struct VersionUsage {
    pub version: Version,
    pub packages: Vec<ImagePackage>,
    /// Indexes of stacks that would install it.
    pub used_by: Vec<usize>,
    /// Indexes of stacks whose `init` would fail without it.
    pub breaks: Vec<usize>,
}

/// Fewer versions that would do for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// Descending.
    pub keep: Vec<Version>,
    /// Versions in use that nobody would need any more.
    pub drop: Vec<Version>,
    /// Indexes of stacks that would have to lock another version.
    pub moves: Vec<usize>,
    pub saved_bytes: u64,
}

/// A module of the image's stores.
#[derive(Clone, Debug)]
pub struct ModuleUsage {
    /// As the store names it.
    pub source: String,
    /// Of a registry's module.
    pub version: Option<String>,
    /// Where its package is.
    pub tree: Utf8PathBuf,
    /// Indexes of stacks that would get it, also through other modules.
    pub used_by: Vec<usize>,
    /// Indexes of stacks whose `init` would fail without it: their constraints allow no other version of the stores.
    pub breaks: Vec<usize>,
}

/// Counts modules, in the stores' order.
pub fn of_modules(stores: &ModuleStores, stacks: &[Stack]) -> Vec<ModuleUsage> {
    let mut callers: BTreeMap<&(String, Option<String>), Vec<(usize, &StackModule)>> = BTreeMap::new();
    for (index, stack) in stacks.iter().enumerate() {
        for module in &stack.modules {
            if let Some(stored) = &module.stored {
                callers.entry(stored).or_default().push((index, module));
            }
        }
    }
    let versions = |source: &str| stores.stores.iter().flat_map(|store| store.versions(source)).collect::<Vec<_>>();
    let mut usage = Vec::new();
    for store in &stores.stores {
        for stored in &store.manifest.sources {
            let key = (stored.source.clone(), stored.version.clone());
            let callers = callers.get(&key).map_or(&[][..], Vec::as_slice);
            let has_other = |module: &StackModule| {
                let constraint = module.version.as_deref().and_then(|text| CoreConstraints::parse(text).ok());
                versions(&stored.source).into_iter().filter_map(|other| other.version.as_deref()).any(|other| {
                    Some(other) != stored.version.as_deref() && CoreConstraints::selects(constraint.as_ref(), other)
                })
            };
            let used_by: BTreeSet<usize> = callers.iter().map(|(index, _)| *index).collect();
            let breaks: BTreeSet<usize> =
                callers.iter().filter(|(_, module)| !has_other(module)).map(|(index, _)| *index).collect();
            usage.push(ModuleUsage {
                source: stored.source.clone(),
                version: stored.version.clone(),
                tree: store.directory.join(&stored.tree),
                used_by: used_by.into_iter().collect(),
                breaks: breaks.into_iter().collect(),
            });
        }
    }
    usage
}

/// One stack's need of one provider.
struct User<'a> {
    stack: usize,
    constraints: &'a VersionConstraints,
    wanted: Option<&'a Version>,
    is_locked: bool,
}

impl VersionUsage {
    pub fn size_bytes(&self) -> u64 {
        self.packages.iter().map(|package| package.size_bytes).sum()
    }
}

/// Counts, by address.
pub fn usage(
    packages: Vec<ImagePackage>,
    stacks: &[Stack],
    engine: &Engine,
    platform: &Platform,
) -> Vec<ProviderUsage> {
    let mut users: BTreeMap<&ProviderAddress, Vec<User<'_>>> = BTreeMap::new();
    for (index, stack) in stacks.iter().enumerate() {
        // What only the lock file names may be needed by a state that was not seen.
        let used = stack.providers.iter().filter(|provider| provider.is_needed || stack.is_state_unseen);
        for provider in used {
            users.entry(&provider.address).or_default().push(User {
                stack: index,
                constraints: &provider.constraints,
                wanted: provider.wanted(),
                is_locked: provider.locked.is_some(),
            });
        }
    }
    let mut providers: BTreeMap<ProviderAddress, BTreeMap<Version, Vec<ImagePackage>>> = BTreeMap::new();
    for package in packages {
        let id = &package.package.id;
        providers.entry(id.address.clone()).or_default().entry(id.version.clone()).or_default().push(package);
    }
    providers
        .into_iter()
        .map(|(address, versions)| {
            let users = users.get(&address).map_or(&[][..], Vec::as_slice);
            one(address, versions, users, engine, platform)
        })
        .collect()
}

fn one(
    address: ProviderAddress,
    versions: BTreeMap<Version, Vec<ImagePackage>>,
    users: &[User<'_>],
    engine: &Engine,
    platform: &Platform,
) -> ProviderUsage {
    let is_here = |packages: &[ImagePackage]| packages.iter().any(|package| package.package.id.platform == *platform);
    let here: Vec<Version> =
        versions.iter().filter(|(_, packages)| is_here(packages)).map(|(version, _)| version.clone()).collect();
    let mut versions: Vec<VersionUsage> = versions
        .into_iter()
        .map(|(version, packages)| {
            let of_version = users.iter().filter(|user| user.wanted == Some(&version));
            let is_only =
                |user: &User<'_>| !here.iter().any(|other| *other != version && user.constraints.allows(other, engine));
            let breaks = of_version.clone().filter(|user| user.is_locked || is_only(user));
            VersionUsage {
                used_by: of_version.clone().map(|user| user.stack).collect(),
                breaks: breaks.map(|user| user.stack).collect(),
                version,
                packages,
            }
        })
        .collect();
    versions.sort_by(|left, right| left.version.cmp_precedence(&right.version));
    let upgrade = upgrade(&versions, &here, users, engine);
    let stacks = users.iter().map(|user| user.stack).collect::<BTreeSet<_>>().len();
    ProviderUsage { address, versions, stacks, upgrade }
}

/// The fewest versions that every stack's constraints allow, found by taking again and again the version that most of the
/// remaining stacks accept, the newest of equals.
fn upgrade(versions: &[VersionUsage], here: &[Version], users: &[User<'_>], engine: &Engine) -> Option<Upgrade> {
    let accepts = |user: &User<'_>, version: &Version| user.constraints.allows(version, engine);
    // Who accepts nothing fails already, and decides nothing.
    let mut remaining: Vec<&User<'_>> =
        users.iter().filter(|user| here.iter().any(|version| accepts(user, version))).collect();
    let mut keep: Vec<Version> = Vec::new();
    while !remaining.is_empty() {
        let best = here.iter().max_by(|left, right| {
            let count = |version: &Version| remaining.iter().filter(|user| accepts(user, version)).count();
            count(left).cmp(&count(right)).then_with(|| left.cmp_precedence(right))
        })?;
        keep.push(best.clone());
        remaining.retain(|user| !accepts(user, best));
    }
    let is_dropped = |usage: &&VersionUsage| !usage.used_by.is_empty() && !keep.contains(&usage.version);
    let dropped: Vec<&VersionUsage> = versions.iter().filter(is_dropped).collect();
    let in_use = versions.iter().filter(|usage| !usage.used_by.is_empty()).count();
    if dropped.is_empty() || keep.len() >= in_use {
        return None;
    }
    keep.sort_by(|left, right| right.cmp_precedence(left));
    let moves: BTreeSet<usize> = dropped.iter().flat_map(|usage| usage.used_by.iter().copied()).collect();
    Some(Upgrade {
        keep,
        drop: dropped.iter().map(|usage| usage.version.clone()).collect(),
        moves: moves.into_iter().collect(),
        saved_bytes: dropped.iter().map(|usage| usage.size_bytes()).sum(),
    })
}

/// The newest version of the image that a stack's constraints allow, if that is newer than what it has.
pub fn newer(
    provider: &crate::stack::StackProvider,
    usage: &ProviderUsage,
    engine: &Engine,
    platform: &Platform,
) -> Option<Version> {
    let wanted = provider.wanted()?;
    let is_here =
        |version: &&VersionUsage| version.packages.iter().any(|package| package.package.id.platform == *platform);
    let allowed = usage.versions.iter().filter(is_here).map(|usage| &usage.version);
    let newest =
        allowed.filter(|version| provider.constraints.allows(version, engine)).max_by(|a, b| a.cmp_precedence(b))?;
    newest.cmp_precedence(wanted).is_gt().then(|| newest.clone())
}
