//! What the steps of a run mean: findings. Pure.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::causes::{Cause, CauseKind};
use super::installation::Installation;
use super::leg::{Denied, Status, Step, StepResult, is_declared};
use super::progress::Part;
use super::witness::{Asked, CHECKPOINT, Protocol};
use airtight_finding::{Code, Finding, Owner, Severity, catalogue, escape, shell_word};

/// Of an output without an error that is known by its form.
const LAST_LINES: usize = 20;

/// Of a hook in a summary.
const LONGEST_HOOK: usize = 100;

/// A step that was run.
#[derive(Clone, Debug)]
pub struct Ended {
    pub step: Step,
    pub result: StepResult,
    /// Another step exists for this failure.
    pub is_expected: bool,
}

/// What is known of the image and the settings.
#[derive(Clone, Debug, Default)]
pub struct Known<'a> {
    pub reachable: &'a [String],
    /// Mirrors that hold something.
    pub mirrors: Vec<Utf8PathBuf>,
}

/// What is wrong with each step, in their order. A host is one finding, at the first step that asked for it.
pub fn findings(ended: &[Ended], known: &Known<'_>) -> Vec<Vec<Finding>> {
    let mut found: Vec<Vec<Finding>> = ended.iter().map(|step| of_step(step, known)).collect();
    let mut asked: BTreeMap<(&str, Option<u16>), Vec<(usize, &Asked)>> = BTreeMap::new();
    for (index, step) in ended.iter().enumerate() {
        for host in undeclared(&step.result, known) {
            asked.entry((&host.host, host.port)).or_default().push((index, host));
        }
    }
    for times in asked.values() {
        let (first, _) = times[0];
        found[first].push(undeclared_host(ended, times, known));
    }
    found
}

fn undeclared<'a>(result: &'a StepResult, known: &Known<'_>) -> impl Iterator<Item = &'a Asked> {
    let reachable = known.reachable.to_vec();
    result.hosts.iter().filter(move |asked| !is_declared(asked, &reachable))
}

/// Without the hosts that the settings do not declare.
fn of_step(Ended { step, result, is_expected }: &Ended, known: &Known<'_>) -> Vec<Finding> {
    let went_wrong = matches!(result.status, Status::Failed | Status::Stopped) && !is_expected;
    if !went_wrong {
        return skipped_parts(step, result).into_iter().chain(denied_executions(step, result)).collect();
    }
    // The engine goes on without an answer from there.
    if undeclared(result, known).any(|asked| asked.host != CHECKPOINT) {
        return Vec::new();
    }
    let declared: Vec<String> =
        (result.hosts.iter()).filter(|asked| is_declared(asked, known.reachable)).map(ToString::to_string).collect();
    if declared.is_empty() {
        return vec![failure(step, result)];
    }
    let summary = format!("{} stopped for {}, which the settings declare reachable", step.name, declared.join(", "));
    vec![
        Finding::new(Code::HostDeclared, Severity::Note, Owner::Administrator, summary)
            .detail("What it would do with that host, and everything after it, is not rehearsed.")
            .help("If the host answers in production, nothing needs a fix: test it there with `airtight reach`."),
    ]
}

