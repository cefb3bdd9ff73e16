//! For people at a terminal or in a run's log: each finding with the lines it is about, then what the prediction rests
//! on, then the verdict. Reads the same without colour; moves no cursor; no line starts with text from outside, not even
//! after spaces.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use annotate_snippets::renderer::{AnsiColor, Style};
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use camino::Utf8Path;

use super::excerpt::excerpt;
use super::prose::{plural, wrap};
use super::report::{Report, ReportProvider, sorted};
use super::{Code, Finding, Label, Outcome, Owner, Severity, Status, escape, heading};
use airtight_hcl::Position;
use airtight_hcl::Sources;

/// A finding names at most this many places; the others are counted.
const MOST_PLACES: usize = 6;

/// How the renderer starts the name of the first file and of another one.
const FILE: &str = "-->";
const OTHER_FILE: &str = ":::";

/// Of one code and severity, so many findings are shown in full; the others have a line each.
const MOST_ALIKE: usize = 3;

/// So many of those lines; the others are counted.
const MOST_LISTED: usize = 20;

/// Of providers that are not proven, so many derivations; the others are counted.
const MOST_DERIVED: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HumanOptions {
    pub color: bool,
    /// In columns. Commands, paths and addresses are never broken, even where they are wider.
    pub width: usize,
}

impl Default for HumanOptions {
    fn default() -> Self {
        Self { color: false, width: 100 }
    }
}

/// The whole report, ended by a line break: one line if nothing was found and everything is predicted.
pub fn render(findings: &[Finding], report: &Report, sources: &Sources, options: HumanOptions) -> String {
    let mut text = self::findings(findings, sources, options);
    if report.phase.is_none() && (!findings.is_empty() || report.prediction.init != Outcome::Success) {
        text.push_str(&derivation(report, options.width));
        text.push('\n');
    }
    for exception in &report.exceptions {
        let said =
            wrap(&escape::line(&heading::exception(exception)), options.width.saturating_sub(escape::MARK.len()));
        text.push_str(&joined(&said));
        text.push('\n');
    }
    let closing = escape::line(&heading::closing(report)).into_owned();
    text.push_str(&if options.color { painted(&closing, report) } else { closing });
    text.push('\n');
    text.extend(heading::way_out(report).map(|line| format!("{line}\n")));
    text
}

/// The findings alone, each followed by an empty line.
pub fn findings(found: &[Finding], sources: &Sources, options: HumanOptions) -> String {
    let style = if options.color { Renderer::styled().hyperlink(false) } else { Renderer::plain() };
    let renderer = style.term_width(options.width.saturating_sub(1));
    let findings = sorted(found);
    let mut text = String::new();
    let mut alike: BTreeMap<(Severity, Code), Vec<&Finding>> = BTreeMap::new();
    for finding in &findings {
        let shown = alike.entry((finding.severity, finding.code)).or_default();
        shown.push(finding);
        if shown.len() > MOST_ALIKE {
            continue;
        }
        let (group, title_lines) = group(finding, sources, options.width.saturating_sub(1));
        for (number, line) in renderer.render(&[group]).trim_end().lines().enumerate() {
            text.push_str(if number < title_lines { "" } else { " " });
            // What the renderer starts another file with looks like a worker's command.
            let is_file = without_start(line).starts_with(OTHER_FILE);
            text.push_str(&line.replacen(OTHER_FILE, FILE, usize::from(is_file)));
            text.push('\n');
        }
        text.push('\n');
    }
    for ((severity, code), findings) in &alike {
        if let Some(rest) = findings.get(MOST_ALIKE..).filter(|rest| !rest.is_empty()) {
            text.push_str(&listed(*severity, *code, rest, options.width));
        }
    }
    text
}

/// The line from its first character that is seen.
fn without_start(line: &str) -> &str {
    let line = line.trim_start_matches(' ');
    match line.strip_prefix("\u{1b}[").and_then(|color| color.split_once('m')) {
        Some((_, rest)) => without_start(rest),
        None => line,
    }
}

/// The lines of one text; all but the first start with our mark.
fn joined(lines: &[String]) -> String {
    lines.join(&format!("\n{}", escape::MARK))
}

