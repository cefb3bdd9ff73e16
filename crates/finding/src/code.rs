//! The stable names of findings. A code is an interface: never renamed without a line in the changelog.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

macro_rules! codes {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        /// A finding's stable name, kebab-case: the object first, then what is wrong with it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($variant),+ }

        impl Code {
            /// Every code, in the order of their texts.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The page that `airtight explain` prints, as Markdown.
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("pages/", $text, ".md"))),+ }
            }
        }
    };
}

codes! {
    CliConfigBroken = "cli-config-broken",
    CliConfigDevOverrides = "cli-config-dev-overrides",
    CliConfigInRepository = "cli-config-in-repository",
    CliConfigMethodDropped = "cli-config-method-dropped",
    CliConfigMissing = "cli-config-missing",
    CliConfigReachesOut = "cli-config-reaches-out",
    CliConfigShadowed = "cli-config-shadowed",
    CliConfigUnwritable = "cli-config-unwritable",
    ConfigurationInvalid = "configuration-invalid",
    ConfigurationMissing = "configuration-missing",
    ConfigurationNotAsked = "configuration-not-asked",
    ConfigurationNotUnderstood = "configuration-not-understood",
    ConstraintInvalid = "constraint-invalid",
    DirectoryUnwritable = "directory-unwritable",
    EngineArgumentsRefused = "engine-arguments-refused",
    EngineFailed = "engine-failed",
    EngineVersionRefused = "engine-version-refused",
    EvidenceInvalid = "evidence-invalid",
    ExecutionNotEnforced = "execution-not-enforced",
    HandoverEngineDiffers = "handover-engine-differs",
    HandoverImageDiffers = "handover-image-differs",
    HandoverMissing = "handover-missing",
    HandoverPackageDiffers = "handover-package-differs",
    HostDeclared = "host-declared",
    HostUndeclared = "host-undeclared",
    ImageChangeBreaks = "image-change-breaks",
    ImagePrerequisiteMissing = "image-prerequisite-missing",
    InitArgumentsInvalid = "init-arguments-invalid",
    InitRunsCommand = "init-runs-command",
    LockEntryPredecessor = "lock-entry-predecessor",
    LockEntryUnused = "lock-entry-unused",
    LockFileIgnored = "lock-file-ignored",
    LockFileInvalid = "lock-file-invalid",
    LockFileReadonly = "lock-file-readonly",
    MirrorEntryIgnored = "mirror-entry-ignored",
    MirrorIndexDiffers = "mirror-index-differs",
    MirrorMissing = "mirror-missing",
    MirrorUnreadable = "mirror-unreadable",
    ModuleInvalid = "module-invalid",
    ModuleNeedsNetwork = "module-needs-network",
    ModuleNotPlaced = "module-not-placed",
    ModulePlanted = "module-planted",
    ModuleStoreInvalid = "module-store-invalid",
    ModuleUnproven = "module-unproven",
    ModuleUnused = "module-unused",
    NetworkMirrorUrl = "network-mirror-url",
    PackageCacheConflict = "package-cache-conflict",
    PackageExecutableMissing = "package-executable-missing",
    PackageInterpreterMissing = "package-interpreter-missing",
    PackageMismatch = "package-mismatch",
    PackageNotExecutable = "package-not-executable",
    PackageNotInstalled = "package-not-installed",
    PackagePlanted = "package-planted",
    PackageUnreadable = "package-unreadable",
    PackageUnused = "package-unused",
    PackageUnverified = "package-unverified",
    PackageWrongMachine = "package-wrong-machine",
    PhaseFailed = "phase-failed",
    PluginCacheBesideMirror = "plugin-cache-beside-mirror",
    PluginManifestInvalid = "plugin-manifest-invalid",
    PluginPlanted = "plugin-planted",
    ProviderAddressInvalid = "provider-address-invalid",
    ProviderMissing = "provider-missing",
    ProviderNotAllowed = "provider-not-allowed",
    ProviderNotLocked = "provider-not-locked",
    ProviderPlatformMissing = "provider-platform-missing",
    ProviderReattached = "provider-reattached",
    ProviderVersionBehind = "provider-version-behind",
    ProviderVersionMissing = "provider-version-missing",
    ProviderVersionUnlocked = "provider-version-unlocked",
    RequirementsDiffer = "requirements-differ",
    RuleUnmatched = "rule-unmatched",
    RunReplaceable = "run-replaceable",
    RuntimeConfigurationInvalid = "runtime-configuration-invalid",
    SealDiffers = "seal-differs",
    SealInvalid = "seal-invalid",
    SealUnprotected = "seal-unprotected",
    SettingRefused = "setting-refused",
    StateInvalid = "state-invalid",
    StateUnseen = "state-unseen",
    WorkflowArgumentDropped = "workflow-argument-dropped",
    WorkflowCommandInvalid = "workflow-command-invalid",
    WorkflowFileForeign = "workflow-file-foreign",
    WorkflowFileInvalid = "workflow-file-invalid",
    WorkflowFileMissing = "workflow-file-missing",
    WorkflowKeyUnknown = "workflow-key-unknown",
    WorkflowPlanFileFixed = "workflow-plan-file-fixed",
    WorkflowValueUnquoted = "workflow-value-unquoted",
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// No finding has this code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no finding has this code")]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text).ok_or(UnknownCode)
    }
}
