//! What differs between engines and their versions, in one place: a method of `Engine` for each difference.
//!
//! Source: the engines' changelogs and sources; each method names its own.

use super::engine::{Engine, EngineName};

impl Engine {
    /// OpenTofu, from this minor version of 1 on.
    fn is_tofu_since(&self, minor: u64) -> bool {
        self.name == EngineName::Tofu && self.is_at_least(1, minor, 0)
    }

    /// Terraform, from this minor and patch version of 1 on.
    fn is_terraform_since(&self, minor: u64, patch: u64) -> bool {
        self.name == EngineName::Terraform && self.is_at_least(1, minor, patch)
    }
}

/// Reading the configuration.
impl Engine {
    /// `.tofu` files count, and hide `.tf` files of the same stem.
    ///
    /// Source: OpenTofu `internal/configs/parser_config_dir.go` `filterTfPathsWithTofuAlternatives`.
    pub fn reads_tofu_files(&self) -> bool {
        self.is_tofu_since(8)
    }

    /// `required_version` in `.tf` files is checked; from OpenTofu 1.12 only in `.tofu` files.
    ///
    /// Source: OpenTofu `internal/configs/diagnostics.go` `checkVersionRequirements`.
    pub fn checks_required_version_in_tf_files(&self) -> bool {
        !self.is_tofu_since(12)
    }

    /// `version = null` in a module call is like none.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/module_call.go`.
    pub fn passes_over_null_versions(&self) -> bool {
        self.is_tofu_since(10) || self.is_terraform_since(15, 0)
    }

    /// Module sources, their versions and a local backend's arguments may refer to variables and local values; in Terraform to
    /// those alone that are `const`, and not in backends.
    ///
    /// Source: OpenTofu's changelog of 1.8, Terraform's of 1.15.
    pub fn evaluates_module_sources(&self) -> bool {
        self.is_tofu_since(8) || self.is_terraform_since(15, 0)
    }

    /// Test files are read with the root module.
    ///
    /// Source: Terraform's changelog of 1.6.
    pub fn reads_test_files(&self) -> bool {
        self.name == EngineName::Tofu || self.is_terraform_since(6, 0)
    }

    /// A directory with nothing but test files holds a configuration.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/parser_config_dir.go` `IsEmptyDir`.
    pub fn counts_test_files_as_configuration(&self) -> bool {
        self.is_terraform_since(12, 0)
    }

    /// A module source `bitbucket.org/…` asks that host's API while it is parsed, even for an installed module.
    ///
    /// Source: OpenTofu `internal/getmodules/getter.go` `goGetterDetectors`; Terraform's changelog of 1.9.
    pub fn asks_bitbucket_while_parsing(&self) -> bool {
        !self.is_terraform_since(9, 0)
    }
}

/// Asking it.
impl Engine {
    /// `init` has `-json`.
    ///
    /// Source: Terraform's changelog of 1.9; OpenTofu's of 1.8.
    pub fn answers_init_in_json(&self) -> bool {
        self.is_tofu_since(8) || self.is_terraform_since(9, 0)
    }
}

/// Collecting requirements.
impl Engine {
    /// `provider` blocks of test files are requirements; in Terraform before 1.9 `mock_provider` blocks as well.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/config.go` `addProviderRequirements`.
    pub fn counts_providers_of_tests(&self) -> bool {
        self.name == EngineName::Tofu || !self.is_terraform_since(9, 0)
    }

    /// `mock_provider` blocks of test files are requirements too.
    ///
    /// Source: Terraform `internal/configs/test_file.go`, 1.7 and 1.8.
    pub fn counts_mock_providers_of_tests(&self) -> bool {
        self.is_terraform_since(7, 0) && !self.is_terraform_since(9, 0)
    }

    /// `import` blocks count as requirements even if they aim at a module or at a declared resource.
    ///
    /// Source: OpenTofu `internal/configs/config.go` `addProviderRequirements`.
    pub fn counts_every_import(&self) -> bool {
        self.name == EngineName::Tofu && self.is_at_least(1, 9, 1)
    }

    /// The provider that the type of an import's target implies is a requirement, whatever provider is named.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/config.go` `addProviderRequirements`.
    pub fn counts_types_of_imports(&self) -> bool {
        match self.name {
            EngineName::Tofu => !self.is_at_least(1, 9, 1),
            EngineName::Terraform => !self.is_at_least(1, 7, 0),
        }
    }

