//! The command line as typed. What it means here, with the settings and the environment, is [`super::resolve`]'s.

#![expect(clippy::doc_markdown, reason = "these docs are the help, where backticks would be printed")]

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::common_arguments::{CommonArguments, ListFormat};
use super::typed::{self, Given, GivenParser, Point, Suggested, SuggestedRaw};

/// Run OpenTofu and Terraform in air-gapped Spacelift, and know before each phase that it will work.
///
/// airtight predicts what `init` will do without network. It refuses providers that the dependency lock file does not prove, explains
/// each refusal with its fix, and then replaces itself with the engine (the `tofu` or `terraform` binary).
#[derive(Debug, Parser)]
#[command(
    name = "airtight",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 cleared; 100 refused, or failure predicted; 96 usage or settings; 126, 127 engine not \
                  executable, not found; 70 internal error (please report it). After `run` has started the engine, the \
                  code is the engine's.\n\nOptions marked `[env: ...]` can be set with that variable (empty = unset). \
                  AIRTIGHT_LOG=debug shows on stderr what airtight itself did."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check, then replace airtight with the engine, for one workflow command
    ///
    /// For `.spacelift/workflow.yml`: `airtight render workflow` prints that file. Put options before the workflow command; everything
    /// after it belongs to that command.
    #[command(after_help = RUN_HELP)]
    Run(RunArguments),
    /// Check before a phase, and print the `export` lines that its shell needs
    ///
    /// For the scripts in `hooks/`, which the phase's shell sources: `airtight_env=$(airtight hook before_init) &&
    /// eval "$airtight_env"`. If it refuses, it prints nothing on stdout. Only the five `before_` points check something; the
    /// other points exit with 0 and print nothing.
    #[command(after_help = HOOK_HELP)]
    Hook(HookArguments),
    /// Check whether `init` will work offline and whether every provider is proven
    ///
    /// Predicts what the engine will do, asks the engine whether it accepts the configuration, and refuses providers that the
    /// dependency lock file does not prove. Also checks Spacelift's files of the repository. Needs no network and changes nothing.
    /// Several root modules have one report and one exit code. Arguments after `--` are arguments of `init`.
    #[command(after_help = CHECK_HELP)]
    Check(CheckArguments),
    #[cfg(feature = "full")]
    /// Check many repositories against one image
    ///
    /// Finds the root modules below the directories and predicts `init` for each with one mirror, or with a seal's file alone. Says
    /// which stacks would fail and why, what of the image nobody uses, which removal would break whom, and where fewer versions
    /// would do. Asks no engine, needs no network and changes nothing.
    #[command(after_help = super::audit::HELP)]
    Audit(Box<super::audit::AuditArguments>),
    #[cfg(feature = "full")]
    /// Run here, without network, what Spacelift's worker would run
    ///
    /// Prepares the workspace as the worker does, then runs every phase with its hooks, in namespaces without network. Reports
    /// which phase and process tried to reach which host. Works on a copy, and changes nothing else.
    #[command(after_help = super::rehearse_arguments::REHEARSE_HELP)]
    Rehearse(Box<super::rehearse_arguments::RehearseArguments>),
    #[cfg(feature = "full")]
    #[command(hide = true)]
    RehearseInside { stage: String },
    /// Check that this image can run jobs offline
    ///
    /// Prints a checklist on stdout, with a fix for each check that fails: user 1983, `sh`, `ps`, `git`, the certificate
    /// authorities, the engine, airtight's own files, and every package of the mirror that this machine should run. Permissions
    /// are always checked for user 1983, so it works as the last step of an image's build: `RUN airtight doctor`.
    /// Exit code 100 if a check fails.
    Doctor(DoctorArguments),
    #[cfg(feature = "full")]
    /// Build and maintain the image's filesystem mirror
    Mirror(super::mirror::MirrorArguments),
    #[cfg(feature = "full")]
    /// Build and maintain the image's store of module sources
    Modules(super::modules::ModulesArguments),
    #[cfg(feature = "full")]
    /// Complete a dependency lock file
    Lock(super::lock::LockArguments),
    #[cfg(feature = "full")]
    /// Verify an archive with its OpenPGP signature
    ///
    /// For the engine's release archive, when the image is built. The signature is for the archive or, with
    /// `--checksums`, for a checksum file that lists the archive. Needs no key ring, no agent and no network.
    #[command(after_help = VERIFY_ARCHIVE_HELP)]
    VerifyArchive(VerifyArchiveArguments),
    #[cfg(feature = "full")]
    /// Test, from inside the runner, the hosts that the air gap allows
    ///
    /// For partial air gaps. Tests DNS, TCP, the proxy and TLS for all endpoints in parallel, and says for each closed one what
    /// the firewall or the proxy must open.
    #[command(after_help = super::reach::HELP)]
    Reach(super::reach::ReachArguments),
    /// Print a file made from a template
    ///
    /// Prints to stdout, for an image's build or a repository: `airtight render workflow > .spacelift/workflow.yml`. Only `hooks`
    /// writes files.
    Render(RenderArguments),
    /// Print the page of a finding
    ///
    /// Takes a code (`airtight explain provider-not-locked`) or a part of an engine's error text. Without an argument it
    /// lists all codes. `airtight explain exceptions` says how to let a refused run through.
    Explain(ExplainArguments),
    /// Print a shell's completions
    ///
    /// Example: `airtight completions bash > /usr/share/bash-completion/completions/airtight`.
    Completions {
        /// The shell to print them for
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands
    ///
    /// Example: `airtight man | man -l -`, or `airtight man /usr/share/man/man1`.
    Man {
        /// Write a page for each command into this directory
        #[arg(value_name = "DIR")]
        directory: Option<Utf8PathBuf>,
    },
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

A positional argument is used as it is, even with a leading dash. To give the engine more flags, set its own variables, such as \
TF_CLI_ARGS_plan. showState, showPlan and getOutputs print the engine's output and nothing else.

If airtight would refuse because of a missing provider, it first asks the engine whether it needs that provider. If not, the \
refusal becomes a warning and the engine runs.

Exit codes: the engine's, once it runs; 100 refused; 96 usage or settings; 126, 127 engine not executable, not found.";

const HOOK_HELP: &str = "\
Points that check: before_init, before_plan, before_apply, before_destroy, before_perform.

Exit codes: 0 cleared, and the phase may run; 100 refused; 96 usage or settings; 126, 127 engine not executable, not \
found.";

const CHECK_HELP: &str = "\
Examples:
  airtight check                                  the working directory, with the installed engine
  airtight check infra --engine tofu --engine-version 1.12.6 --mirror ./providers
  airtight check --recursive                      every root module below the working directory
  airtight check -- -upgrade                      what `init -upgrade` would do
  airtight check --pull-state                     let the engine read the state from its backend
  airtight check --cli-config inherited           what the engine would do without airtight
  airtight check --format sarif > airtight.sarif

Exit codes: 0 cleared; 100 refused, or failure predicted; 96 usage or settings.";

#[cfg(feature = "full")]
const VERIFY_ARCHIVE_HELP: &str = "\
OpenTofu signs its archives:
  airtight verify-archive tofu_1.12.6_linux_amd64.zip \\
    --signature tofu_1.12.6_linux_amd64.zip.gpgsig --key opentofu.gpg \\
    --fingerprint E3E6E43D84CB852EADB0051D0C0AF313E5FD9F80
HashiCorp signs a checksum file:
  airtight verify-archive terraform_1.11.4_linux_amd64.zip \\
    --checksums terraform_1.11.4_SHA256SUMS --signature terraform_1.11.4_SHA256SUMS.sig --key hashicorp.asc

Compare the fingerprint with the publisher's own page. A key that expired after it signed is \
accepted. A key that had expired when it signed, or is revoked, is not.

Exit codes: 0 the signature is valid; 100 it is not; 96 usage.";

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// The values are percent-encoded, as in the file of `render workflow --encoded`
    #[arg(long)]
    pub encoded: bool,
    /// A workflow command, then its own arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND",
        hide_possible_values = true,
        value_parser = SuggestedRaw(typed::workflow_commands)
    )]
    pub command: Vec<std::ffi::OsString>,
}

