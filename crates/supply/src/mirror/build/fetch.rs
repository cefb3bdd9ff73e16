//! Getting a package from a source to the disk, checked.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use url::Url;

use super::evidence;
use super::proof::{self, Hashes, Voucher};
use super::{Need, Options};
use crate::mirror::evidence::{archive_path, directory};
use crate::mirror::place::make_open;
use crate::registry::{Authenticity, Client, Download, Evidence, NetworkMirror, Registry, RegistryError, authenticate};
use airtight_provider::mirror::{Mirror, MirrorPackage, walk};
use airtight_provider::{EngineName, Hash, HashScheme, Layout, PackageId};

/// Where packages may come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Another mirror, packed or unpacked.
    Directory(Mirror),
    NetworkMirror(NetworkMirror),
    /// Each provider's own registry.
    Origin,
}

impl Source {
    /// `origin`, an https URL, or a directory.
    ///
    /// # Errors
    /// Says what is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "origin" {
            return Ok(Self::Origin);
        }
        if text.contains("://") {
            return NetworkMirror::parse(text).map(Self::NetworkMirror);
        }
        let path = Utf8Path::new(text);
        if !path.is_dir() {
            return Err(format!("`{text}` is neither `origin`, nor an https URL, nor a directory"));
        }
        let mirror = walk(path, EngineName::Tofu);
        match &mirror.error {
            Some(error) => Err(error.clone()),
            None => Ok(Self::Directory(mirror)),
        }
    }

    pub const fn needs_network(&self) -> bool {
        !matches!(self, Self::Directory(_))
    }

    /// For people.
    pub fn name(&self, id: &PackageId) -> String {
        match self {
            Self::Directory(mirror) => mirror.path.to_string(),
            Self::NetworkMirror(mirror) => mirror.host(),
            Self::Origin => id.address.host().to_owned(),
        }
    }
}

/// A package on the disk, proven.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) path: Utf8PathBuf,
    pub(super) layout: Layout,
    /// The file or directory is ours to move; else it is the source's own.
    pub(super) is_ours: bool,
    pub(super) hashes: Hashes,
    pub(super) evidence: Option<Evidence>,
    /// Evidence of the source mirror, to be taken over.
    pub(super) evidence_directory: Option<Utf8PathBuf>,
    /// It is what stands in its place already.
    pub(super) is_in_place: bool,
}

/// What a source says it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// Null where it does not tell.
    pub(super) size_bytes: Option<u64>,
    /// It is what stands in its place already.
    pub(super) is_in_place: bool,
}

/// Why a source did not give a package.
#[derive(Debug)]
pub(super) enum NotFetched {
    /// It has none.
    Absent(String),
    /// It has one that does not count, or cannot be asked.
    Failed(String),
    /// Our own disk: no other source helps.
    Disk(String),
}

impl From<RegistryError> for NotFetched {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Unknown { .. } => Self::Absent(error.to_string()),
            RegistryError::Http(crate::registry::HttpError::Write(reason)) => Self::Disk(reason),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// One package and where it is wanted.
pub(super) struct Fetch<'a> {
    pub(super) options: &'a Options<'a>,
    pub(super) registry: Option<&'a Registry<'a>>,
    pub(super) id: &'a PackageId,
    pub(super) needs: &'a [Need],
    /// Where its download is kept.
    pub(super) partial: Utf8PathBuf,
    /// What stands in its place already, without proof.
    pub(super) in_place: Option<&'a Hashes>,
}

