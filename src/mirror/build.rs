//! `airtight mirror build`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};

use super::build_progress::BuildProgress;
use crate::downloading::{EngineRules, Patience, minutes};
use crate::sizes::size;
use crate::{ExitCode, Stop, output};
use airtight_engine::module_stores::ModuleStores;
use airtight_finding::{escape, plural, shell_word};
use airtight_provider::manifest::Manifest;
use airtight_provider::modules::ModuleStore;
use airtight_provider::seal::MANIFEST;
use airtight_provider::{Engine, EngineName, Layout, Platform, ProviderAddress, Timestamp, VersionConstraints};
use airtight_supply::mirror::build;
use airtight_supply::mirror::build::{Demand, Options, Outcome, PackageResult, Source, Unlocked, resolve};
use airtight_supply::registry::Client;

pub(super) const HELP: &str = "\
Sources are asked in the order given; each is one of
  origin            each provider's own registry (the default, and the only one that is signed)
  https://HOST/DIR  a network mirror
  DIR               another mirror, packed or unpacked

  airtight mirror build --from repositories --platform linux_amd64 providers
  airtight mirror build --from stack-a --from stack-b --source /usb --source origin providers
  airtight mirror build --manifest next.json --platform linux_amd64 providers

Only `origin` and network mirrors use the network. They respect HTTPS_PROXY and NO_PROXY, SSL_CERT_FILE, \
TF_TOKEN_*, and the `credentials` and `host` blocks of the engine's CLI configuration; credentials helpers \
do not run. Names are resolved with /etc/hosts and /etc/resolv.conf. At the end, every contacted host is listed.

Limits: --limit-mb and --limit-minutes for a package, 16 MB for any other answer, 64 kB for the head of \
an answer, 10 redirects for a request. A part of a package that was downloaded is kept for the next build, \
unless it is too large. `Retry-After` is respected up to five minutes, for all requests to the host.

From an unpacked mirror `init` links packages, about nine times faster than it extracts archives. But \
engines check an unpacked package with h1: hashes only. Lock files that lack them are listed, with the \
command that adds them. The same package is never in the mirror in both layouts, because engines take \
the unpacked one and do not fall back.

Exit codes: 0 everything is in the mirror; 100 a package could not be fetched; 96 usage.";

