//! Looking into packages and hashing them, each file once per container.

use super::runtime_directory::RuntimeDirectory;
use crate::digest::{self, Cache, Progress, Subject};
use crate::domain::HashScheme;
use crate::predict::{Contents, ContentsRequest, DigestKind, DigestRequest, Digests, PackageContents};

/// Computes digests, and remembers them in the runtime directory.
pub struct Hasher<'a> {
    cache: Option<Cache>,
    progress: Progress<'a>,
}

impl<'a> Hasher<'a> {
    pub fn new(runtime: Option<&RuntimeDirectory>, progress: Progress<'a>) -> Self {
        Self { cache: runtime.map(|runtime| Cache::load(runtime.path())), progress }
    }

    /// Adds the wanted digests that are not there yet.
    pub fn compute(&self, wanted: &[DigestRequest], digests: &mut Digests) {
        let wanted = wanted.iter().filter(|request| !digests.contains_key(request)).cloned().collect::<Vec<_>>();
        let subjects = wanted.iter().map(subject).collect::<Vec<_>>();
        let results = digest::compute(&subjects, self.cache.as_ref(), self.progress);
        digests.extend(wanted.into_iter().zip(results));
    }

    /// Keeps what was learned for the next command of this container. Without it the next one computes again.
    pub fn finish(self) {
        if let Some(Err(error)) = self.cache.map(|cache| cache.save()) {
            tracing::debug!(%error, "hashes are not remembered");
        }
    }
}
