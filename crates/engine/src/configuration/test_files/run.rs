//! `run` blocks.
//!
//! Source: OpenTofu and Terraform `internal/configs/test_file.go` `decodeTestRunBlock`.

use hcl::edit::expr::Expression as NativeExpression;

use super::super::body::{Block, Content};
use super::super::declarations::{CallDeclaration, Text, TextValue, is_identifier, text};
use super::super::expression::{Expression, ExpressionKind};
use super::super::json::Json;
use super::super::provider_block::check_local_name;
use super::super::schemas;
use super::super::{ModuleSource, source};
use super::overrides::Aims;
use super::traversal::{
    INVALID, NoReference, Quoted, Step, check_list, computed_index, keyword, native_steps, not_read, quoted_steps,
    steps,
};
use super::{FileReader, PassedProvider, Run, RunCall};
use airtight_hcl::Place;
use airtight_hcl::schema::BodySchema;
use airtight_provider::CoreConstraints;

const INVALID_REFERENCE: &str = "Invalid provider configuration reference";

impl<'a> FileReader<'a> {
    pub(super) fn run(&mut self, block: &Block<'a>) -> Run {
        let (arguments, blocks) = (self.schemas.run_arguments(), self.schemas.run_blocks());
        let content = self.content(block, &BodySchema { required: &[], optional: &arguments, blocks: &blocks });
        let mut run = Run { name: block.labels[0].to_owned(), call: None, providers: Vec::new() };
        if self.schemas.checks_names_of_runs() && !is_identifier(&run.name) {
            let detail = "A name must start with a letter or underscore and may contain only letters, digits, \
                          underscores, and dashes.";
            self.problems.refuse("Invalid run block name", detail, block.place.clone());
        }
        let (mut has_options, mut has_variables, mut has_module) = (false, false, false);
        let mut aims = Aims::default();
        for inner in &content.blocks {
            match inner.kind {
                "assert" => self.assert(inner),
                "plan_options" if has_options => self.several("run block", inner),
                "plan_options" => has_options = self.plan_options(inner),
                "variables" if has_variables => self.several("run block", inner),
                "variables" => {
                    has_variables = true;
                    inner.body.just_attributes(&mut self.problems);
                }
                "module" => {
                    if has_module {
                        self.several("run block", inner);
                    }
                    if let Some(call) = self.run_module(&run.name, inner) {
                        has_module = true;
                        run.call = Some(RunCall { key: String::new(), call });
                    }
                }
                "backend" => {
                    let detail = "The backend block is only available within run blocks in experimental builds.";
                    self.experimental("Invalid block", detail, &inner.place);
                }
                _ => self.override_block(inner, &mut aims),
            }
        }
        self.run_arguments(&content, &mut run);
        run
    }

    fn run_arguments(&mut self, content: &Content<'a>, run: &mut Run) {
        for (name, attribute) in &content.attributes {
            let value = &attribute.value;
            match *name {
                "command" => self.check_keyword(value, "command", &["apply", "plan"], "apply or plan"),
                "providers" => run.providers = self.passed_providers(value),
                "expect_failures" => self.check_references(value),
                "state_key" => {
                    self.text(value);
                }
                "parallel" => {
                    self.bool(value);
                }
                "skip_cleanup" => {
                    let detail = "The skip_cleanup attribute is only available in experimental builds of Terraform.";
                    self.experimental("Invalid attribute", detail, &attribute.place);
                    self.bool(value);
                }
                _ => {}
            }
        }
    }

    /// Builds that are no releases may take it.
    pub(super) fn experimental(&mut self, summary: &str, detail: &str, place: &Place) {
        if self.engine.version.prerelease.is_empty() {
            self.problems.refuse(summary, detail, place.clone());
        } else {
            self.problems.give_up(summary, detail, place.clone());
        }
    }

    fn check_keyword(&mut self, value: &Expression<'a>, name: &str, keywords: &[&str], listed: &str) {
        match keyword(value) {
            Ok(Some(word)) if keywords.contains(&word.as_str()) => {}
            Ok(_) => {
                let detail =
                    format!("The \"{name}\" argument requires one of the following keywords without quotes: {listed}.");
                self.problems.refuse(&format!("Invalid \"{name}\" keyword"), detail, value.place());
            }
            Err(reason) => reason.refuse(value, &mut self.problems),
        }
    }

    /// References in a list, as `depends_on` has them.
    fn check_references(&mut self, list: &Expression<'a>) {
        let found = check_list(list, &mut self.problems);
        let names_action = |steps: &Vec<Step>| matches!(&steps[..], [Step::Name(root), ..] if root == "action");
        if self.schemas.refuses_references_to_actions() && found.iter().any(names_action) {
            let detail = "The depends_on attribute cannot reference action blocks directly.";
            self.problems.refuse("Invalid depends_on Action Reference", detail, list.place());
        }
    }

