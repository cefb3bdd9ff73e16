//! The command line as typed. What it means here, with the settings and the environment, is [`super::resolve`]'s.

#![expect(clippy::doc_markdown, reason = "these docs are the help, where backticks would be printed")]

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::typed::{Given, GivenParser, Point};

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
                  engine's.\n\nAn option with `[env: ...]` can be set with that variable; an empty variable counts as unset. AIRTIGHT_LOG=debug \
                  shows on stderr what airtight itself did."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
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
    #[command(after_help = HOOK_HELP)]
    Hook(HookArguments),
    /// Predict and judge `init` for one root module
    ///
    /// Says what the real engine will do with `init` here, offline, and refuses what the dependency lock file does not
    /// prove. Needs no network and changes nothing. What stands after `--` is for `init`.
    #[command(after_help = CHECK_HELP)]
    Check(CheckArguments),
    #[cfg(feature = "full")]
    /// Run what Spacelift's worker would run, here and without network
    ///
    /// Lays out the workspace as the worker does, then runs every phase with its hooks, in namespaces where nothing leads
    /// out. Names each host that was asked for, by which phase and process. Changes nothing outside: it works on a copy.
    #[command(after_help = super::rehearse_arguments::REHEARSE_HELP)]
    Rehearse(Box<super::rehearse_arguments::RehearseArguments>),
    #[cfg(feature = "full")]
    #[command(hide = true)]
    RehearseInside { stage: String },
    /// Say whether this image is fit to run jobs offline
    ///
    /// A checklist on stdout, a line for each check and a fix where one fails: the user 1983, `sh`, `ps`, `git`, the
    /// certificate authorities, the engine, airtight's own files, and every package of the mirror that this machine
    /// should run. Permissions are judged for user 1983, whoever asks, so that it works as the last step of an image's
    /// build: `RUN airtight doctor`. Ends with 100 where a check fails.
    Doctor(DoctorArguments),
    #[cfg(feature = "full")]
    /// Build the filesystem mirror that an image holds, and look after it
    Mirror(super::mirror::MirrorArguments),
    #[cfg(feature = "full")]
    /// Complete a dependency lock file
    Lock(super::lock::LockArguments),
    #[cfg(feature = "full")]
    /// Verify an archive by its OpenPGP signature
    ///
    /// For the engine's own release, where the image is built: the signature is over the archive, or, with
    /// `--checksums`, over a checksum file that names it. Needs no key ring, no agent and no network.
    #[command(after_help = VERIFY_ARCHIVE_HELP)]
    VerifyArchive(VerifyArchiveArguments),
    #[cfg(feature = "full")]
    /// Try from here the hosts that this air gap lets through
    ///
    /// For partial air gaps, in the runner itself: names, connections, the proxy and TLS, each endpoint at once, and for
    /// each that is closed what the firewall or the proxy must open.
    #[command(after_help = super::reach::HELP)]
    Reach(super::reach::ReachArguments),
    /// Print a file made from a template
    ///
    /// To stdout, for an image's build or a repository: `airtight render workflow > .spacelift/workflow.yml`.
    Render(RenderArguments),
    /// Print the page of a finding
    ///
    /// Takes a code (`airtight explain provider-not-locked`), or a part of an engine's error text. Without either it
    /// lists every code.
    Explain(ExplainArguments),
    /// Print a shell's completions
    ///
    /// Such as `airtight completions bash > /usr/share/bash-completion/completions/airtight`.
    Completions {
        /// The shell to print them for
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    ///
    /// Such as `airtight man > /usr/share/man/man1/airtight.1`, or `airtight man | man -l -`.
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

A positional is taken as it is, even with a leading dash. More flags reach the engine by its own variables, such as \
TF_CLI_ARGS_plan. showState, showPlan and getOutputs print the engine's bytes and nothing else.

Exit codes: the engine's, once it runs; 100 refused; 96 usage or settings; 126, 127 engine not executable, not found.";

const HOOK_HELP: &str = "\
Points that check: before_init, before_plan, before_apply, before_destroy, before_perform.

Exit codes: 0 cleared, and the phase may run; 100 refused; 96 usage or settings; 126, 127 engine not executable, not \
found.";

const CHECK_HELP: &str = "\
Examples:
  airtight check                                  the working directory, with the engine that is here
  airtight check infra --engine tofu --engine-version 1.12.6 --mirror ./providers
  airtight check -- -upgrade                      what `init -upgrade` would do
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

Compare fingerprints with the publisher's own page. A key that has expired since it signed still \
counts; one that had expired when it signed, or is revoked, does not.

Exit codes: 0 the archive is what was signed; 100 it is not; 96 usage.";

/// What most commands take.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CommonArguments {
    /// Directory with the provider packages, as `providers mirror` lays them out (repeatable, or several separated by
    /// `:`; default: /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", hide_env_values = true, value_delimiter = ':')]
    pub mirror: Vec<String>,
    /// `tofu`, `terraform`, or the path of one (default: the only one on PATH, `tofu` of both)
    #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE", hide_env_values = true)]
    pub engine: Option<String>,
    /// Predict for this version of the engine instead of asking it; with a name in --engine, none has to be here
    #[arg(long, value_name = "X.Y.Z", env = "AIRTIGHT_ENGINE_VERSION", hide_env_values = true)]
    pub engine_version: Option<String>,
    /// Platform that `init` will run on, such as linux_amd64 (default: this machine's)
    #[arg(long, value_name = "OS_ARCH", env = "AIRTIGHT_PLATFORM", hide_env_values = true)]
    pub platform: Option<String>,
    /// Settings of the administrator; what the image's /etc/airtight/settings.yml sets stays as it is there
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS", hide_env_values = true)]
    pub settings: Option<String>,
    /// State whose providers count too, where the real one lies behind a backend: a state file, or the output of
    /// `show -json`
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_STATE", hide_env_values = true)]
    pub state: Option<String>,
    /// How findings are printed: human (default), concise, json, sarif, junit or markdown; `run` and `hook` report on
    /// stderr, and only human or concise
    #[arg(
        long,
        value_name = "FORMAT",
        env = "AIRTIGHT_FORMAT",
        hide_env_values = true,
        hide_possible_values = true,
        value_parser = GivenParser::<Format>::new()
    )]
    pub format: Option<Given<Format>>,
    /// Write the JSON report to this file as well
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_REPORT", hide_env_values = true)]
    pub report: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct RunArguments {
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
pub(crate) struct HookArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// Spacelift's name of the point
    #[arg(value_enum)]
    pub point: Point,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub common: CommonArguments,
    /// CLI configuration to predict with: what airtight would write (`generated`), what the engine would read by
    /// itself (`inherited`), or a file
    #[arg(long, value_name = "generated|inherited|FILE", env = "AIRTIGHT_CLI_CONFIG", hide_env_values = true)]
    pub cli_config: Option<String>,
    /// Whether to ask the engine if the configuration loads, and which providers it needs: `auto` asks, if an engine of
    /// the predicted version is on this machine and no module has to be downloaded
    #[arg(
        long,
        value_name = "auto|never",
        env = "AIRTIGHT_ASK",
        hide_env_values = true,
        hide_possible_values = true,
        value_parser = GivenParser::<Ask>::new()
    )]
    pub ask: Option<Given<Ask>>,
    /// Have the engine read the state from its backend, with its own code and credentials, and check the providers that
    /// only the state needs
    #[arg(long, env = "AIRTIGHT_PULL_STATE", hide_env_values = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub pull_state: bool,
    /// The root module (default: the working directory)
    #[arg(value_name = "DIR")]
    pub directory: Option<Utf8PathBuf>,
    /// Arguments of `init`
    #[arg(last = true, value_name = "INIT ARGUMENTS", allow_hyphen_values = true)]
    pub init_arguments: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// Filesystem mirror to look at (repeatable; default: the settings', else /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", hide_env_values = true, value_delimiter = ':')]
    pub mirror: Vec<String>,
    /// `tofu`, `terraform`, or the path of one
    #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE", hide_env_values = true)]
    pub engine: Option<String>,
    /// Settings of the administrator, below those of the image (/etc/airtight/settings.yml)
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS", hide_env_values = true)]
    pub settings: Option<String>,
    /// How the list is printed
    #[arg(long, value_enum, default_value = "human")]
    pub format: DoctorFormat,
}

