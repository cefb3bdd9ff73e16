//! `resource`, `data`, `ephemeral`, `action`, `check` and `import` blocks: what needs a provider.
//!
//! Source: OpenTofu `internal/configs/resource.go`, `checks.go`, `import.go`.

use super::ProviderUse;
use super::addresses::{Keys, Mode, Target, target};
use super::body::{Attribute, Block, Content};
use super::conditions::Owner;
use super::declarations::{ImportDeclaration, NameKind, ProviderReference, Reader, ResourceDeclaration, Role};
use super::expression::{Expression, Key, Step};
use super::lifecycle::dependencies;
use super::provider_block::{check_local_name, implied_local_name};
use super::schemas;
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_provider::{Engine, EngineName};

/// What a `provider` argument says.
enum ProviderArgument {
    None,
    Reference(ProviderReference),
    /// An error, or what is not understood, has been noted.
    Refused,
}

impl<'a> Reader<'a> {
    pub(super) fn resource(&mut self, mode: &'static str, block: &Block<'a>) {
        let schema = if mode == "data" { &schemas::DATA } else { &schemas::RESOURCE };
        let content = block.body.content(schema, Unknown::Ignored, &mut self.found.problems);
        let [resource_type, name] = block.labels[..] else { return };
        let (type_summary, name_summary) = match mode {
            "data" => ("Invalid data source name", "Invalid data resource name"),
            "ephemeral" if self.engine.name == EngineName::Tofu => {
                ("Invalid ephemeral resource type name", "Invalid ephemeral resource name")
            }
            "ephemeral" => ("Invalid ephemeral resource type", "Invalid ephemeral resource name"),
            _ => ("Invalid resource type name", "Invalid resource name"),
        };
        self.check_identifier(resource_type, type_summary, &block.place);
        self.check_identifier(name, name_summary, &block.place);
        self.check_dependencies(&content);
        let enabled = self.resource_blocks(mode, &content, [resource_type, name]);
        self.check_repetition(&content, enabled.as_ref());
        let provider = self.provider_argument(&content);
        let provider = match provider {
            ProviderArgument::Refused => return,
            ProviderArgument::Reference(reference) => Some(reference),
            ProviderArgument::None => None,
        };
        self.found.resources.push(ResourceDeclaration {
            depends_on: dependencies(&content).map(|attribute| attribute.place.clone()),
            mode,
            resource_type: resource_type.to_owned(),
            name: name.to_owned(),
            provider,
            place: block.place.clone(),
        });
    }

