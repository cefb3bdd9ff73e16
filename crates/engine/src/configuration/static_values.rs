//! Values that an engine knows before a plan: variables, local values and paths in module sources and local backends.
//!
//! What has no value here is only known to the engine, which may refuse it.
//!
//! Source: OpenTofu `internal/configs/static_evaluator.go`, `static_scope.go`, `internal/command/meta_vars.go`; Terraform's
//! changelog of 1.15 (`const`).

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use airtight_hcl::NativeFile;
use airtight_hcl::evaluation::{Evaluation, Reference, Value, converted, text_of};
use airtight_provider::{Engine, EngineName, outside, text_file};
use camino::{Utf8Path, Utf8PathBuf};

use super::json::Json;
use crate::environment::Variables;

/// Of a file of variables' values.
const LIMIT_BYTES: u64 = 1024 * 1024;

/// How many values may refer to each other in a row.
const MAXIMUM_DEPTH: usize = 40;

/// What a module declares that its module sources may refer to. Expressions are texts in native syntax.
#[derive(Clone, Debug, Default)]
pub(super) struct StaticDeclarations {
    pub variables: BTreeMap<String, Variable>,
    pub locals: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub default: Option<String>,
    pub value_type: Option<String>,
    /// Terraform takes no others in module sources.
    pub is_const: bool,
    /// Sensitive or ephemeral: engines refuse it in a module source, and it is not printed.
    pub is_hidden: bool,
    pub is_nullable: bool,
}

impl StaticDeclarations {
    /// What another file of the module declares; an override file replaces single arguments.
    pub(super) fn merge(&mut self, more: Self) {
        self.locals.extend(more.locals);
        for (name, variable) in more.variables {
            let known = self.variables.remove(&name);
            let merged = match known {
                None => variable,
                Some(known) => Variable {
                    default: variable.default.or(known.default),
                    value_type: variable.value_type.or(known.value_type),
                    is_const: variable.is_const || known.is_const,
                    is_hidden: variable.is_hidden || known.is_hidden,
                    is_nullable: variable.is_nullable && known.is_nullable,
                },
            };
            self.variables.insert(name, merged);
        }
    }
}

/// Where the root module's variables get their values, besides its `.tfvars` files.
#[derive(Clone, Copy, Debug, Default)]
pub struct GivenVariables<'a> {
    /// For `TF_VAR_NAME`.
    pub environment: Option<&'a Variables>,
    /// `-var=NAME=VALUE` and `-var-file=FILE`, in their order.
    pub arguments: &'a [String],
}

/// A value of a root module's variable.
#[derive(Clone, Debug)]
enum GivenValue {
    /// Of an argument or an environment variable: an expression only if the variable's type is no simple one.
    Raw(String),
    Expression(String),
}

/// The values that one called module can refer to.
pub(super) struct Scope<'a> {
    declarations: StaticDeclarations,
    kind: Kind<'a>,
    engine: &'a Engine,
    /// Values that are known already; without one while it is computed.
    known: RefCell<HashMap<Reference, Option<Value>>>,
}

enum Kind<'a> {
    Root {
        directory: &'a Utf8Path,
        repository: Option<Utf8PathBuf>,
        given: GivenVariables<'a>,
        /// Null if a file of values cannot be read.
        values: OnceCell<Option<BTreeMap<String, GivenValue>>>,
    },
    Called {
        by: Rc<Scope<'a>>,
        inputs: BTreeMap<String, String>,
    },
}

impl<'a> Scope<'a> {
    /// Null for an engine that evaluates nothing.
    pub(super) fn root(
        declarations: StaticDeclarations,
        directory: &'a Utf8Path,
        repository: Option<Utf8PathBuf>,
        given: GivenVariables<'a>,
        engine: &'a Engine,
    ) -> Option<Rc<Self>> {
        let kind = Kind::Root { directory, repository, given, values: OnceCell::new() };
        engine
            .evaluates_module_sources()
            .then(|| Rc::new(Self { declarations, kind, engine, known: RefCell::default() }))
    }

    pub(super) fn called(
        self: &Rc<Self>,
        declarations: StaticDeclarations,
        inputs: BTreeMap<String, String>,
    ) -> Rc<Self> {
        let kind = Kind::Called { by: Rc::clone(self), inputs };
        Rc::new(Self { declarations, kind, engine: self.engine, known: RefCell::default() })
    }

    /// The string that an expression is; null if only the engine knows.
    pub(super) fn text(&self, expression: &str) -> Option<String> {
        text_of(&self.value(expression, 0)?)
    }

    fn value(&self, expression: &str, depth: usize) -> Option<Value> {
        if depth > MAXIMUM_DEPTH {
            return None;
        }
        let evaluation = Evaluation::parse(expression)?;
        let references = evaluation.references.iter();
        let values = references.map(|reference| Some((reference.clone(), self.referred(reference, depth + 1)?)));
        evaluation.value(&values.collect::<Option<_>>()?)
    }

