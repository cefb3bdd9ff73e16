//! The arguments of the engine's `init`: those after `--`, those of `TF_CLI_ARGS` and `TF_CLI_ARGS_init`.
//!
//! Only arguments that change a prediction are read. Which arguments an engine accepts, only the engine says: one that is not
//! known here, or looks wrong, is a [`Remark`] and stops nothing.
//!
//! Source: OpenTofu `cmd/tofu/main.go` `mergeEnvArgs`, `internal/command/arguments/init.go`; Terraform's files of the
//! same names; Go `flag`.

mod words;

use std::collections::BTreeMap;
use std::fmt;

use camino::Utf8PathBuf;

/// Where an argument came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArgumentOrigin {
    CommandLine,
    TfCliArgs,
    TfCliArgsInit,
}

impl ArgumentOrigin {
    /// The environment variable that holds it, if one does.
    pub const fn variable(self) -> Option<&'static str> {
        match self {
            Self::CommandLine => None,
            Self::TfCliArgs => Some("TF_CLI_ARGS"),
            Self::TfCliArgsInit => Some("TF_CLI_ARGS_init"),
        }
    }

    /// `TF_CLI_ARGS_init`, or the words for the command line.
    pub const fn name(self) -> &'static str {
        match self.variable() {
            Some(variable) => variable,
            None => "the arguments of `init`",
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given<T> {
    pub value: T,
    pub origin: ArgumentOrigin,
}

/// A flag that changes the prediction, or that a finding names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    Backend,
    BackendConfig,
    FromModule,
    Get,
    Lockfile,
    MigrateState,
    PluginDir,
    Reconfigure,
    TestDirectory,
    Upgrade,
    /// `-var` and `-var-file`: OpenTofu evaluates module sources and backends with them.
    Variable,
    /// Nothing that is predicted depends on it.
    Irrelevant,
}

/// `init`'s flags, merged in the engine's order: `TF_CLI_ARGS_init`, then `TF_CLI_ARGS`, then the command line. Of a
/// flag that is given several times the last one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the engine's own")]
pub struct InitArguments {
    /// `-chdir=DIR`, a global option.
    pub chdir: Option<Utf8PathBuf>,
    pub backend: bool,
    /// `-reconfigure`: the backend that an earlier `init` recorded is ignored.
    pub reconfigure: bool,
    /// `-migrate-state`, or `-force-copy`, which implies it.
    pub migrate_state: bool,
    /// `-backend-config=KEY=VALUE` or `-backend-config=FILE`, in their order.
    pub backend_config: Vec<BackendConfig>,
    pub get: bool,
    pub upgrade: bool,
    /// `-lockfile=readonly`; any other value is ignored by the engine.
    pub lockfile_readonly: bool,
    pub plugin_dirs: Vec<Given<Utf8PathBuf>>,
    /// `-test-directory=DIR`, `tests` by default.
    pub test_directory: String,
    pub from_module: Option<String>,
    /// `-var=NAME=VALUE` and `-var-file=FILE`, in the order in which they count.
    pub variables: Vec<String>,
    /// What is odd about them, for notes and warnings.
    pub remarks: Vec<Given<Remark>>,
    /// Where the flag in effect came from.
    pub origins: BTreeMap<Flag, ArgumentOrigin>,
}

/// Something odd about an argument. No text in it can be a value of a variable or of a backend's setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// A flag that is not known here, or a value that is not known for it: `-flag`.
    Unknown { flag: String },
    /// No flag, but engines accept only flags here. Its text, or else its place among the words of its origin, from 1.
    Stray { argument: Result<String, usize> },
    /// `-backend-config` whose value begins with a quote: the quote is part of the setting's name, or of the file's.
    QuotedSetting { name: String },
    /// `-help` or `-version`: the engine prints that and initializes nothing.
    InitializesNothing { flag: String },
    /// The variable cannot be split into words; the engine stops there.
    Unsplittable,
    /// The directory of `-chdir` cannot be entered; the system's reason.
    DirectoryMissing { reason: String },
}

impl Remark {
    /// Whether the engine certainly does something else than to initialize; else it may know more than we do.
    pub const fn is_certain(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }
}

impl InitArguments {
    /// Whether every engine ends with an error over this. If a flag is not known here, what follows it may be its value.
    pub fn fails_by(&self, remark: &Given<Remark>) -> bool {
        let has_unknown = self.remarks.iter().any(|remark| matches!(remark.value, Remark::Unknown { .. }));
        match remark.value {
            Remark::Stray { .. } => !has_unknown,
            Remark::Unsplittable | Remark::DirectoryMissing { .. } => true,
            Remark::Unknown { .. } | Remark::QuotedSetting { .. } | Remark::InitializesNothing { .. } => false,
        }
    }
}

