//! Facts built by hand, for the tests of this room: one root module, one mirror at `/mirror`, Terraform 1.11.4.

use airtight_provider::{DigestKind, PackageContents};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::cli_config::MethodKind;
use crate::configuration::{Configuration, Module, ProviderUse, RequiredProvider, TestFiles};
use crate::state::StateNeed;
use airtight_provider::installed::{InstalledEntry, InstalledKind};
use airtight_provider::lock_file::ProviderLock;
use airtight_provider::mirror::MirrorPackage;
use airtight_provider::{EngineName, Version};

pub(super) const A: &str = "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
pub(super) const B: &str = "h1:BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=";
pub(super) const ZIP: &str = "zh:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(super) const OTHER_ZIP: &str = "zh:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
pub(super) const NULL: &str = "registry.terraform.io/hashicorp/null";

pub(super) fn terraform(version: &str) -> Engine {
    Engine::new(EngineName::Terraform, version.parse().unwrap())
}

pub(super) fn tofu(version: &str) -> Engine {
    Engine::new(EngineName::Tofu, version.parse().unwrap())
}

pub(super) fn address(text: &str) -> ProviderAddress {
    text.parse().unwrap()
}

pub(super) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

pub(super) fn hashes(texts: &[&str]) -> Vec<Hash> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

pub(super) fn place(path: &str, line: u32) -> Place {
    Place { path: path.into(), position: Some(airtight_hcl::Position { line, column: 1, start: 0, end: 0 }) }
}

/// A case: facts, and the contents of the packages in them.
pub(super) struct Case {
    pub(super) facts: Facts,
    pub(super) contents: Contents,
    pub(super) digests: Digests,
}

impl Case {
    /// `main.tf` without content, an empty mirror.
    pub(super) fn new(engine: Engine) -> Self {
        let root = Module { files: vec!["main.tf".into()], ..Module::default() };
        let facts = Facts {
            engine,
            platform: "linux_amd64".parse().unwrap(),
            root_module: "/conf".into(),
            init: InitArguments::default(),
            configuration: Configuration {
                root,
                children: BTreeMap::new(),
                tests: TestFiles::default(),
                manifest_errors: Vec::new(),
                placement: crate::configuration::Placement::default(),
            },
            lock: LockFile {
                path: "/conf/.terraform.lock.hcl".into(),
                exists: false,
                locks: Vec::new(),
                errors: Vec::new(),
                warnings: Vec::new(),
                unlikely: None,
                misnamed: None,
                not_understood: Vec::new(),
                text: Arc::from(""),
            },
            state: State::default(),
            sources: ProviderSources::default(),
            installed: Installed { real_base: Some("/conf/.terraform/providers".into()), ..Installed::default() },
            reattached: Vec::new(),
            plugin_cache: None,
            reachable: Vec::new(),
            workspace: Workspace::default(),
            state_translation_off: false,
            backend_host: None,
            asked: None,
        };
        let mut case = Self { facts, contents: Contents::new(), digests: Digests::new() };
        case.mirror("/mirror");
        case
    }

    /// Terraform 1.11.4, as the recorded runs have it, with `null` required.
    pub(super) fn null() -> Self {
        let mut case = Self::new(terraform("1.11.4"));
        case.require("null", Some("hashicorp/null"), None);
        case
    }

    pub(super) fn null_locked(locked: &str, texts: &[&str]) -> Self {
        let mut case = Self::null();
        case.lock(NULL, locked, "", texts);
        case
    }

    pub(super) fn method(&mut self, kind: MethodKind, mirror: Option<Mirror>) {
        let method = Method { kind, include: Vec::new(), exclude: Vec::new(), place: None };
        self.facts.sources.methods.push(ProviderSource { method, mirror });
    }

    pub(super) fn mirror(&mut self, path: &str) {
        let mirror = Mirror { path: path.into(), base: path.into(), ..Mirror::default() };
        self.method(MethodKind::FilesystemMirror { path: path.to_owned() }, Some(mirror));
    }

    pub(super) fn last_mirror(&mut self) -> &mut Mirror {
        self.facts.sources.methods.last_mut().unwrap().mirror.as_mut().unwrap()
    }

    pub(super) fn require(&mut self, local_name: &str, source: Option<&str>, constraint: Option<&str>) {
        let entry = RequiredProvider {
            local_name: local_name.to_owned(),
            source: source.map(str::to_owned),
            source_place: place("main.tf", 4),
            version: constraint.map(str::to_owned),
            version_place: place("main.tf", 5),
            place: place("main.tf", 3),
        };
        self.facts.configuration.root.required_providers.insert(local_name.to_owned(), entry);
    }

    pub(super) fn need_in_state(&mut self, text: &str) {
        self.facts.state.needs.push(StateNeed { address: address(text), resource: "x.y".to_owned() });
    }