    fn referred(&self, reference: &Reference, depth: usize) -> Option<Value> {
        if let Some(known) = self.known.borrow().get(reference) {
            return known.clone();
        }
        self.known.borrow_mut().insert(reference.clone(), None);
        let (root, name) = (reference.0.as_str(), reference.1.as_str());
        let value = match (root, name, &self.kind) {
            ("var", name, _) => self.variable(name, depth),
            ("local", name, _) => self.declarations.locals.get(name).and_then(|text| self.value(text, depth)),
            ("path", "module" | "root", Kind::Root { .. }) => Some(Value::from(".")),
            _ => None,
        };
        self.known.borrow_mut().insert(reference.clone(), value.clone());
        value
    }

    fn variable(&self, name: &str, depth: usize) -> Option<Value> {
        let variable = self.declarations.variables.get(name)?;
        if variable.is_hidden || (self.engine.name == EngineName::Terraform && !variable.is_const) {
            return None;
        }
        let value_type = match &variable.value_type {
            None => None,
            // JSON names the type in quotes.
            Some(text) => Some(airtight_hcl::expression(text.trim_matches('"'))?),
        };
        let is_simple = variable
            .value_type
            .as_deref()
            .is_none_or(|text| ["string", "number", "bool"].contains(&text.trim_matches('"')));
        let given = match &self.kind {
            Kind::Called { by, inputs } => match inputs.get(name) {
                Some(text) => Some(by.value(text, depth)?),
                None => None,
            },
            Kind::Root { directory, repository, given, values } => {
                let values = values.get_or_init(|| given.read(directory, repository.as_deref())).as_ref()?;
                match values.get(name) {
                    Some(GivenValue::Raw(text)) if is_simple => Some(Value::from(text.as_str())),
                    Some(GivenValue::Raw(text) | GivenValue::Expression(text)) => Some(constant(text)?),
                    None => None,
                }
            }
        };
        let given = given.filter(|value| variable.is_nullable || !value.is_null());
        let value = match given {
            Some(value) => value,
            None => constant(variable.default.as_deref()?)?,
        };
        value_type.map_or(Some(value.clone()), |wanted| converted(value, &wanted))
    }
}

/// The value of an expression that refers to nothing.
fn constant(text: &str) -> Option<Value> {
    Evaluation::parse(text)?.value(&BTreeMap::new())
}

impl GivenVariables<'_> {
    /// By name; of several values the last one counts. Null if a file cannot be read, or is not the repository's.
    fn read(&self, directory: &Utf8Path, repository: Option<&Utf8Path>) -> Option<BTreeMap<String, GivenValue>> {
        let mut values = BTreeMap::new();
        if let Some(variables) = self.environment {
            let given = variables.names().filter_map(|variable| {
                Some((variable.strip_prefix("TF_VAR_")?.to_owned(), variables.get(variable)?.to_owned()))
            });
            values.extend(given.map(|(name, value)| (name, GivenValue::Raw(value))));
        }
        let mut files = Vec::new();
        for entry in directory.read_dir_utf8().ok()? {
            let name = entry.ok()?.file_name().to_owned();
            files.extend(
                (name.ends_with(".auto.tfvars") || name.ends_with(".auto.tfvars.json")).then(|| directory.join(name)),
            );
        }
        files.sort();
        let named = ["terraform.tfvars", "terraform.tfvars.json"].map(|name| directory.join(name));
        let named = named.into_iter().filter(|path| path.exists());
        for path in named.chain(files) {
            values.extend(file(&path, repository)?);
        }
        for argument in self.arguments {
            if let Some((name, value)) = argument.strip_prefix("-var=").and_then(|given| given.split_once('=')) {
                values.insert(name.to_owned(), GivenValue::Raw(value.to_owned()));
            } else {
                // Whoever gives the arguments may name any file.
                values.extend(file(&directory.join(argument.strip_prefix("-var-file=")?), None)?);
            }
        }
        Some(values)
    }
}

fn file(path: &Utf8Path, repository: Option<&Utf8Path>) -> Option<BTreeMap<String, GivenValue>> {
    if outside::target(path, repository).is_some() {
        return None;
    }
    let bytes = text_file::read_bytes(path, LIMIT_BYTES).ok()?;
    let pairs: Vec<(String, String)> = if path.extension() == Some("json") {
        let Ok(Json::Object(pairs)) = serde_json::from_slice(&bytes) else { return None };
        pairs.into_iter().map(|(name, value)| Some((name, value.in_native_syntax()?))).collect::<Option<_>>()?
    } else {
        let native = NativeFile::parse(&bytes);
        if !native.errors.is_empty() || !native.body.blocks.is_empty() {
            return None;
        }
        let attributes = native.body.attributes.iter();
        let pairs = attributes.map(|attribute| {
            Some((native.text.get(attribute.name.clone())?.to_owned(), native.expression_text(&attribute.value)?))
        });
        pairs.collect::<Option<_>>()?
    };
    Some(pairs.into_iter().map(|(name, text)| (name, GivenValue::Expression(text))).collect())
}