    /// A provider's namespace may hold `_`. OpenTofu after 1.12 is not known here, and may take it too.
    ///
    /// Source: Terraform's changelog of 1.16.
    pub(crate) fn takes_underscores_in_namespaces(&self) -> bool {
        self.is_terraform_since(16, 0) || self.is_tofu_since(13)
    }

    /// State addresses at `registry.terraform.io` that the configuration does not name are read as
    /// `registry.opentofu.org`.
    ///
    /// Source: OpenTofu `internal/tofumigrate/tofumigrate.go` `MigrateStateProviderAddresses`.
    pub fn translates_state_addresses(&self) -> bool {
        self.name == EngineName::Tofu
    }

    /// In a state, each instance of a resource may name the provider, with the key of a provider that has `for_each`. A legacy
    /// address on another host is an error.
    ///
    /// Source: OpenTofu's changelog, 1.9.0; `internal/states/statefile/version4.go` `prepareStateV4` of both.
    pub fn reads_state_providers_of_instances(&self) -> bool {
        self.is_tofu_since(9)
    }

    /// `opentofu.org/builtin/TYPE` is built in, next to `terraform.io/builtin/TYPE`.
    ///
    /// Source: opentofu/registry-address `Provider.IsBuiltIn`, which OpenTofu uses from 1.11 on.
    pub(crate) fn reserves_own_built_in_host(&self) -> bool {
        self.is_tofu_since(11)
    }

    /// Lock entries of `registry.terraform.io/hashicorp/*` also select (without their hashes) the same provider of
    /// `registry.opentofu.org`.
    ///
    /// Source: OpenTofu `internal/depsfile/locks.go` `UpgradeFromPredecessorProject`.
    pub fn adopts_predecessor_locks(&self) -> bool {
        self.is_tofu_since(10)
    }

    /// `init` neither selects nor installs what `dev_overrides` names.
    ///
    /// Source: Terraform's changelog of 1.15.
    pub fn skips_overridden_providers(&self) -> bool {
        self.is_terraform_since(15, 0)
    }

    /// `init` keeps the lock entries of what `dev_overrides` names, though it may not install it.
    ///
    /// Source: Terraform's changelogs of 1.15 and 1.16.
    pub fn keeps_locks_of_overridden_providers(&self) -> bool {
        !self.skips_overridden_providers() || self.is_terraform_since(16, 0)
    }
}

/// Selecting versions.
impl Engine {
    /// A constraint's exact pre-release term accepts that version whatever the other terms say.
    ///
    /// Source: go-versions 1.0.1 `MeetingConstraints`, which both engines use before 1.9.
    pub(crate) fn exact_prerelease_ignores_other_terms(&self) -> bool {
        !self.is_at_least(1, 9, 0)
    }

    /// A constraint that names 0.0.0 has an error of its own, instead of no matching release.
    ///
    /// Source: OpenTofu `internal/providercache/installer.go` `checkUnspecifiedVersion`.
    pub fn explains_unspecified_version(&self) -> bool {
        self.is_tofu_since(9)
    }

    /// A locked version that the plugin cache holds is not asked for at any source.
    ///
    /// Source: OpenTofu `internal/providercache/installer.go` `ensureProviderVersionsNeed`.
    pub fn trusts_plugin_cache_without_query(&self) -> bool {
        self.is_tofu_since(12)
    }

    /// Providers of the configuration are installed before the backend is opened, those of the state after it.
    ///
    /// Source: Terraform's changelogs of 1.15.0 and 1.15.8.
    pub fn installs_state_providers_apart(&self) -> bool {
        self.is_terraform_since(15, 0) && !self.is_at_least(1, 15, 8)
    }
}

/// Installing packages.
impl Engine {
    /// One procedure installs into the plugin cache and the data directory alike, under a lock file next to the package,
    /// and refreshes the lock entry even of a package that is there already.
    ///
    /// Source: OpenTofu `internal/providercache/dir_modify.go`, `installer.go`.
    pub fn installs_one_directory_at_a_time(&self) -> bool {
        self.is_tofu_since(10)
    }

    /// An archive is not extracted in place of a symbolic link.
    ///
    /// Source: Terraform's changelog of 1.15.4.
    pub fn refuses_linked_target(&self) -> bool {
        self.is_terraform_since(15, 4)
    }