    /// Whether it counts: one with errors does not stand in the way of another.
    fn plan_options(&mut self, block: &Block<'a>) -> bool {
        let errors_before = self.problems.errors.len();
        let content = self.content(block, &schemas::PLAN_OPTIONS);
        let argument = |name: &str| content.attributes.get(name).map(|attribute| &attribute.value);
        if let Some(mode) = argument("mode") {
            self.check_keyword(mode, "mode", &["refresh-only", "normal"], "normal or refresh-only");
        }
        let refreshes = argument("refresh").map(|refresh| self.bool(refresh));
        for list in ["replace", "target"].iter().filter_map(|name| argument(name)) {
            self.check_references(list);
        }
        let is_refresh_only = argument("mode").is_some_and(|mode| keyword(mode) == Ok(Some("refresh-only".into())));
        if is_refresh_only && refreshes == Some(Some(false)) {
            let detail = "The \"refresh\" option cannot be set to false when running a test in \"refresh-only\" mode.";
            let place = content.attributes["refresh"].value.place();
            self.problems.refuse("Incompatible plan options", detail, place);
        }
        errors_before == self.problems.errors.len()
    }

    fn assert(&mut self, block: &Block<'a>) {
        let content = self.content(block, &schemas::CHECK_RULE);
        let Some(condition) = content.attributes.get("condition") else { return };
        match condition.value.references().map(|references| !references.is_empty()) {
            Some(true) => {}
            Some(false) => {
                let detail = "The condition expression must refer to at least one object from elsewhere in the \
                              configuration, or else its result would not be checking anything.";
                self.problems.refuse("Invalid assert expression", detail, condition.value.place());
            }
            None => not_read(&condition.value, &mut self.problems),
        }
    }

    fn run_module(&mut self, run: &str, block: &Block<'a>) -> Option<CallDeclaration> {
        let problems_before = self.problems.errors.len() + self.problems.not_understood.len();
        let content = self.content(block, &schemas::RUN_MODULE);
        let Some(attribute) = content.attributes.get("source") else {
            let detail = "You must specify a source attribute when executing alternate modules during test executions.";
            self.problems.refuse("Missing \"source\" attribute for module block", detail, block.place.clone());
            return None;
        };
        let place = attribute.value.place();
        let version = content.attributes.get("version").map(|version| self.version(&version.value));
        let source = self.text(&attribute.value)?;
        let found = source::parse(&source, version.is_some(), self.engine);
        if let ModuleSource::Invalid(reason) = &found {
            let registry = if version.is_some() { "registry " } else { "" };
            self.problems.refuse(&format!("Invalid {registry}module source address"), reason, place.clone());
        }
        let is_fetched = matches!(found, ModuleSource::Remote { .. } | ModuleSource::LocalCopy(_));
        if is_fetched && !self.schemas.fetches_modules_of_runs() {
            let detail = "Only local or registry module sources are currently supported from within test run blocks.";
            self.problems.refuse("Invalid module source address", detail, place.clone());
        }
        let is_sound = problems_before == self.problems.errors.len() + self.problems.not_understood.len();
        is_sound.then(|| CallDeclaration {
            name: run.to_owned(),
            place: block.place.clone(),
            source: Some(Text { value: TextValue::Constant(source), place }),
            version,
            repetition: None,
            depends_on: None,
            arguments: Vec::new(),
            other_blocks: Vec::new(),
            providers: None,
        })
    }

    /// A version constraint; null is none.
    ///
    /// Source: OpenTofu `internal/configs/version_constraint.go` `decodeVersionConstraint`.
    fn version(&mut self, expression: &Expression<'a>) -> Text {
        const SUMMARY: &str = "Invalid version constraint";
        let value = text(expression, SUMMARY, "A string value is required for version.", &mut self.problems);
        if let TextValue::Constant(version) = &value
            && CoreConstraints::parse(version).is_err()
        {
            let detail = "This string does not use correct version constraint syntax.";
            self.problems.refuse(SUMMARY, detail, expression.place());
        }
        Text { value, place: expression.place() }
    }