/// One host, at each step that asked for it.
fn undeclared_host(ended: &[Ended], times: &[(usize, &Asked)], known: &Known<'_>) -> Finding {
    let (first, asked) = times[0];
    let mut phases: Vec<&str> = Vec::new();
    let mut processes: Vec<&str> = Vec::new();
    for (index, asked) in times {
        phases.push(&ended[*index].step.name);
        processes.extend(asked.process.as_deref());
    }
    let by = if processes.is_empty() { String::new() } else { format!(" by {}", distinct(processes)) };
    let summary = format!("`{asked}` was asked for during {}{by}", distinct(phases));
    let how = match asked.protocol {
        Protocol::Dns => "Its name was looked up, and nothing was sent to it before the phase ended.",
        Protocol::Icmp => "It was sent an echo request.",
        Protocol::Tcp => "A connection was attempted.",
        Protocol::Udp => "A datagram was sent to it.",
    };
    if asked.host == CHECKPOINT {
        return Finding::new(Code::HostUndeclared, Severity::Warning, Owner::Administrator, summary)
            .detail(format!(
                "{how} The engine looks there for a newer version of itself, and continues without an answer."
            ))
            .help("Set `CHECKPOINT_DISABLE=1` in the stack's environment or in the image.");
    }
    let Advice { owner, help } = if ended[first].step.name == "init" && asked.host.starts_with("registry.") {
        registry_advice(ended[first].result.installation.as_ref(), &known.mirrors)
    } else if ended[first].step.name == "init" && asked.process.as_deref().is_some_and(fetches_modules) {
        Advice {
            owner: Owner::Image,
            help: "A module's repository is asked for. `airtight check` names the module. The image's store of modules serves it if \
                   `init` is `airtight run init`, or if the stack has airtight's before_init hook."
                .to_owned(),
        }
    } else {
        Advice {
            owner: Owner::Administrator,
            help: format!(
                "If this air gap lets it through, declare it in the settings: `reachable: [\"{asked}\"]`. If not, find what \
                 needs it in the configuration."
            ),
        }
    };
    Finding::new(Code::HostUndeclared, Severity::Error, owner, summary)
        .detail(format!(
            "{how} It is not listed under `reachable` in the settings, so in production this fails or hangs."
        ))
        .help(help)
}

/// In `init`, only modules come from repositories.
fn fetches_modules(process: &str) -> bool {
    process == "ssh" || process.starts_with("git")
}

/// In their order, each once: `a, b and c`.
fn distinct(names: Vec<&str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    match once.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} and {last}", others.join(", ")),
        _ => once.concat(),
    }
}

struct Advice {
    owner: Owner,
    help: String,
}

fn registry_advice(installation: Option<&Installation>, mirrors: &[Utf8PathBuf]) -> Advice {
    let why = match installation {
        None | Some(Installation::Configured) => {
            return Advice {
                owner: Owner::Image,
                help: "Put the provider or module that is asked for into the image or the repository: `airtight check` names it."
                    .to_owned(),
            };
        }
        Some(Installation::Direct { file: None }) => "The engine read no CLI configuration".to_owned(),
        Some(Installation::Direct { file: Some(file) }) => {
            format!("The CLI configuration `{file}` has no `provider_installation` block")
        }
        Some(Installation::MissingFile { file }) => {
            format!("`TF_CLI_CONFIG_FILE` names `{file}`, which is not in the container")
        }
    };
    let mirror = match mirrors.first() {
        Some(mirror) => format!(
            "so the engine asks the registry even for providers that the mirror `{mirror}` holds. Set `TF_CLI_CONFIG_FILE` to a \
             file that names the mirror"
        ),
        None => "so the engine installs from the registry. Put the providers into a mirror in the image, and set \
                 `TF_CLI_CONFIG_FILE` to a file that names it"
            .to_owned(),
    };
    Advice {
        owner: Owner::Administrator,
        help: format!(
            "{why}, {mirror}: `airtight render cli-config` writes one. Or let airtight start the engine: `airtight run init` does \
             it by itself."
        ),
    }
}

/// A passed phase in which not everything ran.
fn skipped_parts(step: &Step, result: &StepResult) -> Option<Finding> {
    if result.status != Status::Passed {
        return None;
    }
    let skipped = described(result.progress.first_skipped(&step.parts)?);
    let last = result.progress.last(&step.parts)?;
    let summary = format!("{} passed, but {skipped} did not run", step.name);
    let detail = if result.progress.reached_end {
        "Hooks are joined without braces here: after a failure, a `||` in a later hook takes over.".to_owned()
    } else {
        format!(
            "{} ended the shell, in which all hooks of the phase run, with exit code 0.",
            capitalized(&described(last))
        )
    };
    Some(
        Finding::new(Code::PhaseFailed, Severity::Warning, Owner::Administrator, summary)
            .detail(detail)
            .help("Do not use `exit` or `exec` there, or use them in a shell of their own: `( ... )`."),
    )
}

