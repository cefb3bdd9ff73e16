//! What stands under the data directory's `providers`: links into a mirror, extracted copies, or something planted.

use camino::{Utf8Path, Utf8PathBuf};

use crate::domain::{EngineName, PackageId};

#[derive(Clone, Debug, Default)]
pub struct Installed {
    pub entries: Vec<InstalledEntry>,
    /// Anything that is no `HOST/NAMESPACE/TYPE/VERSION/TARGET` (the engines' own `.lock` files excepted), such as a
    /// link above that level.
    pub strange: Vec<Utf8PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledEntry {
    pub id: PackageId,
    pub path: Utf8PathBuf,
    pub kind: InstalledKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InstalledKind {
    Directory,
    /// With the target as written; `resolved` is null where it dangles.
    Link {
        target: Utf8PathBuf,
        resolved: Option<Utf8PathBuf>,
    },
    Other,
}

/// Reads `providers` below the data directory; missing is empty.
pub fn read(data_dir: &Utf8Path, engine: EngineName) -> anyhow::Result<Installed> {
    todo!()
}
