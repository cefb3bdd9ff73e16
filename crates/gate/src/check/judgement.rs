//! What a pass before `init` found, by who has the last word on it.

use airtight_finding::{Code, Finding, Owner, Severity};

/// Findings before `init`.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Measured on the disk, or in our own files and settings. airtight has the last word.
    pub measured: Vec<Finding>,
    /// Required packages that no locked hash proves. The engine confirms that they are required; without an answer they stay
    /// refused.
    pub unproven: Vec<Finding>,
    /// Requirements that cannot be met. The engine confirms them; without an answer it runs.
    pub requirements: Vec<Finding>,
    /// What the engine is expected to refuse: the language, its arguments, a backend, a state, a module. It has the last word.
    pub engine: Vec<Finding>,
}

impl Judgement {
    /// In a run the engine itself says what it refuses, a moment later.
    pub(crate) fn leave_to_the_engine(&mut self) {
        lower(&mut self.engine, "The engine decides about this, so it runs.");
    }

    /// A requirement that nobody confirmed does not refuse.
    pub(crate) fn lower_requirements(&mut self, why: &str) {
        lower(&mut self.requirements, why);
    }

    /// The engine ends before it installs anything.
    pub(crate) fn lower_all_about_providers(&mut self, why: &str) {
        lower(&mut self.unproven, why);
        lower(&mut self.requirements, why);
    }

    /// What the engine has to confirm before it refuses.
    pub(crate) fn to_be_confirmed(&self) -> Vec<Finding> {
        self.unproven.iter().chain(&self.requirements).cloned().collect()
    }

    /// The engine was to be asked, and there is no answer.
    pub(crate) fn unseen(&mut self, why: &str) {
        self.engine.push(
            Finding::new(
                Code::ConfigurationNotAsked,
                Severity::Note,
                Owner::Repository,
                "the engine gave no answer about the configuration",
            )
            .detail(format!("{}.", capitalized(why)))
            .help("Nothing has to be fixed. The prediction is right if the configuration loads."),
        );
    }

    /// All of them.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        let Self { mut measured, unproven, requirements, engine } = self;
        measured.extend(unproven);
        measured.extend(requirements);
        measured.extend(engine);
        measured
    }
}

fn lower(findings: &mut [Finding], why: &str) {
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Error) {
        finding.severity = Severity::Warning;
        let space = if finding.detail.is_empty() { "" } else { " " };
        finding.detail.insert_str(0, &format!("{why}{space}"));
    }
}

pub(super) fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + characters.as_str())
}