    /// Gives back `enabled` of its lifecycle.
    fn resource_blocks(
        &mut self,
        mode: &'static str,
        content: &Content<'a>,
        labels: [&str; 2],
    ) -> Option<Attribute<'a>> {
        let is_complete = self.schemas.are_complete();
        let is_of_tofu = self.engine.name == EngineName::Tofu;
        let mut enabled = None;
        for (index, inner) in content.blocks.iter().enumerate() {
            let is_repeated = content.blocks[..index].iter().any(|earlier| earlier.kind == inner.kind);
            match inner.kind {
                "locals" if is_complete && mode != "action" => self.reserved_block(mode, inner),
                "connection" | "provisioner" if mode == "ephemeral" && !is_of_tofu => {}
                "connection" | "provisioner" if mode == "ephemeral" => {
                    let summary = "Invalid configuration block for ephemeral resource";
                    let detail = format!("The block type \"{}\" cannot be used in ephemeral resources.", inner.kind);
                    self.problems().refuse(summary, detail, inner.place.clone());
                }
                "lifecycle" | "connection" | "_" if is_repeated => self.repeated_block(inner),
                "lifecycle" if mode != "action" => {
                    enabled = self.lifecycle(mode, inner, labels).attributes.remove("enabled");
                }
                "provisioner" if mode == "resource" => {
                    self.provisioner(inner);
                }
                _ => {}
            }
        }
        enabled
    }

    pub(super) fn check(&mut self, block: &Block<'a>) {
        if self.role == Role::Override {
            let detail = "Override files cannot override check blocks.";
            return self.problems().refuse("Can't override check blocks", detail, block.place.clone());
        }
        let content = self.content(block, &schemas::CHECK);
        self.check_identifier(block.labels[0], "Invalid check block name", &block.place);
        let (mut data_count, mut assert_count) = (0, 0);
        for inner in &content.blocks {
            if inner.kind == "data" {
                data_count += 1;
                if data_count == 2 {
                    let detail = "This check block already has a data resource defined.";
                    self.problems().refuse("Multiple data resource blocks", detail, inner.place.clone());
                }
                self.resource("data", inner);
            } else {
                let errors_before = self.problems().errors.len();
                self.check_rule(inner, Owner::Other);
                assert_count += usize::from(self.problems().errors.len() == errors_before);
            }
        }
        if assert_count == 0 {
            let detail = "Check blocks must have at least one assert block.";
            self.problems().refuse("Zero assert blocks", detail, block.place.clone());
        }
        self.name(NameKind::Check, block.labels[0], &block.place);
    }

    pub(super) fn import(&mut self, block: &Block<'a>) {
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
            let summary = if self.engine.name == EngineName::Tofu { summary } else { "Invalid import block" };
            self.problems().refuse(summary, detail, block.place.clone());
        }
        let Some(to) = content.attributes.get("to") else { return };
        let provider = self.provider_argument(&content);
        let Some((is_static, names, target)) = self.import_target(to) else { return };
        let Target::Resource { is_in_module: aims_at_module, resource_type, name: resource_name, .. } = target else {
            return;
        };
        let provider_place =
            content.attributes.get("provider").map_or_else(|| block.place.clone(), |a| a.place.clone());
        if aims_at_module && content.attributes.contains_key("provider") {
            let detail =
                "The provider argument can only be specified in import blocks that will generate configuration.";
            self.problems().refuse("Invalid import provider argument", detail, provider_place.clone());
        }
        let provider = match provider {
            ProviderArgument::Refused => return,
            ProviderArgument::Reference(reference) => Some(reference),
            ProviderArgument::None => None,
        };
        self.found.imports.push(ImportDeclaration {
            provider,
            provider_place,
            aims_at_module,
            static_target: is_static.then(|| {
                let text = to.value.native_text().or_else(|| to.value.evaluate().ok()?.into_string().ok()?);
                (text.unwrap_or_default(), names.join("."))
            }),
            resource_type,
            resource_name,
            place: block.place.clone(),
        });
    }

    /// The resource that an import aims at, the names in its address, and whether no key in it has to be evaluated.
    fn import_target(&mut self, to: &Attribute<'a>) -> Option<(bool, Vec<String>, Target)> {
        const INVALID: &str = "Invalid import address";
        let is_tofu = self.engine.name == EngineName::Tofu;
        let place = to.value.place();
        let evaluates = self.schemas.evaluates_import_targets();
        if evaluates && to.value.is_json() && self.expression_in_json(&to.value).is_none() {
            return None;
        }
        if to.value.is_unread() {
            let detail = "The resource that it aims at could not be told.";
            self.problems().give_up("Import address not understood", detail, place);
            return None;
        }
        let reference = to.value.reference().filter(|_| to.value.is_json() || !to.value.is_quoted());
        let is_keyword = |root: &str| is_tofu && evaluates && ["true", "false", "null"].contains(&root);
        let reference = reference.filter(|(root, _)| !is_keyword(root));
        let target = match reference.filter(|(_, steps)| !steps.contains(&Step::Splat)) {
            Some((_, steps)) if !evaluates && steps.contains(&Step::Index(Key::Dynamic)) => Err("Invalid expression"),
            None => Err(if is_tofu && evaluates { "Invalid import address expression" } else { "Invalid expression" }),
            Some((root, steps)) => {
                let is_static = !steps.contains(&Step::Index(Key::Dynamic));
                let names = steps.iter().filter_map(|step| match step {
                    Step::Attribute(name) => Some(name.clone()),
                    _ => None,
                });
                let names = std::iter::once(root.clone()).chain(names).collect();
                let steps = steps.into_iter().filter(|step| *step != Step::Index(Key::Dynamic)).collect();
                match target((root, steps), Keys::Allowed, self.engine) {
                    Ok(Target::Module) => Err("Invalid address"),
                    Ok(target) => Ok((is_static, names, target)),
                    Err(summary) => Err(summary),
                }
            }
        };
        let is_managed = matches!(target, Ok((_, _, Target::Resource { mode: Mode::Managed, .. })));
        let detail = "An import needs the address of a managed resource, such as terraform_data.example[\"key\"].";
        if let Err(summary) = target {
            self.problems().refuse(summary, detail, place.clone());
        }
        if !is_tofu && evaluates && !is_managed {
            self.problems().refuse(INVALID, detail, place);
            return None;
        }
        target.ok()
    }

    fn provider_argument(&mut self, content: &Content<'a>) -> ProviderArgument {
        let Some(attribute) = content.attributes.get("provider") else { return ProviderArgument::None };
        match self.provider_reference(&attribute.value, "provider") {
            Some(reference) => ProviderArgument::Reference(reference),
            None => ProviderArgument::Refused,
        }
    }

    /// A reference to a provider configuration. Null where it is refused, or was not read.
    pub(super) fn provider_reference(
        &mut self,
        expression: &Expression<'a>,
        argument: &str,
    ) -> Option<ProviderReference> {
        const SUMMARY: &str = "Invalid provider configuration reference";
        let place = expression.place();
        let is_converted = expression.is_json() && self.schemas.takes_for_each_in_providers();
        if is_converted && self.expression_in_json(expression).is_none() {
            return None;
        }
        let Some((name, steps)) = expression.reference() else {
            if expression.is_unread() {
                self.problems().give_up(SUMMARY, "The expression could not be read.", place);
            } else {
                let detail = format!(
                    "The {argument} argument requires a provider type name, optionally followed by a period and then a \
                     configuration alias."
                );
                self.problems().refuse(SUMMARY, detail, place);
            }
            return None;
        };
        let takes_key = self.schemas.takes_for_each_in_providers();
        let (alias, has_key) = match steps.as_slice() {
            [] => (String::new(), false),
            [Step::Attribute(alias)] => (alias.clone(), false),
            [Step::Attribute(alias), Step::Index(_)] if takes_key => (alias.clone(), true),
            _ => {
                let detail = "Provider name must either stand alone or be followed by a period and then a configuration \
                              alias.";
                self.problems().refuse(SUMMARY, detail, place);
                return None;
            }
        };
        let is_name = check_local_name(&name, self.engine, &place, &mut self.found.problems);
        is_name.then_some(ProviderReference { name, alias, has_key, place })
    }
}

impl ResourceDeclaration {
    /// What it needs: the provider of its `provider` argument, else of its type's prefix. Null where the prefix is
    /// no name of a provider.
    pub(super) fn provider_use(&self, engine: &Engine) -> Option<ProviderUse> {
        let what = format!("{}.{}.{}", self.mode, self.resource_type, self.name);
        let local_name = match &self.provider {
            Some(reference) => reference.name.clone(),
            None => implied_local_name(&self.resource_type, engine)?,
        };
        Some(ProviderUse { local_name, what, place: self.place.clone() })
    }
}
