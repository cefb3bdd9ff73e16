//! The arguments of the engine's `init`: those after `--`, those of `TF_CLI_ARGS` and `TF_CLI_ARGS_init`.
//!
//! Source: OpenTofu `cmd/tofu/main.go` `mergeEnvArgs`, `internal/command/arguments/init.go`,
//! `internal/command/workdir`; Go `flag`; mattn/go-shellwords.

use camino::Utf8PathBuf;

use airtight_provider::{Engine, EngineName};

/// `init`'s flags, merged in the engine's order: `TF_CLI_ARGS_init`, then `TF_CLI_ARGS`, then the command line. Of a
/// flag that is given several times the last one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the engine's own")]
pub struct InitArguments {
    /// `-chdir=DIR`, a global option.
    pub chdir: Option<Utf8PathBuf>,
    pub backend: bool,
    /// `-reconfigure`: what an earlier `init` recorded of a backend does not count.
    pub reconfigure: bool,
    /// `-migrate-state`, or `-force-copy`, which implies it.
    pub migrate_state: bool,
    /// `-force-copy`: states are migrated without a question.
    pub force_copy: bool,
    /// `-backend-config=KEY=VALUE` or `-backend-config=FILE`, in their order.
    pub backend_config: Vec<String>,
    pub get: bool,
    pub upgrade: bool,
    /// `-lockfile=readonly`; any other value is ignored by the engine.
    pub lockfile_readonly: bool,
    pub plugin_dirs: Vec<Utf8PathBuf>,
    /// `-test-directory=DIR`, `tests` by default.
    pub test_directory: String,
    pub from_module: Option<String>,
    /// `-var=NAME=VALUE` and `-var-file=FILE`, in the order in which they count.
    pub variables: Vec<String>,
    /// What keeps the engine from initializing anything: it prints its usage text and ends with 1, or does what
    /// `-help` or `-version` say.
    pub errors: Vec<String>,
}

