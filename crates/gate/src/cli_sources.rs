//! Where the engine will look for packages: by the CLI configuration that we write, or by the one that it would read.

use camino::{Utf8Path, Utf8PathBuf};

use super::context::Context;
use super::seal::Seals;
use crate::settings::{AlsoKind, AlsoMethod};
use airtight_engine::cli_config::{self, CliConfig, FileOutcome, Inherited, InheritedFile, Method, MethodKind};
use airtight_engine::init_arguments::InitArguments;
use airtight_engine::predict::{PluginCache, ProviderSource, ProviderSources};
use airtight_provider::{AddressPattern, Engine, EngineName, ProviderAddress, SourceAddress};
use airtight_provider::{installed, mirror};

/// A file that somebody named, and that cannot be read: nothing can be said without it.
#[derive(Debug, thiserror::Error)]
#[error("{what} `{path}`: {reason}")]
pub struct NamedFileError {
    pub what: &'static str,
    pub path: Utf8PathBuf,
    pub reason: String,
}

/// Which CLI configuration a prediction is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CliConfigChoice {
    /// What we would write.
    Generated,
    /// What the engine would read by itself in this environment.
    Inherited,
    File(Utf8PathBuf),
}

/// The sources, and what was read to find them.
#[derive(Clone, Debug, Default)]
pub struct SourceFacts {
    pub sources: ProviderSources,
    pub plugin_cache: Option<PluginCache>,
    /// Addresses of `TF_REATTACH_PROVIDERS`.
    pub reattached: Vec<ProviderAddress>,
    /// The configuration that was read; null for a generated one.
    pub config: Option<CliConfig>,
    pub files: Vec<InheritedFile>,
}

/// Reads the sources.
///
/// # Errors
/// Fails if a CLI configuration is not read although an engine would read it.
pub fn read(
    context: &Context<'_>,
    choice: &CliConfigChoice,
    init: &InitArguments,
    root_module: &Utf8Path,
    seals: &Seals,
) -> Result<SourceFacts, NamedFileError> {
    let engine = context.engine;
    let environment = context.environment;
    let mut facts = SourceFacts {
        reattached: reattached(environment.reattach_providers.as_deref(), engine.name),
        ..SourceFacts::default()
    };
    let mut methods = match choice {
        CliConfigChoice::Generated => {
            let mut config = CliConfig::default();
            config.apply_environment(environment);
            facts.plugin_cache = plugin_cache(&config, root_module, engine.name);
            generated(&context.settings.mirror, &context.settings.also, engine)
        }
        CliConfigChoice::Inherited => {
            let Inherited { files, config, implied_mirrors } =
                cli_config::read_inherited(environment, engine, context.launch_directory);
            let implied = implied_mirrors.into_iter().filter(|implied| implied.exists).map(|implied| implied.path);
            let methods = configured(&config, implied.collect(), root_module, engine.name);
            facts.plugin_cache = plugin_cache(&config, root_module, engine.name);
            facts.files = files;
            facts.use_config(config);
            methods
        }
        CliConfigChoice::File(path) => {
            let (mut config, outcome) = cli_config::read_file(&context.launch_directory.join(path), engine);
            config.apply_environment(environment);
            let methods = configured(&config, Vec::new(), root_module, engine.name);
            facts.plugin_cache = plugin_cache(&config, root_module, engine.name);
            facts.files = vec![InheritedFile { path: path.clone(), outcome }];
            facts.use_config(config);
            methods
        }
    };
    for file in &facts.files {
        if let FileOutcome::NotRead(reason) = &file.outcome {
            let (path, reason) = (file.path.clone(), reason.clone());
            return Err(NamedFileError { what: "the CLI configuration", path, reason });
        }
    }
    if !init.plugin_dirs.is_empty() {
        methods = init.plugin_dirs.iter().map(|given| filesystem_mirror(given.value.as_str())).collect();
    }
    facts.sources.methods = methods
        .into_iter()
        .map(|method| {
            let mirror = match &method.kind {
                MethodKind::FilesystemMirror { path } => {
                    let sealed = seals.of(&root_module.join(path)).and_then(|seal| seal.mirror().ok());
                    Some(sealed.unwrap_or_else(|| walk(path, root_module, engine.name)))
                }
                _ => None,
            };
            ProviderSource { method, mirror }
        })
        .collect();
    Ok(facts)
}

