//! One module: its files put together, overrides applied.
//!
//! Source: OpenTofu `internal/configs/module.go` `NewModule`, `appendFile`, `mergeFile`.

use std::collections::HashMap;

use camino::Utf8Path;

use super::declarations::{
    self, CallDeclaration, Declarations, ImportDeclaration, ProviderArgument, ProviderDeclaration, ResourceDeclaration,
    implied_local_name,
};
use super::files::{self, ModuleFiles};
use super::static_values::StaticDeclarations;
use super::{Module, ProviderUse};
use airtight_hcl::{Place, Problem, ProblemKind, Sources};
use airtight_provider::Engine;

/// A module, with the facts about it that the tree and the test files need.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadedModule {
    pub module: Module,
    pub calls: Vec<CallDeclaration>,
    pub tests: ModuleFiles,
    pub statics: StaticDeclarations,
    /// False if the directory itself could not be read.
    pub is_readable: bool,
}

pub(super) fn load(
    directory: &Utf8Path,
    test_directory: Option<&str>,
    engine: &Engine,
    sources: &mut Sources,
) -> LoadedModule {
    let mut problems = Vec::new();
    let files = files::list(directory, test_directory, engine, &mut problems);
    let is_readable = problems.is_empty();
    let mut merge = Merge::new(engine);
    for (path, is_override) in files.in_order() {
        let Some(file) = files::parse(path, sources, &mut problems) else { continue };
        let mut declared = declarations::read(&file);
        if let Some(said) = sources.withheld(path) {
            // Of a file outside the repository nothing is quoted.
            for problem in &mut declared.not_understood {
                "Not understood".clone_into(&mut problem.summary);
                said.clone_into(&mut problem.detail);
            }
        }
        if is_override { merge.apply(declared) } else { merge.append(declared) }
    }
    merge.module.not_understood.splice(..0, problems);
    merge.module.directory = directory.to_owned();
    merge.module.files = files.in_order().map(|(path, _)| path.clone()).collect();
    let statics = std::mem::take(&mut merge.statics);
    let (module, calls) = merge.finish();
    LoadedModule { module, calls, tests: files, statics, is_readable }
}

struct Merge<'a> {
    engine: &'a Engine,
    module: Module,
    providers: Vec<ProviderDeclaration>,
    calls: Vec<CallDeclaration>,
    resources: Vec<ResourceDeclaration>,
    imports: Vec<ImportDeclaration>,
    statics: StaticDeclarations,
    /// Where each of them is, as there may be ten thousands of one.
    indices: HashMap<Key, usize>,
}

/// What is declared once in a module.
#[derive(PartialEq, Eq, Hash)]
enum Key {
    /// Local name and alias.
    Provider(String, String),
    Call(String),
    /// Mode, type and name.
    Resource(&'static str, String, String),
}

impl Key {
    fn of_provider(provider: &ProviderDeclaration) -> Self {
        Self::Provider(provider.block.local_name.clone(), provider.alias.clone())
    }

