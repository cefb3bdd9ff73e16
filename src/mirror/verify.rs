//! `airtight mirror verify`.

use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::super::progress::Progress;
use super::super::{ExitCode, Stop, output};
use super::{OneMirror, json};
use airtight_finding::human;
use airtight_finding::human::HumanOptions;
use airtight_finding::report;
use airtight_finding::report::{Counts, ReportFinding};
use airtight_finding::{concise, heading, plural};
use airtight_gate::check::provider_policy::NamedPolicy;
use airtight_gate::settings::{self, Seal};
use airtight_provider::Platform;
use airtight_supply::mirror::verify;
use airtight_supply::mirror::verify::Request;

#[derive(Args, Debug)]
pub(super) struct VerifyArguments {
    #[command(flatten)]
    mirror: OneMirror,
    /// A lock file, or a directory to look for lock files in (repeatable)
    #[arg(long, value_name = "FILE|DIR")]
    lock: Vec<Utf8PathBuf>,
    /// Platform for which the lock files need packages (default: this machine's)
    #[arg(long, value_name = "OS_ARCH", env = "AIRTIGHT_PLATFORM")]
    platform: Option<String>,
    /// File with OpenPGP keys: each SHA256SUMS must be signed with one of them (repeatable). Without it a signature is only
    /// checked against the keys stored next to it, which proves nothing
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_ALLOW_KEY", value_delimiter = ':')]
    allow_key: Vec<String>,
    /// Required digest of the seal
    #[arg(long, value_name = "sha256:...", conflicts_with = "seal_key")]
    seal_digest: Option<String>,
    /// Public key (ECDSA P-256, PEM) that must verify the seal's signature
    #[arg(long, value_name = "FILE")]
    seal_key: Option<Utf8PathBuf>,
    /// Settings whose provider policy every package must meet (default: /etc/airtight/settings.yml if it exists)
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS")]
    settings: Option<String>,
    /// Format of the report
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: VerifyFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VerifyFormat {
    Human,
    Concise,
    Json,
}

/// `airtight/mirror-verify/1`.
#[derive(Serialize)]
struct VerifyReport {
    schema: &'static str,
    /// The digest of the seal; null if there is none, or if the mirror differs from it.
    seal: Option<String>,
    counts: Counts,
    packages: Vec<VerifyPackage>,
    findings: Vec<ReportFinding>,
}

#[derive(Serialize)]
struct VerifyPackage {
    address: String,
    version: String,
    platform: String,
    layout: String,
    path: String,
    h1: String,
    zh: Option<String>,
    proven_by: Vec<String>,
}

/// The provider policy of a settings file: of the one that is named, else of the image's own.
fn policies(named: Option<&str>) -> Result<Vec<NamedPolicy>, Stop> {
    let named = named.filter(|path| !path.is_empty());
    let path = Utf8Path::new(named.unwrap_or(settings::IMAGE_PATH));
    let read = settings::read(path).map_err(|error| Stop::Usage(error.to_string()))?;
    if read.is_none() && named.is_some() {
        return Err(Stop::Usage(format!("settings `{path}`: the file does not exist")));
    }
    Ok(read.and_then(|settings| settings.providers).map(|policy| (policy, path.to_string())).into_iter().collect())
}

pub(super) fn run(arguments: &VerifyArguments) -> Result<ExitCode, Stop> {
    let mirror = arguments.mirror.path()?;
    let platform = match arguments.platform.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map_err(|error| Stop::Usage(format!("--platform `{text}`: {error}")))?,
        None => Platform::current(),
    };
    let trusted: Vec<_> = arguments.allow_key.iter().filter(|path| !path.is_empty()).map(Into::into).collect();
    let keys = super::keys(&trusted)?;
    if let Some(path) = arguments.lock.iter().find(|path| !path.exists()) {
        return Err(Stop::Usage(format!("--lock `{path}` does not exist")));
    }
    let digest = arguments.seal_digest.clone().map(|digest| Seal::Digests(vec![digest]));
    let vouching = digest.or_else(|| arguments.seal_key.clone().map(|path| Seal::PublicKey { path, minimum: None }));
    let policies = policies(arguments.settings.as_deref())?;
    let progress = Progress::new();
    let request = Request {
        mirror: &mirror,
        locks: &arguments.lock,
        platform: &platform,
        keys: &keys,
        now: SystemTime::now().into(),
        seal: vouching.as_ref(),
        policies: &policies,
        progress: &|count| progress.add(count),
    };
    let verification = verify::verify(&request)?;
    progress.finish();
    let counts = Counts::of(&verification.findings);
    let findings = report::findings(&verification.findings);
    let proven = verification.packages.iter().filter(|package| !package.proven_by.is_empty()).count();
    let mut closing =
        vec![format!("{} hashed", plural(verification.packages.len(), "package")), format!("{proven} proven")];
    closing.extend(heading::counts(counts));
    let closing = format!("airtight: {}\n", closing.join(", "));
    let text = match arguments.format {
        VerifyFormat::Human => {
            human::findings(&verification.findings, &verification.sources, HumanOptions::default()) + &closing
        }
        VerifyFormat::Concise => concise::findings(&findings) + &closing,
        VerifyFormat::Json => json(&VerifyReport {
            schema: "airtight/mirror-verify/1",
            seal: verification.seal,
            counts,
            packages: verification
                .packages
                .into_iter()
                .map(|verified| VerifyPackage {
                    address: verified.package.address,
                    version: verified.package.version,
                    platform: verified.package.platform,
                    layout: verified.package.layout,
                    path: verified.package.path,
                    h1: verified.package.h1,
                    zh: verified.package.zh,
                    proven_by: verified.proven_by,
                })
                .collect(),
            findings,
        })?,
    };
    output::data(&text)?;
    Ok(if counts.errors == 0 { ExitCode::Cleared } else { ExitCode::Refused })
}
