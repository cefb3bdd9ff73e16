//! One pass before a phase, which `run`, `hook` and `check` share: gather, judge, confirm, decide; then hand over.
//!
//! - [`Pass::init`] judges what `init` will do, [`Pass::later`] what is installed before another phase, and
//!   [`Pass::after_init`] what an `init` of this very command has installed.
//! - [`Pass::clear`] writes what the engine needs. It takes a [`Cleared`], which only a verdict makes.
//!
//! What airtight only predicts never refuses a run by itself: see [`Asking`].

use std::time::Instant;

use airtight_engine::ask::Answer;
use airtight_engine::predict::{Facts, Outcome};
use airtight_engine::state::State;
use airtight_finding::report::{Report, ReportPrediction, ReportProvider};
use airtight_finding::{Code, Finding, Loading, Severity};
use airtight_hcl::Sources;

use crate::before_init::{BeforeInit, PutBack};
use crate::check::verdict::{self, Cleared, Verdict};
use crate::check::{self, Judgement};
use crate::cli_sources::CliConfigChoice;
use crate::context::Context;
use crate::exec::guard::VerifiedCopy;
use crate::gather::{Gathered, Question, gather};
use crate::later::{self, AfterInit, Demand, Later};
use crate::prepared::{self, CliConfiguration};
use crate::{confirm, git, init, modules, report};

/// Whether the engine is asked about the configuration, and what its answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Nobody is asked. A predicted failure is an error.
    Never,
    /// `check`: the engine is asked at once. A predicted failure is an error.
    Always,
    /// `check --pull-state`: the same, and the engine reads the state from its backend.
    AlwaysWithState,
    /// `run` and `hook`: the engine is asked only before a refusal over what it would require. What it does not confirm is a
    /// warning, and the engine runs: nothing that it installs can start before the next pass has judged it.
    ToConfirm,
}

/// What every pass needs.
pub struct Pass<'a> {
    pub context: Context<'a>,
    /// What the settings themselves give rise to.
    pub settings_findings: &'a [Finding],
    /// `YYYY-MM-DD`, for rules that end.
    pub today: &'a str,
    /// The kernel will let the engine start the image's programs only.
    pub is_confined: bool,
    /// This command itself starts `init` and judges what it has installed. If not, the phase's shell starts it, and only a
    /// later phase judges.
    pub judges_own_init: bool,
    pub started: Instant,
}

/// What a pass found and decided.
pub struct Judged {
    pub report: Report,
    pub findings: Vec<Finding>,
    /// The texts that findings show lines of.
    pub sources: Sources,
    pub verdict: Verdict,
    configuration: CliConfiguration,
    seen: Seen,
}

enum Seen {
    Init(Box<Gathered>),
    Later(Box<Later>),
}

impl Judged {
    /// What was gathered before `init`.
    pub fn gathered(&self) -> Option<&Gathered> {
        match &self.seen {
            Seen::Init(gathered) => Some(gathered),
            Seen::Later(_) => None,
        }
    }

    /// Whether `init` is predicted to fail.
    pub fn fails(&self) -> bool {
        self.report.prediction.init == Outcome::Failure
    }
}

