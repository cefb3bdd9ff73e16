//! What one file of a module declares, before files are put together.
//!
//! Source: OpenTofu `internal/configs/parser_config.go` `loadConfigFileBody` and the decoders that it calls.

use super::body::{Attribute, Block, Content, Expression, ParsedFile, Problems, Step};
use super::required_providers;
use super::schemas::{self, Schemas};
use super::{Backend, CoreVersion, ProviderBlock, ProviderUse, RequiredProvider};
use crate::domain::{Engine, EngineName, ProviderAddress};
use crate::finding::Place;
use crate::read::native_syntax::constant::{Constant, NotConstant};
use crate::read::native_syntax::schema::{BodySchema, Unknown};

/// Whether a file adds declarations or changes those of other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Override,
}

#[derive(Debug, Default)]
pub(super) struct Declarations {
    /// One for each `required_providers` block.
    pub required_providers: Vec<(Place, Vec<RequiredProvider>)>,
    pub backends: Vec<Backend>,
    pub clouds: Vec<Backend>,
    pub encryptions: Vec<Place>,
    pub core_versions: Vec<CoreVersion>,
    pub providers: Vec<ProviderDeclaration>,
    pub calls: Vec<CallDeclaration>,
    pub resources: Vec<ResourceDeclaration>,
    pub imports: Vec<ImportDeclaration>,
    /// Everything else that has a name of its own.
    pub names: Vec<NameDeclaration>,
    /// Blocks that no override file may have.
    pub records: Vec<(&'static str, Place)>,
    pub problems: Problems,
}

#[derive(Clone, Debug)]
pub(super) struct ProviderDeclaration {
    pub block: ProviderBlock,
    pub alias: String,
}

/// A `module` block.
#[derive(Clone, Debug)]
pub(super) struct CallDeclaration {
    pub name: String,
    pub place: Place,
    pub source: Option<Text>,
    pub version: Option<Text>,
}

/// A text that should be constant.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub value: TextValue,
    pub place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TextValue {
    Constant(String),
    Null,
    /// Only the engine can say.
    Unevaluated,
    /// An error of the file says why not.
    Refused,
}

#[derive(Clone, Debug)]
pub(super) struct ResourceDeclaration {
    /// `resource`, `data`, `ephemeral`, `action`.
    pub mode: &'static str,
    pub resource_type: String,
    pub name: String,
    /// The `provider` argument's local name.
    pub provider: Option<String>,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(super) struct ImportDeclaration {
    pub provider: Option<String>,
    pub provider_place: Place,
    pub aims_at_module: bool,
    pub resource_type: String,
    pub resource_name: String,
    pub place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum NameKind {
    Variable,
    Local,
    Output,
    Check,
}

#[derive(Clone, Debug)]
pub(super) struct NameDeclaration {
    pub kind: NameKind,
    pub name: String,
    pub place: Place,
}

/// Reads the declarations of one parsed file.
pub(super) fn read(file: &ParsedFile, role: Role, engine: &Engine) -> Declarations {
    let mut reader = Reader { engine, schemas: Schemas::new(engine), role, file, found: Declarations::default() };
    reader.file();
    reader.found
}

struct Reader<'a> {
    engine: &'a Engine,
    schemas: Schemas<'a>,
    role: Role,
    file: &'a ParsedFile,
    found: Declarations,
}

impl<'a> Reader<'a> {
    fn problems(&mut self) -> &mut Problems {
        &mut self.found.problems
    }

    /// A body's content by a schema that later engines may have extended: what it does not have is an error only if
    /// that is certain.
    fn content(&mut self, block: &Block<'a>, schema: &BodySchema<'_>) -> Content<'a> {
        let mut problems = Problems::default();
        let content = block.body.content(schema, Unknown::Refused, &mut problems);
        self.take(problems);
        content
    }

    fn take(&mut self, mut problems: Problems) {
        let found = &mut self.found.problems;
        found.not_understood.append(&mut problems.not_understood);
        let errors = if self.schemas.are_complete() { &mut found.errors } else { &mut found.not_understood };
        errors.append(&mut problems.errors);
    }

