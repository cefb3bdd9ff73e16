//! What a pass before `init` found, by who has the last word on it.

use airtight_finding::{Code, Finding, Owner, Severity};

/// Findings before `init`.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Measured on the disk, or in our own files and settings. airtight has the last word.
    pub measured: Vec<Finding>,
    /// What follows if the configuration requires the providers that airtight read there. The engine confirms it.
    pub requirements: Vec<Finding>,
    /// What the engine is expected to refuse: the language, its arguments, a backend, a state, a module. It has the last word.
    pub engine: Vec<Finding>,
}

impl Judgement {
    /// In a run the engine itself says what it refuses, a moment later.
    pub(crate) fn leave_to_the_engine(&mut self) {
        lower(&mut self.engine, "The engine decides about this, so it runs.");
    }

    /// What nobody confirmed does not refuse.
    pub(crate) fn lower_requirements(&mut self, why: &str) {
        lower(&mut self.requirements, why);
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
        let Self { mut measured, requirements, engine } = self;
        measured.extend(requirements);
        measured.extend(engine);
        measured
    }
}

fn lower(findings: &mut [Finding], why: &str) {
    for finding in findings.iter_mut().filter(|finding| finding.severity == Severity::Error) {
        finding.severity = Severity::Warning;
        let space = if finding.detail.is_empty() { "" } else { " " };
        finding.detail.push_str(&format!("{space}{why}"));
    }
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + characters.as_str())
}
