//! What the engine reports, and in which order: which failure hides which.

use airtight_finding::Code;
use airtight_hcl::Place;
use airtight_provider::{Engine, ProviderAddress};

/// Something that the engine would stop at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    /// The part of `init` that reports it.
    pub step: Step,
    /// The engine's own summary and text, so that a search for it finds ours.
    pub summary: String,
    pub detail: String,
    pub providers: Vec<ProviderAddress>,
    pub places: Vec<Place>,
    /// The engine stops before it comes to this.
    pub hidden: bool,
}

impl Failure {
    pub(super) fn new(step: Step, code: Code, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code,
            step,
            summary: summary.into(),
            detail: detail.into(),
            providers: Vec::new(),
            places: Vec::new(),
            hidden: false,
        }
    }

    #[must_use]
    pub(super) fn of(mut self, provider: &ProviderAddress) -> Self {
        self.providers.push(provider.clone());
        self
    }

    #[must_use]
    pub(super) fn at(mut self, place: &Place) -> Self {
        self.places.push(place.clone());
        self
    }
}

/// The parts of `init` that report failures. Those of one part are reported together; the order of the parts is the
/// engine's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The command's arguments.
    Arguments,
    /// The record of installed modules, without which no module is read.
    Manifest,
    /// Files with values of input variables and the workspace's name, without which OpenTofu from 1.8 reads no module.
    VariablesFiles,
    /// `required_version` where it is checked before anything else of the module.
    CoreVersion,
    /// The root module's files.
    RootModule,
    /// The state of the selected workspace.
    State,
    /// Modules being installed and read.
    Modules,
    /// The backend being opened.
    Backend,
    /// The lock file being read.
    Lock,
    /// The tree of modules being read, where nothing was installed.
    ModuleTree,
    /// Constraints being collected.
    Requirements,
    /// Addresses and modes that are refused before any query.
    Preparation,
    /// Every provider's query and installation, each by itself.
    Providers,
    /// The providers that only the state needs, in Terraform 1.15.0 to 1.15.7.
    StateProviders,
    /// The lock file being written.
    LockFile,
}

/// What is reported together stands in one group. OpenTofu from 1.12 reports the root module first; the others read the
/// state and install modules before that. Whatever keeps the backend from being opened is remembered until the modules
/// are there.
///
/// Source: OpenTofu `internal/command/init.go` `Run`; Terraform `internal/command/init_run.go` `run`.
const ROOT_FIRST: &[&[Step]] = &[
    &[Step::Arguments],
    &[Step::Manifest],
    &[Step::VariablesFiles],
    &[Step::CoreVersion],
    &[Step::RootModule],
    &[Step::State],
    &[Step::Modules],
    &[Step::Backend],
    &[Step::Lock],
    &[Step::ModuleTree],
    &[Step::Requirements],
    &[Step::Preparation],
    &[Step::Providers],
    &[Step::StateProviders],
    &[Step::LockFile],
];

const STATE_FIRST: &[&[Step]] = &[
    &[Step::Arguments],
    &[Step::Manifest],
    &[Step::VariablesFiles],
    &[Step::State],
    &[Step::CoreVersion],
    &[Step::Modules],
    &[Step::RootModule, Step::Backend, Step::Lock],
    &[Step::ModuleTree],
    &[Step::Requirements],
    &[Step::Preparation],
    &[Step::Providers],
    &[Step::StateProviders],
    &[Step::LockFile],
];

/// Here the configuration's providers are installed before the backend is opened.
const STATE_LATE: &[&[Step]] = &[
    &[Step::Arguments],
    &[Step::Manifest],
    &[Step::VariablesFiles],
    &[Step::CoreVersion],
    &[Step::Modules],
    &[Step::RootModule],
    &[Step::Lock],
    &[Step::Requirements],
    &[Step::Preparation],
    &[Step::Providers],
    &[Step::Backend],
    &[Step::State],
    &[Step::ModuleTree],
    &[Step::StateProviders],
    &[Step::LockFile],
];