impl Default for InitArguments {
    fn default() -> Self {
        Self {
            chdir: None,
            backend: true,
            reconfigure: false,
            migrate_state: false,
            force_copy: false,
            backend_config: Vec::new(),
            get: true,
            upgrade: false,
            lockfile_readonly: false,
            plugin_dirs: Vec::new(),
            test_directory: "tests".to_owned(),
            from_module: None,
            variables: Vec::new(),
            errors: Vec::new(),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FlagKind {
    Bool,
    Duration,
    Text,
}

/// The flags of `init`; both engines have them, but for the last one.
const FLAGS: [(&str, FlagKind); 20] = [
    ("backend", FlagKind::Bool),
    ("backend-config", FlagKind::Text),
    ("cloud", FlagKind::Bool),
    ("force-copy", FlagKind::Bool),
    ("from-module", FlagKind::Text),
    ("get", FlagKind::Bool),
    ("ignore-remote-version", FlagKind::Bool),
    ("input", FlagKind::Bool),
    ("json", FlagKind::Bool),
    ("lock", FlagKind::Bool),
    ("lock-timeout", FlagKind::Duration),
    ("lockfile", FlagKind::Text),
    ("migrate-state", FlagKind::Bool),
    ("plugin-dir", FlagKind::Text),
    ("reconfigure", FlagKind::Bool),
    ("test-directory", FlagKind::Text),
    ("upgrade", FlagKind::Bool),
    ("var", FlagKind::Text),
    ("var-file", FlagKind::Text),
    ("json-into", FlagKind::Text),
];

impl InitArguments {
    /// Reads the arguments as the engine merges them.
    ///
    /// `arguments` is the command line after the engine's name, without the word `init`: a leading `-chdir=DIR` is the
    /// global option.
    pub fn parse(
        tf_cli_args: Option<&str>,
        tf_cli_args_init: Option<&str>,
        arguments: &[String],
        engine: &Engine,
    ) -> Self {
        let mut parsed = Self::default();
        let own = parsed.take_chdir(arguments);
        let mut words = Vec::new();
        for (name, value) in [("TF_CLI_ARGS_init", tf_cli_args_init), ("TF_CLI_ARGS", tf_cli_args)] {
            match split_words(value.unwrap_or_default()) {
                Some(split) => words.extend(split),
                None => parsed.errors.push(format!("Error parsing extra CLI args from {name}: {INVALID_LINE}")),
            }
        }
        words.extend_from_slice(own);
        // The whole line is searched for these, even what stands after `--`.
        if let Some(word) = words.iter().find(|word| matches!(word.as_str(), "-v" | "-version" | "--version")) {
            parsed.errors.push(format!("{word}: the engine prints its version instead of initializing"));
        }
        words.retain(|word| !is_view_flag(word, engine.name));
        parsed.parse_flags(&words, engine);
        parsed
    }

    fn take_chdir<'a>(&mut self, arguments: &'a [String]) -> &'a [String] {
        let Some((first, rest)) = arguments.split_first() else { return arguments };
        if first == "-chdir" || first == "-chdir=" {
            self.errors.push(
                "Invalid -chdir option: must include an equals sign followed by a directory path, like -chdir=example"
                    .to_owned(),
            );
            return rest;
        }
        match first.strip_prefix("-chdir=") {
            Some(directory) => {
                self.chdir = Some(directory.into());
                rest
            }
            None => arguments,
        }
    }

    fn parse_flags(&mut self, words: &[String], engine: &Engine) {
        let mut given: Vec<(&str, bool)> = Vec::new();
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let Some(name) = word.strip_prefix('-').filter(|name| !name.is_empty()) else {
                return self.too_many(&given, engine);
            };
            let name = name.strip_prefix('-').unwrap_or(name);
            if name.is_empty() {
                if rest.next().is_some() {
                    self.too_many(&given, engine);
                }
                break;
            }
            if name.starts_with(['-', '=']) {
                return self.errors.push(format!("bad flag syntax: {word}"));
            }
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (name, None),
            };
            let Some((name, kind)) = FLAGS.iter().find(|(flag, _)| *flag == name && exists(flag, engine)).copied()
            else {
                return self.errors.push(match name {
                    "h" | "help" => format!("{word}: the engine prints its usage text instead of initializing"),
                    _ => format!("flag provided but not defined: -{name}"),
                });
            };
            if kind == FlagKind::Bool {
                let Some(on) = parse_bool(value.unwrap_or("true")) else {
                    let value = value.unwrap_or_default();
                    return self.errors.push(format!("invalid boolean value {value:?} for -{name}: parse error"));
                };
                given.push((name, on));
                continue;
            }
            let Some(value) = value.or_else(|| rest.next().map(String::as_str)) else {
                return self.errors.push(format!("flag needs an argument: -{name}"));
            };
            if kind == FlagKind::Duration && !is_duration(value) {
                return self.errors.push(format!("invalid value {value:?} for flag -{name}: parse error"));
            }
            self.set_text(name, value);
            given.push((name, !value.is_empty()));
        }
        self.check_combinations(&given, engine);
        self.set_switches(&given);
        self.migrate_state |= self.force_copy;
    }

    fn too_many(&mut self, given: &[(&str, bool)], engine: &Engine) {
        self.check_combinations(given, engine);
        self.errors.push("Too many command line arguments. Did you mean to use -chdir?".to_owned());
    }

    fn set_text(&mut self, name: &str, value: &str) {
        match name {
            "plugin-dir" => self.plugin_dirs.push(value.into()),
            "backend-config" => self.backend_config.push(value.to_owned()),
            "lockfile" => self.lockfile_readonly = value == "readonly",
            "test-directory" => value.clone_into(&mut self.test_directory),
            "var" | "var-file" => self.variables.push(format!("-{name}={value}")),
            "from-module" => self.from_module = Some(value.to_owned()).filter(|module| !module.is_empty()),
            _ => {}
        }
    }

    fn set_switches(&mut self, given: &[(&str, bool)]) {
        for (name, on) in given {
            match *name {
                "backend" | "cloud" => self.backend = *on,
                "reconfigure" => self.reconfigure = *on,
                "migrate-state" => self.migrate_state = *on,
                "force-copy" => self.force_copy = *on,
                "get" => self.get = *on,
                "upgrade" => self.upgrade = *on,
                _ => {}
            }
        }
    }

    fn check_combinations(&mut self, given: &[(&str, bool)], engine: &Engine) {
        let is_given = |name: &str| given.iter().any(|(flag, _)| *flag == name);
        let is_on = |name: &str| given.iter().rev().find(|(flag, _)| *flag == name).is_some_and(|(_, on)| *on);
        let is_tofu = engine.name == EngineName::Tofu;
        let refused = [
            (
                is_given("backend") && is_given("cloud"),
                "The -backend and -cloud options are aliases of one another and mutually-exclusive in their use",
            ),
            (
                is_on("migrate-state") && is_on("reconfigure"),
                "The -migrate-state and -reconfigure options are mutually-exclusive",
            ),
            (
                is_on("migrate-state") && is_on("json") && !is_tofu,
                "The -migrate-state and -json options are mutually-exclusive",
            ),
            (
                is_on("json") && is_on("json-into") && is_tofu,
                "The -json and -json-into arguments are mutually exclusive",
            ),
        ];
        self.errors.extend(refused.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text.to_owned()));
    }
}