#[derive(Args, Debug)]
pub(crate) struct HookArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Spacelift's name of the hook
    #[arg(value_enum)]
    pub point: Point,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// CLI configuration to predict with: the one that airtight would write (`generated`, the default), the one that the engine
    /// would read without airtight (`inherited`), or a file
    #[arg(
        long,
        value_name = "generated|inherited|FILE",
        env = "AIRTIGHT_CLI_CONFIG",
        hide_possible_values = true,
        value_parser = Suggested(typed::cli_configurations)
    )]
    pub cli_config: Option<String>,
    /// Whether to ask the engine if it accepts the configuration and which providers it needs. `auto` (default) asks if an engine of
    /// the predicted version is on this machine and no module must be downloaded
    #[arg(
        long,
        value_name = "auto|never",
        env = "AIRTIGHT_ASK",
        hide_possible_values = true,
        value_parser = GivenParser::<Ask>::new()
    )]
    pub ask: Option<Given<Ask>>,
    /// Let the engine read the state from its backend, with its own credentials, and check the providers that only the state
    /// needs
    #[arg(long, env = "AIRTIGHT_PULL_STATE", value_parser = clap::builder::FalseyValueParser::new())]
    pub pull_state: bool,
    /// The root modules (default: the working directory)
    #[arg(value_name = "DIR")]
    pub directories: Vec<Utf8PathBuf>,
    /// Check every root module below DIR: each directory with a configuration that no other one calls as a module
    #[arg(long, short)]
    pub recursive: bool,
    /// Arguments of `init`
    #[arg(last = true, value_name = "INIT ARGUMENTS", allow_hyphen_values = true)]
    pub init_arguments: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// Filesystem mirror to check (repeatable; default: the one in the settings, else /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", value_delimiter = ':')]
    pub mirror: Vec<String>,
    /// Store of modules to check (repeatable; default: the one in the settings, else /modules if it exists)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MODULES", value_delimiter = ':')]
    pub modules: Vec<String>,
    /// `tofu`, `terraform`, or the path of one
    #[arg(
        long,
        value_name = "ENGINE",
        env = "AIRTIGHT_ENGINE",
        hide_possible_values = true,
        value_parser = Suggested(typed::engines)
    )]
    pub engine: Option<String>,
    /// Administrator settings; they cannot override /etc/airtight/settings.yml in the image
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS")]
    pub settings: Option<String>,
    /// Format of the list (default: human, or `AIRTIGHT_FORMAT` if it is one of these)
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<ListFormat>,
    /// Also write the list to this file, as JSON
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_REPORT")]
    pub report: Option<String>,
}

