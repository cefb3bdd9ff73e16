//! What one file of a module declares, before files are put together.
//!
//! Source: OpenTofu `internal/configs/parser_config.go` `loadConfigFileBody` and the decoders that it calls.

use super::body::{Attribute, Block, Content, ParsedFile, Problems};
use super::expression::Expression;
use super::provider_block;
use super::required_providers::RequiredProviders;
use super::schemas::Schemas;
use super::value_type::ValueType;
use super::{Backend, CoreVersion, ProviderBlock};
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_hcl::constant::Constant;
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_provider::Engine;

/// Whether a file adds declarations or changes those of other files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Primary,
    Override,
}

#[derive(Debug, Default)]
pub(super) struct Declarations {
    /// One for each `required_providers` block.
    pub required_providers: Vec<RequiredProviders>,
    pub backends: Vec<Backend>,
    pub clouds: Vec<Backend>,
    pub encryptions: Vec<Place>,
    /// By local names.
    pub provider_metas: Vec<(String, Place)>,
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
    /// It configures something: it is more than a name for what the calling module passes.
    pub is_configured: bool,
    /// It has instances.
    pub has_for_each: bool,
}

impl ProviderDeclaration {
    /// `aws` or `aws.west`.
    pub(super) fn key(&self) -> String {
        configuration_name(&self.block.local_name, &self.alias)
    }
}

fn configuration_name(local_name: &str, alias: &str) -> String {
    if alias.is_empty() { local_name.to_owned() } else { format!("{local_name}.{alias}") }
}

/// A `module` block.
#[derive(Clone, Debug)]
pub(super) struct CallDeclaration {
    pub name: String,
    pub place: Place,
    pub source: Option<Text>,
    pub version: Option<Text>,
    /// `count`, `for_each`, `enabled` or `depends_on`: then no provider may be configured below.
    pub repetition: Option<Place>,
    pub depends_on: Option<Place>,
    /// What it gives to variables.
    pub arguments: Vec<(String, Place)>,
    /// Blocks that no module has.
    pub other_blocks: Vec<Problem>,
    /// The providers that it is given; null where that is not known.
    pub providers: Option<Vec<PassedProvider>>,
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
    pub provider: Option<ProviderReference>,
    pub depends_on: Option<Place>,
    pub place: Place,
}

/// A provider configuration by its names in a module.
#[derive(Clone, Debug)]
pub(super) struct ProviderReference {
    pub name: String,
    /// Empty for the default configuration.
    pub alias: String,
    /// It names one instance of a configuration with `for_each`.
    pub has_key: bool,
    pub place: Place,
}

impl ProviderReference {
    /// `aws` or `aws.west`.
    pub(super) fn key(&self) -> String {
        configuration_name(&self.name, &self.alias)
    }
}

/// A provider configuration that a module is given.
#[derive(Clone, Debug)]
pub(super) struct PassedProvider {
    pub in_child: ProviderReference,
    pub in_parent: ProviderReference,
}

#[derive(Clone, Debug)]
pub(super) struct ImportDeclaration {
    pub provider: Option<ProviderReference>,
    pub provider_place: Place,
    pub aims_at_module: bool,
    pub resource_type: String,
    pub resource_name: String,
    /// The address as it is written, and its names alone, where no key has to be evaluated.
    pub static_target: Option<(String, String)>,
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
    pub value: Option<VariableValue>,
    pub place: Place,
}

/// What a variable may be.
#[derive(Clone, Debug, Default)]
pub(super) struct VariableValue {
    pub value_type: Option<ValueType>,
    /// Its default as an expression in native syntax.
    pub default: Option<String>,
    pub nullable: Option<bool>,
    pub is_required: bool,
}

/// Reads the declarations of one parsed file.
pub(super) fn read(file: &ParsedFile, role: Role, engine: &Engine) -> Declarations {
    let mut reader = Reader { engine, schemas: Schemas::new(engine), role, file, found: Declarations::default() };
    if let Some(place) = file.scoped_call().filter(|_| !reader.schemas.takes_scoped_calls()) {
        let detail = "An argument definition must end with a newline.";
        reader.problems().refuse("Missing newline after argument", detail, place);
    }
    reader.file();
    reader.found
}

/// Reads one file; the blocks' own rules stand in the files beside this one.
pub(super) struct Reader<'a> {
    pub(super) engine: &'a Engine,
    pub(super) schemas: Schemas<'a>,
    pub(super) role: Role,
    pub(super) file: &'a ParsedFile,
    pub(super) found: Declarations,
}

