//! What one file of a module declares, before files are put together.
//!
//! Only what says which providers are needed, which modules are called and where the state is. Whether the engine accepts
//! the rest is the engine's business.
//!
//! Source: OpenTofu `internal/configs/parser_config.go` `loadConfigFileBody` and the decoders that it calls.

use std::collections::BTreeMap;

use super::body::{Attribute, Block, BlockTypes, Body, Expression, ParsedFile, Text};
use super::static_values::{Scope, StaticDeclarations, Variable};
use super::{Backend, CoreVersion, ProviderBlock, RequiredProvider};
use airtight_hcl::constant::Constant;
use airtight_hcl::{Place, Problem, ProblemKind};
use airtight_provider::{Engine, ProviderAddress};

/// What a file may hold, with the number of labels.
const FILE_BLOCKS: &BlockTypes = &[
    ("terraform", 0),
    ("language", 0),
    ("provider", 1),
    ("variable", 1),
    ("locals", 0),
    ("output", 1),
    ("module", 1),
    ("resource", 2),
    ("data", 2),
    ("ephemeral", 2),
    ("action", 2),
    ("check", 1),
    ("import", 0),
    ("moved", 0),
    ("removed", 0),
];

const TERRAFORM_BLOCKS: &BlockTypes =
    &[("backend", 1), ("cloud", 0), ("required_providers", 0), ("provider_meta", 1), ("encryption", 0)];

const TERRAFORM_ARGUMENTS: &[&str] = &["required_version", "experiments", "language"];

#[derive(Debug, Default)]
pub(super) struct Declarations {
    pub required_providers: Vec<RequiredProvider>,
    /// `backend` and `cloud` blocks.
    pub backends: Vec<Backend>,
    pub has_encryption: bool,
    pub core_versions: Vec<CoreVersion>,
    pub providers: Vec<ProviderDeclaration>,
    pub calls: Vec<CallDeclaration>,
    pub resources: Vec<ResourceDeclaration>,
    pub imports: Vec<ImportDeclaration>,
    pub statics: StaticDeclarations,
    pub not_understood: Vec<Problem>,
}

#[derive(Clone, Debug)]
pub(super) struct ProviderDeclaration {
    pub block: ProviderBlock,
    /// Empty for the default configuration.
    pub alias: String,
}

/// A `module` block, of a module or of a test file's run.
#[derive(Clone, Debug)]
pub(super) struct CallDeclaration {
    pub name: String,
    pub source: Option<PlacedText>,
    pub version: Option<PlacedText>,
    /// What it gives the module's variables, as texts of expressions.
    pub inputs: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct PlacedText {
    pub value: Text,
    /// The text of an expression that is no constant.
    pub expression: Option<String>,
    pub place: Place,
}

impl PlacedText {
    /// The value, if the engine knows it before a plan.
    pub(super) fn evaluated(&self, scope: Option<&Scope<'_>>) -> Text {
        let evaluated = self.expression.as_ref().zip(scope).and_then(|(expression, scope)| scope.text(expression));
        evaluated.map_or_else(|| self.value.clone(), Text::Constant)
    }
}

#[derive(Clone, Debug)]
pub(super) struct ResourceDeclaration {
    /// `resource`, `data`, `ephemeral`, `action`.
    pub mode: &'static str,
    pub resource_type: String,
    pub name: String,
    pub provider: ProviderArgument,
    pub place: Place,
}

/// What a `provider` argument says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProviderArgument {
    None,
    LocalName(String),
    /// It has been noted.
    NotUnderstood,
}

#[derive(Clone, Debug)]
pub(super) struct ImportDeclaration {
    pub provider: ProviderArgument,
    pub aims_at_module: bool,
    pub resource_type: String,
    pub resource_name: String,
    pub place: Place,
}

/// Reads the declarations of one parsed file.
pub(super) fn read(file: &ParsedFile) -> Declarations {
    let mut reader = Reader { file, found: Declarations::default() };
    reader.file();
    reader.found
}

