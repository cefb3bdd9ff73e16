//! One package after the other from where it is into the store.
//!
//! Requests for one repository come together, so that it is asked once. A tree is made beside the store, and renamed into
//! it when it is complete.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::address::{Address, ArchiveAddress, ArchiveFormat, GitAddress};
use super::archive;
use super::build::{Event, FetchError, Options};
use super::checksum::Checksum;
use super::copy::copy;
use super::git::{Git, Repository};
use super::graph::RowKey;
use super::page::meta;
use super::paths::{archive_path, encoded, git_path, joined, part_path};
use super::request::{Arrived, Brought, How, Place, Request};
use super::rounds::inside;
use super::tidy::{Tidied, tidy};
use crate::mirror::place::Hold;
use crate::registry::Download;
use airtight_engine::configuration::ModuleSource;
use airtight_engine::configuration::calls::module_source;
use airtight_provider::Timestamp;
use airtight_provider::modules::manifest::{Reference, ReferenceKind, StoredSource, StoredTree, TreeKind};
use airtight_provider::modules::tree::{Contents, entries, hexadecimal};
use airtight_provider::modules::{ModuleStore, expanded, split_subdirectory};

/// Pages that name another page lead so far.
const MAXIMUM_PAGES: usize = 10;

/// Everything that fetching needs.
pub(super) struct Fetcher<'a> {
    pub options: &'a Options<'a>,
    pub git: Git,
    /// Null in a dry run.
    pub hold: Option<&'a Hold>,
    /// The store as it was.
    pub former: Option<&'a ModuleStore>,
    /// For unique names.
    pub number: AtomicUsize,
    /// What this build has put into its place: two addresses may lead to one archive, at the same time.
    pub placed: Mutex<BTreeMap<String, Contents>>,
}

