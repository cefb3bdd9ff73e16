//! The dependency lock file, `.terraform.lock.hcl`.
//!
//! Source: OpenTofu `internal/depsfile/locks_file.go`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hcl::edit::Span;
use hcl::edit::expr::Expression;
use hcl::edit::structure::{Block, Body};

use super::outside;
use super::text_file::{self, TextFileError};
use super::unlikely_text::UnlikelyText;
use crate::{EngineName, Hash, ProviderAddress, SourceAddress, Version, VersionConstraints};
use airtight_hcl::NativeFile;
use airtight_hcl::constant::{Constant, evaluate};
use airtight_hcl::{Place, Sources};
use airtight_hcl::{Problem, ProblemKind};

const ROOT_BLOCKS: &[&str] = &["provider", "module"];
const NO_VERSION: &str = "A provider block has a version.";
const UNSUITABLE: &str = "Unsuitable value type";
const NULL: &str = "Unsuitable value: null value is not allowed";

pub const FILE_NAME: &str = ".terraform.lock.hcl";

/// A larger lock file is refused, so that a planted one cannot fill the memory. Real ones have kilobytes.
const LIMIT_BYTES: u64 = 2 * 1024 * 1024;

/// What the engine makes of the file. Missing and empty files are the same to it: no locks.
#[derive(Clone, Debug)]
pub struct LockFile {
    pub path: Utf8PathBuf,
    pub exists: bool,
    /// In the file's order; only sound entries.
    pub locks: Vec<ProviderLock>,
    /// Any one of these and the engine queries no provider at all.
    pub errors: Vec<Problem>,
    pub warnings: Vec<Problem>,
    /// Something else that has got into the file's place: then it is the only error.
    pub unlikely: Option<UnlikelyText>,
    /// If there is no lock file: one that has lost its name on the way here. Engines do not look at it.
    pub misnamed: Option<Utf8PathBuf>,
    /// What airtight cannot read, but the engine may be able to; such entries are not in `locks`.
    pub not_understood: Vec<Problem>,
    pub text: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderLock {
    pub address: ProviderAddress,
    pub version: Version,
    /// Canonical text; empty if there is none.
    pub constraints: String,
    /// Sorted and deduplicated, as the engine's installer holds them; unknown schemes included.
    pub hashes: Vec<Hash>,
    /// The file has them so too; else `init` takes the entry for changed, and writes the file.
    pub hashes_are_sorted: bool,
    /// The block's label.
    pub place: Place,
    pub version_place: Place,
    /// The `hashes` attribute, if there is one.
    pub hashes_place: Option<Place>,
}

impl LockFile {
    /// Keeps that something is wrong and where, and drops the words, which may hold the file's.
    fn withhold(&mut self, said: &str) {
        for problem in self.errors.iter_mut().chain(&mut self.warnings).chain(&mut self.not_understood) {
            "Dependency lock file not understood".clone_into(&mut problem.summary);
            said.clone_into(&mut problem.detail);
        }
    }

