//! `provider_installation` blocks: each mistake is printed, what it concerns is dropped, and the run goes on.
//!
//! Source: OpenTofu `internal/command/cliconfig/provider_installation.go`; `cmd/tofu/provider_source.go`
//! `explicitProviderSource`.

use camino::Utf8PathBuf;

use super::decode::{self, DecodeError, Decoded, Kind, Record};
use super::scanner::Pos;
use super::syntax::{Item, Value};
use super::{Effect, Installation, Method, MethodKind, Reporter, oci_mirror};
use airtight_provider::{AddressPattern, Engine, EngineName, ProviderAddress, SourceAddress};

pub(super) const BLOCK: &str = "provider_installation";

const INVALID_BLOCK: &str = "Invalid provider_installation block";
const INVALID_METHOD: &str = "Invalid provider_installation method block";
const INVALID_URL: &str = "Invalid URL for provider installation source";

/// Decodes every block of a file, in file order; the engines use the first.
pub(super) fn decode(items: &[Item], engine: &Engine, reporter: &mut Reporter<'_>) -> Vec<Installation> {
    items
        .iter()
        .filter(|item| item.name() == BLOCK)
        .filter_map(|block| Decoder { engine, block: block.pos(), reporter }.block(block))
        .collect()
}

struct Decoder<'a, 'text> {
    engine: &'a Engine,
    /// Where the block begins, which most messages name.
    block: Pos,
    reporter: &'a mut Reporter<'text>,
}

/// A method before its patterns are parsed.
struct RawMethod {
    kind: MethodKind,
    fields: Record,
    pos: Pos,
}

impl Decoder<'_, '_> {
    fn report(&mut self, pos: Pos, summary: &str, detail: impl Into<String>, effect: Effect) {
        self.reporter.report(pos, summary, detail.into(), effect);
    }

    fn block(&mut self, block: &Item) -> Option<Installation> {
        let at = self.block;
        let items = match &block.value {
            Value::Object { items, .. } if block.is_json() || !block.is_assigned => items,
            _ => {
                let detail =
                    format!("The provider_installation block at {at} must not be introduced with an equals sign.");
                self.report(at, INVALID_BLOCK, detail, Effect::BlockDropped);
                return None;
            }
        };
        if block.keys.len() > 1 && !block.is_json() {
            let detail = format!("The provider_installation block at {at} must not have any labels.");
            self.report(at, INVALID_BLOCK, detail, Effect::None);
        }
        let mut raw_methods = Vec::new();
        let mut dev_overrides = Vec::new();
        for item in items {
            self.method(item, block.is_json(), &mut raw_methods, &mut dev_overrides);
        }
        let methods = raw_methods.into_iter().filter_map(|raw| self.with_patterns(raw)).collect();
        Some(Installation { methods, dev_overrides })
    }

    fn method(
        &mut self,
        item: &Item,
        is_json: bool,
        methods: &mut Vec<RawMethod>,
        dev_overrides: &mut Vec<(ProviderAddress, Utf8PathBuf)>,
    ) {
        let (at, pos) = (self.block, item.pos());
        let (body, body_pos) = match &item.value {
            Value::Object { items, pos } if is_json || !item.is_assigned => (items, *pos),
            _ => {
                let detail = format!("The items inside the provider_installation block at {at} must all be blocks.");
                return self.report(pos, INVALID_METHOD, detail, Effect::MethodDropped);
            }
        };
        if item.keys.len() > 1 && !is_json {
            let detail = format!("The blocks inside the provider_installation block at {at} may not have any labels.");
            self.report(pos, INVALID_METHOD, detail, Effect::None);
        }
        let name = item.name();
        // OpenTofu's message has the word twice.
        let at_once = if self.engine.name == EngineName::Tofu { "at at" } else { "at" };
        let decoded = match name {
            "direct" => self.direct(body),
            "filesystem_mirror" => self.filesystem_mirror(body),
            "network_mirror" => self.network_mirror(body),
            "oci_mirror" if self.engine.name == EngineName::Tofu && self.engine.is_at_least(1, 10, 0) => {
                self.oci_mirror(body, body_pos)
            }
            "dev_overrides" if !methods.is_empty() => Err(format!(
                "The dev_overrides block {at_once} {pos} must appear before all other installation methods, because \
                 development overrides always have the highest priority."
            )),
            "dev_overrides" => match decode::body(body, &Kind::Map(&Kind::Text)) {
                Ok(entries) => return self.dev_overrides(entries, pos, dev_overrides),
                Err(error) => Err(invalid(name, at, &error)),
            },
            // Whatever stands there may be a misplaced value, so an odd name is cut short.
            _ => {
                let name = name.get(..40).unwrap_or(name);
                Err(format!("Unknown provider installation method {name:?} at {pos}."))
            }
        };
        match decoded {
            Ok((kind, fields)) => methods.push(RawMethod { kind, fields, pos }),
            Err(detail) => self.report(pos, INVALID_METHOD, detail, Effect::MethodDropped),
        }
    }

