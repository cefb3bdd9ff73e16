//! Reports for the tests of this room.

use std::sync::Arc;
use std::time::Duration;

use super::report::{
    Report, ReportAssumption, ReportConstraint, ReportException, ReportPackage, ReportPrediction, ReportProvider,
    ReportReason,
};
use super::{Code, Finding, Install, Loading, Need, Outcome, Owner, Severity, Status};
use airtight_hcl::{Place, Sources};
use airtight_provider::{Engine, EngineName, Layout, Platform};

pub(super) struct Sample {
    pub findings: Vec<Finding>,
    pub report: Report,
    pub sources: Sources,
}

/// Three proven providers, nothing found.
pub(super) fn cleared() -> Report {
    let providers = ["hashicorp/null", "hashicorp/random", "acme/dog"].map(|name| provider(name, Status::Proven));
    let mut report = report(&[], Outcome::Success, providers.into());
    report.elapsed_ms = 12;
    report
}

/// A rule that lets one finding through.
pub(super) fn exception() -> ReportException {
    ReportException {
        code: Some(Code::ProviderNotLocked),
        level: "warn",
        until: Some("2026-12-01".to_owned()),
        reason: Some("INC-4711".to_owned()),
        from: "/etc/airtight/settings.yml".to_owned(),
        findings: 1,
    }
}

/// Errors with one place, several, none and a whole file; a warning with text that wants to be obeyed; a note.
pub(super) fn refused() -> Sample {
    let mut sources = Sources::default();
    let lock = "\
# This file is maintained automatically by \"tofu init\".
# Manual edits may be lost in future updates.

provider \"registry.opentofu.org/hashicorp/null\" {
  version     = \"3.2.1\"
  constraints = \"~> 3.2\"
  hashes = [
    \"zh:58ed64389620cc7b82f01332e27723856422820cfd302e304b5f6c3436fb9840\",
  ]
}
";
    let versions =
        "terraform {\n  required_providers {\n\tnull = { source = \"hashicorp/null\", version = \"~> 3.2\" }\n  }\n}\n";
    sources.insert(".terraform.lock.hcl".into(), Arc::from(lock));
    sources.insert("versions.tf".into(), Arc::from(versions));
    let place = |path: &str, text: &str, part: &str| {
        let start = text.find(part).expect("a part of the text");
        Place::in_text(path.into(), text, start..start + part.len())
    };
    let address = "registry.opentofu.org/hashicorp/null";
    let findings = vec![
        Finding::new(
            Code::ProviderNotLocked,
            Severity::Error,
            Owner::Repository,
            "no locked hash proves `hashicorp/null` 3.2.1: the lock file holds only `zh:` hashes",
        )
        .at(place(".terraform.lock.hcl", lock, "\"registry.opentofu.org/hashicorp/null\""), "locked here")
        .at(place(".terraform.lock.hcl", lock, "hashes"), "only `zh:`, which no unpacked package can match")
        .at(place("versions.tf", versions, "null"), "required here")
        .detail(
            "The engine checks an unpacked package by `h1:` hashes only. With none it installs whatever stands in the \
             mirror, without a word and with exit code 0.",
        )
        .help(format!(
            "where there is network, run `tofu providers lock -platform=linux_amd64 -platform=darwin_arm64 {address}` \
             and commit `.terraform.lock.hcl`"
        )),
        Finding::new(Code::MirrorMissing, Severity::Error, Owner::Image, "the mirror `/providers` does not exist")
            .help("mount it, or name another one with `--mirror`"),
        Finding::new(
            Code::PackageNotExecutable,
            Severity::Error,
            Owner::Image,
            "`terraform-provider-dog_v1.0.0` cannot be executed by user 1983",
        )
        .at(
            Place::file("/providers/registry.opentofu.org/acme/dog/1.0.0/linux_amd64/terraform-provider-dog_v1.0.0"),
            "mode 0644",
        )
        .help("in the image's build, run\n    chmod -R a+rX /providers\n    find /providers -name 'terraform-provider-*' -exec chmod a+x {} +"),
        Finding::new(
            Code::ConfigurationNotUnderstood,
            Severity::Warning,
            Owner::Repository,
            "cannot read this expression: \u{1b}[2J\n::add-mask::oops",
        )
        .at(place("versions.tf", versions, "required_providers"), "\r::add-mask::oops")
        .detail("::stop-commands::x\n::add-mask::y"),
        Finding::new(Code::HandoverMissing, Severity::Note, Owner::Administrator, "no handover from init"),
    ];
    let mut providers = vec![provider("hashicorp/null", Status::Unproven), provider("acme/dog", Status::Proven)];
    providers[0].proven_by = None;
    let mut report = report(&findings, Outcome::Failure, providers);
    report.prediction.reasons.push(ReportReason {
        detail: String::new(),
        code: Code::MirrorMissing,
        summary: "Failed to query available provider packages".to_owned(),
        providers: vec![address.to_owned()],
    });
    report
        .prediction
        .assumptions
        .push(ReportAssumption { code: Code::StateUnseen, text: "the state is behind the backend `s3`".to_owned() });
    Sample { findings, report, sources }
}

fn report(findings: &[Finding], init: Outcome, providers: Vec<ReportProvider>) -> Report {
    let engine = Engine::new(EngineName::Tofu, airtight_provider::Version::release(1, 12, 6));
    let platform: Platform = "linux_amd64".parse().expect("a platform");
    let prediction = ReportPrediction {
        init,
        configuration: Loading::Loads,
        reasons: Vec::new(),
        assumptions: Vec::new(),
        lock_after: None,
    };
    Report::new(&engine, &platform, prediction, providers, findings, Duration::from_millis(41))
}

fn provider(name: &str, status: Status) -> ReportProvider {
    ReportProvider {
        derivation: String::new(),
        address: format!("registry.opentofu.org/{name}"),
        version: Some("3.2.1".to_owned()),
        constraints: vec![ReportConstraint { from: "versions.tf:3".to_owned(), text: "~> 3.2".to_owned() }],
        needed_by: vec![Need::Configuration, Need::Lock],
        package: Some(ReportPackage {
            layout: Layout::Unpacked,
            path: format!("/providers/registry.opentofu.org/{name}/3.2.1/linux_amd64"),
        }),
        install: Some(Install::Link),
        proven_by: Some("h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".to_owned()),
        status,
    }
}