    /// Pairs of provider configurations: the called module's name, and the test file's.
    ///
    /// Source: OpenTofu `internal/configs/module_call.go` `decodePassedProviderConfigs`.
    fn passed_providers(&mut self, map: &Expression<'a>) -> Vec<PassedProvider> {
        let Some(items) = map.items() else {
            if map.is_unread() {
                not_read(map, &mut self.problems);
            } else {
                let detail = "A static map expression is required.";
                self.problems.refuse(INVALID, detail, map.place());
            }
            return Vec::new();
        };
        let mut seen = Vec::new();
        let mut passed = Vec::new();
        for (key, value) in &items {
            let (child, parent) = (self.provider_reference(key, true), self.provider_reference(value, false));
            let (Some(child), Some(parent)) = (child, parent) else { continue };
            if seen.contains(&child) {
                let detail = format!(
                    "A provider configuration was already passed to {child}. Each child provider configuration can be \
                     assigned only once."
                );
                self.problems.refuse("Duplicate provider address", detail, value.place());
                continue;
            }
            let local_name = |address: &str| address.split('.').next().unwrap_or_default().to_owned();
            passed.push(PassedProvider {
                child: local_name(&child),
                parent: local_name(&parent),
                place: value.place(),
            });
            seen.push(child);
        }
        passed
    }

    /// A provider configuration: `aws` or `aws.west`, in OpenTofu also an instance of one with an alias.
    ///
    /// Source: OpenTofu and Terraform `internal/configs/resource.go` `decodeProviderConfigRef`.
    fn provider_reference(&mut self, expression: &Expression<'a>, is_key: bool) -> Option<String> {
        let takes_keys = self.schemas.takes_for_each_in_providers();
        let in_json = match expression.kind {
            ExpressionKind::Json(json) => Some(json.clone()),
            ExpressionKind::Name(key, None) => Some(Json::String(key.to_owned())),
            ExpressionKind::Native(..) | ExpressionKind::Name(..) => None,
        };
        let reference = match (expression.kind, in_json.filter(|_| self.schemas.reads_references_in_json())) {
            (_, Some(json)) => self.reference_in_json(expression, &json)?,
            (ExpressionKind::Native(_, native), None) if !expression.is_unread() => {
                match quoted_steps(expression, &mut self.problems) {
                    Quoted::Steps(steps) => Reference { steps: Some(steps), has_computed_key: false },
                    Quoted::Nothing => Reference { steps: None, has_computed_key: false },
                    Quoted::Noted => return None,
                    Quoted::Not => Reference::in_native_syntax(native, takes_keys && !is_key),
                }
            }
            _ => match steps(expression) {
                Err(NoReference::NotUnderstood) => {
                    not_read(expression, &mut self.problems);
                    return None;
                }
                found => Reference { steps: found.ok(), has_computed_key: false },
            },
        };
        let place = expression.place();
        let longest = if takes_keys && !reference.has_computed_key { 2 } else { 1 };
        let steps = reference.steps.as_deref().filter(|steps| steps.len() <= longest + 1);
        let Some([Step::Name(name), rest @ ..]) = steps else {
            let detail = "The providers argument requires a provider type name, optionally followed by a period and then \
                          a configuration alias.";
            self.problems.refuse(INVALID_REFERENCE, detail, place);
            return None;
        };
        if !check_local_name(name, self.engine, &place, &mut self.problems) {
            return None;
        }
        match rest {
            [] if !reference.has_computed_key => Some(name.clone()),
            [Step::Name(alias)] | [Step::Name(alias), Step::Index(_)] => Some(format!("{name}.{alias}")),
            _ => {
                let detail = "Provider name must either stand alone or be followed by a period and then a \
                              configuration alias.";
                self.problems.refuse(INVALID_REFERENCE, detail, place);
                None
            }
        }
    }

    /// A string in JSON that is read as an expression. Null where what is wrong has been noted.
    ///
    /// Source: OpenTofu `internal/configs/hcl2shim/util.go` `ConvertJSONExpressionToHCL`.
    fn reference_in_json(&mut self, expression: &Expression<'a>, json: &Json) -> Option<Reference> {
        let Json::String(text) = json else {
            let detail = "A provider reference is a string here.";
            self.problems.refuse("Expected string expression", detail, expression.place());
            return None;
        };
        match airtight_hcl::expression(text.trim()) {
            Some(native) if !native.is_str() && !native.is_template() => {
                Some(Reference::in_native_syntax(&native, self.schemas.takes_for_each_in_providers()))
            }
            None if text.starts_with('$') => {
                let detail = "This character is not used within the language.";
                self.problems.refuse("Invalid character", detail, expression.place());
                None
            }
            Some(_) | None => {
                not_read(expression, &mut self.problems);
                None
            }
        }
    }
}

/// What is written where a provider configuration is named.
struct Reference {
    /// Null where it is no reference.
    steps: Option<Vec<Step>>,
    /// A key that is no constant stands behind the steps.
    has_computed_key: bool,
}

impl Reference {
    fn in_native_syntax(expression: &NativeExpression, takes_keys: bool) -> Self {
        match computed_index(expression).filter(|_| takes_keys) {
            Some(before) => Self { steps: native_steps(&before), has_computed_key: true },
            None => Self { steps: native_steps(expression), has_computed_key: false },
        }
    }
}