    pub fn lock_for(&self, address: &ProviderAddress) -> Option<&ProviderLock> {
        self.locks.iter().find(|lock| lock.address == *address)
    }
}

/// Reads `.terraform.lock.hcl` of a root module. A file that cannot be read is a problem in `errors`, as for the engine;
/// one that only we refuse is in `not_understood`.
pub fn read(root_module: &Utf8Path, engine: EngineName, sources: &mut Sources) -> LockFile {
    let path = root_module.join(FILE_NAME);
    outside::withhold(&path, sources);
    let content = text_file::read_bytes(&path, LIMIT_BYTES);
    let exists = !matches!(content, Err(TextFileError::Missing));
    let bytes = content.as_deref().unwrap_or_default();
    let mut lock_file = interpret(&path, exists, bytes, engine);
    match content {
        Ok(_) | Err(TextFileError::Missing) => {}
        Err(error) if error.is_ours() => lock_file.not_understood.push(Problem {
            kind: ProblemKind::Limit,
            summary: "Dependency lock file not read".to_owned(),
            detail: format!("airtight does not read it: {error}. The engine may be able to."),
            place: Place::file(&path),
        }),
        Err(_) => lock_file.errors.push(Problem {
            kind: ProblemKind::Unreadable,
            summary: "Failed to read file".to_owned(),
            detail: format!("The configuration file \"{FILE_NAME}\" could not be read."),
            place: Place::file(&path),
        }),
    }
    if exists {
        sources.insert(&path, lock_file.text.clone());
    } else {
        lock_file.misnamed = misnamed(root_module);
    }
    if let Some(said) = sources.withheld(&path) {
        lock_file.withhold(said);
    }
    lock_file
}

/// Uploads that leave out files beginning with a dot, editors and merges rename it; or it is one directory too high.
fn misnamed(root_module: &Utf8Path) -> Option<Utf8PathBuf> {
    const NAMES: [&str; 7] = [
        "terraform.lock.hcl",
        ".terraform.lock.hcl.txt",
        ".terraform.lock.hcl.orig",
        ".terraform.lock.hcl.bak",
        ".terraform.lock",
        ".terraform-lock.hcl",
        "../.terraform.lock.hcl",
    ];
    let paths = NAMES.iter().map(|name| root_module.join(name));
    let mut paths = paths.filter(|path| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file()));
    paths.find(|path| {
        let text = text_file::read(path, LIMIT_BYTES).unwrap_or_default();
        text.lines().any(|line| line.trim_start().starts_with("provider \""))
    })
}

/// What the engine would make of a text, were it the file's.
pub fn parse(path: &Utf8Path, text: &str, engine: EngineName) -> LockFile {
    interpret(path, true, text.as_bytes(), engine)
}

fn interpret(path: &Utf8Path, exists: bool, bytes: &[u8], engine: EngineName) -> LockFile {
    let file = NativeFile::parse(bytes);
    let mut reader = Reader { engine, path, file, errors: Vec::new(), not_understood: Vec::new() };
    let (locks, warnings) = reader.read_body();
    let Reader { file, mut errors, not_understood, .. } = reader;
    let unlikely = UnlikelyText::of(bytes).filter(|_| !errors.is_empty());
    if let Some(unlikely) = unlikely {
        errors.truncate(1);
        errors[0].detail = format!("the lock file {unlikely}");
        if !matches!(unlikely, UnlikelyText::MergeMarkers { .. }) {
            errors[0].place = Place::file(path);
        }
    }
    LockFile {
        path: path.to_owned(),
        exists,
        locks,
        errors,
        warnings,
        unlikely,
        misnamed: None,
        not_understood,
        text: file.text,
    }
}

/// Whether it is such a block, with its one label.
fn is_one_of(block: &Block, names: &[&str]) -> bool {
    names.contains(&block.ident.as_str()) && block.labels.len() == 1
}

