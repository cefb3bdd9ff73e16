//! A run by its type: which phases it has, which scripts they run, where it pauses. Pure.
//!
//! Source: Spacelift `concepts/run/{tracked,proposed,task,test-case}.md`, `concepts/stack/stack-settings.md`,
//! `vendors/terraform/workflow-tool.md`. Inferred: that a destructor initializes first, and that the JSON of the plan
//! is in the project root when the hooks after the plan run, as Spacelift's own plugins expect.

use std::collections::BTreeMap;

use super::leg::{Step, When};
use super::progress::{HookPart, MARK, Part};
use super::script::{Hook, HookSource, Joining, hooks_at, script};
use crate::hooks::{Context, Hooks};
use airtight_provider::{HookPoint, WorkflowCommand};

/// The worker's name of the saved plan.
pub const PLAN_FILE: &str = "spacelift.plan";
const PLAN_JSON: &str = "spacelift.plan.json";
const STATE_JSON: &str = "spacelift.state.before.json";
/// What is read back and not kept by the worker, as far as is known.
const STATE_AFTER_JSON: &str = "spacelift.state.after.json";
const OUTPUTS_JSON: &str = "spacelift.outputs.json";

macro_rules! named {
    ($(#[$doc:meta])* $name:ident: $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    };
}

named! {
    /// What kind of run.
    RunType:
    Tracked = "tracked",
    Proposed = "proposed",
    /// A proposed run that Spacelift starts by itself.
    Drift = "drift",
    Task = "task",
    /// A module's test case.
    Test = "test",
    Destroy = "destroy",
}

named! {
    /// A phase, in the worker's order.
    Phase:
    Preparing = "preparing",
    Initializing = "initializing",
    Planning = "planning",
    Applying = "applying",
    Performing = "performing",
    Destroying = "destroying",
}

impl RunType {
    /// As `TF_VAR_spacelift_run_type` has it.
    pub const fn spacelift(self) -> &'static str {
        match self {
            Self::Tracked => "TRACKED",
            Self::Proposed | Self::Drift => "PROPOSED",
            Self::Task => "TASK",
            Self::Test => "TESTING",
            Self::Destroy => "DESTROY",
        }
    }

    /// The phases that it has, in order.
    pub const fn phases(self) -> &'static [Phase] {
        use Phase::{Applying, Destroying, Initializing, Performing, Planning, Preparing};
        match self {
            Self::Tracked => &[Preparing, Initializing, Planning, Applying],
            Self::Proposed | Self::Drift => &[Preparing, Initializing, Planning],
            Self::Task => &[Preparing, Initializing, Performing],
            Self::Test => &[Preparing, Initializing, Planning, Applying, Destroying],
            Self::Destroy => &[Preparing, Initializing, Destroying],
        }
    }
}

impl Phase {
    /// As `TF_VAR_spacelift_run_state` has it.
    pub(crate) const fn run_state(self) -> &'static str {
        match self {
            Self::Preparing => "PREPARING",
            Self::Initializing => "INITIALIZING",
            Self::Planning => "PLANNING",
            Self::Applying => "APPLYING",
            Self::Performing => "PERFORMING",
            Self::Destroying => "DESTROYING",
        }
    }
}

/// Everything that decides on the scripts.
#[derive(Clone, Debug)]
pub struct Run {
    pub run_type: RunType,
    /// The last phase.
    pub until: Phase,
    /// Between planning and applying, for a confirmation.
    pub pauses: bool,
    /// A task without `init` and its hooks.
    pub skips_init: bool,
    /// A task's command.
    pub task: String,
    /// The state is the stack's own business and this workspace is wanted.
    pub has_workspace: bool,
    pub joining: Joining,
    /// Without placeholders.
    pub commands: BTreeMap<WorkflowCommand, String>,
    pub contexts: Vec<Context>,
    pub hooks: Hooks,
}

impl Run {
    /// The scripts of each container.
    pub fn legs(&self) -> Vec<Vec<Step>> {
        let mut legs = vec![Vec::new()];
        let phases = self.run_type.phases().iter().copied().filter(|phase| *phase <= self.until);
        for phase in phases {
            if self.pauses && phase == Phase::Applying && self.run_type == RunType::Tracked {
                // Where nothing is to be applied, or something failed, the run ends here.
                self.after_run(Phase::Planning, When::Over, &mut legs[0]);
                legs.push(Vec::new());
            }
            let steps = legs.last_mut().expect("one at least");
            match phase {
                Phase::Preparing => {}
                Phase::Initializing => self.initializing(steps),
                Phase::Planning => self.planning(steps),
                Phase::Applying => self.applying(steps),
                Phase::Performing => self.performing(steps),
                Phase::Destroying => self.destroying(steps),
            }
        }
        let last = legs.last_mut().expect("one at least");
        if !last.is_empty() {
            self.after_run(self.last_phase(), When::Always, last);
        }
        legs
    }

