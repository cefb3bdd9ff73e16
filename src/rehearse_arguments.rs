//! The options of `airtight rehearse`.

#![expect(clippy::doc_markdown, reason = "these docs are the help, where backticks would be printed")]

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::common_arguments::CommonArguments;
use super::typed::named;
use airtight_spacelift::rehearse::run::{Phase, RunType};
use airtight_spacelift::rehearse::script::Joining;

pub(super) const REHEARSE_HELP: &str = "\
Examples:
  airtight rehearse                               a tracked run of the working directory
  airtight rehearse stack --pause                 with a confirmation: apply in a new container
  airtight rehearse --type task --task 'tofu state list'
  airtight rehearse --workflow workflow.yml --plugin plugin.yml --until planning
  airtight rehearse --hook 'before_init=. /usr/local/share/airtight/hooks/before_init.sh'
  docker run --rm --network none -v \"$PWD:/repository:ro\" IMAGE airtight rehearse /repository

The report is on stdout. The output of the phases is on stderr, as it comes. Nothing leaves this machine: attempts to reach a \
host are reported instead. If a phase tries to reach a host in the settings' `reachable`, the rehearsal is incomplete; for any \
other host it is refused.

Exit codes: 0 cleared or incomplete; 100 refused; 96 usage or settings; 126, 127 engine not executable, not found; 128 + N \
ended by signal N.";

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct RehearseArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Kind of run: tracked, proposed, drift, task, test (of a module) or destroy
    #[arg(long = "type", value_name = "TYPE", default_value = "tracked", value_parser = named(RunType::ALL, RunType::as_str))]
    #[arg(hide_possible_values = true)]
    pub run_type: RunType,
    /// Stop after this phase: preparing, initializing, planning, applying, performing or destroying (default: run all)
    #[arg(long, value_name = "PHASE", value_parser = named(Phase::ALL, Phase::as_str), hide_possible_values = true)]
    pub until: Option<Phase>,
    /// Rehearse a confirmation before apply: the rest runs in a new container, where only the workspace is left
    #[arg(long)]
    pub pause: bool,
    /// The command of a task
    #[arg(long, value_name = "COMMAND")]
    pub task: Option<String>,
    /// A task without init and its hooks
    #[arg(long)]
    pub skip_init: bool,
    /// Workflow file to mount at source/.spacelift/workflow.yml
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<Utf8PathBuf>,
    /// File to mount, with its path below /mnt/workspace (repeatable)
    #[arg(long, value_name = "PATH=FILE")]
    pub mount: Vec<String>,
    /// A hook of the stack (repeatable, in order)
    #[arg(long, value_name = "POINT=COMMAND")]
    pub hook: Vec<String>,
    /// How hooks are joined: braced (since January 2026) or bare (older installations)
    #[arg(long, value_name = "braced|bare", default_value = "braced", value_parser = named(Joining::ALL, Joining::as_str))]
    #[arg(hide_possible_values = true)]
    pub hooks: Joining,
    /// Manifest of a plugin that the stack uses (repeatable)
    #[arg(long, value_name = "FILE")]
    pub plugin: Vec<Utf8PathBuf>,
    /// A value for a parameter of the plugins (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// Context of the stack: a file like a context in a plugin's manifest, with `name` and `priority` (repeatable)
    #[arg(long, value_name = "FILE")]
    pub context: Vec<Utf8PathBuf>,
    /// A variable of the stack (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// The stack's slug, to find its entry in .spacelift/config.yml
    #[arg(long, value_name = "SLUG")]
    pub stack: Option<String>,
    /// The stack has the label feature:ignore_runtime_config
    #[arg(long)]
    pub ignore_runtime_configuration: bool,
    /// The state's backend: managed (Spacelift's own, here on the loopback interface) or declared (the configuration's; the
    /// default if it has one)
    #[arg(long, value_name = "managed|declared", value_enum, hide_possible_values = true)]
    pub state_backend: Option<StateBackend>,
    /// Workspace to select, if the backend is the configuration's own
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
    /// Kill a phase this many seconds after its first attempt to reach a host
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub grace: f64,
    /// Trace the phases, and report each program that was not allowed to start (permission denied) and who tried to start it.
    /// Always on if the settings have `execute: image`
    #[arg(long)]
    pub watch_executions: bool,
    /// Also write the report to this file, as one HTML page
    #[arg(long, value_name = "FILE")]
    pub html: Option<Utf8PathBuf>,
    /// The root module (default: the working directory)
    #[arg(value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,
}

/// Whose backend holds the state in a rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateBackend {
    /// Spacelift's own.
    Managed,
    /// That of the configuration.
    Declared,
}
