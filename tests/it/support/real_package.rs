//! The real providers as packages, with their hashes from first principles.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use airtight_provider::{Layout, Platform};
use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use sha2::{Digest as _, Sha256};

use super::engines::{Engine, Provider, providers};
use super::lock_file::Lock;
use super::package::Package;

/// A real provider, packed and unpacked.
#[derive(Debug)]
pub(crate) struct RealPackage {
    pub provider: &'static Provider,
    pub h1: String,
    pub zh: String,
    archive: Utf8PathBuf,
}

/// The real providers' packages, where they can be built. Their archives are kept, as packing takes seconds.
pub(crate) fn real_packages() -> &'static [RealPackage] {
    static PACKAGES: LazyLock<Vec<RealPackage>> = LazyLock::new(|| providers().iter().map(RealPackage::new).collect());
    &PACKAGES
}

impl RealPackage {
    /// Of an executable.
    pub(crate) fn new(provider: &'static Provider) -> Self {
        let name = provider.executable.file_name().unwrap().to_owned();
        let package = Package {
            address: format!("example.com/hashicorp/{}", provider.name),
            version: provider.version.clone(),
            platform: Platform::current().to_string(),
            files: BTreeMap::from([(name.clone(), fs::read(&provider.executable).unwrap())]),
        };
        let h1 = package.h1();
        let directory = Utf8Path::new(env!("CARGO_TARGET_TMPDIR"));
        let key: String = h1.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
        let archive = directory.join(format!("{name}-{key}.zip"));
        if !archive.exists() {
            let partial = directory.join(format!(".{name}-{}", std::process::id()));
            fs::write(&partial, package.archive()).unwrap();
            fs::rename(partial, &archive).unwrap();
        }
        let digest = Sha256::digest(fs::read(&archive).unwrap());
        let zh = format!("zh:{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        Self { provider, h1, zh, archive }
    }

    /// `host/hashicorp/type`, as the engine means it.
    pub(crate) fn address(&self, engine: &Engine) -> String {
        format!("{}/hashicorp/{}", engine.default_host(), self.provider.name)
    }

    /// The directory or the archive in a mirror.
    pub(crate) fn path(&self, engine: &Engine, layout: Layout) -> String {
        let (address, version, platform) = (self.address(engine), &self.provider.version, Platform::current());
        match layout {
            Layout::Packed => {
                format!("{address}/terraform-provider-{}_{version}_{platform}.zip", self.provider.name)
            }
            Layout::Unpacked => format!("{address}/{version}/{platform}"),
        }
    }

    /// The file that holds the bytes, in a mirror.
    pub(crate) fn file(&self, engine: &Engine, layout: Layout) -> String {
        let path = self.path(engine, layout);
        match layout {
            Layout::Packed => path,
            Layout::Unpacked => format!("{path}/{}", self.provider.executable.file_name().unwrap()),
        }
    }

    /// Lays it out in a mirror.
    pub(crate) fn write_to(&self, mirror: &Utf8Path, engine: &Engine, layout: Layout) {
        let place = mirror.join(self.file(engine, layout));
        let source = match layout {
            Layout::Packed => &self.archive,
            Layout::Unpacked => &self.provider.executable,
        };
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        if std::fs::hard_link(source, &place).is_err() {
            fs::copy(source, &place).unwrap();
        }
    }

    /// Its entry in a lock file, with both hashes.
    pub(crate) fn lock(&self, engine: &Engine) -> Lock {
        Lock {
            address: self.address(engine),
            version: self.provider.version.clone(),
            constraints: None,
            hashes: vec![self.h1.clone(), self.zh.clone()],
        }
    }
}
