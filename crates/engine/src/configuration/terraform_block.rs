//! `terraform` blocks and OpenTofu's `language` blocks.
//!
//! Source: OpenTofu `internal/configs/parser_config.go`, `language.go`, `diagnostics.go`, `backend.go`.

use super::body::{Attribute, Block, Content, Problems};
use super::declarations::{Reader, Role, TextValue, has_template, text};
use super::required_providers;
use super::schemas;
use super::{Backend, CoreVersion};
use airtight_hcl::constant::Constant;
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_provider::EngineName;

impl<'a> Reader<'a> {
    pub(super) fn terraform(&mut self, block: &Block<'a>) {
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
            match inner.kind {
                "backend" => {
                    let backend = self.backend(&inner);
                    self.found.backends.push(backend);
                }
                "cloud" => self.found.clouds.push(Backend {
                    kind: "cloud".to_owned(),
                    path: None,
                    workspace_dir: None,
                    errors: Vec::new(),
                    place: inner.place,
                }),
                "required_providers" => {
                    let found = required_providers::read(&inner, self.engine, &mut self.found.problems);
                    self.found.required_providers.push(found);
                }
                "encryption" => self.found.encryptions.push(inner.place),
                "provider_meta" => self.found.provider_metas.push((inner.labels[0].to_owned(), inner.place)),
                _ => {}
            }
        }
    }

    fn language_edition(&mut self, content: &Content<'a>) {
        if let Some(attribute) = content.attributes.get("language") {
            let summary = match attribute.value.keyword().as_deref() {
                Some("TF2021") => None,
                Some(_) => Some("Unsupported language edition"),
                None => Some("Invalid language edition"),
            };
            let place = attribute.place.clone();
            match summary {
                Some(summary) if attribute.value.is_unread() || !self.schemas.are_complete() => {
                    self.problems().give_up(summary, "", place);
                }
                Some(summary) => {
                    let detail = "The only edition of the language that is supported is TF2021.";
                    self.problems().refuse(summary, detail, place);
                }
                None => {}
            }
        }
        if let Some(attribute) = content.attributes.get("experiments") {
            let summary = "Module uses experimental features";
            if self.engine.version.prerelease.is_empty() {
                let detail = format!(
                    "Experimental features are intended only for gathering early feedback on new language designs, and \
                     so are available only in alpha releases of {}.",
                    self.engine.name.title()
                );
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
    pub(super) fn language(&mut self, block: &Block<'a>) {
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
            if attribute.value.is_quoted() || keyword.is_none_or(|(name, _)| name != "tofu2024") {
                let place = attribute.place.clone();
                if self.schemas.are_complete() {
                    self.problems().refuse("Unsupported language edition", "Only tofu2024 is supported.", place);
                } else {
                    self.problems().give_up("Unsupported language edition", "", place);
                }
            }
        }
        let experiments = content.attributes.get("experiments");
        let names_none = |list: Option<Vec<_>>| list.is_some_and(|elements| elements.is_empty());
        if let Some(attribute) = experiments.filter(|attribute| !names_none(attribute.value.elements())) {
            self.problems().give_up("Unknown experiment keyword", "", attribute.place.clone());
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

    /// Only what a local backend takes is known here.
    fn backend(&mut self, block: &Block<'a>) -> Backend {
        let kind = block.labels[0].to_owned();
        let mut errors = Vec::new();
        let [mut path, mut workspace_dir] = [None, None];
        if kind == "local" {
            let mut problems = Problems::default();
            let content = block.body.content(&schemas::LOCAL_BACKEND, Unknown::Refused, &mut problems);
            errors.extend(problems.errors.into_iter().map(|problem| (None, problem)));
            for (name, value) in [("path", &mut path), ("workspace_dir", &mut workspace_dir)] {
                let mut problems = Problems::default();
                *value = self.backend_text(&content, name, &mut problems);
                errors.extend(problems.errors.into_iter().map(|problem| (Some(name), problem)));
                self.problems().not_understood.append(&mut problems.not_understood);
            }
        }
        Backend { kind, path, workspace_dir, errors, place: block.place.clone() }
    }

    fn backend_text(&self, content: &Content<'a>, name: &str, problems: &mut Problems) -> Option<String> {
        let expression = &content.attributes.get(name)?.value;
        let evaluates = self.engine.name == EngineName::Tofu && self.engine.evaluates_module_sources();
        let has_variables = |text: &str| expression.is_json() && has_template(text);
        match expression.evaluate().map(Constant::into_string) {
            Ok(Ok(text)) if !text.as_deref().is_some_and(has_variables) => return text,
            Ok(Err(_)) => {
                let detail = format!("Inappropriate value for attribute \"{name}\": string required.");
                problems.refuse("Incorrect attribute value type", detail, expression.place());
            }
            Err(reason) if !evaluates => problems.not_constant(reason, expression.place()),
            _ => {
                let detail = format!("The local backend's `{name}` is not a constant.");
                problems.give_up("Backend configuration not understood", detail, expression.place());
            }
        }
        None
    }
}

fn is_tofu_file(path: &str) -> bool {
    path.strip_suffix(".json").unwrap_or(path).strip_suffix(".tofu").is_some()
}