/// Findings like those above, a line each: usually one fix fixes all.
fn listed(severity: Severity, code: Code, findings: &[&Finding], width: usize) -> String {
    let head = format!("{severity}[{code}]: {} like those above", plural(findings.len(), "more finding"));
    let mut lines = vec![head];
    for finding in &findings[..findings.len().min(MOST_LISTED)] {
        let place = finding.places.first().map_or_else(String::new, |label| {
            let line = label.place.position.as_ref().map_or_else(String::new, |position| format!(":{}", position.line));
            format!("{}{line}: ", label.place.path)
        });
        push(&mut lines, width, &format!("{place}{}", finding.summary));
    }
    if findings.len() > MOST_LISTED {
        lines.push(format!("  - and {} more; `--format json` names all", findings.len() - MOST_LISTED));
    }
    lines.join("\n") + "\n\n"
}

fn painted(closing: &str, report: &Report) -> String {
    let color = if report.is_cleared() { AnsiColor::Green } else { AnsiColor::Red };
    let style: Style = color.on_default().bold();
    format!("{style}{closing}{style:#}")
}

/// A finding for the renderer, and how many lines its title has.
fn group<'a>(finding: &'a Finding, sources: &'a Sources, width: usize) -> (Group<'a>, usize) {
    let level = level(finding.severity);
    let prefix = finding.severity.as_str().len() + finding.code.as_str().len() + "[]: ".len();
    let title = wrap(&escape::line(&finding.summary), width.saturating_sub(prefix + escape::MARK.len()));
    let title_lines = title.len();
    let shown = &finding.places[..finding.places.len().min(MOST_PLACES)];
    let gutter = gutter(shown);
    let mut group = Group::with_title(level.primary_title(joined(&title)).id(finding.code.as_str()));
    let mut notes = Vec::new();
    let mut paths: Vec<&Utf8Path> = Vec::new();
    for label in shown {
        if !paths.contains(&label.place.path.as_path()) {
            paths.push(&label.place.path);
        }
    }
    for path in paths {
        let labels: Vec<(bool, &Label)> = shown
            .iter()
            .enumerate()
            .filter(|(_, label)| label.place.path == path)
            .map(|(index, label)| (index == 0, label))
            .collect();
        for element in elements(path, &labels, sources.get(path), width.saturating_sub(gutter), &mut notes) {
            group = group.element(element);
        }
    }
    if finding.places.len() > shown.len() {
        notes.push(format!("and {}", plural(finding.places.len() - shown.len(), "more place")));
    }
    notes.push(finding.detail.clone());
    let messages = notes
        .into_iter()
        .map(|note| ("note", Level::NOTE, note))
        .chain([("help", Level::HELP, finding.help.clone())])
        .chain([("owner", Level::INFO.with_name("owner"), owner(finding.owner).to_owned())]);
    for (name, level, text) in messages {
        let room = width.saturating_sub(gutter + "= : ".len() + name.len() + escape::MARK.len());
        let lines: Vec<String> = wrap(&text, room).iter().map(|text| escape::line(text).into_owned()).collect();
        if !lines.is_empty() {
            group = group.element(level.message(joined(&lines)));
        }
    }
    (group, title_lines)
}

/// What is shown of one file: its lines with carets, or its name alone. Labels that have no room go to the notes.
fn elements<'a>(
    path: &Utf8Path,
    labels: &[(bool, &Label)],
    text: Option<&str>,
    width: usize,
    notes: &mut Vec<String>,
) -> Vec<Element<'a>> {
    let printed = escape::line(path.as_str()).into_owned();
    let positioned: Vec<(bool, &Label, &Position)> =
        labels.iter().filter_map(|(primary, label)| Some((*primary, *label, label.place.position.as_ref()?))).collect();
    let mut elements: Vec<Element<'a>> = Vec::new();
    for (_, label) in labels.iter().filter(|(_, label)| text.is_none() || label.place.position.is_none()) {
        let said = escape::line(&label.text);
        let (fits, origin) = match &label.place.position {
            Some(position) => (
                false,
                Origin::path(printed.clone()).line(position.line as usize).char_column(position.column as usize),
            ),
            None if said.is_empty() || printed.chars().count() + said.chars().count() + 9 > width => {
                (false, Origin::path(printed.clone()))
            }
            None => (true, Origin::path(format!("{printed} ({said})"))),
        };
        elements.push(origin.into());
        if !fits && !said.is_empty() {
            notes.push(label.text.clone());
        }
    }
    if let (Some(text), false) = (text, positioned.is_empty()) {
        let positions: Vec<&Position> = positioned.iter().map(|(_, _, position)| *position).collect();
        let excerpt = excerpt(text, &positions);
        let mut snippet = Snippet::source(excerpt.text).line_start(excerpt.first_line).path(printed).fold(true);
        for ((primary, label, position), span) in positioned.into_iter().zip(excerpt.spans) {
            let kind = if primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let said = escape::line(&label.text).into_owned();
            let end = position.column as usize + span.len() + said.chars().count();
            let mut annotation = kind.span(span);
            if end <= width {
                annotation = annotation.label(said);
            } else {
                notes.push(format!("line {}: {}", position.line, label.text));
            }
            snippet = snippet.annotation(annotation);
        }
        elements.push(snippet.into());
    }
    elements
}