impl Pass<'_> {
    /// Judges what `init` will do.
    ///
    /// # Errors
    /// Something that has to be read cannot be read.
    #[tracing::instrument(name = "before init", skip_all)]
    pub fn init(&self, question: &Question<'_>, asking: Asking) -> anyhow::Result<Judged> {
        let is_check = asking != Asking::ToConfirm;
        let mut gathered = gather(&self.context, question, !is_check)?;
        let mut judgement = self.judgement(&gathered);
        let mut findings = Vec::new();
        let answer = match asking {
            Asking::Never => None,
            Asking::Always if !confirm::needs_the_engine_for_its_state(&gathered) => {
                let mut answer = confirm::ask(&self.context, &gathered);
                if let Some(answer) = &mut answer {
                    confirm::ask_backend(&self.context, &gathered, answer);
                }
                answer
            }
            Asking::Always | Asking::AlwaysWithState => {
                confirm::ask_state(&self.context, &mut gathered).map(|(answer, found)| {
                    findings.extend(found);
                    judgement = self.judgement(&gathered);
                    answer
                })
            }
            Asking::ToConfirm => {
                let is_refused = self.would_refuse(&judgement);
                tracing::debug!(is_refused, "judged by our own reading");
                is_refused.then(|| confirm::ask(&self.context, &gathered)).flatten()
            }
        };
        if let Some(answer) = &answer {
            if let Answer::Loads(loaded) = answer {
                findings.extend(gathered.predict_again(&self.context, loaded));
                judgement = self.judgement(&gathered);
            }
            confirm::weigh(answer, is_check, &gathered, &mut judgement);
        } else if !is_check {
            judgement.leave_to_the_engine();
        }
        if is_check {
            findings.extend(git::ignored_lock_file(&gathered.facts.lock, self.context.repository, self.context.guard));
        }
        let loading = confirm::loading(answer.as_ref());
        let (configuration, found) = prepared::collect(&self.context);
        findings.extend(judgement.into_findings());
        // `check` writes nothing, so it does not matter whether it could, nor what would go into a file that is not used.
        let is_generated = *question.cli_config == CliConfigChoice::Generated;
        findings.extend(
            found
                .into_iter()
                .filter(|finding| !is_check || (is_generated && finding.code != Code::CliConfigUnwritable)),
        );
        let findings = findings.into_iter().map(|finding| finding.without_quotations(&gathered.sources));
        let mut findings = findings.collect::<Vec<_>>();
        let verdict = self.decide(&mut findings);
        let report = Report::new(
            self.context.engine,
            self.context.platform,
            report::prediction(&gathered, loading, answer.as_ref()),
            report::providers(&gathered),
            &findings,
            self.started.elapsed(),
        );
        let report = self.completed(Report { modules: report::modules(&gathered), ..report }, &findings);
        let sources = std::mem::take(&mut gathered.sources);
        Ok(Judged { report, findings, sources, verdict, configuration, seen: Seen::Init(Box::new(gathered)) })
    }

    /// Judges what is installed before a phase other than `init`. `name` is the phase, for people.
    ///
    /// # Errors
    /// The data directory cannot be read.
    #[tracing::instrument(name = "before phase", skip_all, fields(phase = name))]
    pub fn later(&self, name: &'static str, demand: Demand) -> anyhow::Result<Judged> {
        self.judge_installed(name, demand, None)
    }

    /// Judges what an `init` of this command has installed.
    ///
    /// # Errors
    /// The data directory cannot be read.
    #[tracing::instrument(name = "after init", skip_all)]
    pub fn after_init(&self, after: &AfterInit<'_>) -> anyhow::Result<Judged> {
        self.judge_installed("the next command", Demand::Installed, Some(after))
    }

    fn judge_installed(
        &self,
        name: &'static str,
        demand: Demand,
        after: Option<&AfterInit<'_>>,
    ) -> anyhow::Result<Judged> {
        let mut later = later::judge(&self.context, after, demand)?;
        let mut findings = std::mem::take(&mut later.findings);
        let (configuration, found) = prepared::collect(&self.context);
        if after.is_none() {
            findings.extend(found);
        }
        let findings = findings.into_iter().map(|finding| finding.without_quotations(&later.sources));
        let mut findings = findings.collect::<Vec<_>>();
        let verdict = self.decide(&mut findings);
        let modules = later.modules.iter().map(report::installed_module).collect();
        let report = Report { modules, ..self.report_later(name, later.providers.clone(), &findings) };
        let sources = std::mem::take(&mut later.sources);
        Ok(Judged { report, findings, sources, verdict, configuration, seen: Seen::Later(Box::new(later)) })
    }

    /// Writes what the engine needs, and names the variables that it needs.
    ///
    /// # Errors
    /// One of our files cannot be written: without them the engine would go to the internet, or the next phase could not
    /// judge.
    pub fn clear(&self, judged: &Judged, cleared: &Cleared) -> anyhow::Result<Vec<(&'static str, String)>> {
        match &judged.seen {
            Seen::Init(gathered) => {
                if let Ok(runtime) = self.context.runtime {
                    let lock = &gathered.facts.lock;
                    init::keep_lock_file(&self.context, runtime, lock, self.judges_own_init, cleared)?;
                }
                let Facts { root_module, configuration, .. } = &gathered.facts;
                modules::place::place(&self.context, root_module, &configuration.placement, cleared)
                    .map_err(|finding| refusal(&finding))?;
            }
            Seen::Later(_) => self.hand_over(judged, cleared)?,
        }
        judged.configuration.write(&self.context, cleared).map_err(|finding| refusal(&finding))
    }

    /// Hands over what was proven here, if this is the first to know it.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn hand_over(&self, judged: &Judged, cleared: &Cleared) -> anyhow::Result<()> {
        if let Seen::Later(later) = &judged.seen
            && later.should_hand_over(&self.context)
        {
            later.hand_over(&self.context, cleared)?;
        }
        Ok(())
    }

    /// The state behind the backend, which the engine reads, after an `init` of this command. None if it cannot.
    pub fn state_after_init(&self, gathered: &Gathered) -> Option<State> {
        confirm::state_after_init(&self.context, gathered)
    }

    /// A report on findings that no pass made.
    pub fn report_on(&self, phase: &'static str, findings: &[Finding]) -> Report {
        self.report_later(phase, Vec::new(), findings)
    }

    /// The report on a phase for which nothing is predicted.
    fn report_later(&self, phase: &'static str, providers: Vec<ReportProvider>, findings: &[Finding]) -> Report {
        let prediction = ReportPrediction {
            init: Outcome::Unknown,
            configuration: Loading::NotAsked,
            reasons: Vec::new(),
            assumptions: Vec::new(),
            lock_after: None,
        };
        let Context { engine, platform, .. } = self.context;
        let report = Report::new(engine, platform, prediction, providers, findings, self.started.elapsed());
        self.completed(Report { phase: Some(phase), ..report }, findings)
    }

    /// With what lets it through although not everything is proven, and what the kernel adds.
    fn completed(&self, report: Report, findings: &[Finding]) -> Report {
        let exceptions = check::rules::exceptions(self.context.settings, findings, self.today);
        let subject = report::subject(&self.context);
        Report { exceptions, subject, is_confined: self.is_confined, ..report }
    }

    /// Puts the lock file back as it was before `init`, and removes what was installed, if `judged` refuses what an `init` of
    /// this container has installed. Without it, the hashes that `init` added would prove it at the next try.
    ///
    /// # Errors
    /// A file cannot be written or removed.
    pub fn put_back(&self, judged: &Judged, before: Option<&BeforeInit>) -> anyhow::Result<Option<PutBack>> {
        let Seen::Later(later) = &judged.seen else { return Ok(None) };
        let is_added = later.has_added_locks();
        match before {
            Some(before) => Ok(Some(before.put_back()?)),
            None if is_added => {
                let data_dir = self.context.data_dir();
                let Some(text) = init::kept_lock_text(&self.context) else { return Ok(None) };
                let before = BeforeInit::of_text(self.context.launch_directory, &data_dir, text);
                Ok(Some(before.put_back()?))
            }
            None => Ok(None),
        }
    }

    /// What a command needs that only reads back: it is not gated.
    ///
    /// # Errors
    /// The CLI configuration cannot be written.
    pub fn read_back(&self) -> anyhow::Result<Vec<(&'static str, String)>> {
        let (configuration, _) = prepared::collect(&self.context);
        configuration.write(&self.context, &Cleared::for_reading_back()).map_err(|finding| refusal(&finding))
    }

    /// The executables in the data directory that were verified in this pass.
    pub fn verified_copies<'b>(&self, judged: &'b Judged) -> &'b [VerifiedCopy] {
        match &judged.seen {
            Seen::Init(_) => &[],
            Seen::Later(later) => &later.verified_copies,
        }
    }

    fn judgement(&self, gathered: &Gathered) -> Judgement {
        init::judge(&self.context, gathered)
    }

    /// Whether something that the engine has to confirm would be refused.
    fn would_refuse(&self, judgement: &Judgement) -> bool {
        let mut findings = judgement.to_be_confirmed();
        check::rules::apply(self.context.settings, &mut findings, self.today);
        findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Applies the settings' rules and decides.
    fn decide(&self, findings: &mut Vec<Finding>) -> Verdict {
        findings.extend(self.settings_findings.iter().cloned());
        check::rules::apply(self.context.settings, findings, self.today);
        *findings = airtight_finding::merged(std::mem::take(findings));
        let verdict = verdict::judge(findings, self.context.settings.policy);
        tracing::debug!(
            verdict = if matches!(verdict, Verdict::Cleared(_)) { "cleared" } else { "refused" },
            findings = findings.len(),
            elapsed_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "decided"
        );
        verdict
    }
}

/// A refusal after the verdict.
fn refusal(finding: &Finding) -> anyhow::Error {
    anyhow::anyhow!("{}: {}. {}", finding.code, finding.summary, finding.help)
}
