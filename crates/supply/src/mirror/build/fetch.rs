//! Getting a package from a source to the disk, checked.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use url::Url;

use super::evidence;
use super::proof::{self, Hashes, Voucher};
use super::{Need, Options};
use crate::mirror::evidence::kept_archive;
use crate::mirror::machine;
use crate::mirror::place::Hold;
use crate::registry::{
    Authenticity, Client, Download, Evidence, HttpError, NetworkMirror, Registry, RegistryError, authenticate,
};
use airtight_provider::directory::Directory;
use airtight_provider::mirror::{Mirror, MirrorPackage, walk};
use airtight_provider::{EngineName, Hash, HashScheme, Layout, PackageId};

/// A registry that never gives a link that works is asked no more often for one package.
const MAXIMUM_RENEWALS: u32 = 5;

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
    /// The mirror that it is from, whose evidence is taken over.
    pub(super) from_mirror: Option<Utf8PathBuf>,
    /// It equals the package that is already in its place.
    pub(super) is_in_place: bool,
}

/// What a source says it has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    /// Null if it does not tell.
    pub(super) size_bytes: Option<u64>,
    /// It equals the package that is already in its place.
    pub(super) is_in_place: bool,
}

/// Why a source did not give a package.
#[derive(Debug)]
pub(super) enum NotFetched {
    /// It has none.
    Absent(String),
    /// Its package is not acceptable, or it cannot be asked.
    Failed(String),
    /// Our own disk: no other source helps.
    Disk(String),
}

impl From<RegistryError> for NotFetched {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Unknown { .. } => Self::Absent(error.to_string()),
            RegistryError::Http(HttpError::Write(reason)) => Self::Disk(reason),
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Why there is no download: what HTTP said, or anything else.
#[derive(Debug)]
enum NotDownloaded {
    Http(HttpError),
    Otherwise(NotFetched),
}

impl From<NotFetched> for NotDownloaded {
    fn from(reason: NotFetched) -> Self {
        Self::Otherwise(reason)
    }
}

impl From<NotDownloaded> for NotFetched {
    fn from(error: NotDownloaded) -> Self {
        match error {
            NotDownloaded::Http(error) => RegistryError::Http(error).into(),
            NotDownloaded::Otherwise(reason) => reason,
        }
    }
}

/// One package and where it is wanted.
pub(super) struct Fetch<'a> {
    pub(super) options: &'a Options<'a>,
    pub(super) registry: Option<&'a Registry<'a>>,
    pub(super) id: &'a PackageId,
    pub(super) needs: &'a [Need],
    /// Where its download is kept, below the mirror that is built.
    pub(super) partial: Utf8PathBuf,
    /// Null for a dry run.
    pub(super) hold: Option<&'a Hold>,
    /// The package that is already in its place, without proof.
    pub(super) in_place: Option<&'a Hashes>,
}

impl Fetch<'_> {
    pub(super) fn fetch(&self, source: &Source) -> Result<Fetched, NotFetched> {
        let fetched = match source {
            Source::Directory(mirror) => self.directory(mirror),
            Source::NetworkMirror(mirror) => self.network_mirror(mirror),
            Source::Origin => self.origin(),
        }?;
        if let Err(reason) = machine::check(&fetched.path, fetched.layout, self.id).map_err(NotFetched::Failed)
            && !fetched.is_in_place
        {
            if fetched.is_ours {
                self.mirror()?.remove(&self.partial).map_err(|error| NotFetched::Disk(error.to_string()))?;
            }
            return Err(named(&source.name(self.id), reason));
        }
        Ok(fetched)
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
        let kept = match package.layout {
            Layout::Unpacked => {
                kept_archive(&mirror.base, self.id).map_err(|error| NotFetched::Failed(format!("{error:#}")))?
            }
            Layout::Packed => None,
        };
        let (path, layout) = match kept {
            Some(kept) => (kept, Layout::Packed),
            None => (package.path.clone(), package.layout),
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
        let from_mirror = Some(mirror.base.clone());
        Ok(Fetched { path, layout, is_ours: false, hashes, evidence: None, from_mirror, is_in_place: false })
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
        let hashes = hashes.map_err(|error| named(&mirror.host(), error.into()))?;
        Ok(self.downloaded(hashes, None))
    }

    fn origin(&self) -> Result<Fetched, NotFetched> {
        let registry = self.registry()?;
        let mut announcement = registry.announcement(self.id)?;
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
        let zh = announcement.zh.clone();
        let check = |hashes: &Hashes| {
            if hashes.zh.as_ref() != Some(&zh) {
                return Err("the archive is not the one that SHA256SUMS lists".to_owned());
            }
            self.check(hashes, voucher)
        };
        let mut renewals = 0;
        let hashes = loop {
            match self.download(&announcement.archive, check) {
                // A signed link has expired while others were fetched, or during the download: the registry makes a new one.
                Err(NotDownloaded::Http(error)) if error.may_have_expired() && renewals < MAXIMUM_RENEWALS => {
                    let renewed = registry.announcement(self.id)?;
                    if renewed.archive == announcement.archive || renewed.zh != zh {
                        return Err(RegistryError::Http(error).into());
                    }
                    announcement = renewed;
                    renewals += 1;
                }
                result => break result,
            }
        };
        let hashes = hashes.map_err(|error| named(self.id.address.host(), error.into()))?;
        Ok(self.downloaded(hashes, Some(evidence)))
    }

    /// Downloads the archive and checks it. What was continued and turns out wrong is fetched once more from the start.
    fn download(&self, url: &Url, check: impl Fn(&Hashes) -> Result<(), String>) -> Result<Hashes, NotDownloaded> {
        let client = self.client()?;
        let disk = |error: std::io::Error| NotFetched::Disk(error.to_string());
        let mirror = self.mirror()?;
        mirror.make(self.partial.parent().unwrap_or(Utf8Path::new(""))).map_err(disk)?;
        loop {
            let file = mirror.open_or_create(&self.partial, 0o644).map_err(disk)?;
            let was_continued = file.metadata().is_ok_and(|metadata| metadata.len() > 0);
            let download = Download { url, token_host: None, file: &file, progress: self.options.fetched };
            client.download(&download).map_err(NotDownloaded::Http)?;
            let hashes = Hashes::compute(&mirror.path_of(&self.partial), Layout::Packed, self.options.progress);
            match hashes.and_then(|hashes| check(&hashes).map(|()| hashes)) {
                Ok(hashes) => return Ok(hashes),
                Err(reason) => {
                    mirror.remove(&self.partial).map_err(disk)?;
                    if !was_continued {
                        return Err(NotFetched::Failed(reason).into());
                    }
                }
            }
        }
    }

    fn downloaded(&self, hashes: Hashes, evidence: Option<Evidence>) -> Fetched {
        Fetched {
            path: self.options.mirror.join(&self.partial),
            layout: Layout::Packed,
            is_ours: true,
            hashes,
            evidence,
            from_mirror: None,
            is_in_place: false,
        }
    }

    fn check(&self, hashes: &Hashes, voucher: Voucher) -> Result<(), String> {
        proof::check(self.needs, hashes, voucher)
    }

    fn mirror(&self) -> Result<&Directory, NotFetched> {
        let hold = self.hold.ok_or_else(|| NotFetched::Disk("nothing is to be changed".to_owned()))?;
        Ok(&hold.mirror)
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