#[derive(Args, Debug)]
pub(super) struct BuildArguments {
    /// Directory to search for root modules with lock files (repeatable)
    #[arg(long, value_name = "DIR", required_unless_present = "manifest")]
    from: Vec<Utf8PathBuf>,
    /// What the mirror must hold, as `airtight audit --emit-manifest` writes it (repeatable)
    #[arg(long, value_name = "FILE")]
    manifest: Vec<Utf8PathBuf>,
    /// Platform of the packages (repeatable; default: this machine's)
    #[arg(long, value_name = "OS_ARCH", env = "AIRTIGHT_PLATFORM", value_delimiter = ',')]
    platform: Vec<String>,
    /// Where packages come from (repeatable, in order; default: origin)
    #[arg(long, value_name = "origin|URL|DIR")]
    source: Vec<String>,
    /// If a DIR of --from is a root module without a lock file, choose the newest versions that its configuration accepts;
    /// also for providers that only a state needs
    #[arg(long)]
    resolve: bool,
    /// With --resolve: a store of modules, whose modules' providers are needed too (repeatable)
    #[arg(long, value_name = "DIR")]
    modules: Vec<Utf8PathBuf>,
    /// Also require the providers of this state to be locked: a state file, or the output of `show -json` (repeatable)
    #[arg(long, value_name = "FILE")]
    state: Vec<Utf8PathBuf>,
    /// Layout of the packages in the mirror
    #[arg(long, value_enum, default_value = "unpacked")]
    layout: LayoutArgument,
    /// Keep every release archive in OUT/.airtight/archives (default: only those that `lock complete` needs)
    #[arg(long)]
    keep_archives: bool,
    /// Accept only signatures of the OpenPGP keys in this file, instead of the keys that registries name (repeatable). A package
    /// from a mirror without signatures is proven only by lock files
    #[arg(long, value_name = "FILE")]
    allow_key: Vec<Utf8PathBuf>,
    /// Say what would be downloaded, from where and how much, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Number of packages to download at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 4)]
    jobs: usize,
    #[command(flatten)]
    patience: Patience,
    /// Largest download of one package, in megabytes
    #[arg(long, value_name = "NUMBER", default_value_t = 2000)]
    limit_mb: u64,
    /// Longest download of one package, in minutes
    #[arg(long, value_name = "NUMBER", default_value_t = 120)]
    limit_minutes: u64,
    #[command(flatten)]
    rules: EngineRules,
    /// Directory of the mirror; packages that it lacks are added
    #[arg(value_name = "OUT")]
    mirror: Utf8PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LayoutArgument {
    Packed,
    Unpacked,
}

pub(super) fn run(arguments: &BuildArguments) -> Result<ExitCode, Stop> {
    let usage = |error: String| Stop::Usage(error);
    let engine = arguments.rules.engine()?;
    let platforms = platforms(&arguments.platform)?;
    let sources: Vec<Source> = match arguments.source.as_slice() {
        [] => vec![Source::Origin],
        texts => texts.iter().map(|text| Source::parse(text)).collect::<Result<_, _>>().map_err(usage)?,
    };
    if let Some(directory) = arguments.from.iter().find(|directory| !directory.is_dir()) {
        return Err(Stop::Usage(format!("`{directory}` is no directory")));
    }
    if arguments.mirror.exists() && !arguments.mirror.is_dir() {
        return Err(Stop::Usage(format!("the mirror to build, `{}`, is there and is no directory", arguments.mirror)));
    }
    let modules = module_stores(&arguments.modules)?;
    let keys = super::keys(&arguments.allow_key)?;
    let allowed = (!keys.is_empty()).then_some(keys);
    let (mut demand, without) = Demand::of_directories(&arguments.from, engine.name)?;
    for unlocked in &without {
        judge(unlocked, arguments.resolve, engine.name)?;
    }
    for directory in super::without_lock(&arguments.from)? {
        if !without.iter().any(|unlocked| unlocked.directory == directory) {
            output::error_line(&format!(
                "warning: `{directory}` has a configuration and no lock file, and no other configuration calls it: what only \
                 it needs will not be in the mirror; lock it by `{} providers lock`",
                engine.name
            ));
        }
    }
    let mut unlocked_of_manifests = Vec::new();
    for path in &arguments.manifest {
        let manifest = Manifest::read(path).map_err(usage)?;
        let unlocked = demand.add_manifest(path, &manifest)?;
        if let (Some((address, constraints, who)), false) = (unlocked.first(), arguments.resolve) {
            return Err(Stop::Usage(format!(
                "the manifest `{path}` has no version of {} providers, such as {address} (`{constraints}`) for `{who}`; lock them \
                 in the repositories, or let --resolve choose versions",
                unlocked.len()
            )));
        }
        unlocked_of_manifests.extend(unlocked);
    }
    let mut unlocked_of_states = Vec::new();
    for state in &arguments.state {
        let unlocked = demand.unlocked_of_state(state, &engine)?;
        if arguments.resolve {
            unlocked_of_states.extend(unlocked.into_iter().map(|address| (state, address)));
        } else if !unlocked.is_empty() {
            let list = unlocked.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            return Err(anyhow::anyhow!(
                "the state `{state}` needs {list}, of which no lock file has a version: `init` would fail offline; run \
                 `{} init` with this state once on a machine with network access and commit the lock file, or let --resolve choose",
                engine.name
            )
            .into());
        }
    }
    let client = if sources.iter().any(Source::needs_network) {
        let client = arguments.patience.client(&engine, arguments.limit_mb, minutes(arguments.limit_minutes))?;
        Some(client.map_err(anyhow::Error::new)?)
    } else {
        None
    };
    let unlocked = without.iter().filter(|unlocked| unlocked.has_configuration && arguments.resolve);
    let chooser = Chooser { sources: &sources, client: client.as_ref(), engine: &engine, platforms: &platforms };
    // Every version is chosen before anything is fetched, and everything that cannot be met is reported at once.
    let mut unmet = Vec::new();
    for root_module in unlocked.map(|unlocked| &unlocked.directory) {
        match resolve::requirements(root_module, &engine, &modules) {
            Ok(requirements) => {
                for requirement in requirements {
                    unmet.extend(chooser.choose(&mut demand, &requirement, root_module).err());
                }
            }
            Err(error) => unmet.push(error),
        }
    }
    for (address, constraints, who) in unlocked_of_manifests {
        unmet.extend(chooser.choose(&mut demand, &(address, constraints), &who).err());
    }
    for (state, address) in unlocked_of_states {
        let requirement = (address, VersionConstraints::default());
        unmet.extend(chooser.choose(&mut demand, &requirement, state).err());
    }
    if !unmet.is_empty() {
        let reasons: Vec<String> = unmet.iter().map(|error| escape::line(&format!("{error:#}")).into_owned()).collect();
        return Err(anyhow::anyhow!(
            "nothing is fetched, because not every version can be chosen:\n  {}",
            reasons.join("\n  ")
        )
        .into());
    }
    let progress = BuildProgress::new(demand.versions.len() * platforms.len());
    let options = Options {
        mirror: &arguments.mirror,
        platforms: &platforms,
        layout: layout(arguments.layout),
        keep_archives: arguments.keep_archives,
        sources: &sources,
        client: client.as_ref(),
        allowed: allowed.as_ref(),
        dry_run: arguments.dry_run,
        jobs: arguments.jobs,
        now: Timestamp::from(SystemTime::now()),
        progress: &|bytes| progress.hashed(bytes),
        fetched: &|bytes| progress.fetched(bytes),
        begun: &|id| progress.begun(id),
        ended: &|| progress.ended(),
    };
    let results = progress.during(|| build::build(&demand, &options))?;
    output::data(&told(&results))?;
    warn(&results, arguments);
    let has_changed = results.iter().any(|result| {
        matches!(result.outcome, Outcome::Fetched { .. })
            || arguments.dry_run && matches!(result.outcome, Outcome::WouldFetch { .. })
    });
    if has_changed && arguments.mirror.join(MANIFEST).exists() {
        super::tell_seal(&arguments.mirror, arguments.dry_run);
    }
    if let Some(hosts) = client.map(|client| client.asked_hosts()).filter(|hosts| !hosts.is_empty()) {
        output::error_line(&format!("asked {}", hosts.join(", ")));
    }
    let has_failed = results.iter().any(|result| matches!(result.outcome, Outcome::Failed(_)));
    Ok(if has_failed { ExitCode::Refused } else { ExitCode::Cleared })
}

fn module_stores(directories: &[Utf8PathBuf]) -> Result<ModuleStores, Stop> {
    let read = |directory: &Utf8PathBuf| match ModuleStore::read(directory) {
        Ok(Some(store)) => Ok(store),
        Ok(None) => Err(Stop::Usage(format!("`{directory}` is no store of modules"))),
        Err(error) => Err(anyhow::Error::new(error).into()),
    };
    Ok(ModuleStores { stores: directories.iter().map(read).collect::<Result<_, Stop>>()? })
}

/// A missing lock file stops the build; if others can be used, it is only reported.
fn judge(unlocked: &Unlocked, resolve: bool, engine: EngineName) -> Result<(), Stop> {
    let Unlocked { directory, has_configuration, has_locks_below } = unlocked;
    match (resolve, has_configuration, has_locks_below) {
        (true, true, _) => Ok(()),
        (true, false, _) => Err(anyhow::anyhow!(
            "`{directory}` has neither a lock file below it nor a configuration to choose versions for; name each root \
             module by a --from of its own"
        )
        .into()),
        (false, _, false) => Err(anyhow::anyhow!(
            "no .terraform.lock.hcl below `{directory}`; make one with `{engine} providers lock` in each root module, or let \
             --resolve choose versions"
        )
        .into()),
        (false, _, true) => {
            output::error_line(&format!(
                "warning: `{directory}` has a configuration and no lock file of its own: what only it needs will not be in \
                 the mirror; lock it by `{engine} providers lock`, or let --resolve choose versions"
            ));
            Ok(())
        }
    }
}

/// The versions to choose from if nothing is locked.
struct Chooser<'a> {
    sources: &'a [Source],
    client: Option<&'a Client>,
    engine: &'a Engine,
    platforms: &'a [Platform],
}

