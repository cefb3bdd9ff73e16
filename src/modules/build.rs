//! `airtight modules build`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use clap::Args;

use crate::downloading::{EngineRules, Patience, minutes};
use crate::sizes::size;
use crate::{ExitCode, Stop, output};
use airtight_finding::{escape, plural};
use airtight_provider::manifest::Manifest;
use airtight_provider::modules::ModuleStore;
use airtight_provider::modules::manifest::StoredTree;
use airtight_supply::modules::TreeLimits;
use airtight_supply::modules::build::{Built, Event, Options, Outcome, SourceResult, build};
use airtight_supply::modules::wanted::{self, Unread, UnreadWhy};

pub(super) const HELP: &str = "Examples:
  airtight modules build --from repositories modules
  airtight modules build --from stack-a --from stack-b --engine terraform modules
  airtight modules build --from repositories --dry-run modules
  airtight modules build --manifest next.json modules

In the Dockerfile: COPY --chown=0:0 modules /modules. Then `check`, `run` and `hook` find the store without an option.

What is fetched: modules of registries, git repositories (git::, github.com/, git@HOST:), https archives (zip, \
tar.gz, tar.xz, tar.bz2), and file addresses. For a registry's module, the version is the one that an engine would select now. A call \
without a host means another registry for each engine: see --engine.

git is the one on PATH, with its configuration and credentials; it never asks for a password and runs no hook. Registries get \
TF_TOKEN_* and the `credentials` and `host` blocks of the engine's CLI configuration. HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are \
respected by both.

A reference that moved is an error: a tag, a version or an archive that was something else in the last build. The error names \
both. `--accept-moved SOURCE` accepts the new one. Branches may move; each move is printed.

Build again on a schedule into the same directory: sources that did not change are not fetched again.

Exit codes: 0 everything is in the store; 100 a module could not be fetched; 96 usage.";

#[derive(Args, Debug)]
pub(super) struct BuildArguments {
    /// Directory to search for configurations (repeatable)
    #[arg(long, value_name = "DIR", required_unless_present = "manifest")]
    from: Vec<Utf8PathBuf>,
    /// What the store must hold, as `airtight audit --emit-manifest` writes it (repeatable)
    #[arg(long, value_name = "FILE")]
    manifest: Vec<Utf8PathBuf>,
    /// Of a registry's module, keep the newest NUMBER versions that each call allows
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    all_matching: usize,
    /// Accept that this source means something else than in the last build; as the error names it (repeatable)
    #[arg(long, value_name = "SOURCE")]
    accept_moved: Vec<String>,
    /// Number in the store's manifest that grows with each build, for `seal: minimum:` in the settings
    #[arg(long, value_name = "NUMBER")]
    serial: Option<u64>,
    /// Say what would be fetched, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Number of repositories and archives to fetch at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    jobs: usize,
    #[command(flatten)]
    patience: Patience,
    /// Largest download and largest unpacked module package, in megabytes
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    limit_mb: u64,
    /// Longest download of one archive and longest call of git, in minutes
    #[arg(long, value_name = "NUMBER", default_value_t = 30)]
    limit_minutes: u64,
    #[command(flatten)]
    rules: EngineRules,
    /// Directory of the store; what it lacks is added
    #[arg(value_name = "OUT")]
    store: Utf8PathBuf,
}