    fn direct(&self, body: &[Item]) -> Result<(MethodKind, Record), String> {
        Ok((MethodKind::Direct, fields("direct", self.block, body, self.direct_kind())?))
    }

    fn filesystem_mirror(&self, body: &[Item]) -> Result<(MethodKind, Record), String> {
        const FIELDS: Kind =
            Kind::Record(&[("path", Kind::Text), ("include", Kind::TextList), ("exclude", Kind::TextList)]);
        let mut fields = fields("filesystem_mirror", self.block, body, &FIELDS)?;
        let path = required("filesystem_mirror", self.block, &mut fields, "path")?;
        Ok((MethodKind::FilesystemMirror { path }, fields))
    }

    fn network_mirror(&self, body: &[Item]) -> Result<(MethodKind, Record), String> {
        let mut fields = fields("network_mirror", self.block, body, self.network_mirror_kind())?;
        let url = required("network_mirror", self.block, &mut fields, "url")?;
        Ok((MethodKind::NetworkMirror { url }, fields))
    }

    fn oci_mirror(&self, body: &[Item], at: Pos) -> Result<(MethodKind, Record), String> {
        const FIELDS: Kind = Kind::Record(&[
            ("repository_template", Kind::Text),
            ("include", Kind::TextList),
            ("exclude", Kind::TextList),
        ]);
        let mut fields = fields("oci_mirror", at, body, &FIELDS)?;
        let repository = required("oci_mirror", at, &mut fields, "repository_template")?;
        oci_mirror::check_template(&repository, &texts(&fields, "include"), self.engine.name)
            .map_err(|reason| format!("Invalid oci_mirror block at {at}: {reason}."))?;
        Ok((MethodKind::OciMirror { repository }, fields))
    }

