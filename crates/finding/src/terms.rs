//! The words that reports use, each a type of its own: nothing compares texts.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! terms {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? })+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// The word in reports.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+ };
}

terms! {
    /// What a finding does to the verdict, the strongest first.
    Severity {
        Error = "error",
        Warning = "warning",
        Note = "note",
    }

    /// Who can fix it.
    Owner {
        /// The authors of the configuration and its lock file.
        Repository = "repository",
        /// The builders of the runner image and its mirror.
        Image = "image",
        /// The administrators of the stack, its environment and its plugins.
        Administrator = "administrator",
    }

    /// What airtight decides.
    Ruling {
        Cleared = "cleared",
        Refused = "refused",
    }

    /// What `init` will do.
    Outcome {
        Success = "success",
        Failure = "failure",
        Unknown = "unknown",
    }

    /// The engine's own word on the configuration.
    Loading {
        Loads = "loads",
        Refused = "refused",
        NotAsked = "not-asked",
    }

    /// Where the need for a provider comes from.
    Need {
        Configuration = "configuration",
        Lock = "lock",
        State = "state",
    }

    /// How a package gets below the data directory.
    Install {
        Link = "link",
        Extract = "extract",
        /// It is installed already and matches the lock file.
        Reuse = "reuse",
    }

    /// What is known of a provider's package.
    Status {
        /// The engine compares a hash with the lock file, and it matches.
        Proven = "proven",
        /// The engine accepts the package without comparing anything.
        Unproven = "unproven",
        /// None of the locked hashes is the package's.
        Mismatch = "mismatch",
        /// No source has the package.
        Missing = "missing",
        Unknown = "unknown",
    }
}