pub(super) fn run(arguments: &BuildArguments) -> Result<ExitCode, Stop> {
    let engine = arguments.rules.engine()?;
    if let Some(directory) = arguments.from.iter().find(|directory| !directory.is_dir()) {
        return Err(Stop::Usage(format!("`{directory}` is no directory")));
    }
    if arguments.store.exists() && !arguments.store.is_dir() {
        return Err(Stop::Usage(format!("the store to build, `{}`, is there and is no directory", arguments.store)));
    }
    let mut found = wanted::of_directories(&arguments.from, &engine)?;
    for path in &arguments.manifest {
        for module in Manifest::read(path).map_err(Stop::Usage)?.modules {
            let needed_by: BTreeSet<String> = module.needed_by.into_iter().collect();
            found.wanted(&module.source, module.version, needed_by, path, &engine);
        }
    }
    let limit_time = minutes(arguments.limit_minutes);
    let client = arguments.patience.client(&engine, arguments.limit_mb, limit_time)?;
    let progress = Progress::default();
    let scratch = Scratch::new(arguments.dry_run)?;
    let options = Options {
        store: arguments.store.clone(),
        engine: &engine,
        client: client.as_ref(),
        accept_moved: arguments.accept_moved.iter().cloned().collect(),
        newest: arguments.all_matching.max(1),
        serial: arguments.serial,
        dry_run: arguments.dry_run,
        jobs: arguments.jobs,
        limits: TreeLimits { bytes: arguments.limit_mb.saturating_mul(1_000_000), ..TreeLimits::default() },
        git_wait: arguments.patience.timeout(),
        git_limit: limit_time,
        git_tries: arguments.patience.tries.min(GIT_TRIES),
        scratch: scratch.0.clone(),
        event: &|event| progress.event(event),
    };
    let built = build(found.wanted, &found.repositories, &options)?;
    output::data(&told(&built))?;
    for unread in found.unread.iter().chain(&built.unread) {
        output::error_line(&format!("warning: {}", unread_text(unread)));
    }
    let hosts = client.map(|client| client.asked_hosts()).unwrap_or_default();
    if !hosts.is_empty() {
        output::error_line(&format!("asked {}", hosts.join(", ")));
    }
    if !arguments.dry_run
        && let Some(store) = ModuleStore::read(&arguments.store).map_err(anyhow::Error::new)?
    {
        output::error_line(&format!("the digest of `{}` is {}", arguments.store, store.digest));
    }
    let has_failed = built.results.iter().any(|result| matches!(result.outcome, Outcome::Failed(_)));
    Ok(if has_failed { ExitCode::Refused } else { ExitCode::Cleared })
}

/// A directory for a dry run, which is removed in the end.
struct Scratch(Utf8PathBuf);

impl Scratch {
    fn new(is_needed: bool) -> Result<Self, Stop> {
        use std::os::unix::fs::DirBuilderExt as _;
        let temporary = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap_or_else(|_| "/tmp".into());
        let path = temporary.join(format!("airtight-modules-{}", std::process::id()));
        if is_needed {
            let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
            made.map_err(|error| anyhow::anyhow!("the directory `{path}` cannot be made: {error}"))?;
            return Ok(Self(path));
        }
        Ok(Self(Utf8PathBuf::new()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.0.as_str().is_empty() {
            let _ = fs_err::remove_dir_all(&self.0);
        }
    }
}

/// A line every few seconds: how much is done of what is known so far.
struct Progress {
    known: AtomicUsize,
    done: AtomicUsize,
    bytes: AtomicU64,
    last: Mutex<Instant>,
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            known: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            bytes: AtomicU64::new(0),
            last: Mutex::new(Instant::now()),
        }
    }
}

/// git does not say whether a failure is temporary, so it is not tried for long.
const GIT_TRIES: u32 = 3;

const INTERVAL: Duration = Duration::from_secs(5);

impl Progress {
    fn event(&self, event: &Event<'_>) {
        let name = match event {
            Event::Round(count) => {
                self.known.fetch_add(*count, Ordering::Relaxed);
                return;
            }
            Event::Done => {
                self.done.fetch_add(1, Ordering::Relaxed);
                ""
            }
            Event::Bytes(bytes) => {
                self.bytes.fetch_add(*bytes, Ordering::Relaxed);
                ""
            }
            Event::Stored(tree) => {
                self.bytes.fetch_add(tree.contents.bytes, Ordering::Relaxed);
                ""
            }
            Event::Asking(name) | Event::Fetching(name) => name,
        };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < INTERVAL {
            return;
        }
        *last = Instant::now();
        let mut text = format!(
            "{} of {} module packages, {}",
            self.done.load(Ordering::Relaxed),
            self.known.load(Ordering::Relaxed),
            size(self.bytes.load(Ordering::Relaxed))
        );
        if !name.is_empty() {
            let _ = write!(text, ": {}", escape::line(name));
        }
        output::error_line(&text);
    }
}

