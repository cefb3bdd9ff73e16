//! The options of `airtight rehearse`.

#![expect(clippy::doc_markdown, reason = "these docs are the help, where backticks would be printed")]

use camino::Utf8PathBuf;
use clap::Args;

use super::arguments::CommonArguments;

pub(super) const REHEARSE_HELP: &str = "\
Examples:
  airtight rehearse                               a tracked run of the working directory
  airtight rehearse stack --pause                 with a confirmation: apply in a new container
  airtight rehearse --type task --task 'tofu state list'
  airtight rehearse --workflow workflow.yml --plugin plugin.yml --until planning
  airtight rehearse --hook 'before_init=. /usr/local/share/airtight/hooks/before_init.sh'
  docker run --rm --network none -v \"$PWD:/repository:ro\" IMAGE airtight rehearse /repository

The report is on stdout; what the phases print is on stderr, as it comes. Nothing leaves this machine: every host that is \
asked for is named instead. Hosts that the settings declare (`reachable`) leave the rehearsal incomplete, any other refuses it.

Exit codes: 0 cleared or incomplete; 100 refused; 96 usage or settings; 126, 127 engine not executable, not found; 128 + N \
ended by signal N.";

#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct RehearseArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Kind of run: tracked, proposed, drift, task, test (of a module) or destroy
    #[arg(long = "type", value_name = "TYPE", default_value = "tracked")]
    pub run_type: String,
    /// Last phase: preparing, initializing, planning, applying, performing or destroying (default: the run's own last)
    #[arg(long, value_name = "PHASE")]
    pub until: Option<String>,
    /// Wait for a confirmation before applying, as Spacelift does: the rest runs in a new container, where only the
    /// workspace is left
    #[arg(long)]
    pub pause: bool,
    /// The command of a task
    #[arg(long, value_name = "COMMAND")]
    pub task: Option<String>,
    /// A task without init and its hooks
    #[arg(long)]
    pub skip_init: bool,
    /// A workflow file to mount at source/.spacelift/workflow.yml
    #[arg(long, value_name = "FILE")]
    pub workflow: Option<Utf8PathBuf>,
    /// A file to mount, by its path below /mnt/workspace (repeatable)
    #[arg(long, value_name = "PATH=FILE")]
    pub mount: Vec<String>,
    /// A hook of the stack (repeatable, in order)
    #[arg(long, value_name = "POINT=COMMAND")]
    pub hook: Vec<String>,
    /// How hooks are joined: braced (since January 2026) or bare (older installations)
    #[arg(long, value_name = "braced|bare", default_value = "braced")]
    pub hooks: String,
    /// A plugin's manifest whose contexts the stack has (repeatable)
    #[arg(long, value_name = "FILE")]
    pub plugin: Vec<Utf8PathBuf>,
    /// A value for a parameter of the plugins (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub parameter: Vec<String>,
    /// A context that is attached to the stack, as a file of a manifest's context with `name` and `priority` (repeatable)
    #[arg(long, value_name = "FILE")]
    pub context: Vec<Utf8PathBuf>,
    /// A variable of the stack (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// The stack's slug, for its entry in .spacelift/config.yml
    #[arg(long, value_name = "SLUG")]
    pub stack: Option<String>,
    /// The stack has the label feature:ignore_runtime_config
    #[arg(long)]
    pub ignore_runtime_configuration: bool,
    /// The state's backend: managed (Spacelift's own, here on the loopback) or declared (the configuration's; default
    /// where it has one)
    #[arg(long, value_name = "managed|declared")]
    pub state_backend: Option<String>,
    /// The workspace to select, where the backend is the configuration's own
    #[arg(long, value_name = "NAME")]
    pub workspace: Option<String>,
    /// Seconds that a phase may go on after it has asked for a host: what it would do is known then
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    pub grace: f64,
    /// Trace the phases, and name each program that one was not allowed to start (permission denied), with the program
    /// that wanted it (always with the settings' `execute: image`, which forbids such starts)
    #[arg(long)]
    pub watch_executions: bool,
    /// Write the report as a page of HTML to this file as well
    #[arg(long, value_name = "FILE")]
    pub html: Option<Utf8PathBuf>,
    /// The root module (default: the working directory)
    #[arg(value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,
}