    fn last_phase(&self) -> Phase {
        let mut phases = self.run_type.phases().iter().copied();
        phases.rfind(|phase| *phase <= self.until).unwrap_or(Phase::Preparing)
    }

    fn command(&self, command: WorkflowCommand) -> &str {
        self.commands.get(&command).map_or("", |text| text.trim_end())
    }

    /// A workflow command with the phase's hooks around it.
    fn hooked(&self, phase: Phase, name: &str, command: &str, points: [HookPoint; 2], when: When) -> Step {
        let [before, after] = points.map(|point| hooks_at(point, &self.contexts, &self.hooks));
        let mut parts = described(points[0], &before);
        parts.push(Part::Command);
        parts.extend(described(points[1], &after));
        Step {
            name: name.to_owned(),
            run_state: phase.run_state().to_owned(),
            // A script without hooks has one part alone.
            script: script(&before, command, &after, self.joining, (parts.len() > 1).then_some(MARK)),
            parts,
            command: command.to_owned(),
            captured: None,
            when,
        }
    }

    /// One that the worker reads back.
    fn read_back(&self, phase: Phase, command: WorkflowCommand, file: &str, when: When) -> Step {
        let text = self.command(command).to_owned();
        Step {
            name: command.as_str().to_owned(),
            run_state: phase.run_state().to_owned(),
            script: text.clone(),
            parts: Vec::new(),
            command: text,
            captured: Some(file.to_owned()),
            when,
        }
    }

    fn initializing(&self, steps: &mut Vec<Step>) {
        if self.skips_init && self.run_type == RunType::Task {
            return;
        }
        let phase = Phase::Initializing;
        let points = [HookPoint::BeforeInit, HookPoint::AfterInit];
        steps.push(self.hooked(phase, "init", self.command(WorkflowCommand::Init), points, When::Cleared));
        if !self.has_workspace {
            return;
        }
        for (command, when) in
            [(WorkflowCommand::WorkspaceSelect, When::Cleared), (WorkflowCommand::WorkspaceNew, When::PreviousFailed)]
        {
            let step = self.read_back(phase, command, "", when);
            steps.push(Step { captured: None, ..step });
        }
    }

    fn planning(&self, steps: &mut Vec<Step>) {
        let phase = Phase::Planning;
        let plan = self.command(WorkflowCommand::Plan);
        let has_hooks_after = !hooks_at(HookPoint::AfterPlan, &self.contexts, &self.hooks).is_empty();
        // Grouped, so that whatever operators the texts hold stay theirs.
        let script = if has_hooks_after {
            format!("{{ {plan}\n}} && {{ {}\n}} >{PLAN_JSON}", self.command(WorkflowCommand::ShowPlan))
        } else {
            plan.to_owned()
        };
        let points = [HookPoint::BeforePlan, HookPoint::AfterPlan];
        steps.push(Step { command: plan.to_owned(), ..self.hooked(phase, "plan", &script, points, When::Cleared) });
        steps.push(self.read_back(phase, WorkflowCommand::ShowState, STATE_JSON, When::Cleared));
        steps.push(self.read_back(phase, WorkflowCommand::ShowPlan, PLAN_JSON, When::Cleared));
    }

    fn applying(&self, steps: &mut Vec<Step>) {
        let phase = Phase::Applying;
        let when = if self.run_type == RunType::Tracked { When::Changes } else { When::Cleared };
        let points = [HookPoint::BeforeApply, HookPoint::AfterApply];
        steps.push(self.hooked(phase, "apply", self.command(WorkflowCommand::Apply), points, when));
        steps.push(self.read_back(phase, WorkflowCommand::ShowState, STATE_AFTER_JSON, when));
        steps.push(self.read_back(phase, WorkflowCommand::GetOutputs, OUTPUTS_JSON, when));
    }

    fn performing(&self, steps: &mut Vec<Step>) {
        let points = [HookPoint::BeforePerform, HookPoint::AfterPerform];
        let command = format!("sh -c '{}'", self.task.replace('\'', "'\\''"));
        let step = self.hooked(Phase::Performing, "perform", &command, points, When::Cleared);
        steps.push(Step { command: self.task.clone(), ..step });
    }

    fn destroying(&self, steps: &mut Vec<Step>) {
        let points = [HookPoint::BeforeDestroy, HookPoint::AfterDestroy];
        let when = if self.run_type == RunType::Test { When::Applied } else { When::Cleared };
        steps.push(self.hooked(Phase::Destroying, "destroy", self.command(WorkflowCommand::Destroy), points, when));
    }

    fn after_run(&self, phase: Phase, when: When, steps: &mut Vec<Step>) {
        let hooks = hooks_at(HookPoint::AfterRun, &self.contexts, &self.hooks);
        if hooks.is_empty() {
            return;
        }
        let text = script(&[], "", &hooks, self.joining, Some(MARK));
        steps.push(Step {
            name: HookPoint::AfterRun.as_str().to_owned(),
            run_state: phase.run_state().to_owned(),
            command: hooks.iter().map(|hook| hook.text).collect::<Vec<_>>().join(" && "),
            script: text,
            parts: described(HookPoint::AfterRun, &hooks),
            captured: None,
            when,
        });
    }
}

