//! What every gate needs: who asks, where, with which settings and which engine.

use camino::{Utf8Path, Utf8PathBuf};

use super::exec::guard::Guard;
use super::runtime_directory::{RuntimeDirectory, RuntimeDirectoryError};
use crate::settings::Effective;
use airtight_engine::environment::Environment;
use airtight_provider::digest::Progress;
use airtight_provider::planted_plugins::{self, PlantedPlugins};
use airtight_provider::{AddressPattern, Engine, Platform, ProviderAddress};

pub struct Context<'a> {
    pub environment: &'a Environment,
    pub settings: &'a Effective,
    pub engine: &'a Engine,
    /// The engine's executable; null if an engine is only predicted.
    pub program: Option<&'a Utf8Path>,
    pub platform: &'a Platform,
    /// Where the engine is started: the root module.
    pub launch_directory: &'a Utf8Path,
    /// The root of the checked-out source.
    pub repository: &'a Utf8Path,
    /// The kernel's limit for what the engine may start, if the settings ask for it and the kernel can.
    pub guard: Option<&'a Guard>,
    pub runtime: &'a Result<RuntimeDirectory, RuntimeDirectoryError>,
    pub progress: Progress<'a>,
}

impl Context<'_> {
    /// Where the engine keeps what is `.terraform` by default.
    pub fn data_dir(&self) -> Utf8PathBuf {
        self.data_dir_of(self.launch_directory)
    }

    /// The same for the root module that `-chdir` names.
    pub(crate) fn data_dir_of(&self, root_module: &Utf8Path) -> Utf8PathBuf {
        root_module.join(self.environment.data_dir())
    }

    /// Executables that the engine would find by itself.
    pub fn planted_plugins(&self, root_module: &Utf8Path, data_dir: &Utf8Path) -> PlantedPlugins {
        planted_plugins::find(&planted_plugins::Places {
            root_module,
            data_dir,
            engine: self.program,
            home: self.environment.home.as_deref(),
            xdg_data_home: self.environment.xdg_data_home.as_deref(),
            platform: self.platform,
        })
    }

    /// Whether one of the settings' further methods installs this provider.
    pub(crate) fn has_further_method(&self, address: &ProviderAddress) -> bool {
        let patterns = self.settings.also.iter().flat_map(|method| &method.include);
        patterns
            .filter_map(|pattern| AddressPattern::parse(pattern, self.engine.name).ok())
            .any(|pattern| pattern.matches(address))
    }

    /// The mirrors of the settings, links resolved as far as they are there.
    pub(crate) fn trusted_mirrors(&self) -> Vec<Utf8PathBuf> {
        self.settings.mirror.iter().map(|path| real(path)).collect()
    }
}

/// The path without symbolic links, or unchanged if it does not exist.
pub fn real(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}