impl DoctorArguments {
    pub(super) fn common(&self) -> CommonArguments {
        CommonArguments {
            mirror: self.mirror.clone(),
            engine: self.engine.clone(),
            settings: self.settings.clone(),
            ..CommonArguments::default()
        }
    }
}

/// How `doctor` prints its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoctorFormat {
    Human,
    Json,
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
    /// Public keys whose signature counts, armoured or binary (repeatable)
    #[arg(long, value_name = "FILE", required = true)]
    pub key: Vec<Utf8PathBuf>,
    /// Only the key with this fingerprint counts
    #[arg(long, value_name = "FINGERPRINT")]
    pub fingerprint: Option<String>,
    /// The signature is over this checksum file, which names the archive
    #[arg(long, value_name = "FILE")]
    pub checksums: Option<Utf8PathBuf>,
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
        /// Percent-encode every value, so that any value survives the shell
        #[arg(long, conflicts_with = "direct")]
        encoded: bool,
        /// Call the engine itself, without airtight
        #[arg(long)]
        direct: bool,
        /// The engine that `--direct` calls
        #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE", hide_env_values = true)]
        engine: Option<String>,
    },
    /// The CLI configuration that `run` and `hook` write, without the blocks that they carry over
    ///
    /// The settings count as they do there: `mirror`, and the methods of `also` that the engine knows. `run` and `hook`
    /// write it by themselves, anew before each phase; this is for looking at it, and for calling an engine by hand with
    /// TF_CLI_CONFIG_FILE.
    CliConfig(CommonArguments),
    /// The Dockerfile of a runner image: engine verified by its signature, mirror, settings, hooks, `doctor` at the end
    Dockerfile {
        /// `tofu` or `terraform`
        #[arg(long, value_name = "ENGINE", env = "AIRTIGHT_ENGINE", hide_env_values = true, default_value = "tofu")]
        engine: String,
        /// Version of the engine (default: 1.12.6 of OpenTofu, 1.11.4 of Terraform)
        #[arg(long, value_name = "X.Y.Z", env = "AIRTIGHT_ENGINE_VERSION", hide_env_values = true)]
        engine_version: Option<String>,
        /// Platform of the image
        #[arg(
            long,
            value_name = "OS_ARCH",
            env = "AIRTIGHT_PLATFORM",
            hide_env_values = true,
            default_value = "linux_amd64"
        )]
        platform: String,
        /// Where the mirror lies in the image
        #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", hide_env_values = true, default_value = "/providers")]
        mirror: String,
    },
    /// A commented /etc/airtight/settings.yml
    ///
    /// What an image sets there is fixed for its stacks; only there `policy: observe` counts.
    Settings,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArguments {
    /// A code, or a part of an engine's error text
    pub code: Vec<String>,
}

/// Whether `check` asks the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ask {
    #[default]
    Auto,
    Never,
}

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Human,
    Concise,
    Json,
    Sarif,
    Junit,
    Markdown,
}