impl fmt::Display for Given<Remark> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin.name();
        match &self.value {
            Remark::Unknown { flag } => {
                write!(formatter, "airtight does not know `{flag}` in {origin}, or its value; the engine decides")
            }
            Remark::Stray { argument: Ok(argument) } => {
                write!(formatter, "`{argument}` in {origin} is no flag, and `init` takes nothing else")
            }
            Remark::Stray { argument: Err(place) } => {
                write!(formatter, "word {place} in {origin} is no flag, and `init` takes nothing else")
            }
            Remark::QuotedSetting { name } => {
                write!(formatter, "the quotes around `{name}` in {origin} became part of the `-backend-config`")
            }
            Remark::InitializesNothing { flag } => {
                write!(formatter, "`{flag}` in {origin} makes the engine print a text instead of initializing")
            }
            Remark::Unsplittable => write!(formatter, "{origin} cannot be split into words: a quote is not closed"),
            Remark::DirectoryMissing { reason } => write!(formatter, "`-chdir` cannot be followed: {reason}"),
        }
    }
}

/// The value of one `-backend-config`. Settings may be secrets: only names are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendConfig(String);

impl BackendConfig {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As it was given. It may hold a secret.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// Name and value; null if it names a file.
    pub fn setting(&self) -> Option<(&str, &str)> {
        self.0.split_once('=')
    }

    /// The file's name, if it names a file.
    pub fn file(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.contains('='))
    }

    /// The setting's name, or the file's.
    pub fn shown(&self) -> &str {
        self.setting().map_or(self.0.as_str(), |(name, _)| name)
    }
}