impl Chooser<'_> {
    /// Chooses a version, and says so.
    fn choose(
        &self,
        demand: &mut Demand,
        requirement: &(ProviderAddress, VersionConstraints),
        who: &Utf8Path,
    ) -> anyhow::Result<()> {
        let Self { sources, client, engine, platforms } = *self;
        let version = resolve::resolve(demand, requirement, who, sources, client, engine, platforms)?;
        output::error_line(&format!(
            "chose {} {version} for `{who}`, which locks none; only a lock file makes a run use it",
            requirement.0
        ));
        Ok(())
    }
}

const fn layout(argument: LayoutArgument) -> Layout {
    match argument {
        LayoutArgument::Packed => Layout::Packed,
        LayoutArgument::Unpacked => Layout::Unpacked,
    }
}

fn platforms(texts: &[String]) -> Result<Vec<Platform>, Stop> {
    let given = texts.iter().filter(|text| !text.is_empty());
    let mut platforms = given
        .map(|text| text.parse::<Platform>().map_err(|error| Stop::Usage(format!("--platform `{text}`: {error}"))))
        .collect::<Result<Vec<_>, _>>()?;
    if platforms.is_empty() {
        platforms.push(Platform::current());
    }
    platforms.sort();
    platforms.dedup();
    Ok(platforms)
}