/// The columns before `= note: `: a space, the widest line number, a space.
fn gutter(labels: &[Label]) -> usize {
    let widest = labels.iter().filter_map(|label| label.place.position.as_ref()).map(|position| position.line).max();
    widest.map_or(1, |line| line.to_string().len()) + 1
}

const fn level(severity: Severity) -> Level<'static> {
    match severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    }
}

const fn owner(owner: Owner) -> &'static str {
    match owner {
        Owner::Repository => "repository (author of the configuration and its lock file)",
        Owner::Image => "image (maintainer of the runner image and its mirror)",
        Owner::Administrator => "administrator (of the stack, its environment and its plugins)",
    }
}

/// The reasons of the prediction: why it fails, what is not proven, what was not seen.
fn derivation(report: &Report, width: usize) -> String {
    let mut lines = vec![format!("{} ({})", heading::expected(report), heading::engine(report))];
    let mut said = BTreeSet::new();
    for reason in &report.prediction.reasons {
        if said.insert((reason.code, &reason.summary)) {
            push(&mut lines, width, &format!("because of {}: {}", reason.code, reason.summary));
        }
    }
    // What certainly fails does not depend on what was not seen.
    let assumptions = report.prediction.assumptions.iter().filter(|_| report.prediction.init != Outcome::Failure);
    for assumption in assumptions {
        push(&mut lines, width, &format!("not seen, {}: {}", assumption.code, assumption.text));
    }
    let (proven, others): (Vec<_>, Vec<_>) =
        report.providers.iter().partition(|provider| provider.status == Status::Proven);
    for provider in &others[..others.len().min(MOST_DERIVED)] {
        let sentences = if provider.derivation.is_empty() { described(provider) } else { provider.derivation.clone() };
        push(&mut lines, width, &sentences);
    }
    if others.len() > MOST_DERIVED {
        lines.push(format!("  - and {} more; `--format json` lists them all", others.len() - MOST_DERIVED));
    }
    if !proven.is_empty() {
        lines.push(format!("  - {} proven by the lock file's hashes", plural(proven.len(), "provider")));
    }
    if let Some(modules) = heading::modules(report) {
        lines.push(format!("  - {modules}"));
    }
    lines.join("\n") + "\n"
}

/// One item of a list, each line behind a mark of ours.
fn push(lines: &mut Vec<String>, width: usize, text: &str) {
    let text = escape::line(text);
    let wrapped = wrap(&text, width.saturating_sub(4));
    let mark = |index: usize| if index == 0 { "  - " } else { "  | " };
    lines.extend(wrapped.iter().enumerate().map(|(index, line)| format!("{}{line}", mark(index))));
}

