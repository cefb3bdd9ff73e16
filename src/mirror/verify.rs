//! `airtight mirror verify`.

use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;

use super::super::progress::Progress;
use super::super::{ExitCode, Stop, output, typed};
use super::OneMirror;
use crate::common_arguments::ReportFormat;
use airtight_finding::human;
use airtight_finding::human::HumanOptions;
use airtight_finding::report;
use airtight_finding::report::{Counts, ReportFinding};
use airtight_finding::{concise, heading, plural};
use airtight_gate::check::provider_policy::NamedPolicy;
use airtight_gate::settings::{self, Seal, Settings};
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
    /// Required digest of the seal (default: as the settings demand)
    #[arg(long, value_name = "sha256:...", conflicts_with = "seal_key")]
    seal_digest: Option<String>,
    /// Public key (ECDSA P-256, PEM) that must verify the seal's signature, at the place where it is here (default: as the settings
    /// demand; their `minimum` holds in both cases)
    #[arg(long, value_name = "FILE")]
    seal_key: Option<Utf8PathBuf>,
    /// Settings whose `seal` and provider policy the mirror must meet (default: /etc/airtight/settings.yml if it exists)
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS")]
    settings: Option<String>,
    /// Format of the report (default: human, or `AIRTIGHT_FORMAT` if it is one of these)
    #[arg(long, value_name = "FORMAT")]
    format: Option<ReportFormat>,
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

/// The seal and the provider policy of a settings file: of the one that is named, else of the image's own.
fn demanded(named: Option<&str>) -> Result<(Option<Seal>, Vec<NamedPolicy>), Stop> {
    let named = named.filter(|path| !path.is_empty());
    let path = Utf8Path::new(named.unwrap_or(settings::IMAGE_PATH));
    let read = settings::read(path).map_err(|error| Stop::Usage(error.to_string()))?;
    if read.is_none() && named.is_some() {
        return Err(Stop::Usage(format!("settings `{path}`: the file does not exist")));
    }
    let Settings { seal, providers, .. } = read.unwrap_or_default();
    Ok((seal, providers.map(|policy| (policy, path.to_string())).into_iter().collect()))
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
    let (seal, policies) = demanded(arguments.settings.as_deref())?;
    let vouching = match (&arguments.seal_digest, &arguments.seal_key, seal) {
        (Some(digest), ..) => Some(Seal::Digests(vec![digest.clone()])),
        (None, Some(path), seal) => {
            let minimum = if let Some(Seal::PublicKey { minimum, .. }) = seal { minimum } else { None };
            Some(Seal::PublicKey { path: path.clone(), minimum })
        }
        (None, None, seal) => seal,
    };
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
    let text = match typed::format(arguments.format) {
        ReportFormat::Human => {
            human::findings(&verification.findings, &verification.sources, HumanOptions::default()) + &closing
        }
        ReportFormat::Concise => concise::findings(&findings) + &closing,
        ReportFormat::Json => output::json(&VerifyReport {
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
