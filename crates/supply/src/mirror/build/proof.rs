//! Whether a package is the one that lock files mean.

use camino::Utf8Path;

use super::Need;
use crate::mirror::vet::{Limits, vet};
use airtight_provider::digest;
use airtight_provider::digest::archive::Archive;
use airtight_provider::digest::{Content, Progress, Subject};
use airtight_provider::{Hash, HashScheme, Layout};

/// The hashes of a package at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hashes {
    pub(super) h1: Hash,
    /// Of the archive; null if there is none.
    pub(super) zh: Option<Hash>,
}

impl Hashes {
    /// Reads the whole package.
    ///
    /// # Errors
    /// Says why it cannot be hashed, or why an archive is none that engines should ever see.
    pub(super) fn compute(path: &Utf8Path, layout: Layout, progress: Progress<'_>) -> Result<Self, String> {
        let subject = |content| Subject { path: path.to_owned(), layout, content };
        let mut wanted = vec![subject(Content::H1)];
        if layout == Layout::Packed {
            // Before its hash, which inflates everything.
            let archive = Archive::open(path.as_std_path()).map_err(|error| error.to_string())?;
            vet(&archive, Limits::default())?;
            wanted.push(subject(Content::Zh));
        }
        let mut computed = digest::compute(&wanted, None, progress).into_iter();
        let h1 = computed.next().unwrap_or_else(|| Err("nothing was computed".to_owned()))?;
        Ok(Self { h1, zh: computed.next().transpose()? })
    }

    fn has(&self, hash: &Hash) -> bool {
        *hash == self.h1 || Some(hash) == self.zh.as_ref()
    }
}

/// What proves a package, apart from lock files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voucher {
    Nobody,
    /// The publisher's signature on the release's checksums.
    Signature,
}

/// Whether the package matches every lock file that needs it.
///
/// # Errors
/// The first lock file that it does not match, and why.
pub(super) fn check(needs: &[Need], found: &Hashes, voucher: Voucher) -> Result<(), String> {
    needs.iter().try_for_each(|need| {
        let place = &need.root_module;
        if need.hashes.iter().any(|hash| found.has(hash)) {
            return Ok(());
        }
        let has_h1 = need.hashes.iter().any(|hash| hash.scheme() == HashScheme::H1);
        match (need.hashes.is_empty(), voucher) {
            (true, Voucher::Signature) => Ok(()),
            (true, Voucher::Nobody) => {
                Err(format!("`{place}` has no hash of it, so nothing but a publisher's signature could prove it"))
            }
            (false, _) if found.zh.is_none() && !has_h1 => Err(format!(
                "the lock file of `{place}` has only zh: hashes, which prove a release archive and no unpacked package"
            )),
            (false, _) => Err(format!("it matches no hash in the lock file of `{place}`")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(hashes: &[&str]) -> Need {
        Need {
            root_module: "/r".into(),
            is_locked: true,
            hashes: hashes.iter().map(|hash| hash.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn every_lock_file_must_be_matched() {
        let packed = Hashes { h1: "h1:a".parse().unwrap(), zh: Some("zh:b".parse().unwrap()) };
        let unpacked = Hashes { zh: None, ..packed.clone() };
        for (needs, found, voucher, expected) in [
            (vec![need(&["h1:x", "h1:a"]), need(&["zh:b"])], &packed, Voucher::Nobody, None),
            (vec![need(&["h1:a"]), need(&["zh:c"])], &packed, Voucher::Signature, Some("matches no hash")),
            (vec![need(&["zh:b"])], &unpacked, Voucher::Nobody, Some("only zh: hashes")),
            (vec![need(&["h1:c"])], &unpacked, Voucher::Nobody, Some("matches no hash")),
            (vec![need(&[])], &packed, Voucher::Nobody, Some("has no hash of it")),
            (vec![need(&[])], &packed, Voucher::Signature, None),
        ] {
            let result = check(&needs, found, voucher);
            match (expected, &result) {
                (None, Ok(())) => {}
                (Some(text), Err(error)) if error.contains(text) => {}
                _ => panic!("{needs:?} {result:?}"),
            }
        }
    }
}
