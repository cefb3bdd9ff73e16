//! `airtight lock`.

use std::fmt::Write as _;
use std::time::SystemTime;

use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::common_arguments::ListFormat;
use super::progress::Progress;
use super::{ExitCode, Stop, output};
use airtight_finding::{escape, plural};
use airtight_provider::{Hash, Platform};
use airtight_supply::lock;
use airtight_supply::lock::{Completion, Outcome, Proof, Request};

#[derive(Args, Debug)]
pub(crate) struct LockArguments {
    #[command(subcommand)]
    what: LockWhat,
}

#[derive(Debug, Subcommand)]
enum LockWhat {
    /// Add missing `h1:` hashes to .terraform.lock.hcl, but only proven ones
    ///
    /// Only `h1:` hashes prove the packages of an unpacked mirror, and a lock file from another platform often has none for this
    /// one. A hash is proven by the release archive, if the lock file already has the archive's `zh:` hash, or if a SHA256SUMS
    /// signed with a key of yours (--allow-key) lists the archive. airtight looks for archives in packed mirrors, and in
    /// .airtight/archives of every mirror.
    ///
    /// `providers lock -fs-mirror` of the engines is no substitute: it writes whatever the mirror holds.
    ///
    /// Comments, order and everything else in the file stay the same. Exit code 0 if every provider has a hash for every
    /// platform, 100 if one is missing; proven hashes are written in both cases.
    Complete(CompleteArguments),
}

#[derive(Args, Debug)]
struct CompleteArguments {
    /// The root module (default: the working directory)
    #[arg(value_name = "DIR")]
    directory: Option<Utf8PathBuf>,
    /// Platform to complete the lock file for (repeatable; default: this machine's)
    #[arg(long, value_name = "OS_ARCH", env = "AIRTIGHT_PLATFORM", value_delimiter = ',')]
    platform: Vec<String>,
    /// Filesystem mirror to look for archives in (repeatable; default: /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", value_delimiter = ':')]
    mirror: Vec<String>,
    /// File with OpenPGP keys; a SHA256SUMS signed with one of them is a proof (repeatable)
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_ALLOW_KEY", value_delimiter = ':')]
    allow_key: Vec<String>,
    /// Show the changes and write nothing
    #[arg(long)]
    diff: bool,
    /// Format of the result
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ListFormat,
}

/// `airtight/lock/1`.
#[derive(Serialize)]
struct LockReport<'a> {
    schema: &'static str,
    lock_file: &'a str,
    is_complete: bool,
    /// Whether the file was written.
    is_written: bool,
    /// The unified difference; empty if there is none.
    diff: String,
    providers: Vec<LockProvider>,
}

#[derive(Serialize)]
struct LockProvider {
    address: String,
    version: String,
    platform: String,
    /// `present`, `added` or `refused`.
    outcome: &'static str,
    hashes: Vec<String>,
    /// What proves it, or why nothing does.
    reason: String,
}

pub(super) fn run(arguments: &LockArguments) -> Result<ExitCode, Stop> {
    match &arguments.what {
        LockWhat::Complete(arguments) => complete(arguments),
    }
}