impl Fetcher<'_> {
    /// Brings a group.
    pub(super) fn bring(&self, group: Vec<Request>) -> Vec<Brought> {
        let is_repository =
            matches!(group.first().map(|request| &request.place), Some(Place::Address(Address::Git(_))));
        if is_repository {
            return self.repository(group);
        }
        group.into_iter().map(|request| Brought { result: self.single(&request), row: request.row }).collect()
    }

    fn single(&self, request: &Request) -> Result<Arrived, FetchError> {
        match &request.place {
            Place::Address(address) => self.address(request, address, 0),
            Place::Direct { url, token_host } => self.archive(request, url, None, None, token_host.as_deref()),
        }
    }

    fn address(&self, request: &Request, address: &Address, pages: usize) -> Result<Arrived, FetchError> {
        match address {
            Address::Archive(ArchiveAddress { url, format, checksum }) => {
                self.archive(request, url, Some(*format), checksum.as_ref(), None)
            }
            Address::Directory(path) => self.directory(request, Utf8Path::new(path)),
            Address::Page(url) => self.page(request, url, pages),
            Address::Git(address) => {
                let request = Request {
                    row: request.row.clone(),
                    place: Place::Address(Address::Git(address.clone())),
                    subdirectory: request.subdirectory.clone(),
                    part: request.part.clone(),
                };
                let brought = self.repository(vec![request]).pop();
                brought.map_or(Err(FetchError::Bug), |brought| brought.result)
            }
        }
    }

    /// A page names the package: in a header, or in its text. If it also names a directory, that directory is the package.
    ///
    /// Source: hashicorp/go-getter `get_http.go` `HttpGetter.Get`.
    fn page(&self, request: &Request, url: &Url, pages: usize) -> Result<Arrived, FetchError> {
        if pages >= MAXIMUM_PAGES {
            return Err(FetchError::Page("pages that name pages, more than 10"));
        }
        let client = self.options.client.map_err(Clone::clone)?;
        let mut asked = url.clone();
        asked.query_pairs_mut().append_pair("terraform-get", "1");
        let answer = client.answer(&client.with_login(&asked), None)?;
        let text = answer.package.or_else(|| meta(&String::from_utf8_lossy(&answer.body)));
        let text =
            text.ok_or(FetchError::Page("no archive by its name, and no page that says where the package is"))?;
        let (package, subdirectory) = address_of(&text, self.options)?;
        let request = Request {
            row: request.row.clone(),
            place: Place::Address(package.clone()),
            subdirectory: request.subdirectory.clone(),
            part: joined(&subdirectory, &request.part),
        };
        self.address(&request, &package, pages + 1)
    }

    fn repository(&self, group: Vec<Request>) -> Vec<Brought> {
        let mut brought = Vec::new();
        let mut asked = Vec::new();
        for request in group {
            let Place::Address(Address::Git(address)) = &request.place else { continue };
            // A commit cannot move: nobody has to be asked for one that is here.
            let pinned = address.reference.clone().filter(|name| name.len() >= 40);
            let kept =
                pinned.and_then(|name| self.kept(&place_of(address, &name.to_ascii_lowercase(), &request)).cloned());
            match kept {
                Some(tree) => {
                    let kind = ReferenceKind::Commit;
                    let result =
                        self.arrive(&request, tree, Some(reference(address, kind)), How::Kept, Tidied::default());
                    brought.push(Brought { row: request.row, result });
                }
                None => asked.push((address.clone(), request)),
            }
        }
        let Some((first, _)) = asked.first() else { return brought };
        let name = first.name();
        (self.options.event)(&Event::Asking(&name));
        let scratch = self.scratch();
        let result = self.fetch_repository(first.url.as_str(), &name, &scratch, &asked);
        let _ = fs::remove_dir_all(&scratch);
        match result {
            Ok(results) => {
                let rows = asked.into_iter().map(|(_, request)| request.row);
                brought.extend(rows.zip(results).map(|(row, result)| Brought { row, result }));
            }
            Err(error) => brought
                .extend(asked.into_iter().map(|(_, request)| Brought { row: request.row, result: Err(error.clone()) })),
        }
        brought
    }

    fn fetch_repository(
        &self,
        url: &str,
        name: &str,
        scratch: &Utf8Path,
        asked: &[(GitAddress, Request)],
    ) -> Result<Vec<Result<Arrived, FetchError>>, FetchError> {
        let mut repository = Repository::open(&self.git, url, scratch, self.options.git_tries)?;
        let resolved: Vec<_> = asked
            .iter()
            .map(|(address, request)| {
                let commit = repository.resolve(address.reference.as_deref(), address.is_shallow)?;
                self.check_moved(&request.row, &place_of(address, &commit.id, request), &commit.id, commit.kind)?;
                Ok(commit)
            })
            .collect::<Vec<Result<_, FetchError>>>();
        let missing: BTreeSet<String> = asked
            .iter()
            .zip(&resolved)
            .filter_map(|((address, request), commit)| Some((address, request, commit.as_ref().ok()?)))
            .filter(|(address, request, commit)| self.kept(&place_of(address, &commit.id, request)).is_none())
            .map(|(_, _, commit)| commit.id.clone())
            .collect();
        let mut trees: BTreeMap<String, (StoredTree, Tidied)> = BTreeMap::new();
        if self.hold.is_some() && !missing.is_empty() {
            (self.options.event)(&Event::Fetching(name));
            repository.fetch(&missing)?;
        }
        Ok(asked
            .iter()
            .zip(resolved)
            .map(|((address, request), commit)| {
                let commit = commit?;
                let path = place_of(address, &commit.id, request);
                let reference = Some(reference(address, commit.kind));
                if let Some(tree) = self.kept(&path) {
                    return self.arrive(request, tree.clone(), reference, How::Kept, Tidied::default());
                }
                let planned = planned(TreeKind::Git, Some(commit.id.clone()), name, path.clone());
                if self.hold.is_none() {
                    return self.arrive(request, planned, reference, How::Planned, Tidied::default());
                }
                if let Some((tree, noticed)) = trees.get(&path) {
                    return self.arrive(request, tree.clone(), reference, How::Fetched, noticed.clone());
                }
                let ready = self.scratch();
                let seconds = repository.checkout(&commit.id, &ready)?;
                let (tree, noticed) = self.store(&ready, &request.part, planned, Some(seconds))?;
                trees.insert(path, (tree.clone(), noticed.clone()));
                self.arrive(request, tree, reference, How::Fetched, noticed)
            })
            .collect())
    }

    fn archive(
        &self,
        request: &Request,
        url: &Url,
        format: Option<ArchiveFormat>,
        checksum: Option<&Checksum>,
        token_host: Option<&str>,
    ) -> Result<Arrived, FetchError> {
        let name = airtight_provider::modules::source_name(url.as_str());
        let name = name.split('?').next().unwrap_or_default().to_owned();
        if let Some(Checksum::Sha256(expected)) = checksum {
            let path = part_path(archive_path(url, &hexadecimal(expected)), &request.part);
            if let Some(tree) = self.kept(&path) {
                return self.arrive(request, tree.clone(), None, How::Kept, Tidied::default());
            }
        }
        if self.hold.is_none() {
            // What is in an archive is only known once it is here.
            let former = self.former_of(&request.row).map(|(tree, _)| tree.clone());
            let how = if former.is_some() { How::Kept } else { How::Planned };
            let planned = planned(TreeKind::Archive, None, &name, archive_path(url, "SHA256"));
            return self.arrive(request, former.unwrap_or(planned), None, how, Tidied::default());
        }
        (self.options.event)(&Event::Fetching(&name));
        let scratch = self.scratch();
        fs::create_dir_all(&scratch).map_err(FetchError::disk)?;
        let result = self.archive_in(&scratch, request, url, &name, format, checksum, token_host);
        let _ = fs::remove_dir_all(&scratch);
        result
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one address, and where it is fetched to")]
    fn archive_in(
        &self,
        scratch: &Utf8Path,
        request: &Request,
        url: &Url,
        name: &str,
        format: Option<ArchiveFormat>,
        checksum: Option<&Checksum>,
        token_host: Option<&str>,
    ) -> Result<Arrived, FetchError> {
        let file = if url.scheme() == "file" {
            let path = url.to_file_path().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
            path.ok_or(FetchError::Page("no path of this machine"))?
        } else {
            let client = self.options.client.map_err(Clone::clone)?;
            let path = scratch.join("archive");
            let file = fs::File::options().create(true).truncate(false).read(true).write(true).open(&path);
            let file = file.map_err(FetchError::disk)?;
            let progress = |bytes| (self.options.event)(&Event::Bytes(bytes));
            let url = &if token_host.is_none() { client.with_login(url) } else { url.clone() };
            client.download(&Download { url, token_host, file: &file, progress: &progress })?;
            path
        };
        let open = || fs::File::open(&file).map_err(FetchError::disk);
        let listed = match checksum {
            Some(Checksum::File(sums)) => Some(self.checksum_in(sums, url)?),
            _ => None,
        };
        if let Some(checksum) = listed.as_ref().or(checksum)
            && !checksum.matches(&mut open()?).map_err(FetchError::disk)?
        {
            return Err(FetchError::Checksum);
        }
        let id = sha256(&mut open()?).map_err(FetchError::disk)?;
        let path = part_path(archive_path(url, &id), &request.part);
        self.check_moved(&request.row, &path, &id, ReferenceKind::Tag)?;
        if let Some(tree) = self.kept(&path) {
            return self.arrive(request, tree.clone(), None, How::Kept, Tidied::default());
        }
        let format = match format {
            Some(format) => format,
            None => archive::sniff(&file).map_err(FetchError::disk)?.ok_or(FetchError::UnknownArchive)?,
        };
        let planned = planned(TreeKind::Archive, Some(id), name, path);
        let ready = scratch.join("tree");
        fs::create_dir_all(&ready).map_err(FetchError::disk)?;
        let target = airtight_provider::directory::Directory::open(&ready).map_err(FetchError::disk)?;
        let seconds = archive::extract(&file, format, &target, self.options.limits)?;
        let (tree, noticed) = self.store(&ready, &request.part, planned, seconds)?;
        self.arrive(request, tree, None, How::Fetched, noticed)
    }

    /// A copy of a directory of this machine.
    fn directory(&self, request: &Request, path: &Utf8Path) -> Result<Arrived, FetchError> {
        let real = path.canonicalize_utf8().map_err(FetchError::disk)?;
        if !real.is_dir() {
            return Err(FetchError::Page("no directory, and no archive by its name"));
        }
        let scratch = self.scratch();
        let result = copy(&real, &scratch, self.options.limits).map_err(FetchError::from).and_then(|()| {
            let noticed = tidy(&scratch, None, self.options.limits)?;
            let contents = Contents::of(&entries(&scratch).map_err(FetchError::tree)?);
            let id = hexadecimal(&Sha256::digest(serde_json::to_string(&contents).unwrap_or_default()));
            let path = format!("local/{}/{}", encoded(path.as_str()), &id[..16]);
            let origin = format!("file://{}", request_path(request));
            let planned = StoredTree { contents, ..planned(TreeKind::Local, None, &origin, path) };
            if let Some(tree) = self.kept(&planned.path) {
                return self.arrive(request, tree.clone(), None, How::Kept, noticed);
            }
            if self.hold.is_none() {
                return self.arrive(request, planned, None, How::Planned, noticed);
            }
            let (tree, noticed) = self.store(&scratch, "", planned, None)?;
            self.arrive(request, tree, None, How::Fetched, noticed)
        });
        let _ = fs::remove_dir_all(&scratch);
        result
    }

    fn checksum_in(&self, sums: &Url, archive: &Url) -> Result<Checksum, FetchError> {
        let client = self.options.client.map_err(Clone::clone)?;
        let (text, _) = client.document(&client.with_login(sums), None)?;
        Checksum::in_file(&String::from_utf8_lossy(&text), sums, archive).ok_or(FetchError::NoChecksum)
    }

    /// Puts a tree that is ready, or the one directory of it that is the package, into its place.
    fn store(
        &self,
        ready: &Utf8Path,
        part: &str,
        planned: StoredTree,
        seconds: Option<u64>,
    ) -> Result<(StoredTree, Tidied), FetchError> {
        let hold = self.hold.ok_or(FetchError::Bug)?;
        let outside = || FetchError::Subdirectory(part.to_owned());
        let ready = &match expanded(ready, part) {
            Some(part) => ready.join(inside(ready, &ready.join(part)).ok_or_else(outside)?),
            None => return Err(outside()),
        };
        let noticed = tidy(ready, seconds, self.options.limits)?;
        let contents = Contents::of(&entries(ready).map_err(FetchError::tree)?);
        let time = seconds.map(|seconds| Timestamp(seconds).to_string());
        let tree = StoredTree { contents, time, ..planned };
        let below = ready.strip_prefix(&self.options.store).map_err(|_| FetchError::Bug)?;
        let aside = hold.scratch().join(format!("aside-{}", self.number.fetch_add(1, Ordering::Relaxed)));
        let mut placed = self.placed.lock().map_err(|_| FetchError::Bug)?;
        if let Some(contents) = placed.get(&tree.path) {
            // What is there counts: submodules and Git LFS may have answered this address otherwise.
            return Ok((StoredTree { contents: contents.clone(), ..tree }, noticed));
        }
        hold.put(below, Utf8Path::new(&tree.path), &aside).map_err(FetchError::disk)?;
        placed.insert(tree.path.clone(), tree.contents.clone());
        drop(placed);
        (self.options.event)(&Event::Stored(&tree));
        Ok((tree, noticed))
    }

    fn arrive(
        &self,
        request: &Request,
        tree: StoredTree,
        reference: Option<Reference>,
        how: How,
        noticed: Tidied,
    ) -> Result<Arrived, FetchError> {
        let root = self.options.store.join(&tree.path);
        let subdirectory = if how == How::Planned {
            Some(request.subdirectory.clone())
        } else {
            expanded(&root, &request.subdirectory)
        };
        let subdirectory = subdirectory.ok_or_else(|| FetchError::Subdirectory(request.subdirectory.clone()))?;
        Ok(Arrived { tree, reference, subdirectory, how, noticed })
    }

    /// A tree that the store has, whole.
    fn kept(&self, path: &str) -> Option<&StoredTree> {
        let former = self.former?;
        former.tree(path).filter(|tree| former.check_tree(tree).is_ok())
    }

    /// A reference that should not move must still be what it was.
    fn check_moved(&self, row: &RowKey, path: &str, id: &str, kind: ReferenceKind) -> Result<(), FetchError> {
        let Some((tree, source)) = self.former_of(row) else { return Ok(()) };
        let is_free = |kind| kind == ReferenceKind::Branch;
        let was_free = source.reference.as_ref().is_some_and(|reference| is_free(reference.kind));
        let is_pinned = row.1.is_some() || !(is_free(kind) && was_free);
        if tree.path == path
            || tree.id.as_deref() == Some(id)
            || !is_pinned
            || self.options.accept_moved.contains(&row.0)
        {
            return Ok(());
        }
        let from = tree.id.clone().unwrap_or_else(|| tree.path.clone());
        Err(FetchError::Moved { source_name: row.0.clone(), from, to: id.to_owned() })
    }

    fn former_of(&self, row: &RowKey) -> Option<(&StoredTree, &StoredSource)> {
        let former = self.former?;
        let source = former.versions(&row.0).iter().find(|source| source.version == row.1)?;
        Some((former.tree(&source.tree)?, source))
    }

    /// A path that nobody else uses, on the store's file system.
    fn scratch(&self) -> Utf8PathBuf {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        match self.hold {
            Some(hold) => self.options.store.join(hold.scratch()).join(number.to_string()),
            None => self.options.scratch.join(number.to_string()),
        }
    }
}

