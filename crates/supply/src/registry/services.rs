//! Services that the CLI configuration names for a host, which the host is then not asked for.
//!
//! Source: OpenTofu `internal/command/cliconfig/cliconfig.go`, `svchost/disco` (`ForceHostServices`).

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::credentials::normal_host;
use airtight_engine::cli_config::host_services;
use airtight_engine::cli_config::read_inherited;
use airtight_engine::environment::Environment;
use airtight_provider::Engine;

/// Service addresses, by normalised host and the service's name.
#[derive(Clone, Debug, Default)]
pub struct HostServices {
    hosts: BTreeMap<String, BTreeMap<String, String>>,
}

impl HostServices {
    /// What the engine would use: the `host` blocks of its CLI configuration.
    pub fn collect(environment: &Environment, engine: &Engine, directory: &Utf8Path) -> Self {
        let mut hosts = BTreeMap::new();
        for file in read_inherited(environment, engine, directory).files {
            let text = fs_err::read_to_string(&file.path).unwrap_or_default();
            for (host, services) in host_services(&text, engine) {
                if let Some(host) = normal_host(&host) {
                    hosts.entry(host).or_insert_with(|| services.into_iter().collect());
                }
            }
        }
        Self { hosts }
    }

    /// The services of a host; nothing if the host itself is to be asked.
    pub(super) fn of(&self, host: &str) -> Option<&BTreeMap<String, String>> {
        self.hosts.get(&normal_host(host)?)
    }
}