    /// `download_retry_count` is read since OpenTofu 1.11, `trust_all_hashes` since 1.12; what is not read cannot be
    /// of a wrong type.
    fn direct_kind(&self) -> &'static Kind {
        const OLD: Kind = Kind::Record(&[("include", Kind::TextList), ("exclude", Kind::TextList)]);
        const WITH_RETRIES: Kind = Kind::Record(&[
            ("include", Kind::TextList),
            ("exclude", Kind::TextList),
            ("download_retry_count", Kind::Number),
        ]);
        if self.is_tofu_since(11) { &WITH_RETRIES } else { &OLD }
    }

    fn network_mirror_kind(&self) -> &'static Kind {
        const OLD: Kind =
            Kind::Record(&[("url", Kind::Text), ("include", Kind::TextList), ("exclude", Kind::TextList)]);
        const WITH_RETRIES: Kind = Kind::Record(&[
            ("url", Kind::Text),
            ("include", Kind::TextList),
            ("exclude", Kind::TextList),
            ("download_retry_count", Kind::Number),
        ]);
        const WITH_TRUST: Kind = Kind::Record(&[
            ("url", Kind::Text),
            ("include", Kind::TextList),
            ("exclude", Kind::TextList),
            ("download_retry_count", Kind::Number),
            ("trust_all_hashes", Kind::Flag),
        ]);
        if self.is_tofu_since(12) {
            &WITH_TRUST
        } else if self.is_tofu_since(11) {
            &WITH_RETRIES
        } else {
            &OLD
        }
    }

    fn is_tofu_since(&self, minor: u64) -> bool {
        self.engine.name == EngineName::Tofu && self.engine.is_at_least(1, minor, 0)
    }

    fn dev_overrides(&mut self, entries: Decoded, pos: Pos, dev_overrides: &mut Vec<(ProviderAddress, Utf8PathBuf)>) {
        let Decoded::Map(entries) = entries else { return };
        for (source, path) in entries {
            match (SourceAddress::parse(&source, self.engine.name), path) {
                (Ok(address), Decoded::Text(path)) => {
                    dev_overrides.push((address.resolve(self.engine.name), Utf8PathBuf::from(path)));
                }
                (Ok(_), _) => {}
                (Err(error), _) => {
                    let detail = format!(
                        "The entry {source:?} in {} is not a valid provider source string.\n\n{error}",
                        self.block
                    );
                    self.report(pos, "Invalid provider installation dev overrides", detail, Effect::None);
                }
            }
        }
    }

    fn with_patterns(&mut self, raw: RawMethod) -> Option<Method> {
        if let MethodKind::NetworkMirror { url } = &raw.kind
            && let Some(detail) = url_problem(url)
        {
            self.report(raw.pos, INVALID_URL, detail, Effect::MethodDropped);
            return None;
        }
        let include = self.patterns(&raw, "include", "inclusion")?;
        let exclude = self.patterns(&raw, "exclude", "exclusion")?;
        Some(Method { kind: raw.kind, include, exclude })
    }

    fn patterns(&mut self, raw: &RawMethod, argument: &str, noun: &str) -> Option<Vec<AddressPattern>> {
        let parsed: Result<Vec<_>, _> =
            texts(&raw.fields, argument).iter().map(|text| AddressPattern::parse(text, self.engine.name)).collect();
        parsed
            .map_err(|error| {
                let summary = format!("Invalid provider source {noun} patterns");
                let detail = format!("CLI config specifies invalid provider {noun} patterns: {error}.");
                self.report(raw.pos, &summary, detail, Effect::MethodDropped);
            })
            .ok()
    }
}

fn invalid(name: &str, at: Pos, error: &DecodeError) -> String {
    format!("Invalid {name} block at {at}: {}.", error.message)
}

fn fields(name: &str, at: Pos, body: &[Item], kind: &Kind) -> Result<Record, String> {
    match decode::body(body, kind) {
        Ok(Decoded::Record(fields)) => Ok(fields),
        Ok(_) => Ok(Record::new()),
        Err(error) => Err(invalid(name, at, &error)),
    }
}

fn required(name: &str, at: Pos, fields: &mut Record, argument: &'static str) -> Result<String, String> {
    match fields.remove(argument) {
        Some(Decoded::Text(text)) if !text.is_empty() => Ok(text),
        _ => Err(format!("Invalid {name} block at {at}: \"{argument}\" argument is required.")),
    }
}

fn texts(fields: &Record, argument: &str) -> Vec<String> {
    match fields.get(argument) {
        Some(Decoded::TextList(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// Why a network mirror cannot be at this URL. What stands before an `@` may be a password and is not repeated.
fn url_problem(url: &str) -> Option<String> {
    let shown = match (url.split_once("//"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}//...@{rest}"),
        _ => url.to_owned(),
    };
    if url.chars().any(|character| character.is_ascii_control()) {
        return Some(format!(
            "Cannot parse {shown:?} as a URL for a network provider mirror: invalid control character in URL."
        ));
    }
    let host = url.split_once("://").filter(|(scheme, _)| scheme.eq_ignore_ascii_case("https")).map(|(_, rest)| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    });
    match host {
        Some(host) if !host.is_empty() => None,
        _ => Some(format!(
            "Cannot use {shown:?} as a URL for a network provider mirror: the mirror must be at an https: URL."
        )),
    }
}