impl DoctorArguments {
    pub(super) fn common(&self) -> CommonArguments {
        CommonArguments {
            mirror: self.mirror.clone(),
            modules: self.modules.clone(),
            engine: self.engine.clone(),
            settings: self.settings.clone(),
            report: self.report.clone(),
            ..CommonArguments::default()
        }
    }
}

#[cfg(feature = "full")]
#[derive(Args, Debug)]
pub(crate) struct VerifyArchiveArguments {
    /// The archive to verify
    #[arg(value_name = "FILE")]
    pub archive: Utf8PathBuf,
    /// Its detached signature, armoured or binary
    #[arg(long, value_name = "FILE")]
    pub signature: Utf8PathBuf,
    /// File with public keys to accept, armoured or binary (repeatable)
    #[arg(long, value_name = "FILE", required = true)]
    pub key: Vec<Utf8PathBuf>,
    /// Accept only the key with this fingerprint
    #[arg(long, value_name = "FINGERPRINT")]
    pub fingerprint: Option<String>,
    /// The signature is for this checksum file, which lists the archive
    #[arg(long, value_name = "FILE")]
    pub checksums: Option<Utf8PathBuf>,
    /// Then extract this file from the archive, such as `tofu`
    #[arg(long, value_name = "NAME", requires = "to")]
    pub extract: Option<String>,
    /// The file to extract it to; it can be run by everybody
    #[arg(long, value_name = "FILE", requires = "extract")]
    pub to: Option<Utf8PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct RenderArguments {
    #[command(subcommand)]
    pub what: RenderWhat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RenderWhat {
    /// `.spacelift/workflow.yml`: the nine commands of the custom workflow tool
    Workflow {
        /// Percent-encode every value, so that the shell cannot change any value
        #[arg(long, conflicts_with = "direct")]
        encoded: bool,
        /// Call the engine directly, without airtight. Without network, such a stack also needs a CLI configuration: see `render
        /// cli-config`
        #[arg(long)]
        direct: bool,
        /// The engine that `--direct` calls
        #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE")]
        engine: Option<String>,
    },
    /// The five hook scripts, written into a directory
    ///
    /// Run it in the image's build: `RUN airtight render hooks /usr/local/share/airtight/hooks`. Prints the line that each hook of
    /// the stack needs.
    Hooks {
        /// The directory; it is made if it does not exist
        #[arg(value_name = "DIR")]
        directory: Utf8PathBuf,
    },
    /// The manifest of a Spacelift plugin with the same five hooks
    Plugin,
    /// The CLI configuration that `run` and `hook` write, without the blocks that they copy from other files
    ///
    /// It holds the settings' `mirror`, and the methods in `also` that the engine knows. `run` and `hook` write it before each
    /// phase. Use this command to look at it, or to call an engine by hand with TF_CLI_CONFIG_FILE.
    CliConfig(CommonArguments),
    /// The Dockerfile of a runner image: verified engines, mirror, settings, hooks, and `doctor` at the end
    #[command(after_help = super::render_dockerfile::HELP)]
    Dockerfile(Box<super::render_dockerfile::DockerfileArguments>),
    /// A plan policy for Spacelift, in Rego: no plan passes without airtight's report of this run
    ///
    /// It denies a plan if the report that `run plan` and `hook before_plan` write is missing, from another run, or not cleared,
    /// and warns about weaker things. Code that the run itself starts after airtight can write the report again: the policy proves
    /// that airtight ran, not that nothing came after it.
    Policy {
        /// Version of the language: v1, or v0 for self-hosted installations before 4.1
        #[arg(long, value_name = "v0|v1", value_enum, default_value = "v1")]
        rego: Rego,
    },
    /// A commented /etc/airtight/settings.yml
    ///
    /// Stacks cannot override what an image sets there. `policy: observe` and `seal` are allowed only there.
    Settings,
}

/// A version of Rego.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rego {
    V0,
    V1,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// A code, a part of an engine's error text, or `exceptions`
    #[arg(hide_possible_values = true, value_parser = Suggested(typed::topics))]
    pub code: Vec<String>,
}

/// Whether `check` asks the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ask {
    #[default]
    Auto,
    Never,
}