struct Reader<'a> {
    engine: EngineName,
    path: &'a Utf8Path,
    file: NativeFile,
    errors: Vec<Problem>,
    not_understood: Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&self, summary: &str, detail: impl Into<String>, range: Range<usize>) -> Problem {
        let place = self.file.place(self.path, Some(range));
        Problem::new(ProblemKind::Invalid, summary, detail, place)
    }

    fn refuse(&mut self, summary: &str, detail: impl Into<String>, range: Range<usize>) {
        self.errors.push(self.problem(summary, detail, range));
    }

    fn give_up(&mut self, detail: &str, range: Range<usize>) {
        self.not_understood.push(self.problem("Dependency lock file not understood", detail, range));
    }

    /// Arguments and blocks that a body may not hold.
    fn check_names(&mut self, body: &Body, arguments: &[&str], blocks: &[&str]) {
        for attribute in body.attributes().filter(|attribute| !arguments.contains(&attribute.key.as_str())) {
            let detail = format!("A lock file has no argument \"{}\" here.", attribute.key.as_str());
            self.refuse("Unsupported argument", detail, attribute.key.span().unwrap_or_default());
        }
        for block in body.blocks().filter(|block| !is_one_of(block, blocks)) {
            let name = block.ident.as_str();
            let (summary, detail) = if !blocks.contains(&name) {
                ("Unsupported block type".to_owned(), format!("A lock file has no blocks \"{name}\" here."))
            } else if block.labels.is_empty() {
                let label = if name == "module" { "path" } else { "source_addr" };
                (format!("Missing {label} for {name}"), format!("A {name} block has one label."))
            } else {
                (format!("Extraneous label for {name}"), format!("A {name} block has one label."))
            };
            let range = block.labels.get(1).and_then(Span::span).or(block.ident.span());
            self.refuse(&summary, detail, range.unwrap_or_default());
        }
    }

    fn read_body(&mut self) -> (Vec<ProviderLock>, Vec<Problem>) {
        let (mut locks, mut warnings) = (Vec::new(), Vec::new());
        let Some(body) = self.file.hcl_body() else {
            self.errors.extend(self.file.problem(self.path));
            if self.errors.is_empty() {
                self.give_up("It is not written in a way that airtight reads.", self.file.hcl_error());
            }
            return (locks, warnings);
        };
        self.check_names(&body, &[], ROOT_BLOCKS);
        let mut seen = BTreeMap::new();
        for block in body.blocks().filter(|block| is_one_of(block, ROOT_BLOCKS)) {
            let range = block.ident.span().unwrap_or_default();
            if block.has_ident("module") {
                if warnings.is_empty() {
                    warnings.push(self.problem(
                        "Dependency locks for modules are not yet supported",
                        "No engine locks modules.",
                        range,
                    ));
                }
                continue;
            }
            let problems_before = self.errors.len() + self.not_understood.len();
            let Some((address, lock)) = self.read_lock(block) else { continue };
            let line = self.file.place(self.path, Some(range.clone())).position.map_or(0, |place| place.line);
            if let Some(first_line) = seen.get(&address) {
                let detail = format!("{address} has another block in line {first_line}.");
                self.refuse("Duplicate provider lock", detail, range);
                continue;
            }
            seen.insert(address, line);
            if self.errors.len() + self.not_understood.len() == problems_before {
                locks.extend(lock);
            }
        }
        (locks, warnings)
    }

    /// The address, if it can be locked, and the lock, if its version is one.
    fn read_lock(&mut self, block: &Block) -> Option<(ProviderAddress, Option<ProviderLock>)> {
        const INVALID_ADDRESS: &str = "Invalid provider source address";
        let label = block.labels.first()?;
        let range = label.span().unwrap_or_default();
        let Ok(source) = SourceAddress::parse(label.as_str(), self.engine) else {
            self.refuse(INVALID_ADDRESS, "The label of a provider block is HOST/NAMESPACE/TYPE.", range);
            return None;
        };
        let address = source.resolve(self.engine);
        if address.is_built_in() || address.is_legacy() {
            self.refuse(INVALID_ADDRESS, format!("{address} is no provider that can be locked."), range);
            return None;
        }
        if address.to_string() != label.as_str() {
            let detail = format!("This provider's block must have the label \"{address}\".");
            self.refuse("Non-normalized provider source address", detail, range);
            return None;
        }
        self.check_names(&block.body, &["version", "constraints", "hashes"], &[]);
        if !block.body.has_attribute("version") {
            self.refuse("Missing required argument", NO_VERSION, block.ident.span().unwrap_or_default());
        }
        let version = block.body.get_attribute("version").and_then(|a| self.read_version(&address, &a.value));
        let constraints = block.body.get_attribute("constraints").map_or_else(String::new, |attribute| {
            self.read_constraints(&address, &attribute.value).unwrap_or_default()
        });
        let hashes = block.body.get_attribute("hashes");
        let hashes_place = hashes.map(|attribute| self.file.place(self.path, attribute.span()));
        let mut hashes = hashes.map_or_else(Vec::new, |attribute| self.read_hashes(&attribute.value));
        let hashes_are_sorted = hashes.windows(2).all(|pair| pair[0] < pair[1]);
        hashes.sort();
        hashes.dedup();
        let lock = version.map(|(version, version_range)| ProviderLock {
            address: address.clone(),
            version,
            constraints,
            hashes,
            hashes_are_sorted,
            place: self.file.place(self.path, Some(range)),
            version_place: self.file.place(self.path, Some(version_range)),
            hashes_place,
        });
        Some((address, lock))
    }

    /// A constant string; `Ok(None)` is null. What it is not has become an error.
    fn read_string(&mut self, expression: &Expression) -> Result<Option<String>, ()> {
        let range = expression.span().unwrap_or_default();
        match evaluate(expression).map(Constant::into_string) {
            Ok(Ok(text)) => return Ok(text),
            Ok(Err(reason)) => self.refuse(UNSUITABLE, format!("Unsuitable value: {reason}"), range),
            Err(reason) => match reason.refusal() {
                Some((summary, detail)) => self.refuse(summary, detail, range),
                None => self.give_up("This expression could not be evaluated.", range),
            },
        }
        Err(())
    }

    fn read_version(&mut self, address: &ProviderAddress, expression: &Expression) -> Option<(Version, Range<usize>)> {
        const SUMMARY: &str = "Invalid provider version number";
        let range = expression.span().unwrap_or_default();
        let Some(text) = self.read_string(expression).ok()? else {
            self.refuse("Missing required argument", NO_VERSION, range);
            return None;
        };
        let Ok(version) = text.parse::<Version>() else {
            self.refuse(SUMMARY, format!("\"{text}\" is no version of {address}."), range);
            return None;
        };
        let canonical = version.to_string();
        if canonical != text {
            self.refuse(SUMMARY, format!("The version of {address} must be written \"{canonical}\"."), range.clone());
        }
        Some((version, range))
    }

    fn read_constraints(&mut self, address: &ProviderAddress, expression: &Expression) -> Option<String> {
        const SUMMARY: &str = "Invalid provider version constraints";
        let range = expression.span().unwrap_or_default();
        let Some(text) = self.read_string(expression).ok()? else {
            self.refuse(UNSUITABLE, NULL, range);
            return None;
        };
        let Ok(canonical) = VersionConstraints::parse_locked(&text).map(|constraints| constraints.to_string()) else {
            self.refuse(SUMMARY, format!("\"{text}\" is no constraint on the versions of {address}."), range);
            return None;
        };
        if canonical != text {
            self.refuse(SUMMARY, format!("The constraints of {address} must be written \"{canonical}\"."), range);
        }
        Some(canonical)
    }

    /// In the file's order.
    fn read_hashes(&mut self, expression: &Expression) -> Vec<Hash> {
        let range = expression.span().unwrap_or_default();
        let Expression::Array(elements) = expression else {
            self.refuse("Invalid expression", "Hashes are a list of texts.", range);
            return Vec::new();
        };
        if elements.is_empty() {
            self.refuse("Invalid provider hash set", "Leave the empty list of hashes out.", range);
        }
        let mut hashes = Vec::new();
        for element in elements {
            let element_range = element.span().unwrap_or_default();
            let Ok(text) = self.read_string(element) else { continue };
            let Some(text) = text else {
                self.refuse(UNSUITABLE, NULL, element_range);
                continue;
            };
            if let Ok(hash) = text.parse::<Hash>() {
                hashes.push(hash);
            } else {
                let detail = format!("\"{text}\" is no hash: it begins with a scheme, such as `h1:`.");
                self.refuse("Invalid provider hash string", detail, element_range);
            }
        }
        hashes
    }
}

#[cfg(test)]
mod tests;