fn steps(engine: &Engine) -> &'static [&'static [Step]] {
    if engine.refuses_root_module_first() {
        ROOT_FIRST
    } else if engine.installs_state_providers_apart() {
        STATE_LATE
    } else {
        STATE_FIRST
    }
}

/// Puts off what is wrong with providers that only the state needs, where the engine comes to them by themselves.
pub(super) fn put_off(engine: &Engine, failures: &mut [Failure], is_of_state: impl Fn(&ProviderAddress) -> bool) {
    if !engine.installs_state_providers_apart() {
        return;
    }
    for failure in failures {
        let is_about_providers = matches!(failure.step, Step::Preparation | Step::Providers);
        if is_about_providers && !failure.providers.is_empty() && failure.providers.iter().all(&is_of_state) {
            failure.step = Step::StateProviders;
        }
    }
}

/// Sorts failures as the engine comes to them, and marks those that it does not come to.
pub(super) fn order(engine: &Engine, failures: &mut [Failure]) {
    let steps = steps(engine);
    let rank = |failure: &Failure| steps.iter().position(|group| group.contains(&failure.step));
    failures.sort_by_key(rank);
    let first = failures.first().map(rank);
    for failure in failures {
        failure.hidden = Some(rank(failure)) != first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::testing::{NULL, address, terraform, tofu};

    fn visible(engine: &Engine, steps: &[Step]) -> Step {
        let mut failures: Vec<_> =
            steps.iter().map(|step| Failure::new(*step, Code::ConfigurationInvalid, "", "")).collect();
        order(engine, &mut failures);
        assert_eq!(failures.iter().filter(|failure| !failure.hidden).count(), 1);
        failures[0].step
    }

    #[test]
    fn state_errors_hide_modules_and_modules_hide_the_lock_file() {
        let all = [Step::Providers, Step::Lock, Step::Modules, Step::State];
        for engine in [terraform("1.11.4"), tofu("1.12.6"), tofu("1.9.0")] {
            assert_eq!(visible(&engine, &all), Step::State);
            assert_eq!(visible(&engine, &all[..3]), Step::Modules);
            assert_eq!(visible(&engine, &all[..2]), Step::Lock);
        }
    }

    #[test]
    fn the_root_module_comes_before_the_state_only_in_tofu_from_1_12() {
        let both = [Step::RootModule, Step::State];
        assert_eq!(visible(&tofu("1.12.0"), &both), Step::RootModule);
        assert_eq!(visible(&tofu("1.11.9"), &both), Step::State);
        assert_eq!(visible(&terraform("1.11.4"), &both), Step::State);
    }

    #[test]
    fn what_keeps_the_backend_closed_waits_for_the_modules() {
        for engine in [terraform("1.11.4"), tofu("1.12.6"), tofu("1.9.0"), terraform("1.6.6")] {
            assert_eq!(visible(&engine, &[Step::Backend, Step::Modules]), Step::Modules);
            assert_eq!(visible(&engine, &[Step::ModuleTree, Step::Backend]), Step::Backend);
        }
        let mut both = [Step::Backend, Step::RootModule].map(|step| Failure::new(step, Code::StateInvalid, "", ""));
        order(&terraform("1.11.4"), &mut both);
        assert!(both.iter().all(|failure| !failure.hidden));
    }

    #[test]
    fn early_terraform_1_15_reads_the_state_after_the_providers() {
        let both = [Step::State, Step::Providers];
        assert_eq!(visible(&terraform("1.15.5"), &both), Step::Providers);
        assert_eq!(visible(&terraform("1.15.8"), &both), Step::State);
    }

    #[test]
    fn early_terraform_1_15_comes_last_to_providers_of_the_state_alone() {
        for (version, expected) in [("1.15.5", Step::StateProviders), ("1.15.8", Step::Providers)] {
            let failure = Failure::new(Step::Providers, Code::ProviderMissing, "", "").of(&address(NULL));
            let mut failures = [failure.clone()];
            put_off(&terraform(version), &mut failures, |_| true);
            assert_eq!(failures[0].step, expected);
            let mut failures = [failure];
            put_off(&terraform(version), &mut failures, |_| false);
            assert_eq!(failures[0].step, Step::Providers);
        }
    }
}
