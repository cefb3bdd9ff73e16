//! All root modules below directories, judged in parallel: each is read, judged and dropped, so that memory does not grow with
//! what their files hold.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_gate::check::rules;
use airtight_gate::settings::{self, Effective, Level, Settings};
use airtight_hcl::Place;
use camino::{Utf8Path, Utf8PathBuf};

use crate::discover::{self, Candidate, LeftOut, LeftOutReason};
use crate::stack::{self, Question, Stack};

/// What was found and judged.
#[derive(Debug, Default)]
pub struct Fleet {
    /// By directory.
    pub stacks: Vec<Stack>,
    pub left_out: Vec<LeftOut>,
    /// Of no stack: what the settings give rise to, once for all.
    pub findings: Vec<Finding>,
}

/// What became of a candidate.
enum Seen {
    Stack {
        stack: Box<Stack>,
        called: Vec<Utf8PathBuf>,
        is_configured: bool,
    },
    /// Whether it is a stack depends on the others.
    Open {
        called: Vec<Utf8PathBuf>,
        is_configured: bool,
    },
    LeftOut(LeftOutReason),
}

/// Finds root modules and judges each.
///
/// # Errors
/// A directory that cannot be read.
pub fn audit(question: &Question<'_>, directories: &[Utf8PathBuf]) -> anyhow::Result<Fleet> {
    let discover::Found { candidates, left_out } = discover::search(directories)?;
    tracing::debug!(candidates = candidates.len(), "directories searched");
    let first = in_parallel(&candidates, |candidate| match &candidate.by_name {
        Some(why) if !candidate.is_named => Seen::LeftOut(why.clone()),
        _ => {
            let mut read = stack::read(question, candidate);
            let called = std::mem::take(&mut read.called);
            let is_configured = read.is_configured;
            if candidate.has_lock || candidate.is_named {
                let stack = Box::new(stack::judge(question, candidate, read));
                Seen::Stack { stack, called, is_configured }
            } else {
                Seen::Open { called, is_configured }
            }
        }
    });
    let callers = callers(&candidates, &first);
    let mut fleet = Fleet { left_out, ..Fleet::default() };
    let mut open = Vec::new();
    for (candidate, seen) in candidates.iter().zip(first) {
        let caller = real(&candidate.directory).and_then(|real| callers.get(&real)).filter(|_| !candidate.is_named);
        let why = match (seen, caller) {
            (Seen::LeftOut(why), _) => why,
            (Seen::Stack { is_configured: false, .. } | Seen::Open { .. }, Some(by)) => {
                LeftOutReason::Called { by: by.clone() }
            }
            (Seen::Stack { stack, .. }, _) => {
                fleet.stacks.push(*stack);
                continue;
            }
            (Seen::Open { is_configured: false, .. }, None) if candidate.is_among_modules || candidate.has_examples => {
                LeftOutReason::Module
            }
            (Seen::Open { .. }, None) => {
                open.push(candidate.clone());
                continue;
            }
        };
        fleet.left_out.push(LeftOut { directory: candidate.directory.clone(), why });
    }
    fleet
        .stacks
        .extend(in_parallel(&open, |candidate| stack::judge(question, candidate, stack::read(question, candidate))));
    fleet.stacks.sort_by(|left, right| left.directory.cmp(&right.directory));
    fleet.left_out.sort_by(|left, right| left.directory.cmp(&right.directory));
    Ok(fleet)
}

/// Who calls a directory as a module, by its real path. A module that calls itself is no caller.
fn callers(candidates: &[Candidate], seen: &[Seen]) -> BTreeMap<Utf8PathBuf, Utf8PathBuf> {
    let mut callers = BTreeMap::new();
    for (candidate, seen) in candidates.iter().zip(seen) {
        let (Seen::Stack { called, .. } | Seen::Open { called, .. }) = seen else { continue };
        for called in called {
            callers.entry(called.clone()).or_insert_with(|| candidate.directory.clone());
        }
    }
    callers
}

fn real(path: &Utf8Path) -> Option<Utf8PathBuf> {
    path.canonicalize_utf8().ok()
}

/// On every core, in the order of the items. Not rayon's threads: hashing uses those, and one that waits for a hash must not start
/// another stack meanwhile.
fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).min(items.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

impl Fleet {
    /// Applies the settings' rules to all stacks at once, so that an exception that helps no stack at all is found; then what each
    /// repository raises. `today` is `YYYY-MM-DD`.
    pub fn apply_rules(&mut self, effective: &Effective, today: &str) {
        let lengths: Vec<usize> = self.stacks.iter().map(|stack| stack.findings.len()).collect();
        let mut all: Vec<Finding> =
            self.stacks.iter_mut().flat_map(|stack| std::mem::take(&mut stack.findings)).collect();
        all.append(&mut self.findings);
        let known = all.len();
        rules::apply(effective, &mut all, today);
        // In one stack it is no surprise that a rule matches nothing. In all of them it is.
        for finding in &mut all[known..] {
            finding.severity = finding.severity.min(Severity::Warning);
        }
        let mut all = all.into_iter();
        for (stack, length) in self.stacks.iter_mut().zip(lengths) {
            stack.findings = all.by_ref().take(length).collect();
        }
        self.findings = all.collect();
        self.raise_by_repositories();
    }

    fn raise_by_repositories(&mut self) {
        let repositories: BTreeSet<Utf8PathBuf> = self.stacks.iter().map(|stack| stack.repository.clone()).collect();
        for repository in repositories {
            let read = settings::read_of_repository(&repository);
            let stacks = self.stacks.iter_mut().filter(|stack| stack.repository == repository);
            match read {
                Ok(None) => {}
                Ok(Some(settings)) => stacks.for_each(|stack| raise(&settings, &mut stack.findings)),
                Err(error) => {
                    let place = Place::file(repository.join(settings::REPOSITORY_PATH));
                    let finding = Finding::new(
                        Code::SettingRefused,
                        Severity::Error,
                        Owner::Repository,
                        "the repository's settings cannot be used, so no run of it starts",
                    )
                    .detail(format!("{error}."))
                    .help("Correct the file and commit it.")
                    .at(place, "");
                    stacks.for_each(|stack| stack.findings.push(finding.clone()));
                }
            }
        }
    }
}

/// A repository only raises.
fn raise(settings: &Settings, findings: &mut [Finding]) {
    for finding in findings {
        if let Some(rule) = settings.rules.get(&finding.code).filter(|rule| rule.level != Level::Allow) {
            finding.severity = finding.severity.min(rule.level.severity());
        }
    }
}
