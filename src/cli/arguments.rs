//! The command line as typed. What it means here, with the settings and the environment, is [`super::resolve`]'s.

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// OpenTofu and Terraform runs that work, provably, where nothing can be downloaded.
///
/// airtight predicts what `init` will do without network, refuses what is not proven by the dependency lock file,
/// explains every refusal, and becomes the engine.
#[derive(Debug, Parser)]
#[command(
    name = "airtight",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 cleared; 100 refused, or failure predicted; 96 usage or settings; 126, 127 engine not \
                  executable, not found; 70 a bug of ours. After `run` has started the engine, the code is the \
                  engine's.\n\nEvery option has its variable; an empty variable counts as unset. AIRTIGHT_LOG=debug \
                  shows on stderr what airtight itself did."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check, then become the engine for one workflow command
    ///
    /// For `.spacelift/workflow.yml`: `airtight render workflow` writes that file. Options stand before the workflow
    /// command; what follows it is that command's own.
    #[command(after_help = RUN_HELP)]
    Run(RunArguments),
    /// Check before a phase, and print the `export` lines that its shell needs
    ///
    /// For the scripts in `hooks/`, which the phase's shell sources: `airtight_env=$(airtight hook before_init) &&
    /// eval "$airtight_env"`. Prints nothing on stdout when it refuses. The work is in the five `before_` points; the
    /// others exit with 0 and print nothing.
    Hook(HookArguments),
    /// Predict and judge `init` for one root module
    ///
    /// Needs no network and changes nothing. What stands after `--` is for `init`: `airtight check -- -upgrade`.
    Check(CheckArguments),
    /// Print a file made from a template
    Render(RenderArguments),
    /// Print the page of a finding
    ///
    /// Takes a code (`airtight explain provider-not-locked`), or a part of an engine's error text. Without either it
    /// lists every code.
    Explain(ExplainArguments),
    /// Print a shell's completions
    Completions {
        /// The shell to print them for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
}

const RUN_HELP: &str = "\
Workflow commands, as Spacelift calls them:
  init
  workspaceSelect NAME
  workspaceNew NAME
  plan --lock=BOOL --refresh=BOOL --out=FILE [--target=ADDRESS]...
  showState
  showPlan FILE
  getOutputs
  apply FILE
  destroy

A positional is taken as it is, even with a leading dash. More flags reach the engine by its own variables, such as
TF_CLI_ARGS_plan. showState, showPlan and getOutputs print the engine's bytes and nothing else.";

/// What most commands take.
#[derive(Args, Clone, Debug, Default)]
pub struct CommonArguments {
    /// Filesystem mirror with the provider packages (repeatable; default: /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", value_delimiter = ':')]
    pub mirror: Vec<String>,
    /// `tofu`, `terraform`, or the path of one
    #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE")]
    pub engine: Option<String>,
    /// Predict for this version of the engine instead of asking the engine
    #[arg(long, value_name = "X.Y.Z", env = "AIRTIGHT_ENGINE_VERSION")]
    pub engine_version: Option<String>,
    /// Platform of the packages (default: this machine's)
    #[arg(long, value_name = "OS_ARCH", env = "AIRTIGHT_PLATFORM")]
    pub platform: Option<String>,
    /// Settings of the administrator, below those of the image (/etc/airtight/settings.yml)
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS")]
    pub settings: Option<String>,
    /// State whose providers count too: a state file, or the output of `show -json`
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_STATE")]
    pub state: Option<String>,
    /// How findings are printed
    #[arg(long, value_name = "FORMAT", env = "AIRTIGHT_FORMAT")]
    pub format: Option<String>,
    /// Write the JSON report to this file as well
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_REPORT")]
    pub report: Option<String>,
}

#[derive(Args, Debug)]
pub struct RunArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// The values are percent-encoded, as `render workflow --encoded` writes them
    #[arg(long)]
    pub encoded: bool,
    /// A workflow command, then its own arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<std::ffi::OsString>,
}

#[derive(Args, Debug)]
pub struct HookArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Spacelift's name of the point: before_init, after_init, before_plan, ...
    pub point: String,
}

#[derive(Args, Debug)]
pub struct CheckArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// CLI configuration to predict with: what airtight would write (`generated`), what the engine would read by
    /// itself (`inherited`), or a file
    #[arg(long, value_name = "generated|inherited|FILE", env = "AIRTIGHT_CLI_CONFIG")]
    pub cli_config: Option<String>,
    /// The root module (default: the working directory)
    #[arg(value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,
    /// Arguments of `init`
    #[arg(last = true, value_name = "INIT ARGUMENTS", allow_hyphen_values = true)]
    pub init_arguments: Vec<String>,
}

#[derive(Args, Debug)]
pub struct RenderArguments {
    #[command(subcommand)]
    pub what: RenderWhat,
}

#[derive(Debug, Subcommand)]
pub enum RenderWhat {
    /// `.spacelift/workflow.yml`: the nine commands of the custom workflow tool
    Workflow {
        /// Percent-encode every value, so that any value survives the shell
        #[arg(long, conflicts_with = "direct")]
        encoded: bool,
        /// Call the engine itself, without airtight
        #[arg(long)]
        direct: bool,
        /// The engine that `--direct` calls
        #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE")]
        engine: Option<String>,
    },
    /// The CLI configuration that `run` and `hook` write, without the blocks that they carry over
    CliConfig(CommonArguments),
    /// A commented /etc/airtight/settings.yml
    Settings,
}

#[derive(Args, Debug)]
pub struct ExplainArguments {
    /// A code, or a part of an engine's error text
    pub code: Vec<String>,
}

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Concise,
    Json,
    Sarif,
    Junit,
    Markdown,
}
