//! The options of most commands, as typed.

#![expect(clippy::doc_markdown, reason = "these docs are the help, where backticks would be printed")]

use clap::{Args, ValueEnum};

use super::typed::{self, Given, GivenParser, Suggested};

/// Options of most commands.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct CommonArguments {
    /// Directory with the provider packages, in the layout of `providers mirror` (repeatable, or several separated by
    /// `:`; default: /providers)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MIRROR", value_delimiter = ':')]
    pub mirror: Vec<String>,
    /// Directory with the sources of modules, made by `airtight modules build` (repeatable, or several separated by `:`;
    /// default: /modules if it exists)
    #[arg(long, value_name = "DIR", env = "AIRTIGHT_MODULES", value_delimiter = ':')]
    pub modules: Vec<String>,
    /// `tofu`, `terraform`, or the path of one (default: the one on PATH; if both are, `tofu`)
    #[arg(
        long,
        value_name = "ENGINE",
        env = "AIRTIGHT_ENGINE",
        hide_possible_values = true,
        value_parser = Suggested(typed::engines)
    )]
    pub engine: Option<String>,
    /// Predict for this version of the engine; if --engine is `tofu` or `terraform`, it need not be installed
    #[arg(long, value_name = "X.Y.Z", env = "AIRTIGHT_ENGINE_VERSION")]
    pub engine_version: Option<String>,
    /// Platform that `init` will run on, such as linux_amd64 (default: this machine's)
    #[arg(
        long,
        value_name = "OS_ARCH",
        env = "AIRTIGHT_PLATFORM",
        hide_possible_values = true,
        value_parser = Suggested(typed::platforms)
    )]
    pub platform: Option<String>,
    /// Administrator settings; they cannot override /etc/airtight/settings.yml in the image
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_SETTINGS")]
    pub settings: Option<String>,
    /// Also check the providers used by this state (a state file, or the output of `show -json`)
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_STATE")]
    pub state: Option<String>,
    /// Format of the report: human (default), concise, json, sarif, junit or markdown; `run` and `hook` report on
    /// stderr, as human or concise only
    #[arg(
        long,
        value_name = "FORMAT",
        env = "AIRTIGHT_FORMAT",
        hide_possible_values = true,
        value_parser = GivenParser::<Format>::new()
    )]
    pub format: Option<Given<Format>>,
    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE", env = "AIRTIGHT_REPORT")]
    pub report: Option<String>,
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

/// The format of a list or a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    #[default]
    Human,
    Json,
}

/// The format of a report on one machine or one mirror.
#[cfg(feature = "full")]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    #[default]
    Human,
    Concise,
    Json,
}
