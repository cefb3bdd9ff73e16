//! The image that stacks are held against: mirrors on the disk, or a seal alone, which tells everything but licences.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use airtight_engine::cli_config::{Method, MethodKind};
use airtight_engine::predict::{ProviderSource, ProviderSources};
use airtight_finding::{Finding, Owner};
use airtight_gate::check::provider_policy::NamedPolicy;
use airtight_gate::settings::AlsoMethod;
use airtight_gate::{check, cli_sources};
use airtight_hcl::Place;
use airtight_provider::hashing::{self, Hasher};
use airtight_provider::mirror::{self, Mirror, MirrorPackage};
use airtight_provider::seal::{self, Manifest, SealedPackage};
use airtight_provider::sealed_files::{self, Listings, Ownership};
use airtight_provider::{
    Contents, ContentsRequest, DigestRequest, Digests, Engine, EngineName, Hash, Layout, PackageContents,
    ProviderAddress,
};
use anyhow::Context as _;
use camino::{Utf8Path, Utf8PathBuf};

/// One image, read once.
pub struct Image {
    /// As it was named: `/providers`, `seal.json`.
    pub name: String,
    /// The digests of its seals.
    pub seals: Vec<String>,
    /// False if only a seal was read: then nothing is on this disk.
    pub is_on_disk: bool,
    shelves: Vec<Shelf>,
    further: Vec<Method>,
    sealed: Sealed,
    measured: Mutex<Measured>,
}

/// One mirror, its packages by provider.
struct Shelf {
    method: Method,
    mirror: Mirror,
    packages: HashMap<ProviderAddress, Vec<MirrorPackage>>,
}

/// What seals say, so that it need not be measured.
#[derive(Default)]
struct Sealed {
    digests: Digests,
    contents: Contents,
    sizes: BTreeMap<Utf8PathBuf, u64>,
}

/// What was measured, each once, whoever asked first.
#[derive(Default)]
struct Measured {
    contents: BTreeMap<ContentsRequest, Arc<OnceLock<PackageContents>>>,
    digests: BTreeMap<DigestRequest, Arc<OnceLock<Result<Hash, String>>>>,
}

/// A package of the image, with its size.
#[derive(Clone, Debug)]
pub struct ImagePackage {
    pub package: MirrorPackage,
    pub size_bytes: u64,
}

impl Image {
    /// Walks the mirrors. Where a seal lies in one, and the files are as it says, its hashes are used; other packages are hashed
    /// once a stack needs them.
    ///
    /// # Errors
    /// A seal that cannot be read.
    pub fn of_mirrors(paths: &[Utf8PathBuf], also: &[AlsoMethod], engine: &Engine) -> anyhow::Result<Self> {
        let mut image = Self::empty(paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "), true);
        for method in cli_sources::generated(paths, also, engine) {
            let MethodKind::FilesystemMirror { path } = &method.kind else {
                image.further.push(method);
                continue;
            };
            let mirror = mirror::walk(Utf8Path::new(path), engine.name);
            if let Some(manifest) = Manifest::read(Utf8Path::new(path))? {
                let packages = manifest.all().with_context(|| format!("the seal of `{path}`"))?;
                image.seals.push(manifest.digest().to_owned());
                let is_unchanged = |package: &SealedPackage| {
                    let one = std::slice::from_ref(package);
                    sealed_files::differences(&mirror.base, one, &Listings::OfPackages, Ownership::Anybodys).is_empty()
                };
                let packages: Vec<SealedPackage> = packages.into_iter().filter(is_unchanged).collect();
                image.sealed.add(&mirror.base, &packages)?;
            }
            image.shelves.push(Shelf::new(method, mirror));
        }
        Ok(image)
    }

    /// Reads a seal's file alone.
    ///
    /// # Errors
    /// A file that is not there, or that airtight did not write.
    pub fn of_seal(file: &Utf8Path, also: &[AlsoMethod], engine: &Engine) -> anyhow::Result<Self> {
        let manifest = Manifest::read_file(file)?.with_context(|| format!("`{file}` does not exist"))?;
        let packages = manifest.all().with_context(|| format!("the seal `{file}`"))?;
        let mut image = Self::empty(file.to_string(), false);
        image.seals.push(manifest.digest().to_owned());
        let base = Utf8PathBuf::from("/providers");
        image.sealed.add(&base, &packages)?;
        let mut mirror = Mirror { path: base.clone(), base: base.clone(), ..Mirror::default() };
        for package in packages {
            let path = base.join(&package.path);
            mirror.packages.push(MirrorPackage { id: package.id()?, layout: package.layout(), path });
        }
        mirror::sort(&mut mirror.packages);
        let mut methods = cli_sources::generated(&[base], also, engine).into_iter();
        let method = methods.next().context("a mirror is a method")?;
        image.further.extend(methods);
        image.shelves.push(Shelf::new(method, mirror));
        Ok(image)
    }

    fn empty(name: String, is_on_disk: bool) -> Self {
        Self {
            name,
            seals: Vec::new(),
            is_on_disk,
            shelves: Vec::new(),
            further: Vec::new(),
            sealed: Sealed::default(),
            measured: Mutex::default(),
        }
    }

    /// What engines would pass over in the mirrors, and packages that no policy allows.
    pub fn findings(&self, policies: &[NamedPolicy], engine: &Engine) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            self.shelves.iter().flat_map(|shelf| check::mirror_entries::check(&shelf.mirror, &[])).collect();
        if policies.is_empty() {
            return findings;
        }
        for package in self.shelves.iter().flat_map(|shelf| shelf.packages.values().flatten()) {
            let place = self.is_on_disk.then_some((package.path.as_path(), package.layout));
            findings.extend(
                check::provider_policy::judge(policies, &package.id, place, engine)
                    .map(|finding| finding.at(Place::file(&package.path), "the package").owner(Owner::Image)),
            );
        }
        findings
    }