    fn file(&mut self) {
        let blocks = self.schemas.file_blocks();
        let schema = BodySchema { required: &[], optional: &[], blocks: &blocks };
        let mut problems = Problems::default();
        let content = self.file.root().content(&schema, Unknown::Refused, &mut problems);
        self.take(problems);
        for block in content.blocks {
            match block.block_type {
                "terraform" => self.terraform(&block),
                "required_providers" => self.problems().refuse(
                    "Invalid required_providers block",
                    "A \"required_providers\" block must be nested inside a \"terraform\" block.",
                    block.place,
                ),
                "language" => self.language(&block),
                "provider" => self.found.providers.extend(provider(&block, self.engine, &mut self.found.problems)),
                "variable" => self.variable(&block),
                "locals" => self.locals(&block),
                "output" => self.output(&block),
                "module" => self.module(&block),
                "resource" => self.resource("resource", &block),
                "data" => self.resource("data", &block),
                "ephemeral" => self.resource("ephemeral", &block),
                "action" => self.resource("action", &block),
                "check" => self.check(&block),
                "import" => self.import(&block),
                "moved" => {
                    self.content(&block, &schemas::MOVED);
                    self.found.records.push(("moved", block.place));
                }
                "removed" => {
                    self.content(&block, &schemas::REMOVED);
                    self.found.records.push(("removed", block.place));
                }
                _ => {}
            }
        }
    }

    fn terraform(&mut self, block: &Block<'a>) {
        let blocks = self.schemas.terraform_blocks();
        let schema = BodySchema { required: &[], optional: schemas::TERRAFORM_ARGUMENTS, blocks: &blocks };
        let content = self.content(block, &schema);
        if let Some(attribute) = content.attributes.get("required_version") {
            let is_for_tofu = is_tofu_file(self.file.path.as_str());
            if is_for_tofu || self.engine.checks_required_version_in_tf_files() {
                self.core_version(attribute, is_for_tofu);
            }
        }
        if self.schemas.judges_language_editions() {
            self.language_edition(&content);
        }
        for inner in content.blocks {
            match inner.block_type {
                "backend" => {
                    let backend = backend(&inner, &mut self.found.problems);
                    self.found.backends.push(backend);
                }
                "cloud" => self.found.clouds.push(Backend {
                    kind: "cloud".to_owned(),
                    path: None,
                    workspace_dir: None,
                    place: inner.place,
                }),
                "required_providers" => {
                    let entries = required_providers::read(&inner, self.engine, &mut self.found.problems);
                    self.found.required_providers.push((inner.place, entries));
                }
                "encryption" => self.found.encryptions.push(inner.place),
                _ => {}
            }
        }
    }

    fn language_edition(&mut self, content: &Content<'a>) {
        if let Some(attribute) = content.attributes.get("language") {
            let keyword = attribute.value.reference().filter(|(_, steps)| steps.is_empty()).map(|(name, _)| name);
            match keyword.as_deref() {
                Some("TF2021") => {}
                Some("tofu2024") if self.engine.name == EngineName::Tofu => {}
                _ => self.problems().give_up("Unsupported language edition", "", attribute.place.clone()),
            }
        }
        if let Some(attribute) = content.attributes.get("experiments") {
            let summary = "Module uses experimental features";
            if self.engine.name == EngineName::Terraform && self.engine.version.prerelease.is_empty() {
                let detail = "Experimental features are intended only for gathering early feedback on new language \
                              designs, and so are available only in alpha releases of Terraform.";
                self.problems().refuse(summary, detail, attribute.place.clone());
            } else {
                self.problems().give_up(summary, "", attribute.place.clone());
            }
        }
    }

    fn core_version(&mut self, attribute: &Attribute<'a>, is_for_tofu: bool) {
        let text = text(&attribute.value, "Invalid version constraint", "A string value is required.", self.problems());
        if let TextValue::Constant(text) = text {
            self.found.core_versions.push(CoreVersion { text, is_for_tofu, place: attribute.value.place() });
        }
    }