const INVALID_LINE: &str = "invalid command line string";

/// Whether this engine has a flag of [`FLAGS`].
fn exists(flag: &str, engine: &Engine) -> bool {
    flag != "json-into" || (engine.name == EngineName::Tofu && engine.is_at_least(1, 12, 0))
}

/// Flags that the engine takes out wherever they stand, in exactly this spelling.
fn is_view_flag(word: &str, engine: EngineName) -> bool {
    match word {
        "-no-color" | "-compact-warnings" => true,
        "-consolidate-warnings"
        | "-consolidate-warnings=true"
        | "-consolidate-warnings=false"
        | "-consolidate-errors"
        | "-consolidate-errors=true"
        | "-consolidate-errors=false"
        | "-concise" => engine == EngineName::Tofu,
        _ => engine == EngineName::Tofu && word.starts_with("-deprecation=module:"),
    }
}

/// Go's `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whether Go's `time.ParseDuration` takes it (its limits aside).
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let length = rest.find(|character: char| character != '.' && !character.is_ascii_digit());
        let (number, after) = rest.split_at(length.unwrap_or(rest.len()));
        let has_digit = number.contains(|character: char| character.is_ascii_digit());
        if !has_digit || number.matches('.').count() > 1 {
            return false;
        }
        let unit = ["ns", "us", "µs", "μs", "ms", "s", "m", "h"].into_iter().find(|unit| {
            after
                .strip_prefix(unit)
                .is_some_and(|next| next.is_empty() || next.starts_with(|c: char| c == '.' || c.is_ascii_digit()))
        });
        match unit {
            Some(unit) => rest = &after[unit.len()..],
            None => return false,
        }
    }
    true
}