    /// An installed package that differs from the archive to be extracted is refused, not overwritten.
    ///
    /// Source: OpenTofu `internal/getproviders/package_location_local_archive.go`; changelogs of 1.10.10 and 1.11.7.
    pub fn refuses_differing_target(&self) -> bool {
        self.is_tofu_since(12)
            || (self.is_tofu_since(11) && self.is_at_least(1, 11, 7))
            || (self.is_tofu_since(10) && !self.is_tofu_since(11) && self.is_at_least(1, 10, 10))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Rule = fn(&Engine) -> bool;

    macro_rules! rules {
        ($($engine:ident::$rule:ident [$($change:literal),*]),+ $(,)?) => {
            [$((stringify!($rule), Engine::$rule as Rule, EngineName::$engine, &[$($change),*] as &[&str])),+]
        };
    }

    #[test]
    fn each_rule_changes_with_the_version_that_changed_it() {
        // Versions at which the rule begins to hold, ceases to, and so on; 0.0.0 is from the beginning.
        let table = rules![
            Tofu::reads_tofu_files["1.8.0"],
            Terraform::reads_tofu_files[],
            Tofu::checks_required_version_in_tf_files["0.0.0", "1.12.0"],
            Terraform::checks_required_version_in_tf_files["0.0.0"],
            Tofu::asks_bitbucket_while_parsing["0.0.0"],
            Terraform::asks_bitbucket_while_parsing["0.0.0", "1.9.0"],
            Tofu::passes_over_null_versions["1.10.0"],
            Terraform::passes_over_null_versions["1.15.0"],
            Tofu::counts_mock_providers_of_tests[],
            Terraform::counts_mock_providers_of_tests["1.7.0", "1.9.0"],
            Tofu::counts_every_import["1.9.1"],
            Terraform::counts_every_import[],
            Tofu::counts_types_of_imports["0.0.0", "1.9.1"],
            Terraform::counts_types_of_imports["0.0.0", "1.7.0"],
            Tofu::reads_test_files["0.0.0"],
            Terraform::reads_test_files["1.6.0"],
            Tofu::counts_test_files_as_configuration[],
            Terraform::counts_test_files_as_configuration["1.12.0"],
            Tofu::answers_init_in_json["1.8.0"],
            Terraform::answers_init_in_json["1.9.0"],
            Tofu::counts_providers_of_tests["0.0.0"],
            Terraform::counts_providers_of_tests["0.0.0", "1.9.0"],
            Tofu::takes_underscores_in_namespaces["1.13.0"],
            Terraform::takes_underscores_in_namespaces["1.16.0"],
            Tofu::translates_state_addresses["0.0.0"],
            Terraform::translates_state_addresses[],
            Tofu::reads_state_providers_of_instances["1.9.0"],
            Terraform::reads_state_providers_of_instances[],
            Tofu::reserves_own_built_in_host["1.11.0"],
            Terraform::reserves_own_built_in_host[],
            Tofu::adopts_predecessor_locks["1.10.0"],
            Terraform::adopts_predecessor_locks[],
            Tofu::skips_overridden_providers[],
            Terraform::skips_overridden_providers["1.15.0"],
            Tofu::keeps_locks_of_overridden_providers["0.0.0"],
            Terraform::keeps_locks_of_overridden_providers["0.0.0", "1.15.0", "1.16.0"],
            Tofu::exact_prerelease_ignores_other_terms["0.0.0", "1.9.0"],
            Terraform::exact_prerelease_ignores_other_terms["0.0.0", "1.9.0"],
            Tofu::explains_unspecified_version["1.9.0"],
            Terraform::explains_unspecified_version[],
            Tofu::trusts_plugin_cache_without_query["1.12.0"],
            Terraform::trusts_plugin_cache_without_query[],
            Tofu::installs_state_providers_apart[],
            Terraform::installs_state_providers_apart["1.15.0", "1.15.8"],
            Tofu::installs_one_directory_at_a_time["1.10.0"],
            Terraform::installs_one_directory_at_a_time[],
            Tofu::refuses_linked_target[],
            Terraform::refuses_linked_target["1.15.4"],
            Tofu::refuses_differing_target["1.10.10", "1.11.0", "1.11.7"],
            Terraform::refuses_differing_target[],
        ];
        for (name, rule, engine, changes) in table {
            for (minor, patch) in (5..=17).flat_map(|minor| (0..=14).map(move |patch| (minor, patch))) {
                let engine = Engine::new(engine, crate::Version::release(1, minor, patch));
                let reached = changes.iter().filter(|change| engine.version >= change.parse().unwrap()).count();
                assert_eq!(rule(&engine), reached % 2 == 1, "{name} of {engine}");
            }
        }
    }
}
