//! Spacelift's words for the parts of a run.

use std::fmt;
use std::str::FromStr;

macro_rules! named {
    ($(#[$doc:meta])* $name:ident, $error:ident, $what:literal: $($variant:ident = $text:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($variant),+ }

        impl $name {
            /// Every value, in Spacelift's order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or($error)
            }
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
        #[error("not a {}", $what)]
        pub struct $error;
    };
}

named! {
    /// A point of a run where Spacelift runs hooks.
    HookPoint, UnknownHookPoint, "hook point":
    BeforeInit = "before_init",
    AfterInit = "after_init",
    BeforePlan = "before_plan",
    AfterPlan = "after_plan",
    BeforeApply = "before_apply",
    AfterApply = "after_apply",
    BeforePerform = "before_perform",
    AfterPerform = "after_perform",
    BeforeDestroy = "before_destroy",
    AfterDestroy = "after_destroy",
    AfterRun = "after_run",
}

named! {
    /// A command of `.spacelift/workflow.yml`.
    WorkflowCommand, UnknownWorkflowCommand, "workflow command":
    Init = "init",
    WorkspaceSelect = "workspaceSelect",
    WorkspaceNew = "workspaceNew",
    Plan = "plan",
    ShowState = "showState",
    ShowPlan = "showPlan",
    GetOutputs = "getOutputs",
    Apply = "apply",
    Destroy = "destroy",
}

impl WorkflowCommand {
    /// Whether Spacelift reads what the command prints, so that both streams must be the engine's alone.
    pub const fn is_read_back(self) -> bool {
        matches!(self, Self::ShowState | Self::ShowPlan | Self::GetOutputs)
    }
}
