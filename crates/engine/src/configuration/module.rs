//! One module: its files put together, overrides applied.
//!
//! Source: OpenTofu `internal/configs/module.go` `NewModule`, `appendFile`, `mergeFile`.

mod overrides;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use camino::Utf8Path;

use super::body::Problems;
use super::declarations::{
    self, CallDeclaration, Declarations, ImportDeclaration, NameDeclaration, NameKind, ProviderDeclaration,
    ProviderReference, ResourceDeclaration, Role,
};
use super::files::{self, ModuleFiles};
use super::passed_providers::{self, ProviderNames};
use super::provider_block;
use super::required_providers::RequiredProviders;
use super::schemas::Schemas;
use super::{Module, ProviderUse, RequiredProvider};
use airtight_hcl::Problem;
use airtight_hcl::{Place, Sources};
use airtight_provider::{ConstraintError, Engine, EngineName, SourceAddress, VersionConstraints};

/// A module with what the tree and the test files still need to know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct LoadedModule {
    pub module: Module,
    pub calls: Vec<CallDeclaration>,
    pub tests: ModuleFiles,
    /// Where the first `import` block stands: only the root module may have one.
    pub import: Option<Place>,
    pub providers: ProviderNames,
    /// By name, whether a call has to give it.
    pub variables: BTreeMap<String, bool>,
    /// False where the directory itself could not be read.
    pub is_readable: bool,
}

pub(super) fn load(
    directory: &Utf8Path,
    test_directory: Option<&str>,
    engine: &Engine,
    sources: &mut Sources,
) -> LoadedModule {
    let mut problems = Problems::default();
    let files = files::list(directory, test_directory, engine, &mut problems);
    let is_readable = problems.errors.is_empty();
    let mut merge = Merge::new(engine);
    merge.problems = problems;
    for (paths, role) in [(&files.primary, Role::Primary), (&files.overrides, Role::Override)] {
        for path in paths {
            let Some(file) = files::parse(path, sources, &mut merge.problems) else { continue };
            let mut declared = declarations::read(&file, role, engine);
            merge.problems.errors.append(&mut declared.problems.errors);
            merge.problems.not_understood.append(&mut declared.problems.not_understood);
            match role {
                Role::Primary => merge.append(declared),
                Role::Override => merge.apply(declared),
            }
        }
    }
    let mut loaded = merge.finish(is_readable);
    loaded.module.directory = directory.to_owned();
    loaded.module.files = files.primary.iter().chain(&files.overrides).cloned().collect();
    loaded.tests = files;
    loaded
}