fn described(point: HookPoint, hooks: &[Hook<'_>]) -> Vec<Part> {
    let context = |hook: &Hook<'_>| match hook.from {
        HookSource::Context(name) => Some(name.to_owned()),
        HookSource::Stack => None,
    };
    let one = |(index, hook): (usize, &Hook<'_>)| {
        let of_source = |hooks: &[Hook<'_>]| hooks.iter().filter(|other| other.from == hook.from).count();
        Part::Hook(HookPart {
            point: point.as_str().to_owned(),
            context: context(hook),
            text: hook.text.to_owned(),
            number: of_source(&hooks[..=index]),
            count: of_source(hooks),
        })
    };
    hooks.iter().enumerate().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(run_type: RunType) -> Run {
        Run {
            run_type,
            until: Phase::Destroying,
            pauses: false,
            skips_init: false,
            task: "tofu state list | grep 'a'".to_owned(),
            has_workspace: false,
            joining: Joining::Braced,
            commands: WorkflowCommand::ALL.iter().map(|command| (*command, format!("x {command}"))).collect(),
            contexts: Vec::new(),
            hooks: Hooks::new(),
        }
    }

    fn names(run: &Run) -> String {
        let legs = run.legs();
        let leg = |steps: &Vec<Step>| steps.iter().map(|step| step.name.as_str()).collect::<Vec<_>>().join(" ");
        legs.iter().map(leg).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn each_type_of_run_has_its_own_phases() {
        let plan = "init plan showState showPlan";
        for (run_type, expected) in [
            (RunType::Tracked, format!("{plan} apply showState getOutputs")),
            (RunType::Proposed, plan.to_owned()),
            (RunType::Drift, plan.to_owned()),
            (RunType::Task, "init perform".to_owned()),
            (RunType::Test, format!("{plan} apply showState getOutputs destroy")),
            (RunType::Destroy, "init destroy".to_owned()),
        ] {
            assert_eq!(names(&run(run_type)), expected, "{run_type:?}");
        }
        let tracked = run(RunType::Tracked);
        assert_eq!(names(&Run { until: Phase::Planning, ..tracked.clone() }), plan);
        assert_eq!(names(&Run { until: Phase::Preparing, ..tracked.clone() }), "");
        assert_eq!(names(&Run { skips_init: true, ..run(RunType::Task) }), "perform");
        let with_workspace = names(&Run { has_workspace: true, ..tracked.clone() });
        assert!(with_workspace.starts_with("init workspaceSelect workspaceNew plan"), "{with_workspace}");
        let paused = Run { pauses: true, ..tracked };
        assert_eq!(names(&paused), format!("{plan} | apply showState getOutputs"));
    }

    #[test]
    fn a_run_that_pauses_has_its_last_hooks_once() {
        let hooks = Hooks::from([(HookPoint::AfterRun, vec!["echo over".to_owned()])]);
        let paused = Run { pauses: true, hooks, ..run(RunType::Tracked) };
        let legs = paused.legs();
        let last = |leg: usize| legs[leg].last().map(|step| (step.name.as_str(), step.script.as_str(), step.when));
        assert_eq!(last(0), Some(("after_run", "echo 0 >>\"$airtight_progress\" && { echo over; }", When::Over)));
        assert_eq!(last(1), Some(("after_run", "echo 0 >>\"$airtight_progress\" && { echo over; }", When::Always)));
    }

    #[test]
    fn hooks_and_command_are_one_script() {
        let hooks = Hooks::from([
            (HookPoint::BeforePerform, vec!["a".to_owned()]),
            (HookPoint::BeforePlan, vec!["b".to_owned()]),
            (HookPoint::AfterPlan, vec!["c".to_owned()]),
        ]);
        let task = Run { hooks: hooks.clone(), ..run(RunType::Task) }.legs().remove(0).remove(1);
        let task = Step { script: task.script.replace(" >>\"$airtight_progress\" &&", ":"), ..task };
        assert_eq!(task.script, "echo 0: { a; } && echo 1: sh -c 'tofu state list | grep '\\''a'\\'''");
        assert_eq!(task.command, "tofu state list | grep 'a'");
        let plan = Run { hooks, ..run(RunType::Tracked) }.legs().remove(0).remove(1);
        let script = plan.script.replace(" >>\"$airtight_progress\" &&", ":");
        let command = "{ x plan\n} && { x showPlan\n} >spacelift.plan.json";
        assert_eq!(script, format!("echo 0: {{ b; }} && echo 1: {command} && echo 2: {{ c; }}"));
        let points = plan.parts.iter().map(|part| match part {
            Part::Command => "",
            Part::Hook(hook) => &hook.point,
        });
        assert_eq!(points.collect::<Vec<_>>(), ["before_plan", "", "after_plan"]);
        assert_eq!(plan.command, "x plan");
    }
}