    /// OpenTofu's own settings.
    fn language(&mut self, block: &Block<'a>) {
        if self.role == Role::Override {
            return self.problems().refuse(
                "Language selections in override file",
                "Language-related settings in \"language\" blocks are not allowed in override files. Place these \
                 settings in a normal configuration file.",
                block.place.clone(),
            );
        }
        let content = self.content(block, &schemas::LANGUAGE);
        if let Some(attribute) = content.attributes.get("edition") {
            let keyword = attribute.value.reference().filter(|(_, steps)| steps.is_empty());
            if keyword.is_none_or(|(name, _)| name != "tofu2024") {
                let place = attribute.place.clone();
                if self.schemas.are_complete() {
                    self.problems().refuse("Unsupported language edition", "Only tofu2024 is supported.", place);
                } else {
                    self.problems().give_up("Unsupported language edition", "", place);
                }
            }
        }
        if let Some(attribute) = content.attributes.get("experiments") {
            if attribute.value.elements().is_none_or(|elements| !elements.is_empty()) {
                self.problems().give_up("Unknown experiment keyword", "", attribute.place.clone());
            }
        }
        let mut seen = 0;
        for nested in &content.blocks {
            let content = nested.body.content(&schemas::COMPATIBLE_WITH, Unknown::Ignored, &mut self.found.problems);
            let Some(attribute) = content.attributes.get("opentofu") else { continue };
            seen += 1;
            if seen == 2 {
                self.problems().refuse(
                    "Duplicate compatible_with block",
                    "Each language block may have at most one compatible_with block referring to OpenTofu.",
                    nested.place.clone(),
                );
            }
            self.core_version(attribute, true);
        }
    }

    fn variable(&mut self, block: &Block<'a>) {
        let arguments = self.schemas.variable_arguments();
        let schema = BodySchema { required: &[], optional: &arguments, blocks: &[("validation", &[])] };
        let content = self.content(block, &schema);
        let name = block.labels[0];
        self.check_identifier(name, "Invalid variable name", &block.place);
        let is_reserved = schemas::MODULE_ARGUMENTS.contains(&name)
            || schemas::MODULE_BLOCKS.iter().any(|(block_type, _)| *block_type == name);
        if is_reserved {
            let detail =
                format!("The variable name \"{name}\" is reserved due to its special meaning inside module blocks.");
            self.problems().refuse("Invalid variable name", detail, block.place.clone());
        }
        if let Some(attribute) = content.attributes.get("default") {
            if let Err(reason @ (NotConstant::Variable | NotConstant::Function)) = attribute.value.evaluate() {
                self.problems().not_constant(reason, attribute.value.place());
            }
        }
        self.name(NameKind::Variable, name, &block.place);
    }

    fn locals(&mut self, block: &Block<'a>) {
        let Some(attributes) = block.body.just_attributes(&mut self.found.problems) else { return };
        for attribute in attributes {
            self.check_identifier(attribute.name, "Invalid local value name", &attribute.place);
            self.name(NameKind::Local, attribute.name, &attribute.place);
        }
    }

    fn output(&mut self, block: &Block<'a>) {
        let mut arguments = self.schemas.output_arguments();
        let required: &[&str] = if self.role == Role::Primary { &["value"] } else { &[] };
        if self.role == Role::Override {
            arguments.push("value");
        }
        let blocks: &[(&str, &[&str])] = &[("precondition", &[]), ("postcondition", &[])];
        self.content(block, &BodySchema { required, optional: &arguments, blocks });
        self.check_identifier(block.labels[0], "Invalid output name", &block.place);
        self.name(NameKind::Output, block.labels[0], &block.place);
    }