/// A line for each source, and one for all.
fn told(built: &Built) -> String {
    let mut text = String::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for result in &built.results {
        let SourceResult { source, version, constraint, outcome, .. } = result;
        let tree = |tree: &StoredTree| format!(" ({})", tree.path);
        let (word, more) = match outcome {
            Outcome::Kept(kept) => ("kept", tree(kept)),
            Outcome::Fetched(fetched) => ("fetched", tree(fetched)),
            Outcome::Moved { from, tree: now } => {
                ("moved", format!(" from {}{}", from.as_deref().unwrap_or("another directory"), tree(now)))
            }
            Outcome::Planned(planned) => ("would fetch", tree(planned)),
            Outcome::Failed(error) => ("failed", format!(": {error}")),
        };
        *counts.entry(word).or_default() += 1;
        let name = super::named(source, version.as_deref().or(constraint.as_deref()));
        let line = format!("{word}: {name}{}{}", escape::line(&more), for_whom(&result.needed_by));
        let _ = writeln!(text, "{line}");
        for link in &result.noticed.links_out {
            let _ = writeln!(text, "  left out, because it leads out of the package: the link {}", escape::line(link));
        }
        if let [first, rest @ ..] = result.noticed.lfs_pointers.as_slice() {
            let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let _ = writeln!(
                text,
                "  {}{more}: Git LFS would fetch the file itself, and it is not installed here; the store has what names it",
                escape::line(first)
            );
        }
    }
    for path in &built.removed {
        let _ = writeln!(text, "removed: {}, which no source names any more", escape::line(path));
    }
    let words = ["fetched", "kept", "moved", "would fetch", "failed"];
    let parts: Vec<String> =
        words.iter().filter_map(|word| counts.get(word).map(|count| format!("{count} {word}"))).collect();
    let what = plural(built.results.len(), "module package");
    // A dry run has nothing to read them in.
    let more = if counts.contains_key("would fetch") { "; the modules that these call are not known yet" } else { "" };
    let _ = writeln!(text, "airtight: {what}{}{}{more}", if parts.is_empty() { "" } else { ": " }, parts.join(", "));
    text
}

fn for_whom(needed_by: &[String]) -> String {
    match needed_by {
        [] => String::new(),
        [one] => format!(", for {}", escape::line(one)),
        [one, rest @ ..] => format!(", for {} and {} more", escape::line(one), rest.len()),
    }
}

fn unread_text(unread: &Unread) -> String {
    let Unread { at, why } = unread;
    match why {
        UnreadWhy::Unevaluated { call } => {
            format!(
                "{at}: only the engine can evaluate the source of module `{call}`, so it is not fetched; name it in a file for --manifest"
            )
        }
        UnreadWhy::Unknown { call, source } => {
            format!("{at}: the source `{source}` of module `{call}` is no address that is known here")
        }
        UnreadWhy::File { summary } => format!("{at}: {summary}; the calls in it are not known"),
        UnreadWhy::LocalPath { call, path } => {
            format!("{at}: the source `{path}` of module `{call}` is no directory in the same package")
        }
        UnreadWhy::ThisMachine { call } => format!(
            "{at}: module `{call}` is a path of this machine, which only your own configurations may name; it is not fetched"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_repositories_are_counted() {
        let names = |count: usize| (0..count).map(|number| format!("r{number}")).collect::<Vec<_>>();
        assert_eq!(for_whom(&names(0)), "");
        assert_eq!(for_whom(&names(1)), ", for r0");
        assert_eq!(for_whom(&names(3)), ", for r0 and 2 more");
    }
}