impl Default for InitArguments {
    fn default() -> Self {
        Self {
            chdir: None,
            backend: true,
            reconfigure: false,
            migrate_state: false,
            backend_config: Vec::new(),
            get: true,
            upgrade: false,
            lockfile_readonly: false,
            plugin_dirs: Vec::new(),
            test_directory: "tests".to_owned(),
            from_module: None,
            variables: Vec::new(),
            remarks: Vec::new(),
            origins: BTreeMap::new(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Bool,
    Text,
}

/// The flags that an engine's `init` has, or had; newer ones are passed on with a note.
const FLAGS: [(&str, Flag, Takes); 31] = [
    ("backend", Flag::Backend, Takes::Bool),
    ("backend-config", Flag::BackendConfig, Takes::Text),
    ("cloud", Flag::Backend, Takes::Bool),
    ("compact-warnings", Flag::Irrelevant, Takes::Bool),
    ("concise", Flag::Irrelevant, Takes::Bool),
    ("consolidate-errors", Flag::Irrelevant, Takes::Bool),
    ("consolidate-warnings", Flag::Irrelevant, Takes::Bool),
    ("create-default-workspace", Flag::Irrelevant, Takes::Bool),
    ("deprecation", Flag::Irrelevant, Takes::Text),
    ("enable-pluggable-state-storage-experiment", Flag::Irrelevant, Takes::Bool),
    ("force-copy", Flag::MigrateState, Takes::Bool),
    ("from-module", Flag::FromModule, Takes::Text),
    ("get", Flag::Get, Takes::Bool),
    ("ignore-remote-version", Flag::Irrelevant, Takes::Bool),
    ("input", Flag::Irrelevant, Takes::Bool),
    ("json", Flag::Irrelevant, Takes::Bool),
    ("json-into", Flag::Irrelevant, Takes::Text),
    ("lock", Flag::Irrelevant, Takes::Bool),
    ("lock-timeout", Flag::Irrelevant, Takes::Text),
    ("lockfile", Flag::Lockfile, Takes::Text),
    ("migrate-state", Flag::MigrateState, Takes::Bool),
    ("no-color", Flag::Irrelevant, Takes::Bool),
    ("plugin-dir", Flag::PluginDir, Takes::Text),
    ("policies", Flag::Irrelevant, Takes::Text),
    ("reconfigure", Flag::Reconfigure, Takes::Bool),
    ("state-provider-lock-file", Flag::Irrelevant, Takes::Text),
    ("target", Flag::Irrelevant, Takes::Text),
    ("test-directory", Flag::TestDirectory, Takes::Text),
    ("upgrade", Flag::Upgrade, Takes::Bool),
    ("var", Flag::Variable, Takes::Text),
    ("var-file", Flag::Variable, Takes::Text),
];

impl InitArguments {
    /// Reads the arguments as the engine merges them.
    ///
    /// `arguments` is the command line after the engine's name, without the word `init`: a leading `-chdir=DIR` is the
    /// global option.
    pub fn parse(tf_cli_args: Option<&str>, tf_cli_args_init: Option<&str>, arguments: &[String]) -> Self {
        let mut parsed = Self::default();
        for (origin, line) in
            [(ArgumentOrigin::TfCliArgsInit, tf_cli_args_init), (ArgumentOrigin::TfCliArgs, tf_cli_args)]
        {
            match words::split(line.unwrap_or_default()) {
                Some(words) => parsed.parse_words(&words, origin),
                None => parsed.remark(Remark::Unsplittable, origin),
            }
        }
        let own = match arguments.split_first() {
            Some((first, rest)) if first.starts_with("-chdir=") => {
                parsed.chdir = first.strip_prefix("-chdir=").filter(|text| !text.is_empty()).map(Into::into);
                rest
            }
            _ => arguments,
        };
        parsed.parse_words(own, ArgumentOrigin::CommandLine);
        parsed
    }

    /// Where the flag in effect came from; null if it is not given.
    pub fn origin(&self, flag: Flag) -> Option<ArgumentOrigin> {
        self.origins.get(&flag).copied()
    }

    fn remark(&mut self, value: Remark, origin: ArgumentOrigin) {
        self.remarks.push(Given { value, origin });
    }

    fn parse_words(&mut self, words: &[String], origin: ArgumentOrigin) {
        let mut rest = words.iter().enumerate().peekable();
        let mut ends_flags = false;
        while let Some((place, word)) = rest.next() {
            let name = word.strip_prefix('-').map(|name| name.strip_prefix('-').unwrap_or(name));
            let Some(name) = name.filter(|_| !ends_flags && word != "-") else {
                self.stray(word, place + 1, origin);
                continue;
            };
            if name.is_empty() {
                ends_flags = true;
                continue;
            }
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (name, None),
            };
            let shown = || format!("-{}", if is_plain(name) { name } else { "..." });
            if matches!(name, "h" | "help" | "v" | "version") {
                self.remark(Remark::InitializesNothing { flag: shown() }, origin);
                continue;
            }
            let known = FLAGS.iter().find(|(flag, ..)| *flag == name).copied();
            let is_bool = known.is_some_and(|(.., takes)| takes == Takes::Bool);
            // An unknown flag may take the word after it.
            let follows = |next: Option<&(usize, &String)>| {
                known.is_some() || next.is_some_and(|(_, next)| !next.starts_with('-'))
            };
            let value = match value {
                None if !is_bool && follows(rest.peek()) => rest.next().map(|(_, next)| next.as_str()),
                value => value,
            };
            let is_set = known.is_some_and(|(_, flag, takes)| match takes {
                Takes::Bool => parse_bool(value.unwrap_or("true")).map(|on| self.set_switch(flag, on)).is_some(),
                Takes::Text => value.map(|value| self.set_text(flag, name, value, origin)).is_some(),
            });
            match known {
                Some((_, flag, _)) if is_set => {
                    self.origins.insert(flag, origin);
                }
                _ => self.remark(Remark::Unknown { flag: shown() }, origin),
            }
        }
    }

    /// Its text is shown only if it cannot have been cut off the value of a variable or a setting.
    fn stray(&mut self, word: &str, place: usize, origin: ArgumentOrigin) {
        let may_be_secret = [Flag::Variable, Flag::BackendConfig].iter().any(|flag| self.origins.contains_key(flag));
        let argument = if is_plain(word) && !may_be_secret { Ok(word.to_owned()) } else { Err(place) };
        self.remark(Remark::Stray { argument }, origin);
    }

    fn set_text(&mut self, flag: Flag, name: &str, value: &str, origin: ArgumentOrigin) {
        match flag {
            Flag::PluginDir => self.plugin_dirs.push(Given { value: value.into(), origin }),
            Flag::BackendConfig => {
                let config = BackendConfig::new(value);
                if value.starts_with(['"', '\'']) {
                    let name = config.shown().trim_matches(['"', '\'']);
                    let name = if is_plain(name) { name.to_owned() } else { "...".to_owned() };
                    self.remark(Remark::QuotedSetting { name }, origin);
                }
                self.backend_config.push(config);
            }
            Flag::Lockfile => self.lockfile_readonly = value == "readonly",
            Flag::TestDirectory => value.clone_into(&mut self.test_directory),
            Flag::Variable => self.variables.push(format!("-{name}={value}")),
            Flag::FromModule => self.from_module = Some(value.to_owned()).filter(|module| !module.is_empty()),
            _ => {}
        }
    }

    const fn set_switch(&mut self, flag: Flag, on: bool) {
        match flag {
            Flag::Backend => self.backend = on,
            Flag::Reconfigure => self.reconfigure = on,
            Flag::MigrateState => self.migrate_state = on,
            Flag::Get => self.get = on,
            Flag::Upgrade => self.upgrade = on,
            _ => {}
        }
    }
}

/// A name or a path of plain letters, which may be shown.
fn is_plain(text: &str) -> bool {
    const LIMIT: usize = 64;
    let is_shown = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
    !text.is_empty() && text.len() <= LIMIT && text.bytes().all(is_shown)
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(all: &str, init: &str, own: &[&str]) -> InitArguments {
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        InitArguments::parse(Some(all), Some(init), &own)
    }

    #[test]
    fn later_flags_win_in_the_engines_order_and_keep_their_origin() {
        use ArgumentOrigin::{CommandLine, TfCliArgs, TfCliArgsInit};
        let parsed = parse(
            "-upgrade=false -plugin-dir /b -test-directory=\"a b\"",
            "-upgrade --plugin-dir=/a -lockfile=readonly",
            &["-chdir=root", "-no-color", "-input=false", "-plugin-dir=/c", "-cloud=false", "-get=F", "--"],
        );
        assert_eq!(parsed.chdir.as_deref(), Some("root".into()));
        assert!(!parsed.backend && !parsed.get && !parsed.upgrade && parsed.lockfile_readonly);
        assert_eq!(parsed.test_directory, "a b");
        let dirs = parsed.plugin_dirs.iter().map(|dir| (dir.value.as_str(), dir.origin)).collect::<Vec<_>>();
        assert_eq!(dirs, [("/a", TfCliArgsInit), ("/b", TfCliArgs), ("/c", CommandLine)]);
        assert_eq!(parsed.origin(Flag::Upgrade), Some(TfCliArgs));
        assert_eq!(parsed.origin(Flag::Lockfile).and_then(ArgumentOrigin::variable), Some("TF_CLI_ARGS_init"));
        assert_eq!(parsed.remarks, []);
    }

    #[test]
    fn what_is_odd_is_remarked_and_stops_nothing() {
        let unknown = |flag: &str| Some(Remark::Unknown { flag: flag.to_owned() });
        let stray = |argument: Result<&str, usize>| Some(Remark::Stray { argument: argument.map(str::to_owned) });
        let quoted = |name: &str| Some(Remark::QuotedSetting { name: name.to_owned() });
        let nothing = |flag: &str| Some(Remark::InitializesNothing { flag: flag.to_owned() });
        let cases: [(&[&str], Option<Remark>); 19] = [
            (&["-target=module.a", "-policies=p", "-create-default-workspace", "-json"], None),
            (&["-from-the-future=5", "-upgrade"], unknown("-from-the-future")),
            (&["-from-the-future", "5", "-upgrade"], unknown("-from-the-future")),
            (&["-s3cret key=1", "-upgrade"], unknown("-...")),
            (&["-get=maybe", "-upgrade"], unknown("-get")),
            (&["-upgrade", "-plugin-dir"], unknown("-plugin-dir")),
            (&["extra", "-upgrade"], stray(Ok("extra"))),
            (&["-upgrade", "--", "-x"], stray(Ok("-x"))),
            (&["-upgrade", ""], stray(Err(2))),
            (&["-upgrade", "-"], stray(Ok("-"))),
            (&["-var", "password", "=", "-upgrade"], stray(Err(3))),
            (&["-var", "password=", "s3cret", "-upgrade"], stray(Err(3))),
            (&["-backend-config=\"path=x\"", "-upgrade"], quoted("path")),
            (&["-backend-config='s3cret value=x'", "-upgrade"], quoted("...")),
            (&["-backend-config=a.cfg", "-upgrade"], None),
            (&["-h", "-upgrade"], nothing("-h")),
            (&["-upgrade", "-version"], nothing("-version")),
            (&["-deprecation=module:none", "-lock-timeout=5", "-json-into", "x", "-upgrade"], None),
            (&["-upgrade", "-chdir=x"], unknown("-chdir")),
        ];
        for (own, expected) in cases {
            let parsed = parse("", "", own);
            let remarks = parsed.remarks.iter().map(|remark| remark.value.clone()).collect::<Vec<_>>();
            assert_eq!(remarks, expected.into_iter().collect::<Vec<_>>(), "{own:?}");
            assert_eq!(parsed.upgrade, own.contains(&"-upgrade"), "{own:?}");
        }
        let broken = parse("'a", "", &["-upgrade"]);
        assert_eq!(broken.remarks, [Given { value: Remark::Unsplittable, origin: ArgumentOrigin::TfCliArgs }]);
        assert!(broken.upgrade);
    }

    proptest! {
        #[test]
        fn never_panics(line in "[-a-z=0-9.\\\\'\"`$() ;&µ]{0,30}") {
            parse(&line, &line, &[&line, "-upgrade", &line]);
        }
    }
}