    fn module(&mut self, block: &Block<'a>) {
        let required: &[&str] = if self.role == Role::Primary { &["source"] } else { &[] };
        let schema =
            BodySchema { required, optional: schemas::MODULE_ARGUMENTS, blocks: schemas::MODULE_BLOCKS };
        let content = block.body.content(&schema, Unknown::Ignored, &mut self.found.problems);
        self.check_identifier(block.labels[0], "Invalid module instance name", &block.place);
        for inner in &content.blocks {
            let is_allowed = match inner.block_type {
                "_" => true,
                "lifecycle" => self.schemas.takes_lifecycle_in_modules() || !self.schemas.are_complete(),
                _ => !self.schemas.are_complete(),
            };
            if !is_allowed {
                self.reserved_block("module", inner);
            }
        }
        let source = content.attributes.get("source").map(|attribute| self.module_text(attribute));
        let version = content.attributes.get("version").map(|attribute| self.module_text(attribute));
        self.found.calls.push(CallDeclaration {
            name: block.labels[0].to_owned(),
            place: block.place.clone(),
            source,
            version,
        });
    }

    /// A source or a version of a module call.
    fn module_text(&mut self, attribute: &Attribute<'a>) -> Text {
        let place = attribute.value.place();
        let is_evaluated = self.schemas.evaluates_module_sources();
        let value = match attribute.value.evaluate() {
            // With variables to refer to, strings in JSON are templates.
            Ok(Constant::String(text)) if is_evaluated && attribute.value.is_json() && has_template(&text) => {
                TextValue::Unevaluated
            }
            Err(_) if is_evaluated => TextValue::Unevaluated,
            Err(NotConstant::NotUnderstood) => TextValue::Unevaluated,
            _ => text(
                &attribute.value,
                "Unsuitable value type",
                "Unsuitable value: string required",
                &mut self.found.problems,
            ),
        };
        Text { value, place }
    }

    fn resource(&mut self, mode: &'static str, block: &Block<'a>) {
        let schema = if mode == "data" { &schemas::DATA } else { &schemas::RESOURCE };
        let content = block.body.content(schema, Unknown::Ignored, &mut self.found.problems);
        let [resource_type, name] = block.labels[..] else { return };
        let (type_summary, name_summary) = match mode {
            "data" => ("Invalid data source name", "Invalid data resource name"),
            "ephemeral" => ("Invalid ephemeral resource type", "Invalid ephemeral resource name"),
            _ => ("Invalid resource type name", "Invalid resource name"),
        };
        self.check_identifier(resource_type, type_summary, &block.place);
        self.check_identifier(name, name_summary, &block.place);
        self.resource_blocks(mode, &content);
        let provider = self.provider_argument(&content);
        if provider == Some(None) {
            return;
        }
        self.found.resources.push(ResourceDeclaration {
            mode,
            resource_type: resource_type.to_owned(),
            name: name.to_owned(),
            provider: provider.flatten(),
            place: block.place.clone(),
        });
    }

    fn resource_blocks(&mut self, mode: &'static str, content: &Content<'a>) {
        let is_complete = self.schemas.are_complete();
        for (index, inner) in content.blocks.iter().enumerate() {
            let is_repeated =
                content.blocks[..index].iter().any(|earlier| earlier.block_type == inner.block_type);
            match inner.block_type {
                "locals" if is_complete && mode != "action" => self.reserved_block(mode, inner),
                "lifecycle" | "connection" | "_" if is_repeated => {
                    let name = if inner.block_type == "_" { "escaping" } else { inner.block_type };
                    let summary = format!("Duplicate {name} block");
                    self.problems().refuse(&summary, "Each block of this type may stand here once.", inner.place.clone());
                }
                "lifecycle" if mode != "action" => self.lifecycle(inner),
                _ => {}
            }
        }
    }