    /// What an engine would find of some providers: a prediction reads nothing else.
    pub(crate) fn sources_for(&self, addresses: &BTreeSet<ProviderAddress>) -> ProviderSources {
        let registries = [EngineName::Tofu, EngineName::Terraform].map(EngineName::default_registry_host);
        let mut wanted = addresses.clone();
        // A finding says where else the provider is.
        wanted.extend(addresses.iter().flat_map(|address| registries.map(|host| address.on_host(host))));
        let shelves = self.shelves.iter().map(|shelf| {
            let packages = wanted.iter().filter_map(|address| shelf.packages.get(address)).flatten().cloned().collect();
            let mirror = Mirror { packages, ..shelf.mirror.clone() };
            ProviderSource { method: shelf.method.clone(), mirror: Some(mirror) }
        });
        let further = self.further.iter().map(|method| ProviderSource { method: method.clone(), mirror: None });
        ProviderSources { methods: shelves.chain(further).collect(), dev_overrides: Vec::new() }
    }

    /// Every package that an engine would use, by address, version and platform.
    pub fn packages(&self) -> Vec<ImagePackage> {
        let all = self.shelves.iter().flat_map(|shelf| shelf.packages.values().flatten());
        let mut packages: Vec<ImagePackage> = all
            .map(|package| {
                let size_bytes = match self.sealed.sizes.get(&package.path) {
                    Some(size) => *size,
                    None => size(&package.path),
                };
                ImagePackage { package: package.clone(), size_bytes }
            })
            .collect();
        packages.sort_by(|left, right| {
            let (left, right) = (&left.package.id, &right.package.id);
            (left.address.cmp(&right.address))
                .then_with(|| left.version.cmp_precedence(&right.version))
                .then_with(|| left.platform.cmp(&right.platform))
        });
        packages.dedup_by(|second, first| first.package.id == second.package.id);
        packages
    }

    /// What is in packages.
    pub fn contents(&self, wanted: &[ContentsRequest]) -> Contents {
        let one = |request: &ContentsRequest| {
            if let Some(sealed) = self.sealed.contents.get(&request.path) {
                return (request.path.clone(), sealed.clone());
            }
            let cell = Arc::clone(self.measured().contents.entry(request.clone()).or_default());
            let measure = || hashing::contents(std::slice::from_ref(request)).remove(&request.path).unwrap_or_default();
            (request.path.clone(), cell.get_or_init(measure).clone())
        };
        wanted.iter().map(one).collect()
    }

    /// Adds the hashes of packages.
    pub fn digests(&self, wanted: &[DigestRequest], digests: &mut Digests) {
        for request in wanted {
            if let Some(sealed) = self.sealed.digests.get(request) {
                digests.insert(request.clone(), sealed.clone());
                continue;
            }
            let cell = Arc::clone(self.measured().digests.entry(request.clone()).or_default());
            let measure = || {
                if !self.is_on_disk {
                    return Err("the seal does not say it".to_owned());
                }
                let mut measured = Digests::new();
                Hasher::new(&|_| {}).compute(std::slice::from_ref(request), &mut measured);
                measured.remove(request).unwrap_or_else(|| Err("it was not hashed".to_owned()))
            };
            digests.insert(request.clone(), cell.get_or_init(measure).clone());
        }
    }

    fn measured(&self) -> std::sync::MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn new(method: Method, mut mirror: Mirror) -> Self {
        let mut packages: HashMap<ProviderAddress, Vec<MirrorPackage>> = HashMap::new();
        for package in std::mem::take(&mut mirror.packages) {
            packages.entry(package.id.address.clone()).or_default().push(package);
        }
        Self { method, mirror, packages }
    }
}

impl Sealed {
    fn add(&mut self, base: &Utf8Path, packages: &[SealedPackage]) -> anyhow::Result<()> {
        self.digests.extend(seal::digests(base, packages)?);
        for package in packages {
            let path = base.join(&package.path);
            let is_packed = package.layout() == Layout::Packed;
            let contents = PackageContents {
                executable: package.executable.as_ref().map(|executable| executable.name.clone()),
                extracts_to_same_hash: !is_packed || package.extracted.as_deref() == Some(&package.h1),
                ..PackageContents::default()
            };
            self.contents.insert(path.clone(), contents);
            self.sizes.insert(path, package.files.iter().map(|file| file.size).sum());
        }
        Ok(())
    }
}

/// Of a file or a directory; what cannot be read counts nothing.
fn size(path: &Utf8Path) -> u64 {
    let Ok(metadata) = path.symlink_metadata() else { return 0 };
    if !metadata.is_dir() {
        return metadata.len();
    }
    path.read_dir_utf8().into_iter().flatten().flatten().map(|entry| size(entry.path())).sum()
}