/// What an address in a registry's or a page's answer means, with the directory in the package.
pub(super) fn address_of(text: &str, options: &Options<'_>) -> Result<(Address, String), FetchError> {
    let (ModuleSource::Remote { normalized, .. } | ModuleSource::LocalCopy(normalized)) =
        module_source(text, false, options.engine)
    else {
        return Err(FetchError::Page("an answer that names no package"));
    };
    let (package, subdirectory) = split_subdirectory(&normalized);
    Ok((Address::parse(&package)?.of_network()?, subdirectory))
}

fn reference(address: &GitAddress, kind: ReferenceKind) -> Reference {
    Reference { kind, name: address.reference.clone().unwrap_or_else(|| "HEAD".to_owned()) }
}

/// A tree of which nothing is known yet.
fn planned(kind: TreeKind, id: Option<String>, origin: &str, path: String) -> StoredTree {
    StoredTree { contents: Contents::of(&[]), id, kind, origin: origin.to_owned(), path, time: None }
}

fn request_path(request: &Request) -> String {
    request.row.0.split_once("://").map_or_else(String::new, |(_, path)| path.to_owned())
}

fn sha256(file: &mut fs::File) -> std::io::Result<String> {
    use std::io::Read as _;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hasher.finalize())),
            count => hasher.update(&buffer[..count]),
        }
    }
}

fn place_of(address: &GitAddress, commit: &str, request: &Request) -> String {
    part_path(git_path(address, commit), &request.part)
}
