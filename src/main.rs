//! The command line: arguments, one file per subcommand, streams and exit codes.

mod arguments;
#[cfg(feature = "full")]
mod audit;
mod check;
mod common_arguments;
mod completions;
mod doctor;
#[cfg(feature = "full")]
mod downloading;
mod exit_code;
mod explain;
mod hook;
#[cfg(feature = "full")]
mod lock;
#[cfg(feature = "full")]
mod mirror;
#[cfg(feature = "full")]
mod modules;
mod output;
mod progress;
#[cfg(feature = "full")]
mod reach;
#[cfg(feature = "full")]
mod rehearse;
#[cfg(feature = "full")]
mod rehearse_arguments;
#[cfg(feature = "full")]
mod rehearse_request;
mod render;
mod render_dockerfile;
mod resolve;
mod run;
mod session;
#[cfg(feature = "full")]
mod sizes;
mod typed;
#[cfg(feature = "full")]
mod verify_archive;
mod welcome;
mod workflow_arguments;

use clap::{CommandFactory as _, FromArgMatches as _};

use arguments::{Arguments, Command};
use exit_code::ExitCode;

/// Everything that ends a command early.
#[derive(Debug)]
pub enum Stop {
    /// 96, with what is wrong and what would be right.
    Usage(String),
    /// 100: airtight itself failed; the run must not continue.
    Failed(anyhow::Error),
    Engine(airtight_gate::engine::EngineError),
    Start(airtight_gate::exec::StartError),
}

impl From<anyhow::Error> for Stop {
    fn from(error: anyhow::Error) -> Self {
        if error.is::<airtight_gate::cli_sources::NamedFileError>() {
            return Self::Usage(format!("{error:#}"));
        }
        Self::Failed(error)
    }
}

/// Runs the process's own arguments.
fn main() -> std::process::ExitCode {
    if let Some(code) = airtight_engine::bound::become_program(std::env::args_os()) {
        return code;
    }
    #[cfg(feature = "full")]
    if let Some(code) = airtight_spacelift::rehearse::executions::become_traced(std::env::args_os()) {
        return code;
    }
    report_bugs();
    start_tracing();
    if std::env::args_os().len() == 1 {
        return welcome::run().into();
    }
    // Help names variables, and never shows their values.
    let matches = without_values(Arguments::command()).try_get_matches();
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are data; everything else is a usage error, whose code is not clap's own 2.
            if !error.use_stderr() {
                let _ = error.print();
                return ExitCode::Cleared.into();
            }
            output::usage(&error.render().to_string());
            return ExitCode::Usage.into();
        }
    };
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Hook(arguments) => hook::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        #[cfg(feature = "full")]
        Command::Audit(arguments) => audit::run(&arguments),
        #[cfg(feature = "full")]
        Command::Rehearse(arguments) => rehearse::run(&arguments),
        #[cfg(feature = "full")]
        Command::RehearseInside { stage } => rehearse::inside(&stage),
        Command::Doctor(arguments) => doctor::run(&arguments),
        #[cfg(feature = "full")]
        Command::Mirror(arguments) => mirror::run(&arguments),
        #[cfg(feature = "full")]
        Command::Modules(arguments) => modules::run(&arguments),
        #[cfg(feature = "full")]
        Command::VerifyArchive(arguments) => verify_archive::run(&arguments),
        #[cfg(feature = "full")]
        Command::Reach(arguments) => reach::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        #[cfg(feature = "full")]
        Command::Lock(arguments) => lock::run(&arguments),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { directory } => completions::manual(directory.as_deref()),
    };
    result.unwrap_or_else(stop).into()
}

fn without_values(command: clap::Command) -> clap::Command {
    command.mut_args(|argument| argument.hide_env_values(true)).mut_subcommands(without_values)
}

fn stop(stop: Stop) -> ExitCode {
    use airtight_gate::engine::EngineError;
    use airtight_gate::exec::StartError;
    match stop {
        Stop::Usage(text) => {
            output::error_line(&text);
            ExitCode::Usage
        }
        Stop::Failed(error) => {
            output::error_line(&format!("{error:#}"));
            ExitCode::Refused
        }
        Stop::Engine(error) => {
            output::error_line(&error.to_string());
            if matches!(error, EngineError::NotFound(_)) { ExitCode::NotFound } else { ExitCode::NotExecutable }
        }
        Stop::Start(error) => {
            output::error_line(&error.to_string());
            match error {
                StartError::NotFound { .. } => ExitCode::NotFound,
                StartError::NotGuarded(_) => ExitCode::Refused,
                StartError::NotExecutable { .. } => ExitCode::NotExecutable,
            }
        }
    }
}

/// A panic is our bug: it says so, and ends with 70.
fn report_bugs() {
    std::panic::set_hook(Box::new(|info| {
        output::error_line(&format!("this is a bug in airtight, please report it: {info}"));
        #[expect(clippy::exit, reason = "a panic must not end with an exit code of the engine's")]
        std::process::exit(70);
    }));
}

/// `AIRTIGHT_LOG`: a level such as `debug`, or `CRATE=LEVEL` with commas between.
fn start_tracing() {
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::fmt::format::FmtSpan;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;

    let filter = std::env::var("AIRTIGHT_LOG").unwrap_or_default();
    if filter.is_empty() {
        return;
    }
    match filter.parse::<Targets>() {
        Ok(targets) => {
            let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(|| output::LogLine);
            let lines = lines.with_span_events(FmtSpan::CLOSE);
            tracing_subscriber::registry().with(lines).with(targets).init();
        }
        Err(error) => output::error_line(&format!("AIRTIGHT_LOG is not used: {error}; write a level such as `debug`")),
    }
}
