//! Why a package cannot be installed, whatever its hash: kinds, with the engines' words.

use camino::Utf8PathBuf;

use crate::unlikely_text::UnlikelyText;

/// Why a directory cannot be listed, or an archive cannot be extracted.
///
/// Prints what the engine says for it; names that an archive brings are cut to a readable length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageProblem {
    /// With what it is instead, if that can be seen.
    #[error("zip: not a valid zip file")]
    NotAnArchive(Option<UnlikelyText>),
    /// It begins like an archive, and its directory at the end is missing: a copy that did not end.
    #[error("zip: not a valid zip file")]
    Truncated,
    #[error("empty archive: {0}")]
    Empty(Utf8PathBuf),
    #[error("entry contains '..': {name}")]
    Climbs { name: String },
    /// A path leads through an entry that is a file.
    #[error("mkdir {name}: not a directory")]
    FileInTheWay { name: String },
    /// A file has the name of a directory, or no name at all.
    #[error("open {name}: is a directory")]
    DirectoryInTheWay { name: String },
    /// The second entry of a name whose first one forbids writing, for every user but root.
    #[error("open {name}: permission denied")]
    ReadOnlyTwice { name: String },
    /// A file that its owner may not read: every user but root fails to hash it after it was extracted.
    #[error("open {name}: permission denied")]
    NotReadable { name: String },
    #[error("open {name}: invalid argument")]
    ZeroByte { name: String },
    /// A component of more than 255 bytes.
    #[error("open {name}: file name too long")]
    NameTooLong { name: String },
    /// A path of more than 4,095 bytes, from the engine's directory on.
    #[error("file name too long")]
    PathTooLong,
    /// A method other than stored and deflated, by its number in the ZIP specification.
    #[error("zip: unsupported compression algorithm")]
    Compression { name: String, method: u16 },
    #[error("zip: not a valid zip file")]
    Encrypted { name: String },
    /// Refused here: an engine reads the same bytes again and again.
    #[error("its entries overlap, so it is not read")]
    Overlapping,
    /// Refused here: an engine extracts it as long as the disk lasts.
    #[error("it claims to hold more than {} GiB, so it is not read", limit_bytes >> 30)]
    TooLarge { limit_bytes: u64 },
    /// The system's or the library's reason.
    #[error("{0}")]
    Unreadable(String),
}

impl PackageProblem {
    /// Whether only we refuse it: what an engine does then is not predicted.
    pub const fn is_ours(&self) -> bool {
        matches!(self, Self::Overlapping | Self::TooLarge { .. })
    }

    /// What fixes it.
    pub fn fix(&self, path: &str) -> String {
        const REPACK: &str = "Make the archive anew with `zip -j`, from the files that the provider's origin has. Its `zh:` hash \
                              changes with that, its `h1:` does not.";
        match self {
            Self::NotAnArchive(Some(unlikely)) => unlikely.fix(path),
            Self::NotAnArchive(None) | Self::Truncated | Self::Unreadable(_) => {
                "Replace the package in the mirror by a fresh copy from its origin registry.".to_owned()
            }
            Self::Encrypted { .. } => format!("Engines do not read encrypted archives. {REPACK}"),
            Self::Compression { method, .. } => {
                format!("Engines read only stored and deflated files, not {}. {REPACK}", method_name(*method))
            }
            Self::Overlapping | Self::TooLarge { .. } => {
                "Such an archive is made to exhaust its reader. Fetch the package from its origin registry.".to_owned()
            }
            Self::NotReadable { .. } | Self::ReadOnlyTwice { .. } => {
                format!("Give its files ordinary modes: `chmod -R u+rw,a+rX`. {REPACK}")
            }
            _ => format!("No file system takes these names. {REPACK}"),
        }
    }

    /// What it is in plain words, after "the package".
    pub fn describe(&self) -> String {
        match self {
            Self::NotAnArchive(Some(unlikely)) => unlikely.to_string(),
            Self::Truncated => "is a copy that did not end".to_owned(),
            Self::Encrypted { name } => format!("is encrypted (`{name}`)"),
            Self::Compression { name, method } => format!("compresses `{name}` with {}", method_name(*method)),
            Self::FileInTheWay { name } | Self::DirectoryInTheWay { name } => {
                format!("has `{name}` both as a file and as a directory")
            }
            Self::ReadOnlyTwice { name } => format!("has `{name}` twice, and the first one cannot be overwritten"),
            Self::NotReadable { name } => format!("has `{name}` without permission to read it"),
            Self::ZeroByte { name } => format!("has a name with a zero byte (`{name}`)"),
            Self::NameTooLong { name } => format!("has a name of more than 255 bytes (`{name}`)"),
            Self::PathTooLong => "has a path of more than 4,000 bytes".to_owned(),
            Self::Climbs { name } => format!("has a name with `..` (`{name}`)"),
            Self::Empty(_) => "is an empty archive".to_owned(),
            Self::Overlapping => "has entries that overlap".to_owned(),
            Self::TooLarge { limit_bytes } => format!("claims to hold more than {} GiB", limit_bytes >> 30),
            Self::NotAnArchive(None) => "is no ZIP archive".to_owned(),
            Self::Unreadable(reason) => format!("cannot be read: {reason}"),
        }
    }
}

/// Source: PKWARE APPNOTE.TXT 4.4.5.
fn method_name(method: u16) -> String {
    match method {
        9 => "Deflate64".to_owned(),
        12 => "bzip2".to_owned(),
        14 => "LZMA".to_owned(),
        93 => "Zstandard".to_owned(),
        95 => "XZ".to_owned(),
        99 => "AES encryption".to_owned(),
        other => format!("method {other}"),
    }
}