fn complete(arguments: &CompleteArguments) -> Result<ExitCode, Stop> {
    let root_module = arguments.directory.as_deref().unwrap_or(Utf8Path::new("."));
    if !root_module.is_dir() {
        return Err(Stop::Usage(format!("`{root_module}` is no directory")));
    }
    let platforms = platforms(&arguments.platform)?;
    let given =
        |texts: &[String]| texts.iter().filter(|text| !text.is_empty()).map(Utf8PathBuf::from).collect::<Vec<_>>();
    let mut mirrors = given(&arguments.mirror);
    if mirrors.is_empty() {
        mirrors.push("/providers".into());
    }
    if let Some(mirror) = mirrors.iter().find(|mirror| !mirror.is_dir()) {
        return Err(Stop::Usage(format!("the mirror `{mirror}` is no directory")));
    }
    let keys = super::mirror::keys(&given(&arguments.allow_key))?;
    let progress = Progress::new();
    let request = Request {
        root_module,
        platforms: &platforms,
        mirrors: &mirrors,
        keys: &keys,
        now: SystemTime::now().into(),
        progress: &|count| progress.add(count),
    };
    let completion = lock::complete(&request)?;
    progress.finish();
    let is_written = !arguments.diff && completion.after != *completion.before;
    if is_written {
        completion.write().with_context(|| format!("`{}` cannot be written", completion.path))?;
    }
    let is_complete = !completion.answers.iter().any(|answer| matches!(answer.outcome, Outcome::Refused(_)));
    let text = match arguments.format {
        ListFormat::Human => human(&completion, arguments.diff),
        ListFormat::Json => output::json(&LockReport {
            schema: "airtight/lock/1",
            lock_file: completion.path.as_str(),
            is_complete,
            is_written,
            diff: difference(&completion),
            providers: completion.answers.iter().map(provider).collect(),
        })?,
    };
    output::data(&text)?;
    Ok(if is_complete { ExitCode::Cleared } else { ExitCode::Refused })
}

fn platforms(texts: &[String]) -> Result<Vec<Platform>, Stop> {
    let mut platforms = Vec::new();
    for text in texts.iter().filter(|text| !text.is_empty()) {
        let platform = text.parse().map_err(|error| Stop::Usage(format!("--platform `{text}`: {error}")))?;
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    if platforms.is_empty() {
        platforms.push(Platform::current());
    }
    Ok(platforms)
}

fn difference(completion: &Completion) -> String {
    let path = completion.path.as_str();
    let diff = similar::TextDiff::from_lines(&*completion.before, completion.after.as_str());
    diff.unified_diff().context_radius(3).header(path, path).to_string()
}

fn provider(answer: &lock::Answer) -> LockProvider {
    let texts = |hashes: &[Hash]| hashes.iter().map(ToString::to_string).collect();
    let (outcome, hashes, reason) = match &answer.outcome {
        Outcome::Present(hash) => ("present", texts(std::slice::from_ref(hash)), "already in the lock file".to_owned()),
        Outcome::Added { hashes, archive, proof } => {
            let proof = match proof {
                Proof::Locked(zh) => format!("`{archive}`, whose {zh} is locked"),
                Proof::Signed { sums, fingerprint } => {
                    format!("`{archive}`, which `{sums}` lists, signed by {fingerprint}")
                }
            };
            ("added", texts(hashes), format!("proven by {proof}"))
        }
        Outcome::Refused(reason) => ("refused", Vec::new(), reason.clone()),
    };
    LockProvider {
        address: answer.address.to_string(),
        version: answer.version.to_string(),
        platform: answer.platform.to_string(),
        outcome,
        hashes,
        reason,
    }
}

fn human(completion: &Completion, is_only_shown: bool) -> String {
    let mut text = String::new();
    let mut counts = [0; 3];
    for answer in completion.answers.iter().map(provider) {
        counts[match answer.outcome {
            "added" => 0,
            "present" => 1,
            _ => 2,
        }] += 1;
        let LockProvider { address, version, platform, outcome, hashes, reason } = answer;
        let outcome = if is_only_shown && outcome == "added" { "would add" } else { outcome };
        let line = format!("{outcome}: {address} {version} ({platform}): {reason}");
        let _ = writeln!(text, "{}", escape::line(&line));
        for hash in hashes {
            let _ = writeln!(text, "  {}", escape::line(&hash));
        }
    }
    let diff = if is_only_shown { difference(completion) } else { String::new() };
    for line in diff.lines() {
        let _ = writeln!(text, "{}", escape::line(line));
    }
    let [added, present, refused] = counts;
    let what = if is_only_shown { "would be completed" } else { "completed" };
    let _ = writeln!(
        text,
        "airtight: lock file {what} for {}, {present} already complete, {refused} refused",
        plural(added, "package")
    );
    text
}