    fn lifecycle(&mut self, block: &Block<'a>) {
        let mut optional =
            vec!["create_before_destroy", "prevent_destroy", "ignore_changes", "replace_triggered_by"];
        let mut blocks: Vec<(&str, &[&str])> = vec![("precondition", &[]), ("postcondition", &[])];
        if self.engine.name == EngineName::Tofu && self.engine.is_at_least(1, 11, 0) {
            optional.push("enabled");
        }
        if self.engine.name == EngineName::Tofu && self.engine.is_at_least(1, 12, 0) {
            optional.push("destroy");
        }
        if self.engine.name == EngineName::Terraform && self.engine.is_at_least(1, 14, 0) {
            blocks.push(("action_trigger", &[]));
        }
        self.content(block, &BodySchema { required: &[], optional: &optional, blocks: &blocks });
    }

    fn check(&mut self, block: &Block<'a>) {
        if self.role == Role::Override {
            let detail = "Override files cannot override check blocks.";
            return self.problems().refuse("Can't override check blocks", detail, block.place.clone());
        }
        let content = self.content(block, &schemas::CHECK);
        self.check_identifier(block.labels[0], "Invalid check block name", &block.place);
        let (mut data_count, mut assert_count) = (0, 0);
        for inner in &content.blocks {
            if inner.block_type == "data" {
                data_count += 1;
                if data_count == 2 {
                    let detail = "This check block already has a data resource defined.";
                    self.problems().refuse("Multiple data resource blocks", detail, inner.place.clone());
                }
                self.resource("data", inner);
            } else {
                assert_count += 1;
                self.content(inner, &schemas::CHECK_RULE);
            }
        }
        if assert_count == 0 {
            let detail = "Check blocks must have at least one assert block.";
            self.problems().refuse("Zero assert blocks", detail, block.place.clone());
        }
        self.name(NameKind::Check, block.labels[0], &block.place);
    }

    fn import(&mut self, block: &Block<'a>) {
        let (required, optional) = self.schemas.import_arguments();
        let content = self.content(block, &BodySchema { required: &required, optional: &optional, blocks: &[] });
        self.found.records.push(("import", block.place.clone()));
        let has_id = content.attributes.contains_key("id");
        if optional.contains(&"identity") && has_id == content.attributes.contains_key("identity") {
            let (summary, detail) = if has_id {
                ("Conflicting import arguments", "Only one of 'id' or 'identity' can be specified in an import block.")
            } else {
                ("Missing required import argument", "One of 'id' or 'identity' must be specified in an import block.")
            };
            self.problems().refuse(summary, detail, block.place.clone());
        }
        let Some(to) = content.attributes.get("to") else { return };
        let provider = self.provider_argument(&content);
        let target = to.value.reference().filter(|_| !to.value.is_quoted()).and_then(|(root, steps)| target(root, steps));
        let Some((aims_at_module, resource_type, resource_name)) = target else {
            let detail = "The resource that it aims at could not be told.";
            return self.problems().give_up("Import address not understood", detail, to.value.place());
        };
        let provider_place = content.attributes.get("provider").map_or_else(|| block.place.clone(), |a| a.place.clone());
        if provider.is_some() && aims_at_module {
            let detail = "The provider argument can only be specified in import blocks that will generate configuration.";
            self.problems().refuse("Invalid import provider argument", detail, provider_place.clone());
        }
        self.found.imports.push(ImportDeclaration {
            provider: provider.flatten(),
            provider_place,
            aims_at_module,
            resource_type,
            resource_name,
            place: block.place.clone(),
        });
    }

    /// The local name of a `provider` argument; `Some(None)` where there is one without a name.
    fn provider_argument(&mut self, content: &Content<'a>) -> Option<Option<String>> {
        const SUMMARY: &str = "Invalid provider configuration reference";
        let attribute = content.attributes.get("provider")?;
        let place = attribute.value.place();
        let Some((name, steps)) = attribute.value.reference() else {
            if attribute.value.is_unread() {
                self.problems().give_up(SUMMARY, "The expression could not be read.", place);
            } else {
                let detail = "The provider argument requires a provider type name, optionally followed by a period and \
                              then a configuration alias.";
                self.problems().refuse(SUMMARY, detail, place);
            }
            return Some(None);
        };
        let takes_key = self.schemas.takes_for_each_in_providers();
        let is_sound = match steps.as_slice() {
            [] | [Step::Attribute(_)] => true,
            [Step::Attribute(_), Step::Index] => takes_key,
            _ => false,
        };
        if !is_sound {
            let detail = "Provider name must either stand alone or be followed by a period and then a configuration \
                          alias.";
            self.problems().refuse(SUMMARY, detail, place);
            return Some(None);
        }
        Some(check_local_name(&name, self.engine, &place, &mut self.found.problems).then_some(name))
    }

