//! A report for tests of the formats.

use airtight_finding::report::{Counts, ReportAssumption, ReportEngine, ReportFinding};
use airtight_finding::{Code, Finding, Outcome, Owner, Ruling, Severity};
use airtight_hcl::Place;
use airtight_provider::manifest::{DemandedModule, DemandedProvider};

use crate::report::{
    AuditFinding, AuditReport, ReportChange, ReportImage, ReportLeftOut, ReportModule, ReportModuleUsage,
    ReportProviderUsage, ReportStack, ReportStackProvider, ReportStates, ReportUpgrade, ReportVersionChange,
    ReportVersionUsage, SCHEMA,
};

/// A report in which everything that comes from outside is one text.
pub(crate) fn sample(outside: &str) -> AuditReport {
    let text = || outside.to_owned();
    let image = ReportImage { name: text(), seals: vec![text()], packages: 1, size_bytes: 1 };
    let finding = Finding::new(Code::ProviderMissing, Severity::Error, Owner::Image, outside)
        .detail(outside)
        .help(outside)
        .at(Place::file("main.tf"), "");
    let finding = AuditFinding { stack: Some(text()), finding: ReportFinding::from(&finding) };
    AuditReport {
        schema: SCHEMA,
        engine: ReportEngine { name: "tofu".to_owned(), version: "1.12.6".to_owned() },
        platform: "linux_amd64".to_owned(),
        baseline: Some(image.clone()),
        image,
        verdict: Ruling::Refused,
        counts: Counts::default(),
        elapsed_ms: 1,
        states: ReportStates { fails: 1, ..ReportStates::default() },
        assumptions: vec![ReportAssumption { code: Code::StateUnseen, text: text() }],
        stacks: vec![ReportStack {
            path: text(),
            repository: text(),
            state: "fails",
            has_lock_file: true,
            reasons: vec![Code::ProviderMissing],
            providers: vec![ReportStackProvider {
                address: text(),
                version: Some(text()),
                locked: None,
                constraints: text(),
                needed: true,
                status: airtight_finding::Status::Missing,
                newer: Some(text()),
            }],
            modules: vec![ReportModule { call: text(), source: text(), version: Some(text()), stored: false }],
            findings: 0..1,
        }],
        providers: vec![ReportProviderUsage {
            address: text(),
            stacks: 1,
            versions: vec![ReportVersionUsage {
                version: text(),
                platforms: vec![text()],
                size_bytes: 1,
                used_by: vec![text()],
                removal_breaks: vec![text()],
            }],
            upgrade: Some(ReportUpgrade {
                keep: vec![text()],
                drop: vec![text()],
                moves: vec![text()],
                saved_bytes: 1,
            }),
        }],
        lacking: vec![DemandedProvider {
            address: text(),
            version: None,
            constraints: text(),
            hashes: Vec::new(),
            needed_by: vec![text()],
        }],
        modules: vec![ReportModuleUsage {
            source: text(),
            version: Some(text()),
            used_by: Vec::new(),
            removal_breaks: vec![text()],
        }],
        lacking_modules: vec![DemandedModule { source: text(), version: Some(text()), needed_by: vec![text()] }],
        changes: vec![ReportChange {
            path: text(),
            before: Outcome::Success,
            after: Outcome::Failure,
            versions: vec![ReportVersionChange { address: text(), from: Some(text()), to: None }],
        }],
        left_out: vec![ReportLeftOut { path: text(), why: "module", text: text() }],
        findings: vec![finding],
    }
}