/// A line for each package, and one for all.
fn told(results: &[PackageResult]) -> String {
    let mut text = String::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut missing_bytes, mut unknown_sizes) = (0, 0);
    for result in results {
        let (word, more, reasons) = match &result.outcome {
            Outcome::Kept => ("kept", String::new(), &[][..]),
            Outcome::Fetched { source, signed, replaced } => {
                let signed = signed.as_ref().map(|signed| {
                    let expired = signed.key_expired.map(|at| format!(", which has expired since, on {}", at.date()));
                    format!(", signed by {}{}", signed.fingerprint, expired.unwrap_or_default())
                });
                let (word, why) =
                    if *replaced { ("replaced", ": what was there did not match;") } else { ("fetched", "") };
                (word, format!("{why} from {source}{}", signed.unwrap_or_default()), &[][..])
            }
            Outcome::WouldFetch { source, size_bytes } => {
                missing_bytes += size_bytes.unwrap_or_default();
                unknown_sizes += usize::from(size_bytes.is_none());
                let size = size_bytes.map_or(", of unknown size".to_owned(), |bytes| format!(", {}", size(bytes)));
                ("missing", format!(", to be fetched from {source}{size}"), &[][..])
            }
            Outcome::Failed(reasons) => ("FAILED", String::new(), reasons.as_slice()),
        };
        *counts.entry(word).or_default() += 1;
        let line = format!("{word:<9}{}{more}; needed by {}", result.id, needed_by(&result.needed_by));
        text += &format!("{}\n", escape::line(&line));
        for reason in reasons {
            text += &format!("           {}\n", escape::line(reason));
        }
    }
    let mut all: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {}", word.to_lowercase())).collect();
    if missing_bytes > 0 {
        all.push(format!("{} to be fetched", size(missing_bytes)));
    }
    if unknown_sizes > 0 {
        all.push(format!("{unknown_sizes} of unknown size"));
    }
    let separator = if all.is_empty() { "" } else { ": " };
    text + &format!("{}{separator}{}\n", plural(results.len(), "package"), all.join(", "))
}

/// The first few root modules that need a package.
fn needed_by(root_modules: &[Utf8PathBuf]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = root_modules.iter().take(SHOWN).map(|path| format!("`{path}`")).collect();
    if root_modules.len() > SHOWN {
        shown.push(format!("{} more", root_modules.len() - SHOWN));
    }
    shown.join(", ")
}

/// Further lines: suspicious copies, and lock files that an unpacked mirror does not satisfy.
fn warn(results: &[PackageResult], arguments: &BuildArguments) {
    let mut incomplete: BTreeMap<&Utf8PathBuf, Vec<String>> = BTreeMap::new();
    for result in results {
        for reason in &result.passed_over {
            output::error_line(&format!("warning: {} was passed over: {}", result.id, escape::line(reason)));
        }
        for root_module in &result.without_h1 {
            incomplete.entry(root_module).or_default().push(result.id.to_string());
        }
    }
    if arguments.layout == LayoutArgument::Packed {
        return;
    }
    for (root_module, packages) in incomplete {
        let platforms = arguments.platform.iter().filter(|platform| !platform.is_empty());
        let options: Vec<String> = platforms.map(|platform| format!(" --platform {platform}")).collect();
        output::error_line(&format!(
            "warning: the lock file of `{root_module}` has no h1: hash of {}: over an unpacked mirror no engine can verify \
             it, and airtight refuses it. Mend the lock file by `airtight lock complete{} --mirror {} {}`, or build with \
             `--layout packed`, where its zh: hashes count",
            packages.join(", "),
            options.concat(),
            shell_word(arguments.mirror.as_str()),
            shell_word(root_module.as_str()),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_repositories_are_not_a_thousand_names() {
        let paths = |count: usize| (0..count).map(|number| Utf8PathBuf::from(number.to_string())).collect::<Vec<_>>();
        assert_eq!(needed_by(&paths(3)), "`0`, `1`, `2`");
        assert_eq!(needed_by(&paths(1000)), "`0`, `1`, `2`, 997 more");
    }
}
