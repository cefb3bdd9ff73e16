//! Settings: what the image fixes, what the administrator fills in, what the repository tightens.
//!
//! - the image: [`IMAGE_PATH`]; a key that it sets is fixed. The file and every directory above it belong to root, nobody else
//!   can write them, and none is a link;
//! - the administrator: `--settings FILE`, then options and variables; they fill what the image leaves open;
//! - the repository: [`REPOSITORY_PATH`]; it may only raise rules.

mod effective;
mod parse;
mod provider_policy;

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

pub use effective::{Effective, EffectiveRule, RefusedSetting};
pub use parse::{SettingsError, parse};
pub use provider_policy::{Licensed, NotAllowed, ProviderPolicy, ProviderRule};

use airtight_finding::{Code, Severity};
use airtight_provider::outside;
use airtight_provider::text_file::{self, TextFileError};
use airtight_provider::{Engine, EngineName};

/// The image's settings.
pub const IMAGE_PATH: &str = "/etc/airtight/settings.yml";

/// The repository's settings, below the root of the source.
pub const REPOSITORY_PATH: &str = ".spacelift/airtight.yml";

const LIMIT_BYTES: u64 = 256 * 1024;

/// Who made a setting, strongest first.
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
    /// Stores of modules, in the order in which they are asked.
    pub modules: Option<Vec<Utf8PathBuf>>,
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
    /// Which providers may be used. A repository's own is a further one.
    pub providers: Option<ProviderPolicy>,
    /// A state file whose providers are checked too.
    pub state: Option<Utf8PathBuf>,
    /// Only the image may set it.
    pub seal: Option<Seal>,
}

/// What proves the seals of the mirrors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seal {
    /// `sha256:` and 64 hexadecimal digits; each mirror has one of them.
    Digests(Vec<String>),
    PublicKey {
        /// A file with an ECDSA P-256 public key in PEM.
        path: Utf8PathBuf,
        /// The smallest serial number that is accepted, so that an older mirror with its own valid signature is not.
        minimum: Option<u64>,
    },
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

/// How findings with one code are treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub level: Level,
    pub reason: Option<String>,
    /// `YYYY-MM-DD`, the last day on which the rule is used.
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
/// Names the file, the line if it is known, the reason and the fix.
pub fn read(path: &Utf8Path) -> Result<Option<Settings>, SettingsError> {
    match text_file::read_document(path, LIMIT_BYTES) {
        Ok(text) => parse(path, &text).map(Some),
        Err(TextFileError::Missing) => Ok(None),
        Err(error) => {
            let fix = error.fix(path).map(|fix| format!(". {fix}")).unwrap_or_default();
            Err(SettingsError::of_file(path, format!("{error}{fix}")))
        }
    }
}

/// Reads the repository's file; `None` where there is none. A link that leads out of the repository is refused: an
/// error about a key would quote a file that nobody committed.
///
/// # Errors
/// As [`read`].
pub fn read_of_repository(repository: &Utf8Path) -> Result<Option<Settings>, SettingsError> {
    let path = repository.join(REPOSITORY_PATH);
    let real = repository.canonicalize_utf8().unwrap_or_else(|_| repository.to_owned());
    match outside::target(&path, Some(&real)) {
        Some(target) => Err(SettingsError::of_file(
            &path,
            format!("it is a link to `{target}`, outside the repository; commit a file instead"),
        )),
        None => read(&path),
    }
}

/// Why a file is not the image's: somebody other than root can change it, or put another in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotOfImage {
    #[error("`{0}` is a link")]
    Link(Utf8PathBuf),
    #[error("`{0}` does not belong to root")]
    NotRoots(Utf8PathBuf),
    #[error("users other than root can write `{0}`")]
    Writable(Utf8PathBuf),
}

/// Judges a file and every directory above it. No part of the path may be a link: its target could be in a directory of
/// somebody else.
///
/// # Errors
/// Fails if the metadata cannot be read.
pub fn why_not_of_image(path: &Utf8Path) -> std::io::Result<Option<NotOfImage>> {
    why_not_of(path, &airtight_provider::owner::is_root_or_outside)
}

fn why_not_of(path: &Utf8Path, is_trusted: &dyn Fn(u32) -> bool) -> std::io::Result<Option<NotOfImage>> {
    use std::os::unix::fs::MetadataExt as _;
    for place in path.ancestors() {
        let metadata = std::fs::symlink_metadata(place)?;
        if metadata.is_symlink() {
            return Ok(Some(NotOfImage::Link(place.to_owned())));
        }
        if !is_trusted(metadata.uid()) {
            return Ok(Some(NotOfImage::NotRoots(place.to_owned())));
        }
        if metadata.mode() & 0o022 != 0 {
            return Ok(Some(NotOfImage::Writable(place.to_owned())));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn every_part_of_the_path_must_be_roots() {
        // Below the temporary directory, which everybody can write, only the first answer tells something.
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let own = rustix::process::geteuid().as_raw();
        let why = |path: &Utf8Path| why_not_of(path, &|user| user == 0 || user == own).unwrap();
        let chmod = |path: &Utf8Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        chmod(&root, 0o755);
        let (image, home) = (root.join("image"), root.join("home"));
        for directory in [&image, &home] {
            fs::create_dir(directory).unwrap();
            chmod(directory, 0o755);
            fs::write(directory.join("settings.yml"), "").unwrap();
            chmod(&directory.join("settings.yml"), 0o644);
        }
        let nothing_below = |why: Option<NotOfImage>| {
            let is_above = matches!(&why, Some(NotOfImage::Writable(path)) if root.starts_with(path));
            assert!(why.is_none() || is_above, "{why:?}");
        };
        nothing_below(why(&image.join("settings.yml")));

        symlink(home.join("settings.yml"), image.join("link.yml")).unwrap();
        assert_eq!(why(&image.join("link.yml")), Some(NotOfImage::Link(image.join("link.yml"))));
        symlink(&home, root.join("linked")).unwrap();
        assert_eq!(why(&root.join("linked/settings.yml")), Some(NotOfImage::Link(root.join("linked"))));
        chmod(&home, 0o775);
        assert_eq!(why(&home.join("settings.yml")), Some(NotOfImage::Writable(home.clone())));
        let stranger = why_not_of(&image.join("settings.yml"), &|_| false).unwrap();
        assert_eq!(stranger, Some(NotOfImage::NotRoots(image.join("settings.yml"))));
        assert!(why_not_of_image(&image.join("none")).is_err());
    }
}