/// `registry.opentofu.org/hashicorp/null 3.2.1: unproven, needed by configuration and lock, link to /providers/...`
fn described(provider: &ReportProvider) -> String {
    let version = provider.version.as_deref().unwrap_or("(no version selected)");
    let mut described = format!("{} {version}: {}", provider.address, provider.status);
    if !provider.needed_by.is_empty() {
        described.push_str(", needed by ");
        let needed_by = provider.needed_by.iter().map(|need| need.as_str()).collect::<Vec<_>>();
        described.push_str(&needed_by.join(" and "));
    }
    for constraint in provider.constraints.iter().filter(|constraint| !constraint.text.is_empty()) {
        let _ = write!(described, ", `{}` in {}", constraint.text, constraint.from);
    }
    if let Some(package) = &provider.package {
        let _ = write!(described, ", {} {}", package.layout.as_str(), package.path);
    }
    described
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::report::ReportException;
    use super::super::sample;
    use super::*;
    use airtight_hcl::Place;

    fn rendered(options: HumanOptions) -> String {
        let sample = sample::refused();
        render(&sample.findings, &sample.report, &sample.sources, options)
    }

    /// Without `ESC [ ... m`, which colours and moves nothing.
    fn without_color(text: &str) -> String {
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |plain, part| plain + part.split_once('m').map_or(part, |(_, rest)| rest))
    }

    #[test]
    fn a_refused_report_at_a_terminal() {
        insta::assert_snapshot!(rendered(HumanOptions::default()));
    }

    #[test]
    fn a_narrow_terminal_wraps_prose_and_no_command() {
        insta::assert_snapshot!(rendered(HumanOptions { color: false, width: 60 }));
    }

    #[test]
    fn where_all_is_well_there_is_one_line() {
        let report = sample::cleared();
        let rendered = render(&[], &report, &Sources::default(), HumanOptions::default());
        assert_eq!(rendered, heading::closing(&report) + "\n");
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let colored = rendered(HumanOptions { color: true, ..HumanOptions::default() });
        assert!(colored.contains("\u{1b}["));
        assert_eq!(without_color(&colored), rendered(HumanOptions::default()));
    }

    #[test]
    fn all_but_single_words_fit_the_width() {
        for line in rendered(HumanOptions::default()).lines() {
            assert!(line.chars().count() <= 100 || !line.trim().contains(' ') || line.contains(['`', '/']), "{line}");
        }
    }

    #[test]
    fn many_places_are_counted() {
        let mut finding = Finding::new(Code::ProviderMissing, Severity::Error, Owner::Image, "missing");
        for number in 0..20 {
            finding = finding.at(Place::file(format!("{number}.tf")), "required here");
        }
        let report = sample::cleared();
        let rendered = render(&[finding], &report, &Sources::default(), HumanOptions::default());
        assert!(rendered.contains("5.tf") && !rendered.contains("6.tf"), "{rendered}");
        assert!(rendered.contains("and 14 more places"), "{rendered}");
    }

    proptest! {
        #[test]
        fn foreign_text_starts_no_line_and_commands_no_terminal(
            text in "(::add-mask::|[\r\n\t :a東\u{1b}\u{9b}\u{202e}`]){0,12}",
            source in "(::add-mask::|[\r\n\t :a東\u{1b}\u{9b}\u{202e}]){0,12}",
            range in (0..30_usize, 0..30_usize),
            with_source in any::<bool>(),
        ) {
            let path = Utf8Path::new(&text);
            let mut sources = Sources::default();
            if with_source {
                sources.insert(path, Arc::from(source.as_str()));
            }
            let finding = Finding::new(Code::StateInvalid, Severity::Error, Owner::Image, text.as_str())
                .at(Place::in_text(path, &source, range.0..range.1), text.as_str())
                .at(Place::file(path), text.as_str())
                .detail(text.as_str())
                .help(text.as_str());
            let mut report = sample::refused().report;
            report.prediction.reasons[0].summary.clone_from(&text);
            report.providers[0].address.clone_from(&text);
            report.exceptions = vec![ReportException { reason: Some(text.clone()), ..sample::exception() }];
            let rendered = render(&[finding], &report, &sources, HumanOptions::default());
            for line in rendered.split('\n') {
                let line = without_start(line);
                let is_ours = ["  ", "| ", "- ", "= ", "...", FILE, "error[", "init will fail", "airtight: ", "exception in force: "];
                let is_numbered = line.trim_start_matches(|character: char| character.is_ascii_digit()) != line;
                prop_assert!(line.is_empty() || line == "|" || is_numbered || is_ours.iter().any(|start| line.starts_with(start)), "{line}: {rendered}");
                prop_assert!(!line.contains(escape::is_escaped), "{rendered:?}");
            }
        }
    }
}