    fn of_resource(resource: &ResourceDeclaration) -> Self {
        Self::Resource(resource.mode, resource.resource_type.clone(), resource.name.clone())
    }
}

impl<'a> Merge<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            module: Module::default(),
            providers: Vec::new(),
            calls: Vec::new(),
            resources: Vec::new(),
            imports: Vec::new(),
            statics: StaticDeclarations::default(),
            indices: HashMap::new(),
        }
    }

    /// What a primary file declares. The engines refuse what is declared a second time.
    fn append(&mut self, mut declared: Declarations) {
        for provider in std::mem::take(&mut declared.providers) {
            if self.is_new(Key::of_provider(&provider), self.providers.len()) {
                self.providers.push(provider);
            }
        }
        for call in std::mem::take(&mut declared.calls) {
            if self.is_new(Key::Call(call.name.clone()), self.calls.len()) {
                self.calls.push(call);
            }
        }
        for resource in std::mem::take(&mut declared.resources) {
            if self.is_new(Key::of_resource(&resource), self.resources.len()) {
                self.resources.push(resource);
            }
        }
        self.imports.append(&mut declared.imports);
        self.settings(declared);
    }

    fn is_new(&mut self, key: Key, index: usize) -> bool {
        let is_new = !self.indices.contains_key(&key);
        self.indices.entry(key).or_insert(index);
        is_new
    }

    /// What an override file changes. What it may only change and is not there is refused by the engines, and so are
    /// `import` blocks in it.
    fn apply(&mut self, mut declared: Declarations) {
        for provider in std::mem::take(&mut declared.providers) {
            let index = self.indices.get(&Key::of_provider(&provider)).copied();
            match index.and_then(|index| self.providers.get_mut(index)) {
                Some(existing) if provider.block.version.is_some() => existing.block = provider.block,
                Some(_) => {}
                None => {
                    self.indices.insert(Key::of_provider(&provider), self.providers.len());
                    self.providers.push(provider);
                }
            }
        }
        for call in std::mem::take(&mut declared.calls) {
            let index = self.indices.get(&Key::Call(call.name.clone())).copied();
            if let Some(existing) = index.and_then(|index| self.calls.get_mut(index)) {
                existing.source = call.source.or(existing.source.take());
                existing.version = call.version.or(existing.version.take());
                existing.inputs.extend(call.inputs);
            }
        }
        for resource in std::mem::take(&mut declared.resources) {
            let index = self.indices.get(&Key::of_resource(&resource)).copied();
            if let Some(existing) = index.and_then(|index| self.resources.get_mut(index))
                && resource.provider != ProviderArgument::None
            {
                existing.provider = resource.provider;
            }
        }
        if !declared.backends.is_empty() {
            self.module.backend = None;
        }
        self.settings(declared);
    }

    /// Whole entries of `required_providers` replace those of the same name.
    fn settings(&mut self, declared: Declarations) {
        for entry in declared.required_providers {
            self.module.required_providers.insert(entry.local_name.clone(), entry);
        }
        if self.module.backend.is_none() {
            self.module.backend = declared.backends.into_iter().next();
        }
        self.statics.merge(declared.statics);
        self.module.has_encryption |= declared.has_encryption;
        self.module.core_versions.extend(declared.core_versions);
        self.module.not_understood.extend(declared.not_understood);
    }

    fn finish(mut self) -> (Module, Vec<CallDeclaration>) {
        for resource in std::mem::take(&mut self.resources) {
            let what = format!("{}.{}.{}", resource.mode, resource.resource_type, resource.name);
            let implied = || implied_local_name(&resource.resource_type, self.engine);
            let local_name = match resource.provider {
                ProviderArgument::None => implied(),
                ProviderArgument::LocalName(name) => Some(name),
                ProviderArgument::NotUnderstood => continue,
            };
            self.needs(local_name, what, resource.place);
        }
        for import in std::mem::take(&mut self.imports) {
            self.import(import);
        }
        self.module.provider_blocks = self.providers.into_iter().map(|provider| provider.block).collect();
        (self.module, self.calls)
    }

    fn needs(&mut self, local_name: Option<String>, what: String, place: Place) {
        if let Some(local_name) = local_name {
            self.module.uses.push(ProviderUse { local_name, what, place });
        } else {
            let summary = format!("`{what}` names no provider");
            let detail = "The type of a resource begins with the local name of its provider; this one does not.";
            self.module.not_understood.push(Problem::new(ProblemKind::Unknown, summary, detail, place));
        }
    }

    /// An `import` block needs its own provider only if it brings a resource that is not declared; to later versions
    /// of OpenTofu it always does.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/config.go` `addProviderRequirements`.
    fn import(&mut self, import: ImportDeclaration) {
        let key = Key::Resource("resource", import.resource_type.clone(), import.resource_name.clone());
        let is_declared = import.aims_at_module || self.indices.contains_key(&key);
        let what = format!("import {}.{}", import.resource_type, import.resource_name);
        let implied = implied_local_name(&import.resource_type, self.engine);
        if self.engine.counts_types_of_imports() {
            self.needs(implied.clone(), what.clone(), import.place.clone());
        }
        if is_declared && !self.engine.counts_every_import() {
            return;
        }
        match import.provider {
            ProviderArgument::None => self.needs(implied, what, import.place),
            ProviderArgument::LocalName(name) => self.needs(Some(name), what, import.place),
            ProviderArgument::NotUnderstood => {}
        }
    }
}