struct Merge<'a> {
    engine: &'a Engine,
    module: Module,
    problems: Problems,
    has_required_providers: bool,
    names: BTreeMap<(NameKind, String), NameDeclaration>,
    provider_metas: BTreeSet<String>,
    /// By local name.
    aliases: BTreeMap<String, Vec<String>>,
    providers: Vec<ProviderDeclaration>,
    calls: Vec<CallDeclaration>,
    resources: Vec<ResourceDeclaration>,
    imports: Vec<ImportDeclaration>,
    import: Option<Place>,
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
    Import(String),
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
            problems: Problems::default(),
            has_required_providers: false,
            names: BTreeMap::new(),
            provider_metas: BTreeSet::new(),
            aliases: BTreeMap::new(),
            providers: Vec::new(),
            calls: Vec::new(),
            resources: Vec::new(),
            imports: Vec::new(),
            import: None,
            indices: HashMap::new(),
        }
    }

    fn append(&mut self, declared: Declarations) {
        for found in declared.required_providers {
            if std::mem::replace(&mut self.has_required_providers, true) {
                self.problems.refuse(
                    "Duplicate required providers configuration",
                    "A module may have only one required providers configuration.",
                    found.place,
                );
                for entry in found.entries {
                    self.passed_over(&entry.requirement);
                }
                continue;
            }
            self.require(found);
        }
        for backend in declared.backends.into_iter().chain(declared.clouds) {
            match &self.module.backend {
                None => self.module.backend = Some(backend),
                Some(first) => {
                    let (summary, detail) = match (first.kind == "cloud", backend.kind == "cloud") {
                        (true, true) => (
                            self.engine.says_cloud_is_repeated(),
                            "A module may have only one 'cloud' block configuring a cloud backend.",
                        ),
                        (false, false) => (
                            self.engine.says_backend_is_repeated(),
                            "A module may have only one backend configuration.",
                        ),
                        _ => (
                            self.engine.says_backend_and_cloud(),
                            "A module may declare either one 'cloud' block configuring a cloud backend OR one 'backend' \
                             block configuring a state backend.",
                        ),
                    };
                    self.problems.refuse(summary, detail, backend.place.clone());
                    // The cloud is asked all the same.
                    if backend.kind == "cloud" {
                        self.module.backend = Some(backend);
                    }
                }
            }
        }
        for place in declared.encryptions {
            if std::mem::replace(&mut self.module.has_encryption, true) {
                let detail = "A module may have only one encryption configuration.";
                self.problems.refuse("Duplicate encryption configuration", detail, place);
            }
        }
        for (name, place) in declared.provider_metas {
            if !self.provider_metas.insert(name) {
                let detail = "Providers may only have one provider_meta block per module.";
                self.problems.refuse("Duplicate provider_meta block", detail, place);
            }
        }
        self.module.core_versions.extend(declared.core_versions);
        for provider in declared.providers {
            if self.provider(&provider).is_some() {
                let detail = format!(
                    "A provider configuration for \"{}\" was already given. Each configuration for the same provider \
                     must have a distinct alias.",
                    provider.block.local_name
                );
                self.version_passed_over(provider.block.version.as_deref(), &provider.block.place);
                self.problems.refuse("Duplicate provider configuration", detail, provider.block.place);
                continue;
            }
            self.add_provider(provider);
        }
        for name in declared.names {
            let summary = match name.kind {
                NameKind::Variable => "Duplicate variable declaration",
                NameKind::Local => "Duplicate local value definition",
                NameKind::Output => "Duplicate output definition",
                NameKind::Check => &format!("Duplicate check \"{}\" configuration", name.name),
            };
            if self.names.contains_key(&(name.kind, name.name.clone())) {
                let detail = format!("\"{}\" was already declared in this module.", name.name);
                self.problems.refuse(summary, detail, name.place);
                continue;
            }
            self.names.insert((name.kind, name.name.clone()), name);
        }
        for call in declared.calls {
            let key = Key::Call(call.name.clone());
            if self.indices.contains_key(&key) {
                let detail = format!("A module call named \"{}\" was already defined.", call.name);
                self.problems.refuse("Duplicate module call", detail, call.place);
                continue;
            }
            self.indices.insert(key, self.calls.len());
            self.calls.push(call);
        }
        for resource in declared.resources {
            if self.indices.contains_key(&Key::of_resource(&resource)) {
                let is_tofu = self.engine.name == EngineName::Tofu;
                let is_long = is_tofu && resource.mode == "ephemeral";
                let mode = if is_long { "ephemeral resource" } else { resource.mode };
                let summary = format!("Duplicate {mode} \"{}\" configuration", resource.resource_type);
                let detail = format!(
                    "A {} resource named \"{}\" was already declared. Resource names must be unique per type in each \
                     module.",
                    resource.resource_type, resource.name
                );
                self.problems.refuse(&summary, detail, resource.place);
                continue;
            }
            self.indices.insert(Key::of_resource(&resource), self.resources.len());
            self.resources.push(resource);
        }
        for import in declared.imports {
            if let Some((target, names)) = &import.static_target
                && self.indices.insert(Key::Import(target.clone()), self.imports.len()).is_some()
            {
                let is_by_name =
                    self.engine.name == EngineName::Terraform && Schemas::new(self.engine).evaluates_import_targets();
                let shown = if is_by_name { names } else { target };
                let summary = format!("Duplicate import configuration for \"{shown}\"");
                self.problems.refuse(&summary, "A resource can have only one import block.", import.place.clone());
            }
            self.imports.push(import);
        }
        if self.import.is_none() {
            self.import = declared.records.into_iter().find(|(kind, _)| *kind == "import").map(|(_, place)| place);
        }
    }

    /// Whole entries, which replace those of the same name.
    fn require(&mut self, found: RequiredProviders) {
        for entry in found.entries {
            self.aliases.insert(entry.requirement.local_name.clone(), entry.aliases);
            let before = self.module.required_providers.insert(entry.requirement.local_name.clone(), entry.requirement);
            if let Some(before) = before {
                self.passed_over(&before);
            }
        }
    }

    /// Of an entry that does not count, the engines still refuse what they cannot decode.
    fn passed_over(&mut self, requirement: &RequiredProvider) {
        let source = requirement.source.as_deref().map(|source| SourceAddress::parse(source, self.engine.name));
        if let Some(Err(error)) = source {
            self.problems.refuse(error.summary(), error.detail(), requirement.source_place.clone());
        }
        self.version_passed_over(requirement.version.as_deref(), &requirement.version_place);
    }

    fn version_passed_over(&mut self, version: Option<&str>, place: &Place) {
        if let Some(Err(ConstraintError::Decoding)) = version.map(VersionConstraints::parse_requirement) {
            let detail = "This string does not use correct version constraint syntax.";
            self.problems.refuse("Invalid version constraint", detail, place.clone());
        }
    }

    fn provider(&mut self, like: &ProviderDeclaration) -> Option<&mut ProviderDeclaration> {
        let index = self.indices.get(&Key::of_provider(like)).copied()?;
        self.providers.get_mut(index)
    }

    fn add_provider(&mut self, provider: ProviderDeclaration) {
        self.indices.insert(Key::of_provider(&provider), self.providers.len());
        self.providers.push(provider);
    }

    fn resource(&mut self, like: &ResourceDeclaration) -> Option<&mut ResourceDeclaration> {
        let index = self.indices.get(&Key::of_resource(like)).copied()?;
        self.resources.get_mut(index)
    }

    fn finish(mut self, is_readable: bool) -> LoadedModule {
        for resource in &self.resources {
            match resource.provider_use(self.engine) {
                Some(used) => self.module.uses.push(used),
                None if !declarations::is_identifier(&resource.resource_type) => {}
                None => self.module.tree_errors.push(Problem {
                    summary: "Invalid provider local name".to_owned(),
                    detail: format!("\"{}\" implies no provider local name.", resource.resource_type),
                    place: resource.place.clone(),
                }),
            }
        }
        for import in std::mem::take(&mut self.imports) {
            self.import(&import);
        }
        if Schemas::new(self.engine).takes_for_each_in_providers() {
            let found = passed_providers::check_instances(&self.providers, &self.resources, &self.calls);
            self.module.tree_errors.extend(found);
        }
        let blocks = |is_configured| {
            let of_kind = self.providers.iter().filter(move |provider| provider.is_configured == is_configured);
            of_kind.map(ProviderDeclaration::key).collect()
        };
        let variables =
            self.names.into_values().filter_map(|name| Some((name.name, name.value?.is_required))).collect();
        let required = self.module.required_providers.values();
        let providers = ProviderNames {
            required: required.map(|entry| (entry.local_name.clone(), entry.address(self.engine))).collect(),
            aliases: self.aliases.into_values().flatten().collect(),
            configured: blocks(true),
            empty: blocks(false),
        };
        self.module.provider_blocks = self.providers.into_iter().map(|provider| provider.block).collect();
        self.module.syntax_errors = self.problems.syntax_errors;
        self.module.is_unread_in_part = self.problems.has_unread_file;
        self.module.errors = self.problems.errors;
        self.module.not_understood = self.problems.not_understood;
        LoadedModule {
            module: self.module,
            calls: self.calls,
            tests: ModuleFiles::default(),
            import: self.import,
            providers,
            variables,
            is_readable,
        }
    }

    /// An `import` block needs its own provider only where it brings a resource that is not declared; to later versions
    /// of OpenTofu it always does.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/config.go` `addProviderRequirements`.
    fn import(&mut self, import: &ImportDeclaration) {
        let key = Key::Resource("resource", import.resource_type.clone(), import.resource_name.clone());
        let index = self.indices.get(&key).copied().filter(|_| !import.aims_at_module);
        let target = index.and_then(|index| self.resources.get(index));
        if target.is_some_and(|target| {
            import.provider.is_some()
                && target.provider.as_ref().map(ProviderReference::key)
                    != import.provider.as_ref().map(ProviderReference::key)
        }) {
            self.module.requirement_errors.push(Problem {
                summary: "Invalid import provider argument".to_owned(),
                detail: "The provider argument in the target resource block must match the import block.".to_owned(),
                place: import.provider_place.clone(),
            });
        }
        let schemas = Schemas::new(self.engine);
        let implied = || provider_block::implied_local_name(&import.resource_type, self.engine);
        let of_type = implied().filter(|_| schemas.counts_types_of_imports());
        let is_own = (target.is_none() && !import.aims_at_module) || schemas.counts_every_import();
        let own = import.provider.as_ref().map_or_else(implied, |reference| Some(reference.name.clone()));
        let local_names = of_type.into_iter().chain(own.filter(|_| is_own));
        self.module.uses.extend(local_names.map(|local_name| ProviderUse {
            local_name,
            what: format!("import {}.{}", import.resource_type, import.resource_name),
            place: import.place.clone(),
        }));
    }
}