impl Fetch<'_> {
    pub(super) fn fetch(&self, source: &Source) -> Result<Fetched, NotFetched> {
        match source {
            Source::Directory(mirror) => self.directory(mirror),
            Source::NetworkMirror(mirror) => self.network_mirror(mirror),
            Source::Origin => self.origin(),
        }
    }

    /// What a source has of the package. Nothing is downloaded.
    pub(super) fn look(&self, source: &Source) -> Result<Offer, NotFetched> {
        let size_bytes = match source {
            Source::Directory(mirror) => {
                let package = self.find(mirror)?;
                fs::metadata(&package.path).ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len())
            }
            Source::NetworkMirror(mirror) => {
                let client = self.client()?;
                client.size(&mirror.archive(client, self.id)?.url).map_err(RegistryError::Http)?
            }
            Source::Origin => {
                let announcement = self.registry()?.announcement(self.id)?;
                if self.is_in_place(&announcement.zh) {
                    return Ok(Offer { size_bytes: None, is_in_place: true });
                }
                self.client()?.size(&announcement.archive).map_err(RegistryError::Http)?
            }
        };
        Ok(Offer { size_bytes, is_in_place: false })
    }

    fn is_in_place(&self, zh: &Hash) -> bool {
        self.in_place.is_some_and(|hashes| hashes.zh.as_ref() == Some(zh))
    }

    fn find<'m>(&self, mirror: &'m Mirror) -> Result<&'m MirrorPackage, NotFetched> {
        let found = mirror.packages.iter().find(|package| package.id == *self.id);
        found.ok_or_else(|| NotFetched::Absent(format!("{} does not have it", mirror.path)))
    }

    fn directory(&self, mirror: &Mirror) -> Result<Fetched, NotFetched> {
        let package = self.find(mirror)?;
        // An unpacked package's own archive proves more than the package, and can be used for both layouts.
        let kept = archive_path(&mirror.base, self.id);
        let (path, layout) = match package.layout {
            Layout::Unpacked if kept.is_file() => (kept, Layout::Packed),
            layout => (package.path.clone(), layout),
        };
        if layout == Layout::Unpacked && self.options.layout == Layout::Packed {
            return Err(NotFetched::Failed(format!(
                "{} has it unpacked, which does not make the release's archive again; `--layout unpacked` takes it",
                mirror.path
            )));
        }
        let failed = |reason: &str| NotFetched::Failed(format!("{}: {reason}", mirror.path));
        let hashes = Hashes::compute(&path, layout, self.options.progress).map_err(|reason| failed(&reason))?;
        let voucher = match self.options.allowed {
            None => Voucher::Nobody,
            Some(allowed) => evidence::voucher(&mirror.base, self.id, &hashes, allowed, self.options.now)
                .ok_or_else(|| failed("none of the keys that count made the signature that it keeps of the release"))?,
        };
        self.check(&hashes, voucher).map_err(|reason| failed(&reason))?;
        let evidence_directory =
            Some(directory(&mirror.base, &self.id.address, &self.id.version)).filter(|directory| directory.is_dir());
        Ok(Fetched { path, layout, is_ours: false, hashes, evidence: None, evidence_directory, is_in_place: false })
    }

    fn network_mirror(&self, mirror: &NetworkMirror) -> Result<Fetched, NotFetched> {
        let archive = mirror.archive(self.client()?, self.id)?;
        let claimed: Vec<_> = archive.hashes.iter().filter(|hash| hash.is_preferred()).collect();
        let hashes = self.download(&archive.url, |hashes| {
            let has = |hash: &&Hash| match hash.scheme() {
                HashScheme::H1 => **hash == hashes.h1,
                _ => Some(*hash) == hashes.zh.as_ref(),
            };
            if !claimed.is_empty() && !claimed.iter().any(has) {
                return Err("the archive matches no hash of the mirror's own index".to_owned());
            }
            self.check(hashes, Voucher::Nobody)
        });
        let hashes = hashes.map_err(|error| named(&mirror.host(), error))?;
        Ok(self.downloaded(hashes, None))
    }

    fn origin(&self) -> Result<Fetched, NotFetched> {
        let registry = self.registry()?;
        let announcement = registry.announcement(self.id)?;
        let evidence = authenticate(registry, &announcement, self.options.allowed, self.options.now)
            .map_err(|error| named(self.id.address.host(), error.into()))?;
        let voucher = match evidence.authenticity {
            Authenticity::Signed(_) => Voucher::Signature,
            Authenticity::Unsigned => Voucher::Nobody,
        };
        if let Some(hashes) = self.in_place.filter(|_| self.is_in_place(&announcement.zh))
            && self.check(hashes, voucher).is_ok()
        {
            let fetched = self.downloaded(hashes.clone(), Some(evidence));
            return Ok(Fetched { is_in_place: true, is_ours: false, ..fetched });
        }
        let hashes = self.download(&announcement.archive, |hashes| {
            if hashes.zh.as_ref() != Some(&announcement.zh) {
                return Err("the archive is not the one that SHA256SUMS lists".to_owned());
            }
            self.check(hashes, voucher)
        });
        let hashes = hashes.map_err(|error| named(self.id.address.host(), error))?;
        Ok(self.downloaded(hashes, Some(evidence)))
    }

    /// Downloads the archive and checks it. What was continued and turns out wrong is fetched once more from the start.
    fn download(&self, url: &Url, check: impl Fn(&Hashes) -> Result<(), String>) -> Result<Hashes, NotFetched> {
        let client = self.client()?;
        let disk = |error: std::io::Error| NotFetched::Disk(error.to_string());
        make_open(self.partial.parent().unwrap_or(Utf8Path::new("."))).map_err(disk)?;
        loop {
            let was_continued = fs::metadata(&self.partial).is_ok_and(|metadata| metadata.len() > 0);
            let download = Download { url, file: &self.partial, progress: self.options.progress };
            client.download(&download).map_err(RegistryError::Http)?;
            let hashes = Hashes::compute(&self.partial, Layout::Packed, self.options.progress);
            match hashes.and_then(|hashes| check(&hashes).map(|()| hashes)) {
                Ok(hashes) => return Ok(hashes),
                Err(reason) => {
                    fs::remove_file(&self.partial).map_err(disk)?;
                    if !was_continued {
                        return Err(NotFetched::Failed(reason));
                    }
                }
            }
        }
    }

    fn downloaded(&self, hashes: Hashes, evidence: Option<Evidence>) -> Fetched {
        Fetched {
            path: self.partial.clone(),
            layout: Layout::Packed,
            is_ours: true,
            hashes,
            evidence,
            evidence_directory: None,
            is_in_place: false,
        }
    }

    fn check(&self, hashes: &Hashes, voucher: Voucher) -> Result<(), String> {
        proof::check(self.needs, hashes, voucher)
    }

    fn client(&self) -> Result<&Client, NotFetched> {
        self.options.client.ok_or_else(|| NotFetched::Failed("the network is not to be used".to_owned()))
    }

    fn registry(&self) -> Result<&Registry<'_>, NotFetched> {
        self.registry.ok_or_else(|| NotFetched::Failed("the network is not to be used".to_owned()))
    }
}

fn named(source: &str, error: NotFetched) -> NotFetched {
    match error {
        NotFetched::Failed(reason) if !reason.starts_with(source) => NotFetched::Failed(format!("{source}: {reason}")),
        error => error,
    }
}