/// A phase that went on although it could not start something.
fn denied_executions(step: &Step, result: &StepResult) -> Option<Finding> {
    let denials = denials(result);
    let summary = format!("{} passed, but not every program was allowed to start", step.name);
    (!denials.is_empty()).then(|| {
        Finding::new(Code::PhaseFailed, Severity::Warning, Owner::Repository, summary).detail(denials.join("\n")).help(
            "Put the program into the image. A script can also be run by an interpreter of the image: `sh SCRIPT`.",
        )
    })
}

/// Each execution that the kernel denied, in a sentence.
fn denials(result: &StepResult) -> Vec<String> {
    let watched = &result.watched;
    let one = |denied: &Denied| format!("`{}` was not allowed to start `{}`.", denied.process, denied.file);
    let mut sentences: Vec<String> = watched.denied.iter().map(one).collect();
    if watched.lost_signals > 0 {
        sentences.push(
            "A real-time signal could not be delivered while executions were watched. Rehearse without `--watch-executions` \
             before you trust this result."
                .to_owned(),
        );
    }
    sentences
}

/// A phase that failed on its own.
fn failure(step: &Step, result: &StepResult) -> Finding {
    if result.progress.skipped_command(&step.parts) && result.exit_code == Some(0) {
        return command_not_run(step, result);
    }
    let end = match (result.exit_code, result.signal) {
        _ if result.prints_no_json => "printed no JSON".to_owned(),
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "did not end well".to_owned(),
    };
    let output = without_colors(&result.output);
    let mut sentences: Vec<String> = result.causes.iter().map(why).collect();
    sentences.extend(denials(result));
    if result.prints_no_json {
        sentences.push("The worker reads back what it prints on stdout, and that must be one JSON value.".to_owned());
    }
    let code = result
        .refusal
        .as_deref()
        .and_then(|code| code.parse().ok())
        .or_else(|| catalogue::search(&output).first().copied());
    let help = match (result.causes.first(), code) {
        (Some(cause), _) => fix(cause),
        (None, Some(code)) => format!("Read `airtight explain {code}`."),
        (None, None) => {
            "Read its output above. If that does not say why, run the command by hand in the image.".to_owned()
        }
    };
    // A hook is the administrator's, the command the repository's.
    let (place, owner) = match result.progress.last(&step.parts) {
        Some(part @ Part::Hook(hook)) => {
            (format!(" in {}: `{}`", described(part), shortened(&hook.text)), Owner::Administrator)
        }
        _ => (String::new(), Owner::Repository),
    };
    sentences.push(error_text(&output));
    Finding::new(Code::PhaseFailed, Severity::Error, owner, format!("{} {end}{place}", step.name))
        .detail(sentences.join("\n"))
        .help(help)
}

/// The worker takes the phase for passed, though its command never ran.
fn command_not_run(step: &Step, result: &StepResult) -> Finding {
    let last = result.progress.last(&step.parts).map_or_else(|| "a hook".to_owned(), described);
    let text = match result.progress.last(&step.parts) {
        Some(Part::Hook(hook)) => format!(": `{}`", shortened(&hook.text)),
        _ => String::new(),
    };
    let never_ran = format!("So the worker takes the phase for passed, but `{}` never ran.", shortened(&step.command));
    let (summary, detail, help) = if result.progress.reached_end {
        (
            format!("{} passed without its command", step.name),
            format!(
                "{} failed, and a `||` in a later hook took over, as these hooks are joined without braces. {never_ran}",
                capitalized(&last)
            ),
            "Put the hook with `||` into braces of its own: `{ ...; }`.",
        )
    } else {
        (
            format!("{last} ended {} before its command{text}", step.name),
            format!("Hooks and command are one shell, and this hook ended it with exit code 0. {never_ran}"),
            "Remove `exit` from the hook, or run what exits in a shell of its own: `( ... )`.",
        )
    };
    Finding::new(Code::PhaseFailed, Severity::Error, Owner::Administrator, summary).detail(detail).help(help)
}

