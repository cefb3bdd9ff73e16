//! `provider_installation` blocks: the engine prints each mistake, drops the part that has it, and goes on.
//!
//! Source: OpenTofu `internal/command/cliconfig/provider_installation.go`; `cmd/tofu/provider_source.go`
//! `explicitProviderSource`.

use camino::Utf8PathBuf;

use super::decode::{self, View};
use super::problem::{Effect, ProblemKind};
use super::syntax::Dialect;
use super::syntax::{File, Item, Value};
use super::{DevOverride, Installation, Method, MethodKind, Reporter, network_mirror, oci_mirror};
use airtight_provider::{AddressPattern, Engine, EngineName, SourceAddress};

pub(super) const BLOCK: &str = "provider_installation";

/// Decodes every block of a file, in file order; the engines use the first.
pub(super) fn decode(file: &File, engine: &Engine, reporter: &mut Reporter<'_>) -> Vec<Installation> {
    let blocks = file.items.iter().filter(|item| item.name() == BLOCK);
    blocks.filter_map(|block| Decoder { engine, dialect: file.dialect, reporter }.block(block)).collect()
}

struct Decoder<'a, 'text> {
    engine: &'a Engine,
    dialect: Dialect,
    reporter: &'a mut Reporter<'text>,
}

impl Decoder<'_, '_> {
    /// The items of a block. Its labels are reported, and without effect.
    fn items<'item>(&mut self, item: &'item Item, labelled: ProblemKind) -> Option<&'item [Item]> {
        let is_native = self.dialect == Dialect::Native;
        let Value::Object(items) = &item.value else { return None };
        if is_native && item.is_assigned {
            return None;
        }
        if is_native && item.keys.len() > 1 {
            self.reporter.report(item.span.start, labelled, Effect::None);
        }
        Some(items)
    }

    fn block(&mut self, block: &Item) -> Option<Installation> {
        let Some(items) = self.items(block, ProblemKind::InstallationLabelled) else {
            self.reporter.report(block.span.start, ProblemKind::InstallationAssigned, Effect::BlockDropped);
            return None;
        };
        let mut installation = Installation::default();
        // Of methods that are dropped later too.
        let mut has_method = false;
        for item in items {
            let offset = item.span.start;
            let decoded = match self.items(item, ProblemKind::MethodLabelled) {
                None => Err(ProblemKind::MethodAssigned),
                Some(_) if item.name() == "dev_overrides" && has_method => Err(ProblemKind::DevOverridesNotFirst),
                Some(body) if item.name() == "dev_overrides" => self.dev_overrides(body, &mut installation),
                Some(body) => self.method(item.name(), &decode::views(body)).and_then(|kind| {
                    has_method = true;
                    let method = self.with_patterns(kind, &decode::views(body), offset)?;
                    installation.methods.push(method);
                    Ok(())
                }),
            };
            if let Err(kind) = decoded {
                self.reporter.report(offset, kind, Effect::MethodDropped);
            }
        }
        Some(installation)
    }

    /// What the method is, once all its arguments have the right type.
    fn method(&self, name: &str, body: &[View<'_>]) -> Result<MethodKind, ProblemKind> {
        match name {
            "direct" => {
                self.check_types(body, false)?;
                Ok(MethodKind::Direct)
            }
            "filesystem_mirror" => {
                check_lists(body)?;
                Ok(MethodKind::FilesystemMirror { path: required(body, "path")? })
            }
            "network_mirror" => {
                self.check_types(body, true)?;
                Ok(MethodKind::NetworkMirror { url: required(body, "url")? })
            }
            "oci_mirror" if self.is_tofu_since(10) => {
                check_lists(body)?;
                let repository = required(body, "repository_template")?;
                let include = decode::texts(body, "include").unwrap_or_default();
                oci_mirror::check_template(&repository, &include, self.engine.name)
                    .map_err(|reason| ProblemKind::RepositoryTemplate { reason })?;
                Ok(MethodKind::OciMirror { repository })
            }
            _ => {
                let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
                let shown = name.len() <= 40 && name.bytes().all(is_name);
                Err(ProblemKind::MethodUnknown { name: shown.then(|| name.to_owned()) })
            }
        }
    }

    /// `download_retry_count` is read since OpenTofu 1.11, `trust_all_hashes` since 1.12; what is not read cannot have a
    /// wrong type.
    fn check_types(&self, body: &[View<'_>], is_mirror: bool) -> Result<(), ProblemKind> {
        check_lists(body)?;
        if self.is_tofu_since(11) {
            decode::number(body, "download_retry_count").map_err(wrong_type("download_retry_count"))?;
        }
        if is_mirror && self.is_tofu_since(12) {
            decode::flag(body, "trust_all_hashes").map_err(wrong_type("trust_all_hashes"))?;
        }
        Ok(())
    }

    fn is_tofu_since(&self, minor: u64) -> bool {
        self.engine.name == EngineName::Tofu && self.engine.is_at_least(1, minor, 0)
    }

    fn dev_overrides(&mut self, body: &[Item], installation: &mut Installation) -> Result<(), ProblemKind> {
        let entries = decode::map_of_texts(&decode::views(body)).map_err(wrong_type("dev_overrides"))?;
        for (source, directory, offset) in entries {
            match SourceAddress::parse(&source, self.engine.name) {
                Ok(source) => installation.dev_overrides.push(DevOverride {
                    address: source.resolve(self.engine.name),
                    directory: Utf8PathBuf::from(directory),
                    place: self.reporter.place(offset),
                }),
                Err(_) => self.reporter.report(offset, ProblemKind::DevOverrideAddress, Effect::None),
            }
        }
        Ok(())
    }

    fn with_patterns(&self, kind: MethodKind, body: &[View<'_>], offset: usize) -> Result<Method, ProblemKind> {
        if let MethodKind::NetworkMirror { url } = &kind {
            network_mirror::check_url(url)?;
        }
        let patterns = |argument: &'static str| {
            let texts = decode::texts(body, argument).unwrap_or_default();
            let parsed = texts.iter().map(|text| AddressPattern::parse(text, self.engine.name)).collect();
            let parsed: Result<Vec<_>, _> = parsed;
            parsed.map_err(|_| ProblemKind::Pattern { argument })
        };
        let (include, exclude) = (patterns("include")?, patterns("exclude")?);
        Ok(Method { kind, include, exclude, place: Some(self.reporter.place(offset)) })
    }
}

fn wrong_type(argument: &'static str) -> impl Fn(usize) -> ProblemKind {
    move |_| ProblemKind::WrongType { argument }
}

fn check_lists(body: &[View<'_>]) -> Result<(), ProblemKind> {
    for argument in ["include", "exclude"] {
        decode::texts(body, argument).map_err(wrong_type(argument))?;
    }
    Ok(())
}

fn required(body: &[View<'_>], argument: &'static str) -> Result<String, ProblemKind> {
    let text = decode::text(body, argument).map_err(wrong_type(argument))?;
    text.filter(|text| !text.is_empty()).ok_or(ProblemKind::ArgumentMissing { argument })
}
