//! The report as one page, for a wall or a mail: it fetches nothing. One script of ours, named by its hash, sorts and filters; without
//! it the page holds the same.

use airtight_finding::{Outcome, catalogue, escape, heading};
use airtight_provider::EngineName;
use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tera::{Context, Tera, TeraResult};

use crate::human::{because, causes, few, title};
use crate::report::{AuditReport, ReportChange, ReportStack, ReportStackProvider, megabytes};

const STYLE: &str = include_str!("html.css");
const SCRIPT: &str = include_str!("html.js");
const TEMPLATE: &str = include_str!("report.html.tera");

/// Providers with a column of their own: the most used ones.
const COLUMNS: usize = 16;

/// A whole document. The template escapes what would be markup; what would be a control is escaped before.
///
/// # Errors
/// Never fails on a report.
pub fn render(report: &AuditReport, date: &str) -> TeraResult<String> {
    let columns = columns(report);
    let states = report.states;
    let tile = |word: &str, count: usize, meaning: &str| json!({ "word": word, "count": count, "meaning": meaning });
    let page = json!({
        "title": text(&format!("Audit of {}: {}", report.image.name, report.verdict)),
        "style": STYLE,
        "script": SCRIPT,
        "script_hash": base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT.as_bytes())),
        "verdict": report.verdict,
        "subject": title(report),
        "date": date,
        "found": heading::counts(report.counts).join(", "),
        "seals": report.image.seals,
        "tiles": [
            tile("fails", states.fails, "init would fail"),
            tile("refused", states.refused, "airtight would not start init"),
            tile("unknown", states.unknown, "what was not seen decides"),
            tile("works", states.works, "init would work"),
        ],
        "causes": causes(report).into_iter().map(|(code, count)| {
            json!({ "code": code, "count": count, "means": catalogue::sentence(code) })
        }).collect::<Vec<_>>(),
        "columns": columns.iter().map(|address| column(address)).collect::<Vec<_>>(),
        "stacks": sorted(report).into_iter().map(|stack| row(report, stack, &columns)).collect::<Vec<_>>(),
        "lacking": report.lacking.iter().map(|lacking| json!({
            "address": text(&lacking.address),
            "version": text(lacking.version.as_deref().unwrap_or("any version")),
            "constraints": text(&lacking.constraints),
            "needed_by": text(&few(&lacking.needed_by)),
            "count": lacking.needed_by.len(),
        })).collect::<Vec<_>>(),
        "changes": changes(report).into_iter().map(|change| json!({
            "path": text(&change.path),
            "before": change.before,
            "after": change.after,
            "is_worse": change.before != change.after && change.after == Outcome::Failure,
            "versions": change.versions.iter().map(|version| {
                let word = |version: &Option<String>| version.clone().unwrap_or_else(|| "nothing".to_owned());
                text(&format!("{} {} → {}", version.address, word(&version.from), word(&version.to)))
            }).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
        "baseline": report.baseline.as_ref().map(|image| text(&image.name)),
        "providers": report.providers.iter().map(provider).collect::<Vec<_>>(),
        "left_out": report.left_out.iter().map(|left_out| {
            json!({ "path": text(&left_out.path), "text": text(&left_out.text) })
        }).collect::<Vec<_>>(),
        "image_findings": report.findings.iter().filter(|found| {
            found.stack.is_none() && found.finding.severity != airtight_finding::Severity::Note
        }).map(|found| finding(&found.finding)).collect::<Vec<_>>(),
        "assumptions": report.assumptions.iter().map(|assumption| text(&assumption.text)).collect::<Vec<_>>(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    Tera::one_off(TEMPLATE, &Context::from_serialize(&page)?, true)
}

/// Those whose outcome differs first.
fn changes(report: &AuditReport) -> Vec<&ReportChange> {
    let mut changes: Vec<&ReportChange> = report.changes.iter().collect();
    let is_worse = |change: &ReportChange| change.after == Outcome::Failure && change.before != Outcome::Failure;
    changes.sort_by_key(|change| (!is_worse(change), change.before == change.after, &change.path));
    changes
}

/// The worst first, then by path.
fn sorted(report: &AuditReport) -> Vec<&ReportStack> {
    let mut stacks: Vec<&ReportStack> = report.stacks.iter().collect();
    stacks.sort_by_key(|stack| (rank(stack.state), &stack.path));
    stacks
}

fn rank(state: &str) -> usize {
    ["fails", "refused", "unknown", "works"].iter().position(|word| *word == state).unwrap_or_default()
}

/// The addresses with columns.
fn columns(report: &AuditReport) -> Vec<String> {
    let mut counts = std::collections::BTreeMap::new();
    for provider in report.stacks.iter().flat_map(|stack| &stack.providers) {
        *counts.entry(provider.address.as_str()).or_insert(0_usize) += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(address, count)| (std::cmp::Reverse(*count), *address));
    counts.into_iter().take(COLUMNS).map(|(address, _)| address.to_owned()).collect()
}

/// The type, and under it whose it is: the host too if it is neither engine's own.
fn column(address: &str) -> Value {
    let (of, name) = address.rsplit_once('/').unwrap_or(("", address));
    let hosts = [EngineName::Tofu, EngineName::Terraform].map(EngineName::default_registry_host);
    let namespace = of.split_once('/').filter(|(host, _)| hosts.contains(host)).map_or(of, |(_, namespace)| namespace);
    json!({ "name": text(name), "of": text(namespace), "address": text(address) })
}

fn row(report: &AuditReport, stack: &ReportStack, columns: &[String]) -> Value {
    let of = |address: &String| stack.providers.iter().find(|provider| provider.address == *address);
    let others = stack.providers.iter().filter(|provider| !columns.contains(&provider.address));
    json!({
        "path": text(&stack.path),
        "state": stack.state,
        "rank": rank(stack.state),
        "because": text(&because(report, stack)),
        "cells": columns.iter().map(|address| of(address).map(cell)).collect::<Vec<_>>(),
        "others": others.map(|provider| {
            let mut cell = cell(provider);
            cell["address"] = json!(text(&provider.address));
            cell
        }).collect::<Vec<_>>(),
        "modules": stack.modules.iter().map(|module| {
            text(&format!("{} {}", module.source, module.version.as_deref().unwrap_or_default()))
        }).collect::<Vec<_>>(),
        "findings": report.findings[stack.findings.clone()].iter().map(|found| finding(&found.finding)).collect::<Vec<_>>(),
    })
}

/// What is known of a provider in a stack, as a word and a version.
fn cell(provider: &ReportStackProvider) -> Value {
    use airtight_finding::Status;
    let word = match provider.status {
        Status::Proven if provider.newer.is_some() => "behind",
        Status::Proven => "proven",
        Status::Unproven => "unproven",
        Status::Mismatch => "mismatch",
        Status::Missing => "missing",
        Status::Unknown if !provider.needed => "unused",
        Status::Unknown => "unknown",
    };
    let version = provider.version.as_ref().or(provider.locked.as_ref());
    json!({
        "word": word,
        "version": text(version.map_or("none", String::as_str)),
        "title": text(&match (&provider.newer, provider.constraints.as_str()) {
            (Some(newer), _) => format!("{}: the image has {newer}", provider.address),
            (None, "") => provider.address.clone(),
            (None, constraints) => format!("{} {constraints}", provider.address),
        }),
    })
}

fn provider(provider: &crate::report::ReportProviderUsage) -> Value {
    json!({
        "address": text(&provider.address),
        "stacks": provider.stacks,
        "versions": provider.versions.iter().rev().map(|version| json!({
            "version": text(&version.version),
            "size": megabytes(version.size_bytes),
            "used_by": version.used_by.len(),
            "breaks": version.removal_breaks.len(),
            "who": text(&few(&version.removal_breaks)),
        })).collect::<Vec<_>>(),
        "upgrade": provider.upgrade.as_ref().map(|upgrade| json!({
            "keep": text(&upgrade.keep.join(", ")),
            "drop": text(&upgrade.drop.join(", ")),
            "moves": upgrade.moves.len(),
            "saved": megabytes(upgrade.saved_bytes),
        })),
    })
}

fn finding(finding: &airtight_finding::report::ReportFinding) -> Value {
    let place = finding.locations.first().map(|location| {
        let line = location.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{}{line}", text(&location.path))
    });
    json!({
        "severity": finding.severity,
        "code": finding.code,
        "summary": text(&finding.summary),
        "detail": text(&finding.detail),
        "help": text(&finding.help),
        "owner": finding.owner,
        "place": place,
    })
}

/// Text of one line.
fn text(raw: &str) -> String {
    escape::line(raw).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::sample;

    #[test]
    fn the_page_fetches_nothing_and_runs_only_our_script() {
        let page = render(&sample("a"), "2026-01-31").unwrap();
        for forbidden in ["http://", "https://", "src=", "url(", "@import", "<link", "onload", "onclick"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert_eq!(page.matches("<script").count(), 1);
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
        assert!(page.contains(&format!("script-src 'sha256-{hash}'")), "the script may run");
        assert!(page.contains(&format!("<script>{SCRIPT}</script>")), "and its bytes are those of the hash");
    }

    proptest! {
        #[test]
        fn text_from_outside_stays_text(outside in "(<|>|&|\"|'|`|</script>|\\PC|\n){1,20}") {
            let markup = |text: &str| render(&sample(text), "2026-01-31").unwrap().matches(['<', '>', '"']).count();
            prop_assert_eq!(markup(&outside), markup("a"));
        }
    }
}