/// The blocks of a test file that matter: `provider` blocks, `mock_provider` blocks, and the modules of runs.
pub(super) fn read_test(file: &ParsedFile, engine: &Engine) -> Declarations {
    let mut reader = Reader { file, found: Declarations::default() };
    let (blocks, _) = file.root().blocks(&[("run", 1), ("provider", 1), ("mock_provider", 1)], &[]);
    for block in blocks {
        match block.kind {
            "run" => {
                let (modules, _) = block.body.blocks(&[("module", 0)], &[]);
                if let Some(module) = modules.first() {
                    reader.module(block.labels[0], module);
                }
            }
            "provider" => reader.provider(&block),
            _ if engine.counts_mock_providers_of_tests() => reader.provider(&block),
            _ => {}
        }
    }
    reader.found
}

struct Reader<'a> {
    file: &'a ParsedFile,
    found: Declarations,
}

impl Reader<'_> {
    fn give_up(&mut self, kind: ProblemKind, summary: &str, detail: impl Into<String>, place: Place) {
        self.found.not_understood.push(Problem::new(kind, summary, detail, place));
    }

    fn file(&mut self) {
        let (blocks, unknown) = self.file.root().blocks(FILE_BLOCKS, &[]);
        for block in blocks {
            match block.kind {
                "terraform" => self.terraform(&block),
                "language" => self.language(&block),
                "provider" => self.provider(&block),
                "module" => self.module(block.labels[0], &block),
                "resource" => self.resource("resource", &block),
                "data" => self.resource("data", &block),
                "ephemeral" => self.resource("ephemeral", &block),
                "action" => self.resource("action", &block),
                "check" => {
                    let (inner, _) = block.body.blocks(&[("data", 2)], &[]);
                    for block in &inner {
                        self.resource("data", block);
                    }
                }
                "import" => self.import(&block),
                "variable" => self.variable(&block),
                "locals" => {
                    let locals = block.body.attributes().into_iter();
                    let locals = locals.filter_map(|local| Some((local.name.clone(), local.value.source_text()?)));
                    self.found.statics.locals.extend(locals);
                }
                _ => {}
            }
        }
        for block in unknown {
            let summary = format!("Blocks of type `{}` are not known here", block.kind);
            self.give_up(ProblemKind::Unknown, &summary, "They may need providers.", block.place);
        }
    }

    fn terraform(&mut self, block: &Block<'_>) {
        if let Some(attribute) = block.body.attribute("required_version") {
            self.core_version(&attribute, is_tofu_file(self.file.path.as_str()));
        }
        let (blocks, unknown) = block.body.blocks(TERRAFORM_BLOCKS, TERRAFORM_ARGUMENTS);
        for inner in blocks {
            match inner.kind {
                "backend" => {
                    let backend = backend(inner.labels[0], &inner);
                    self.found.backends.push(backend);
                }
                "cloud" => self.found.backends.push(backend("cloud", &inner)),
                "required_providers" => {
                    inner.body.attributes().iter().for_each(|attribute| self.required_provider(attribute));
                }
                "encryption" => self.found.has_encryption = true,
                _ => {}
            }
        }
        for block in unknown {
            let summary = format!("`{}` in a `terraform` block is not known here", block.kind);
            self.give_up(ProblemKind::Unknown, &summary, "It may need providers.", block.place);
        }
    }

    /// OpenTofu's own settings.
    fn language(&mut self, block: &Block<'_>) {
        let (blocks, _) = block.body.blocks(&[("compatible_with", 0)], &["edition", "experiments"]);
        for inner in blocks {
            if let Some(attribute) = inner.body.attribute("opentofu") {
                self.core_version(&attribute, true);
            }
        }
    }

    fn core_version(&mut self, attribute: &Attribute<'_>, is_for_tofu: bool) {
        if let Text::Constant(text) = attribute.value.text() {
            self.found.core_versions.push(CoreVersion { text, is_for_tofu, place: attribute.value.place() });
        }
    }

    /// Source: OpenTofu `internal/configs/provider_requirements.go` `decodeRequiredProvidersBlock`.
    fn required_provider(&mut self, attribute: &Attribute<'_>) {
        let place = attribute.value.place();
        let mut entry = RequiredProvider {
            local_name: attribute.name.clone(),
            source: None,
            source_place: place.clone(),
            version: None,
            version_place: place.clone(),
            place: attribute.place(),
        };
        // The form from before 0.13: a constraint alone.
        if let Text::Constant(version) = attribute.value.text() {
            entry.version = Some(version);
            self.found.required_providers.push(entry);
            return;
        }
        let Some(items) = attribute.value.items() else {
            return self.unevaluated("the requirement", &attribute.name, place);
        };
        let mut is_source_known = true;
        for (key, value) in items {
            let text = || match value.constant() {
                Some(Constant::String(text)) => Some(text),
                _ => None,
            };
            match key.as_deref() {
                Some("version") => {
                    (entry.version, entry.version_place) = (text(), value.place());
                    if entry.version.is_none() {
                        self.unevaluated("the version", &attribute.name, value.place());
                    }
                }
                Some("source") => {
                    (entry.source, entry.source_place) = (text(), value.place());
                    is_source_known = entry.source.is_some();
                    if !is_source_known {
                        self.unevaluated("the source", &attribute.name, value.place());
                    }
                }
                Some(_) => {}
                None => {
                    is_source_known = false;
                    self.unevaluated("a key", &attribute.name, value.place());
                }
            }
        }
        if is_source_known {
            self.found.required_providers.push(entry);
        }
    }

    fn unevaluated(&mut self, what: &str, local_name: &str, place: Place) {
        let summary = format!("Only the engine can say what {what} of provider `{local_name}` is");
        self.give_up(ProblemKind::Unevaluated, &summary, "It is not a constant that airtight reads.", place);
    }

    /// Source: OpenTofu `internal/configs/provider.go`.
    fn provider(&mut self, block: &Block<'_>) {
        let text = |name: &str| block.body.attribute(name).map(|attribute| (attribute.value.text(), attribute.value));
        let alias = match text("alias") {
            Some((Text::Constant(alias), _)) => alias,
            _ => String::new(),
        };
        let local_name = block.labels[0].to_owned();
        // A provider block of a test file has no constraint if it is a mock.
        let version = text("version").filter(|_| block.kind == "provider");
        let (version, place) = match version {
            Some((Text::Constant(version), value)) => (Some(version), value.place()),
            Some((Text::Unevaluated, value)) => {
                self.unevaluated("the version", &local_name, value.place());
                (None, block.place())
            }
            _ => (None, block.place()),
        };
        let block = ProviderBlock { local_name, version, place };
        self.found.providers.push(ProviderDeclaration { block, alias });
    }

    /// Source: OpenTofu `internal/configs/module_call.go`.
    fn module(&mut self, name: &str, block: &Block<'_>) {
        const OWN: [&str; 6] = ["source", "version", "count", "for_each", "depends_on", "providers"];
        let text = |name: &str| {
            let value = block.body.attribute(name)?.value;
            let text = value.text();
            let expression = (text == Text::Unevaluated).then(|| value.source_text()).flatten();
            Some(PlacedText { value: text, expression, place: value.place() })
        };
        let inputs = block.body.attributes().into_iter().filter(|attribute| !OWN.contains(&attribute.name.as_str()));
        let inputs = inputs.filter_map(|input| Some((input.name.clone(), input.value.source_text()?))).collect();
        let (source, version) = (text("source"), text("version"));
        self.found.calls.push(CallDeclaration { name: name.to_owned(), source, version, inputs });
    }

    /// Source: OpenTofu `internal/configs/named_values.go`.
    fn variable(&mut self, block: &Block<'_>) {
        let text = |name: &str| block.body.attribute(name)?.value.source_text();
        let is_true = |name: &str| text(name).is_some_and(|text| text == "true");
        let has = |name: &str| block.body.attribute(name).is_some();
        let variable = Variable {
            default: text("default"),
            value_type: text("type"),
            is_const: is_true("const"),
            is_hidden: ["sensitive", "ephemeral"]
                .into_iter()
                .any(|name| has(name) && text(name).as_deref() != Some("false")),
            is_nullable: text("nullable").is_none_or(|text| text == "true"),
        };
        self.found.statics.variables.insert(block.labels[0].to_owned(), variable);
    }

    /// Source: OpenTofu `internal/configs/resource.go`.
    fn resource(&mut self, mode: &'static str, block: &Block<'_>) {
        let provider = self.provider_argument(&block.body);
        self.found.resources.push(ResourceDeclaration {
            mode,
            resource_type: block.labels[0].to_owned(),
            name: block.labels[1].to_owned(),
            provider,
            place: block.place(),
        });
    }

    /// Source: OpenTofu `internal/configs/import.go`.
    fn import(&mut self, block: &Block<'_>) {
        let provider = self.provider_argument(&block.body);
        let Some(to) = block.body.attribute("to") else { return };
        let Some((aims_at_module, [resource_type, resource_name])) = target(&to.value) else {
            let detail = "airtight cannot read the address, so the provider that it needs is not known.";
            return self.give_up(ProblemKind::Unevaluated, "Import not understood", detail, to.value.place());
        };
        let place = block.place();
        self.found.imports.push(ImportDeclaration { provider, aims_at_module, resource_type, resource_name, place });
    }

    fn provider_argument(&mut self, body: &Body<'_>) -> ProviderArgument {
        let Some(attribute) = body.attribute("provider") else { return ProviderArgument::None };
        if let Some([name] | [name, _]) = attribute.value.names().as_deref() {
            ProviderArgument::LocalName(name.clone())
        } else {
            let detail = "airtight cannot read the reference to a provider.";
            self.give_up(ProblemKind::Unevaluated, "Provider not understood", detail, attribute.value.place());
            ProviderArgument::NotUnderstood
        }
    }
}

