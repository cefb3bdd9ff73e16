//! Settings: what the image fixes, what the administrator fills in, what the repository tightens.
//!
//! - the image: [`IMAGE_PATH`], owned by root and not writable by anyone else; a key that it sets is fixed;
//! - the administrator: `--settings FILE`, then options and variables; they fill what the image leaves open;
//! - the repository: [`REPOSITORY_PATH`]; it may only raise rules.

mod effective;
mod parse;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

pub use effective::{Effective, EffectiveRule, RefusedSetting};
pub use parse::{SettingsError, parse};

use airtight_finding::{Code, Severity};
use airtight_provider::outside;
use airtight_provider::text_file::{self, TextFileError};
use airtight_provider::{Engine, EngineName};

/// The image's settings.
pub const IMAGE_PATH: &str = "/etc/airtight/settings.yml";

/// The repository's settings, below the root of the source.
pub const REPOSITORY_PATH: &str = ".spacelift/airtight.yml";

const LIMIT_BYTES: u64 = 1024 * 1024;

/// Who says it, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    Image,
    Administrator,
    Repository,
}

/// The settings of one source; what is not set is open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Filesystem mirrors, in the order in which they are asked.
    pub mirror: Option<Vec<Utf8PathBuf>>,
    /// `tofu`, `terraform`, or a path.
    pub engine: Option<String>,
    /// A directory whose files replace single templates.
    pub templates: Option<Utf8PathBuf>,
    pub policy: Option<Policy>,
    pub rules: BTreeMap<Code, Rule>,
    /// Hosts that this air gap lets through, `HOST` or `HOST:PORT`.
    pub reachable: Option<Vec<String>>,
    pub also: Option<Vec<AlsoMethod>>,
    pub execute: Option<Execute>,
    /// A state file whose providers count too.
    pub state: Option<Utf8PathBuf>,
    /// Only the image's counts.
    pub seal: Option<Seal>,
}

/// What vouches for the seals of the mirrors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// `sha256:` and 64 hexadecimal digits; each mirror has one of them.
    Digests(Vec<String>),
    /// A file with an ECDSA P-256 public key in PEM.
    PublicKey(Utf8PathBuf),
}

/// Whether an error stops the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// An error refuses.
    #[default]
    Enforce,
    /// Report, and go on with the engine's own exit code.
    Observe,
}

impl Policy {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Observe => "observe",
        }
    }
}

/// Which programs an engine may start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Execute {
    /// Any, as without airtight.
    #[default]
    Anything,
    /// The image's own, enforced by the kernel ([`crate::exec::guard`]). If the kernel cannot, that is the finding
    /// `execution-not-enforced`, and its rule decides.
    Image,
}

/// What becomes of the findings with one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub level: Level,
    pub reason: Option<String>,
    /// `YYYY-MM-DD`, the last day on which the rule counts.
    pub until: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Allow,
    Warn,
    Deny,
}

impl Level {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Warn => "warn",
            Self::Deny => "deny",
        }
    }

    /// The severity that a finding gets; `allow` leaves it as a note.
    pub const fn severity(self) -> Severity {
        match self {
            Self::Allow => Severity::Note,
            Self::Warn => Severity::Warning,
            Self::Deny => Severity::Error,
        }
    }
}

/// A further installation method, for a partial air gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlsoMethod {
    pub kind: AlsoKind,
    /// Three-part patterns, which mean the same to both engines.
    pub include: Vec<String>,
}

impl AlsoMethod {
    /// Whether the engine knows the method: one that does not prints an error with every command, and drops it.
    ///
    /// Source: OpenTofu's changelog of 1.10; Terraform's documentation of `provider_installation`.
    pub fn is_known_to(&self, engine: &Engine) -> bool {
        match self.kind {
            AlsoKind::Direct | AlsoKind::NetworkMirror { .. } => true,
            AlsoKind::OciMirror { .. } => engine.name == EngineName::Tofu && engine.is_at_least(1, 10, 0),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlsoKind {
    Direct,
    NetworkMirror { url: String },
    OciMirror { repository_template: String },
}

/// One source of settings that was read.
#[derive(Clone, Debug)]
pub struct Source {
    pub rank: Rank,
    /// `/etc/airtight/settings.yml`, `--mirror`.
    pub name: String,
    pub settings: Settings,
}

/// Reads one file; `None` where there is none.
///
/// # Errors
/// Names the file, the line where it is known, the reason and the fix.
pub fn read(path: &Utf8Path) -> Result<Option<Settings>, SettingsError> {
    match text_file::read(path, LIMIT_BYTES) {
        Ok(text) => parse(path, &text).map(Some),
        Err(TextFileError::Missing) => Ok(None),
        Err(error) => Err(SettingsError::of_file(path, error.to_string())),
    }
}

/// Reads the repository's file; `None` where there is none. A link that leads out of the repository is refused: an
/// error about a key would quote a file that nobody committed.
///
/// # Errors
/// As [`read`].
pub fn read_of_repository(repository: &Utf8Path) -> Result<Option<Settings>, SettingsError> {
    let path = repository.join(REPOSITORY_PATH);
    match outside::target(&path, Some(repository)) {
        Some(target) => Err(SettingsError::of_file(
            &path,
            format!("it is a link to `{target}`, outside the repository; commit a file instead"),
        )),
        None => read(&path),
    }
}

/// Why the image's file does not count as the image's: somebody else can write it.
///
/// # Errors
/// Fails where its metadata cannot be read.
pub fn why_not_of_image(path: &Utf8Path) -> std::io::Result<Option<&'static str>> {
    use std::os::unix::fs::MetadataExt as _;
    for path in [Some(path), path.parent()].into_iter().flatten() {
        let metadata = std::fs::metadata(path)?;
        if !airtight_provider::owner::is_root_or_outside(metadata.uid()) {
            return Ok(Some("it, or its directory, does not belong to root"));
        }
        if metadata.mode() & 0o022 != 0 {
            return Ok(Some("it, or its directory, can be written by others than root"));
        }
    }
    Ok(None)
}