impl<'a> Reader<'a> {
    pub(super) fn problems(&mut self) -> &mut Problems {
        &mut self.found.problems
    }

    /// A body's content by a schema that later engines may have extended: what it does not have is an error only if
    /// that is certain.
    pub(super) fn content(&mut self, block: &Block<'a>, schema: &BodySchema<'_>) -> Content<'a> {
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
            match block.kind {
                "terraform" => self.terraform(&block),
                "required_providers" => self.problems().refuse(
                    "Invalid required_providers block",
                    "A \"required_providers\" block must be nested inside a \"terraform\" block.",
                    block.place,
                ),
                "language" => self.language(&block),
                "provider" => self.provider(&block),
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
                "moved" => self.moved(&block),
                "removed" => self.removed(&block),
                _ => {}
            }
        }
    }

    pub(super) fn reserved_block(&mut self, container: &str, block: &Block<'a>) {
        let detail = format!(
            "The block type name \"{}\" is reserved for use by {} in a future version.",
            block.kind,
            self.engine.name.title()
        );
        let summary = format!("Reserved block type name in {container} block");
        self.problems().refuse(&summary, detail, block.place.clone());
    }

    fn provider(&mut self, block: &Block<'a>) {
        let found = provider_block::read(block, self.engine, &mut self.found.problems);
        self.found.providers.extend(found);
    }

    /// At most one of the arguments that say how many instances there are.
    pub(super) fn check_repetition(&mut self, content: &Content<'a>, enabled: Option<&Attribute<'a>>) {
        let [count, for_each] = ["count", "for_each"].map(|name| content.attributes.get(name));
        let given: Vec<_> = [count, enabled, for_each].into_iter().flatten().collect();
        if let [.., last] = given.as_slice()
            && given.len() > 1
        {
            let names: Vec<_> = given.iter().map(|attribute| format!("\"{}\"", attribute.name)).collect();
            let names = match names.as_slice() {
                [first, second, third] => format!("{first}, {second}, and {third}"),
                _ => names.join(" and "),
            };
            let detail = format!("The {names} meta-arguments are mutually-exclusive.");
            self.problems().refuse(&format!("Invalid combination of {names}"), detail, last.place.clone());
        }
    }

    /// A block that stands there for the second time.
    pub(super) fn repeated_block(&mut self, block: &Block<'a>) {
        let name = if block.kind == "_" { "escaping" } else { block.kind };
        let detail = "Each block of this type may stand here once.";
        self.problems().refuse(&format!("Duplicate {name} block"), detail, block.place.clone());
    }

    /// An argument that must be true or false.
    pub(super) fn check_bool(&mut self, content: &Content<'a>, name: &str) {
        let Some(attribute) = content.attributes.get(name) else { return };
        let is_bool = match attribute.value.evaluate() {
            Ok(Constant::Bool(_)) => true,
            Ok(Constant::String(text)) => ["true", "false", "0", "1"].contains(&text.as_str()),
            Ok(_) => false,
            Err(reason) => return self.problems().not_constant(reason, attribute.value.place()),
        };
        if !is_bool {
            let detail = "Unsuitable value: a bool is required";
            self.problems().refuse("Unsuitable value type", detail, attribute.value.place());
        }
    }

    /// An argument that must be a constant string.
    pub(super) fn check_text(&mut self, content: &Content<'a>, name: &str) {
        let Some(attribute) = content.attributes.get(name) else { return };
        let detail = "Unsuitable value: string required";
        text(&attribute.value, "Unsuitable value type", detail, self.problems());
    }

    pub(super) fn check_identifier(&mut self, name: &str, summary: &str, place: &Place) {
        if !is_identifier(name) {
            let detail = "A name must start with a letter or underscore and may contain only letters, digits, \
                          underscores, and dashes.";
            self.problems().refuse(summary, detail, place.clone());
        }
    }

    pub(super) fn name(&mut self, kind: NameKind, name: &str, place: &Place) {
        self.found.names.push(NameDeclaration { kind, name: name.to_owned(), value: None, place: place.clone() });
    }
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

/// Whether the engines' templates would change this text.
pub(super) fn has_template(text: &str) -> bool {
    text.contains("${") || text.contains("%{")
}

pub(super) fn is_identifier(name: &str) -> bool {
    hcl::edit::Ident::try_new(name).is_ok()
}