    fn reserved_block(&mut self, container: &str, block: &Block<'a>) {
        let detail = format!(
            "The block type name \"{}\" is reserved for use by {} in a future version.",
            block.block_type,
            self.engine.name.title()
        );
        let summary = format!("Reserved block type name in {container} block");
        self.problems().refuse(&summary, detail, block.place.clone());
    }

    fn check_identifier(&mut self, name: &str, summary: &str, place: &Place) {
        if !is_identifier(name) {
            let detail = "A name must start with a letter or underscore and may contain only letters, digits, \
                          underscores, and dashes.";
            self.problems().refuse(summary, detail, place.clone());
        }
    }

    fn name(&mut self, kind: NameKind, name: &str, place: &Place) {
        self.found.names.push(NameDeclaration { kind, name: name.to_owned(), place: place.clone() });
    }
}

/// A `provider` block, also of a test file; null where its name is none.
pub(super) fn provider(block: &Block<'_>, engine: &Engine, problems: &mut Problems) -> Option<ProviderDeclaration> {
    let schemas = Schemas::new(engine);
    let content = block.body.content(&schemas::PROVIDER, Unknown::Ignored, problems);
    let local_name = block.labels[0];
    if !check_local_name(local_name, engine, &block.place, problems) {
        return None;
    }
    let alias = content.attributes.get("alias").map(|attribute| {
        let value = text(&attribute.value, "Unsuitable value type", "Unsuitable value: string required", problems);
        (value, attribute.value.place())
    });
    let alias = match alias {
        None => String::new(),
        Some((TextValue::Constant(alias), place)) => {
            if !is_identifier(&alias) {
                let detail = "An alias must be a valid name.";
                problems.refuse("Invalid provider configuration alias", detail, place);
            }
            alias
        }
        Some(_) => return None,
    };
    let version = content.attributes.get("version").and_then(|attribute| {
        let value = text(&attribute.value, "Invalid version constraint", "A string value is required for version.", problems);
        let TextValue::Constant(version) = value else { return None };
        Some((version, attribute.value.place()))
    });
    for name in ["count", "depends_on", "source", "for_each"] {
        let Some(attribute) = content.attributes.get(name) else { continue };
        let place = attribute.place.clone();
        if name == "for_each" && schemas.takes_for_each_in_providers() {
            if alias.is_empty() {
                let detail = "The for_each argument is allowed only for provider configurations with an alias.";
                problems.refuse("Alias required when using \"for_each\"", detail, place);
            }
        } else if schemas.are_complete() {
            let detail = format!(
                "The provider argument name \"{name}\" is reserved for use by {} in a future version.",
                engine.name.title()
            );
            problems.refuse("Reserved argument name in provider block", detail, place);
        } else {
            problems.give_up("Reserved argument name in provider block", "", place);
        }
    }
    for inner in content.blocks.iter().filter(|inner| inner.block_type != "_" && schemas.are_complete()) {
        let detail = format!(
            "The block type name \"{}\" is reserved for use by {} in a future version.",
            inner.block_type,
            engine.name.title()
        );
        problems.refuse("Reserved block type name in provider block", detail, inner.place.clone());
    }
    let (version, place) = version.map_or((None, block.place.clone()), |(version, place)| (Some(version), place));
    Some(ProviderDeclaration { block: ProviderBlock { local_name: local_name.to_owned(), version, place }, alias })
}

/// A constant string argument, or what is wrong with it.
pub(super) fn text(expression: &Expression<'_>, summary: &str, detail: &str, problems: &mut Problems) -> TextValue {
    match expression.evaluate().map(Constant::into_string) {
        Ok(Ok(Some(text))) => TextValue::Constant(text),
        Ok(Ok(None)) => TextValue::Null,
        Ok(Err(_)) => {
            problems.refuse(summary, detail, expression.place());
            TextValue::Refused
        }
        Err(reason) => {
            problems.not_constant(reason, expression.place());
            TextValue::Refused
        }
    }
}

/// Whether a provider's local name is one, in the form that the engines ask for.
pub(super) fn check_local_name(name: &str, engine: &Engine, place: &Place, problems: &mut Problems) -> bool {
    let detail = match ProviderAddress::implied(engine.name, name) {
        Ok(address) if address.provider_type() == name => return true,
        Ok(address) => format!(
            "Provider names must be normalized. Replace \"{name}\" with \"{}\" to fix this error.",
            address.provider_type()
        ),
        Err(reason) => format!("{name} is an invalid provider local name: {}", reason.detail()),
    };
    problems.refuse("Invalid provider local name", detail, place.clone());
    false
}

fn backend(block: &Block<'_>, problems: &mut Problems) -> Backend {
    let kind = block.labels[0].to_owned();
    let (mut path, mut workspace_dir) = (None, None);
    if kind == "local" {
        let content = block.body.content(&schemas::LOCAL_BACKEND, Unknown::Ignored, problems);
        let mut constant = |name: &str| {
            let expression = &content.attributes.get(name)?.value;
            let has_variables = |text: &str| expression.is_json() && has_template(text);
            match expression.evaluate().map(Constant::into_string) {
                Ok(Ok(text)) if !text.as_deref().is_some_and(has_variables) => text,
                _ => {
                    let detail = format!("The local backend's `{name}` is not a constant.");
                    problems.give_up("Backend configuration not understood", detail, expression.place());
                    None
                }
            }
        };
        path = constant("path");
        workspace_dir = constant("workspace_dir");
    }
    Backend { kind, path, workspace_dir, place: block.place.clone() }
}

/// Whether the engines' templates would change this text.
fn has_template(text: &str) -> bool {
    text.contains("${") || text.contains("%{")
}

fn is_tofu_file(path: &str) -> bool {
    path.ends_with(".tofu") || path.ends_with(".tofu.json")
}

fn is_identifier(name: &str) -> bool {
    hcl::edit::Ident::try_new(name).is_ok()
}

/// The resource that an address means: whether it is in a module, its type, its name.
fn target(root: String, steps: Vec<Step>) -> Option<(bool, String, String)> {
    let mut names = std::iter::once(Step::Attribute(root)).chain(steps).filter(|step| *step != Step::Index);
    let mut aims_at_module = false;
    let mut next = || match names.next() {
        Some(Step::Attribute(name)) => Some(name),
        _ => None,
    };
    let mut name = next()?;
    while name == "module" {
        aims_at_module = true;
        next()?;
        name = next()?;
    }
    (name != "data").then_some(())?;
    Some((aims_at_module, name, next()?))
}

impl ResourceDeclaration {
    /// What it needs: the provider of its `provider` argument, else of its type's prefix. Null where the prefix is
    /// no name of a provider.
    pub(super) fn provider_use(&self, engine: &Engine) -> Option<ProviderUse> {
        let what = format!("{}.{}.{}", self.mode, self.resource_type, self.name);
        let local_name = match &self.provider {
            Some(name) => name.clone(),
            None => implied_local_name(&self.resource_type, engine)?,
        };
        Some(ProviderUse { local_name, what, place: self.place.clone() })
    }
}

/// The local name that a resource type implies: what stands before its first underscore, normalised.
pub(super) fn implied_local_name(resource_type: &str, engine: &Engine) -> Option<String> {
    let prefix = resource_type.split_once('_').map_or(resource_type, |(prefix, _)| prefix);
    ProviderAddress::implied(engine.name, prefix).ok().map(|address| address.provider_type().to_owned())
}