impl SourceFacts {
    fn use_config(&mut self, config: CliConfig) {
        let overrides = config.installation.iter().flat_map(|installation| &installation.dev_overrides);
        self.sources.dev_overrides = overrides.map(|entry| entry.address.clone()).collect();
        self.config = Some(config);
    }
}

fn filesystem_mirror(path: &str) -> Method {
    let kind = MethodKind::FilesystemMirror { path: path.to_owned() };
    Method { kind, include: Vec::new(), exclude: Vec::new(), place: None }
}

/// The methods of the file that we write: the mirrors, then what the settings allow besides.
pub fn generated(mirrors: &[Utf8PathBuf], also: &[AlsoMethod], engine: &Engine) -> Vec<Method> {
    let also = also.iter().filter(|also| also.is_known_to(engine)).map(|also| Method {
        kind: match &also.kind {
            AlsoKind::Direct => MethodKind::Direct,
            AlsoKind::NetworkMirror { url } => MethodKind::NetworkMirror { url: url.clone() },
            AlsoKind::OciMirror { repository_template } => {
                MethodKind::OciMirror { repository: repository_template.clone() }
            }
        },
        // The settings' reader has refused anything but three parts; a part that is no name matches nothing.
        include: also.include.iter().filter_map(|pattern| AddressPattern::parse(pattern, engine.name).ok()).collect(),
        exclude: Vec::new(),
        place: None,
    });
    mirrors.iter().map(|path| filesystem_mirror(path.as_str())).chain(also).collect()
}

/// The file's methods; without an installation block the implied mirrors, then `direct` for whatever none of them has.
fn configured(
    config: &CliConfig,
    implied: Vec<Utf8PathBuf>,
    root_module: &Utf8Path,
    engine: EngineName,
) -> Vec<Method> {
    if let Some(installation) = &config.installation {
        return installation.methods.clone();
    }
    let mut methods = Vec::new();
    let mut exclude = Vec::new();
    for path in implied {
        for package in walk(path.as_str(), root_module, engine).packages {
            let pattern = AddressPattern::parse(&package.id.address.to_string(), engine);
            exclude.extend(pattern.ok().filter(|pattern| !exclude.contains(pattern)));
        }
        methods.push(filesystem_mirror(path.as_str()));
    }
    methods.push(Method { kind: MethodKind::Direct, include: Vec::new(), exclude, place: None });
    methods
}

/// A relative path counts from where the engine works, which is the root module.
fn walk(path: &str, root_module: &Utf8Path, engine: EngineName) -> mirror::Mirror {
    let mut mirror = mirror::walk(&root_module.join(path), engine);
    mirror.path = path.into();
    mirror
}

fn plugin_cache(config: &CliConfig, root_module: &Utf8Path, engine: EngineName) -> Option<PluginCache> {
    let cache = config.plugin_cache.as_ref()?;
    let path = root_module.join(&cache.directory);
    let entries = installed::read_directory(&path, engine).unwrap_or_default();
    let directories = installed::directories(&path);
    Some(PluginCache { path, setting: cache.place.clone(), entries, directories })
}

/// The addresses that the variable names; its other content is the engine's business.
fn reattached(value: Option<&str>, engine: EngineName) -> Vec<ProviderAddress> {
    let Some(value) = value else { return Vec::new() };
    let Ok(serde_json::Value::Object(entries)) = serde_json::from_str(value) else { return Vec::new() };
    entries
        .keys()
        .filter_map(|source| SourceAddress::parse(source, engine).ok())
        .map(|source| source.resolve(engine))
        .collect()
}
