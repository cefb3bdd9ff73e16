//! What is wrong with a CLI configuration, and what the engine drops for it.

use airtight_hcl::Place;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CliConfigProblem {
    pub kind: ProblemKind,
    pub effect: Effect,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The engine ignores the whole file, except for a plugin cache that it had read before.
    FileDropped,
    BlockDropped,
    MethodDropped,
    /// The engine prints an error and uses what it read.
    None,
}

/// No text holds a value of the file, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    #[error("the file begins with a byte order mark (U+FEFF)")]
    ByteOrderMark,
    #[error("the file is UTF-16, not UTF-8")]
    Utf16,
    #[error("the file is not UTF-8")]
    NotUtf8,
    /// The letter after the backslash, if it is one.
    #[error("{}", escape(*letter))]
    Escape { letter: Option<char> },
    #[error("a string, comment or heredoc has no end")]
    Unterminated,
    #[error("a character that cannot be here")]
    Character,
    #[error("a syntax error")]
    Syntax,
    /// JSON alone: it cannot be carried over.
    #[error("an item that native syntax cannot express")]
    NotNative,
    #[error("blocks or lists are nested too deep")]
    TooDeep,
    #[error("an argument is set twice in one block")]
    ArgumentTwice,
    #[error("`{argument}` has a value of the wrong type")]
    WrongType { argument: &'static str },
    #[error("a second `provider_installation` block")]
    SecondInstallation,
    #[error("`provider_installation` must be a block, without `=`")]
    InstallationAssigned,
    #[error("`provider_installation` takes no label")]
    InstallationLabelled,
    #[error("an installation method must be a block, without `=`")]
    MethodAssigned,
    #[error("an installation method takes no label")]
    MethodLabelled,
    /// The name, if it can be one.
    #[error("unknown installation method{}", name.as_ref().map(|name| format!(" `{name}`")).unwrap_or_default())]
    MethodUnknown { name: Option<String> },
    #[error("`{argument}` is missing")]
    ArgumentMissing { argument: &'static str },
    #[error("`dev_overrides` must come before all installation methods")]
    DevOverridesNotFirst,
    #[error("an entry of `dev_overrides` is no provider address")]
    DevOverrideAddress,
    /// The URL without user information and query.
    #[error("a network mirror's URL must begin with `https://`, not `{shown}`")]
    MirrorUrlScheme { shown: String },
    #[error("a network mirror's URL cannot be parsed")]
    MirrorUrl,
    #[error("`{argument}` has a pattern that is none")]
    Pattern { argument: &'static str },
    #[error("`repository_template` cannot be used: {reason}")]
    RepositoryTemplate { reason: String },
}

fn escape(letter: Option<char>) -> String {
    let letter = letter.map_or_else(String::new, |letter| format!(" `\\{letter}`"));
    format!("a backslash begins an escape{letter} that does not exist")
}