/// Splits a line into words; null where the line is invalid. Words end at an unquoted `;`, `&`, `|`, `<` or `>`, and
/// what follows is dropped without a word.
///
/// Source: mattn/go-shellwords `Parse`, with neither variables nor backticks.
fn split_words(line: &str) -> Option<Vec<String>> {
    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Quote {
        Single,
        Double,
        Back,
        Dollar,
    }
    let mut words = Vec::new();
    let mut word = String::new();
    let mut has_word = false;
    let mut is_escaped = false;
    let mut quote: Option<Quote> = None;
    for character in line.chars() {
        if is_escaped {
            word.push(character);
            is_escaped = false;
            has_word = true;
            continue;
        }
        match (character, quote) {
            ('\\', Some(Quote::Single)) | (' ' | '\t' | '\r' | '\n', Some(_)) => {
                word.push(character);
                continue;
            }
            ('\\', _) => {
                is_escaped = true;
                continue;
            }
            (' ' | '\t' | '\r' | '\n', None) => {
                if has_word {
                    words.push(std::mem::take(&mut word));
                    has_word = false;
                }
                continue;
            }
            ('`', None) => quote = Some(Quote::Back),
            (')', None) => quote = Some(Quote::Dollar),
            ('`', Some(Quote::Back)) | (')', Some(Quote::Dollar)) => quote = None,
            ('(', None) if word.ends_with('$') => {
                word.push('(');
                quote = Some(Quote::Dollar);
                continue;
            }
            ('(', None | Some(Quote::Dollar)) => return None,
            ('"', None) => {
                quote = Some(Quote::Double);
                continue;
            }
            ('\'', None) => {
                quote = Some(Quote::Single);
                continue;
            }
            ('"', Some(Quote::Double)) | ('\'', Some(Quote::Single)) => {
                quote = None;
                has_word = true;
                continue;
            }
            (';' | '&' | '|' | '<' | '>', None) => {
                // `2>` redirects, so the number is no word.
                if character == '>' && word.starts_with(|first: char| first.is_ascii_digit()) {
                    has_word = false;
                }
                break;
            }
            _ => {}
        }
        word.push(character);
        has_word = true;
    }
    if has_word {
        words.push(word);
    }
    (quote.is_none() && !is_escaped).then_some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use airtight_provider::Version;

    fn parse(all: &str, init: &str, own: &[&str], name: EngineName) -> InitArguments {
        let own: Vec<String> = own.iter().map(ToString::to_string).collect();
        let engine = Engine::new(name, Version::release(1, 12, 0));
        InitArguments::parse(Some(all), Some(init), &own, &engine)
    }

    #[test]
    fn later_flags_win_in_the_engines_order() {
        let parsed = parse(
            "-upgrade=false -plugin-dir /b -test-directory=\"a b\"",
            "-upgrade --plugin-dir=/a -lockfile=readonly",
            &["-chdir=root", "-no-color", "-input=false", "-plugin-dir=/c", "-cloud=false", "-get=F", "--"],
            EngineName::Terraform,
        );
        let expected = InitArguments {
            chdir: Some("root".into()),
            backend: false,
            get: false,
            upgrade: false,
            lockfile_readonly: true,
            plugin_dirs: vec!["/a".into(), "/b".into(), "/c".into()],
            test_directory: "a b".to_owned(),
            ..InitArguments::default()
        };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn refuses_what_the_engines_refuse_in_their_words() {
        use EngineName::{Terraform, Tofu};
        let cases: [(&[&str], EngineName, &str); 24] = [
            (&["-get-plugins=false"], Terraform, "flag provided but not defined: -get-plugins"),
            (&["-verify-plugins=false"], Tofu, "flag provided but not defined: -verify-plugins"),
            (&["-json-into=x"], Terraform, "flag provided but not defined: -json-into"),
            (&["-concise"], Terraform, "flag provided but not defined: -concise"),
            (&["--no-color"], Tofu, "flag provided but not defined: -no-color"),
            (&["-no-color=true"], Tofu, "flag provided but not defined: -no-color"),
            (&["-upgrade", "-chdir=x"], Tofu, "flag provided but not defined: -chdir"),
            (&["foo"], Tofu, "Too many command line arguments. Did you mean to use -chdir?"),
            (&["-"], Tofu, "Too many command line arguments. Did you mean to use -chdir?"),
            (&["--", "foo"], Tofu, "Too many command line arguments. Did you mean to use -chdir?"),
            (&[""], Tofu, "Too many command line arguments. Did you mean to use -chdir?"),
            (&["-upgrade=maybe"], Tofu, "invalid boolean value \"maybe\" for -upgrade: parse error"),
            (&["-lock-timeout=5"], Tofu, "invalid value \"5\" for flag -lock-timeout: parse error"),
            (&["-plugin-dir"], Tofu, "flag needs an argument: -plugin-dir"),
            (&["-=x"], Tofu, "bad flag syntax: -=x"),
            (&["---x"], Tofu, "bad flag syntax: ---x"),
            (&["-h"], Tofu, "-h: the engine prints its usage text instead of initializing"),
            (
                &["--", "-v"],
                Tofu,
                "-v: the engine prints its version instead of initializing\nToo many command line arguments. Did you mean to use -chdir?",
            ),
            (
                &["-backend=false", "-cloud=false"],
                Tofu,
                "The -backend and -cloud options are aliases of one another and mutually-exclusive in their use",
            ),
            (
                &["-migrate-state", "-reconfigure"],
                Tofu,
                "The -migrate-state and -reconfigure options are mutually-exclusive",
            ),
            (&["-json", "-migrate-state"], Terraform, "The -migrate-state and -json options are mutually-exclusive"),
            (&["-json", "-migrate-state"], Tofu, ""),
            (
                &["-chdir"],
                Tofu,
                "Invalid -chdir option: must include an equals sign followed by a directory path, like -chdir=example",
            ),
            (&["-concise", "-deprecation=module:none", "-lock-timeout=1h5.5m", "-json-into", "x"], Tofu, ""),
        ];
        for (own, engine, expected) in cases {
            assert_eq!(parse("", "", own, engine).errors.join("\n"), expected, "{own:?}");
        }
    }

    #[test]
    fn splits_words_as_the_library_does() {
        let cases: [(&str, Option<&[&str]>); 12] = [
            ("", Some(&[])),
            (" -a  -b=c\t", Some(&["-a", "-b=c"])),
            ("-a='b c' \"d\"'e'", Some(&["-a=b c", "de"])),
            ("a\\ b '\\'", Some(&["a b", "\\"])),
            ("''", Some(&[""])),
            ("-a; rm", Some(&["-a"])),
            ("a 2> b", Some(&["a"])),
            ("$(a b)", Some(&["$(a b)"])),
            ("a(", None),
            ("'a", None),
            ("a\\", None),
            ("`a b`", Some(&["`a b`"])),
        ];
        for (line, expected) in cases {
            let expected = expected.map(|words| words.iter().map(ToString::to_string).collect());
            assert_eq!(split_words(line), expected, "{line}");
        }
        assert_eq!(
            parse("'a", "", &[], EngineName::Tofu).errors,
            ["Error parsing extra CLI args from TF_CLI_ARGS: invalid command line string"]
        );
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(words in proptest::collection::vec("[^']{0,9}", 0..4)) {
            let line = words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(split_words(&line), Some(words));
        }

        #[test]
        fn never_panics(line in "[-a-z=0-9.\\\\'\"`$() ;&µ]{0,30}") {
            parse(&line, &line, &[&line, "-upgrade", &line], EngineName::Tofu);
        }
    }
}