    pub(super) fn lock(&mut self, text: &str, locked: &str, constraints: &str, texts: &[&str]) {
        let lock_place = place(".terraform.lock.hcl", 1);
        self.facts.lock.exists = true;
        let written = hashes(texts);
        let mut held = written.clone();
        held.sort();
        self.facts.lock.locks.push(ProviderLock {
            address: address(text),
            version: version(locked),
            constraints: constraints.to_owned(),
            hashes: held,
            hashes_are_sorted: written.is_sorted(),
            place: lock_place.clone(),
            version_place: lock_place,
            hashes_place: None,
        });
    }

    pub(super) fn id(text: &str, of: &str, platform: &str) -> PackageId {
        PackageId { address: address(text), version: version(of), platform: platform.parse().unwrap() }
    }

    /// An unpacked package in the last mirror.
    pub(super) fn unpacked(&mut self, text: &str, of: &str, h1: Result<&str, &str>) -> Utf8PathBuf {
        self.package(&Self::id(text, of, "linux_amd64"), Layout::Unpacked, h1, "")
    }

    pub(super) fn packed(&mut self, text: &str, of: &str, h1: Result<&str, &str>, zh: &str) -> Utf8PathBuf {
        self.package(&Self::id(text, of, "linux_amd64"), Layout::Packed, h1, zh)
    }

    pub(super) fn package(&mut self, id: &PackageId, layout: Layout, h1: Result<&str, &str>, zh: &str) -> Utf8PathBuf {
        let mirror = self.last_mirror();
        let path = mirror.base.join(match layout {
            Layout::Packed => id.packed_path(),
            Layout::Unpacked => id.unpacked_path(),
        });
        mirror.packages.push(MirrorPackage { id: id.clone(), layout, path: path.clone() });
        self.describe(&path, id, layout, h1);
        if !zh.is_empty() {
            self.digest(&path, layout, DigestKind::Zh, Ok(zh));
        }
        path
    }

    fn describe(&mut self, path: &Utf8Path, id: &PackageId, layout: Layout, h1: Result<&str, &str>) {
        let contents = PackageContents {
            executable: Some(format!("terraform-provider-{}", id.address.provider_type())),
            extracts_to_same_hash: layout == Layout::Packed,
            ..PackageContents::default()
        };
        self.contents.insert(path.to_owned(), contents);
        self.digest(path, layout, DigestKind::H1, h1);
    }

    pub(super) fn digest(&mut self, path: &Utf8Path, layout: Layout, kind: DigestKind, value: Result<&str, &str>) {
        let value = value.map(|text| text.parse().unwrap()).map_err(str::to_owned);
        self.digests.insert(DigestRequest { path: path.to_owned(), layout, kind }, value);
    }

    pub(super) fn contents(&mut self, path: &Utf8Path) -> &mut PackageContents {
        self.contents.get_mut(path).unwrap()
    }

    /// An entry below `.terraform/providers`: a directory of its own.
    pub(super) fn installed(&mut self, text: &str, of: &str, h1: &str) -> Utf8PathBuf {
        let id = Self::id(text, of, "linux_amd64");
        let path = Utf8PathBuf::from("/conf/.terraform/providers").join(id.unpacked_path());
        self.describe(&path, &id, Layout::Unpacked, Ok(h1));
        self.facts.installed.entries.push(InstalledEntry { id, path: path.clone(), kind: InstalledKind::Directory });
        path
    }

    pub(super) fn installed_link(&mut self, text: &str, of: &str, target: &str, resolved: Option<&str>) {
        let id = Self::id(text, of, "linux_amd64");
        let path = Utf8PathBuf::from("/conf/.terraform/providers").join(id.unpacked_path());
        let kind = InstalledKind::Link { target: target.into(), resolved: resolved.map(Utf8PathBuf::from).into() };
        self.facts.installed.entries.push(InstalledEntry { id, path, kind });
    }

    pub(super) fn uses(&mut self, local_name: &str) {
        self.facts.configuration.root.uses.push(ProviderUse {
            local_name: local_name.to_owned(),
            what: format!("resource.{local_name}_x.y"),
            place: place("main.tf", 9),
        });
    }

    pub(super) fn predict(&self) -> Prediction {
        let selection = select(&self.facts);
        for request in selection.wanted_contents(&self.facts) {
            assert!(self.contents.contains_key(&request.path), "contents of {} are not described", request.path);
        }
        let mut known = Digests::new();
        loop {
            let wanted = selection.wanted_digests(&self.facts, &self.contents, &known);
            if wanted.is_empty() {
                return predict(&self.facts, &selection, &self.contents, &known);
            }
            for request in wanted {
                let digest = self.digests.get(&request).unwrap_or_else(|| panic!("{request:?} is not described"));
                known.insert(request, digest.clone());
            }
        }
    }

    pub(super) fn failures(&self) -> Vec<String> {
        let failures = self.predict().failures;
        failures.iter().map(|failure| failure.detail.clone()).collect()
    }
}