/// `the stack's hook before_init (2 of 3)`.
fn described(part: &Part) -> String {
    let Part::Hook(hook) = part else { return "its command".to_owned() };
    let number = if hook.count > 1 { format!(" ({} of {})", hook.number, hook.count) } else { String::new() };
    match &hook.context {
        Some(context) => format!("the hook {}{number} of the context {context}", hook.point),
        None => format!("the stack's hook {}{number}", hook.point),
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// One line.
fn shortened(text: &str) -> String {
    let line = escape::line(text.trim());
    if line.chars().count() <= LONGEST_HOOK {
        return line.into_owned();
    }
    line.chars().take(LONGEST_HOOK - 3).collect::<String>() + "..."
}

fn why(Cause { file, kind }: &Cause) -> String {
    match kind {
        CauseKind::CarriageReturns { interpreter: Some(interpreter) } => format!(
            "`{file}` has Windows line ends (CRLF), so its interpreter is `{interpreter}\\r`, which does not exist."
        ),
        CauseKind::CarriageReturns { interpreter: None } => {
            format!(
                "`{file}` has Windows line ends (CRLF): the shell takes the carriage return as a part of each command."
            )
        }
        CauseKind::NoInterpreter { interpreter } => {
            format!("`{file}` names the interpreter `{interpreter}`, which is not in the image.")
        }
        CauseKind::NotExecutable => format!("`{file}` is not executable."),
        CauseKind::NotOnPath => format!("`{file}` is in the directory where the command runs, which is not on PATH."),
        CauseKind::NotInImage => {
            format!(
                "No directory of PATH has `{file}` for the user of this phase. Directories such as `/root` and `/tmp` do not count."
            )
        }
    }
}

fn fix(Cause { file, kind }: &Cause) -> String {
    let word = shell_word(file);
    match kind {
        CauseKind::CarriageReturns { .. } => format!(
            "Convert it, `sed -i 's/\\r$//' {word}`, and keep it so with the line `*.sh text eol=lf` in `.gitattributes`."
        ),
        CauseKind::NoInterpreter { interpreter } => format!(
            "Install `{interpreter}` in the image's build, or begin `{file}` with an interpreter that the image has, such as \
             `#!/bin/sh`."
        ),
        CauseKind::NotExecutable => {
            format!(
                "Make it executable in the repository: `git update-index --chmod=+x {word}`. Or run it with `sh {word}`."
            )
        }
        CauseKind::NotOnPath => format!("Write `./{word}`."),
        CauseKind::NotInImage => format!(
            "Put it where the image has it, as root: `install -m 755 {word} /usr/local/bin/`. Or rehearse inside the image."
        ),
    }
}

/// From the first error on, as it was printed, without the frame that the engine draws; else the last lines.
fn error_text(output: &str) -> String {
    let is_frame = |line: &&str| matches!(line.trim(), "╷" | "╵");
    let lines: Vec<&str> = (output.lines())
        .map(str::trim_end)
        .filter(|line| !is_frame(line))
        .map(|line| line.strip_prefix("│ ").unwrap_or(if line == "│" { "" } else { line }))
        .collect();
    let is_error = |line: &&str| line.trim_start().starts_with("Error: ") || line.starts_with("error[");
    let start = lines.iter().position(is_error).unwrap_or(lines.len().saturating_sub(LAST_LINES));
    lines[start..].join("\n").trim_matches('\n').to_owned()
}

/// Without the sequences that colour a terminal.
fn without_colors(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let end = after.find(|character: char| character.is_ascii_alphabetic());
        rest = end.map_or("", |end| &after[end + 1..]);
    }
    plain + rest
}

#[cfg(test)]
mod tests;
