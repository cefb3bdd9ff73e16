//! What differs between engines and their versions, in one place: a method of `Engine` for each difference.
//!
//! Source: the engines' changelogs and sources; each method names its own.

use super::engine::{Engine, EngineName};

impl Engine {
    /// `.tofu` files count, and hide `.tf` files of the same stem.
    pub fn reads_tofu_files(&self) -> bool {
        self.name == EngineName::Tofu && self.is_at_least(1, 8, 0)
    }

    /// `provider` blocks of test files are requirements.
    pub fn counts_providers_of_tests(&self) -> bool {
        self.name == EngineName::Tofu
    }

    /// `required_version` in `.tf` files is checked; from OpenTofu 1.12 only in `.tofu` files.
    pub fn checks_required_version_in_tf_files(&self) -> bool {
        self.name == EngineName::Terraform || !self.is_at_least(1, 12, 0)
    }

    /// Lock entries of `registry.terraform.io/hashicorp/*` also select (without their hashes) the same provider of
    /// `registry.opentofu.org`.
    pub fn adopts_predecessor_locks(&self) -> bool {
        self.name == EngineName::Tofu && self.is_at_least(1, 10, 0)
    }

    /// State addresses at `registry.terraform.io` that the configuration does not name are read as
    /// `registry.opentofu.org`.
    pub fn translates_state_addresses(&self) -> bool {
        self.name == EngineName::Tofu
    }

    /// A constraint's exact pre-release term admits that version whatever the other terms say (go-versions 1.0.1).
    pub fn exact_prerelease_ignores_other_terms(&self) -> bool {
        !self.is_at_least(1, 9, 0)
    }

    /// A provider string in the state that does not parse is an error, not a resource without a provider.
    pub fn refuses_unreadable_state_providers(&self) -> bool {
        self.name == EngineName::Tofu
    }

    /// `init` neither selects nor installs what `dev_overrides` names.
    pub fn skips_overridden_providers(&self) -> bool {
        self.name == EngineName::Terraform && self.is_at_least(1, 15, 0)
    }

    /// One procedure installs into the plugin cache and the data directory alike, and refreshes the lock entry even of
    /// a package that is there already.
    pub fn installs_one_directory_at_a_time(&self) -> bool {
        self.name == EngineName::Tofu && self.is_at_least(1, 10, 0)
    }

    /// A locked version that the plugin cache holds is not asked for at any source.
    pub fn trusts_plugin_cache_without_query(&self) -> bool {
        self.name == EngineName::Tofu && self.is_at_least(1, 12, 0)
    }

    /// An archive is not extracted where a symbolic link stands.
    pub fn refuses_linked_target(&self) -> bool {
        self.name == EngineName::Terraform && self.is_at_least(1, 15, 4)
    }

    /// An installed package that differs from the archive to be extracted is refused, not overwritten.
    pub fn refuses_differing_target(&self) -> bool {
        self.name == EngineName::Tofu
            && (self.is_at_least(1, 12, 0)
                || (self.is_at_least(1, 11, 7) && self.version.minor == 11)
                || (self.is_at_least(1, 10, 10) && self.version.minor == 10))
    }

    /// `opentofu.org/builtin/TYPE` is built in, beside `terraform.io/builtin/TYPE`.
    ///
    /// Source: opentofu/registry-address `Provider.IsBuiltIn`.
    pub fn reserves_own_built_in_host(&self) -> bool {
        self.name == EngineName::Tofu && self.is_at_least(1, 11, 0)
    }

    /// Every lock entry's hash is checked before `plan`; from OpenTofu 1.12 only a provider that is used.
    pub fn checks_unused_locks_at_plan(&self) -> bool {
        self.name == EngineName::Terraform || !self.is_at_least(1, 12, 0)
    }
}