/// Whether the address is below a module, and the type and the name of the resource.
fn target(address: &Expression<'_>) -> Option<(bool, [String; 2])> {
    let names = address.names()?;
    let mut rest = names.as_slice();
    let mut is_in_module = false;
    while let [keyword, _, after @ ..] = rest
        && keyword == "module"
    {
        (rest, is_in_module) = (after, true);
    }
    match rest {
        [mode, resource_type, name] if ["resource", "data", "ephemeral"].contains(&mode.as_str()) => {
            Some((is_in_module, [resource_type.clone(), name.clone()]))
        }
        [resource_type, name] => Some((is_in_module, [resource_type.clone(), name.clone()])),
        _ => None,
    }
}

/// What a local backend takes, and the host of a remote one.
fn backend(kind: &str, block: &Block<'_>) -> Backend {
    let mut backend = Backend {
        kind: kind.to_owned(),
        path: None,
        workspace_dir: None,
        hostname: None,
        is_unevaluated: false,
        expressions: Vec::new(),
        place: block.place(),
    };
    let settings: &mut [(&str, &mut Option<String>)] = match kind {
        "local" => &mut [("path", &mut backend.path), ("workspace_dir", &mut backend.workspace_dir)],
        "cloud" | "remote" => &mut [("hostname", &mut backend.hostname)],
        _ => &mut [],
    };
    for (name, setting) in settings {
        let Some(value) = block.body.attribute(name).map(|attribute| attribute.value) else { continue };
        match value.text() {
            Text::Constant(text) => **setting = Some(text),
            Text::Unevaluated => {
                backend.is_unevaluated = true;
                backend.expressions.extend(value.source_text().map(|text| (*name, text)));
            }
            Text::Null => {}
        }
    }
    backend
}

/// The local name that a resource type implies: the part before its first underscore, normalised.
pub(super) fn implied_local_name(resource_type: &str, engine: &Engine) -> Option<String> {
    let prefix = resource_type.split_once('_').map_or(resource_type, |(prefix, _)| prefix);
    ProviderAddress::implied(engine.name, prefix).ok().map(|address| address.provider_type().to_owned())
}

fn is_tofu_file(path: &str) -> bool {
    path.strip_suffix(".json").unwrap_or(path).strip_suffix(".tofu").is_some()
}
