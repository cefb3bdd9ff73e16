//! `override_resource`, `override_data`, `override_module` and `mock_provider` blocks.
//!
//! Source: OpenTofu `internal/configs/test_file.go`; Terraform `internal/configs/mock_provider.go`.

use super::super::body::{Attribute, Block, Content};
use super::super::provider_block::{alias_text, check_local_name};
use super::address::{self, Address, Kind as Aim};
use super::object::{self, Kind};
use super::traversal::{keyword, not_read, steps};
use super::{FileReader, TestProvider};
use airtight_hcl::schema::BodySchema;
use airtight_provider::EngineName;

/// The resources and modules that blocks of one container have aimed at so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Aims(Vec<Address>);

/// What a directory or a block mocks: block type and resource type.
#[derive(Clone, Debug, Default)]
pub(super) struct Mocks {
    pub resources: Vec<(String, String)>,
    pub aims: Aims,
}

impl Mocks {
    /// Adds those of a further file; what both have is an error.
    pub(super) fn merge(&mut self, other: Self, place: &airtight_hcl::Place, reader: &mut FileReader<'_>) {
        for resource in other.resources {
            if self.resources.contains(&resource) {
                let detail = format!("A {} \"{}\" block already exists.", resource.0, resource.1);
                reader.problems.refuse("Duplicate mock resource block", detail, place.clone());
            } else {
                self.resources.push(resource);
            }
        }
        for aim in other.aims.0 {
            if self.aims.0.contains(&aim) {
                let detail = format!("An override block for {} already exists.", aim.text);
                reader.problems.refuse("Duplicate override block", detail, place.clone());
            } else {
                self.aims.0.push(aim);
            }
        }
    }
}

impl<'a> FileReader<'a> {
    /// An `override_*` block. OpenTofu looks for repetitions only in `mock_provider` blocks before it tests.
    pub(super) fn override_block(&mut self, block: &Block<'a>, aims: &mut Aims) {
        let address = self.override_address(block);
        let Some(address) = address.filter(|_| self.engine.name == EngineName::Terraform) else { return };
        self.aim(block, address, aims);
    }

    fn aim(&mut self, block: &Block<'a>, address: Address, aims: &mut Aims) {
        if !aims.0.contains(&address) {
            return aims.0.push(address);
        }
        let (summary, place) = match self.engine.name {
            EngineName::Tofu => (format!("Duplicated `{}` block", block.kind), &block.place),
            EngineName::Terraform => (format!("Duplicate {} block", block.kind), &block.place),
        };
        let detail = format!("A {} block targeting {} has already been defined.", block.kind, address.text);
        self.problems.refuse(&summary, detail, place.clone());
    }

    /// Reads the block. Null where no repetition of it is looked for.
    fn override_address(&mut self, block: &Block<'a>) -> Option<Address> {
        let is_module = block.kind == "override_module";
        let is_terraform = self.engine.name == EngineName::Terraform;
        let values = if is_module { "outputs" } else { "values" };
        let errors_before = self.problems.errors.len() + self.problems.not_understood.len();
        let content = if is_terraform {
            let optional = ["target", values, "override_during"];
            let optional = if self.schemas.takes_override_during() { &optional[..] } else { &optional[..2] };
            self.content(block, &BodySchema { required: &[], optional, blocks: &[] })
        } else {
            self.content(block, &BodySchema { required: &["target"], optional: &[values], blocks: &[] })
        };
        let target = content.attributes.get("target");
        if target.is_none() && is_terraform {
            let detail = format!("{} blocks must specify a target address.", block.kind);
            self.problems.refuse("Missing target attribute", detail, block.place.clone());
        }
        let address = target.and_then(|target| self.address(target, block));
        if let Some(attribute) = content.attributes.get(values) {
            self.check_object(attribute, block.kind, true);
        }
        self.check_during(&content);
        let is_sound = errors_before == self.problems.errors.len() + self.problems.not_understood.len();
        address.filter(|_| is_terraform || is_sound)
    }

    fn address(&mut self, target: &Attribute<'a>, block: &Block<'a>) -> Option<Address> {
        let place = target.value.place();
        let found = match steps(&target.value) {
            Ok(steps) => steps,
            Err(reason) => {
                reason.refuse(&target.value, &mut self.problems);
                return None;
            }
        };
        let wanted = match block.kind {
            "override_module" => Aim::Module,
            "override_data" => Aim::Data,
            _ => Aim::Resource,
        };
        match address::parse(&found, wanted == Aim::Module, self.engine) {
            Err((summary, detail)) => {
                self.problems.refuse(summary, detail, place);
                None
            }
            Ok(address) if self.engine.name == EngineName::Terraform && address.kind != wanted => {
                let what = match wanted {
                    Aim::Module => "modules",
                    Aim::Data => "data sources",
                    Aim::Resource | Aim::Other => "resources",
                };
                let detail = format!("You can only target {what} from {} blocks, not {}.", block.kind, address.text);
                self.problems.refuse("Invalid override target", detail, place);
                None
            }
            Ok(address) => Some(address),
        }
    }

    /// An argument that must be an object, or, where any value will do, one without variables and functions.
    fn check_object(&mut self, attribute: &Attribute<'a>, block_type: &str, must_be_object: bool) {
        if !self.schemas.evaluates_values_of_tests() {
            return;
        }
        let value = object::value(&attribute.value);
        let place = attribute.value.place();
        for (summary, detail) in value.errors() {
            self.problems.refuse(summary, detail, place.clone());
        }
        if value.is_uncertain {
            return not_read(&attribute.value, &mut self.problems);
        }
        let is_tofu = self.engine.name == EngineName::Tofu;
        if value.kind == Kind::Object || (is_tofu && value.has_error()) || (!is_tofu && !must_be_object) {
            return;
        }
        let name = attribute.name;
        if is_tofu {
            let detail = format!("The attribute `{name}` must be an object.");
            self.problems.refuse("Object expected", detail, place);
        } else {
            let detail = format!("{block_type} blocks must specify a {name} attribute that is an object.");
            self.problems.refuse(&format!("Invalid {name} attribute"), detail, place);
        }
    }

    fn check_during(&mut self, content: &Content<'a>) {
        let Some(attribute) = content.attributes.get("override_during") else { return };
        match keyword(&attribute.value) {
            Ok(Some(word)) if word == "plan" || word == "apply" => {}
            Ok(_) => {
                let detail = "The override_during attribute must be a value of plan or apply.";
                self.problems.refuse("Invalid override_during value", detail, attribute.value.place());
            }
            Err(reason) => reason.refuse(&attribute.value, &mut self.problems),
        }
    }

    /// A `mock_provider` block. Null where its name is none, and in OpenTofu where anything is wrong with it.
    pub(super) fn mock_provider(&mut self, block: &Block<'a>) -> Option<TestProvider> {
        let is_tofu = self.engine.name == EngineName::Tofu;
        let problems_before = self.problems.errors.len() + self.problems.not_understood.len();
        let (arguments, blocks) = (self.schemas.mock_provider_arguments(), self.schemas.mock_provider_blocks());
        let content = self.content(block, &BodySchema { required: &[], optional: &arguments, blocks: &blocks });
        let name = block.labels[0];
        if !check_local_name(name, self.engine, &block.place, &mut self.problems) {
            return None;
        }
        let kind = if is_tofu { "mock provider" } else { "provider" };
        let alias = content.attributes.get("alias").map(|alias| alias_text(&alias.value, kind, &mut self.problems));
        let alias = alias.filter(|alias| !alias.is_empty());
        if let Some(attribute) = content.attributes.get("for_each").filter(|_| alias.is_none()) {
            let detail = "The for_each argument is allowed only for provider configurations with an alias.";
            self.problems.refuse("Alias required when using \"for_each\"", detail, attribute.value.place());
        }
        self.check_during(&content);
        self.mocks(&content);
        if let Some(attribute) = content.attributes.get("source")
            && let Some(source) = self.text(&attribute.value).filter(|source| !source.is_empty())
        {
            self.mock_directories.push((source, block.place.clone()));
        }
        let is_sound = problems_before == self.problems.errors.len() + self.problems.not_understood.len();
        (is_sound || !is_tofu).then(|| TestProvider {
            local_name: name.to_owned(),
            key: alias.map_or_else(|| name.to_owned(), |alias| format!("{name}.{alias}")),
            place: block.place.clone(),
        })
    }

    /// The blocks of a `mock_provider` block or of a file of mocks.
    pub(super) fn mocks(&mut self, content: &Content<'a>) -> Mocks {
        let mut mocks = Mocks::default();
        for inner in &content.blocks {
            if inner.kind.starts_with("override") {
                if let Some(address) = self.override_address(inner) {
                    self.aim(inner, address, &mut mocks.aims);
                }
                continue;
            }
            let problems_before = self.problems.errors.len() + self.problems.not_understood.len();
            let optional = if self.schemas.takes_override_during() {
                &["defaults", "override_during"][..]
            } else {
                &["defaults"][..]
            };
            let content = self.content(inner, &BodySchema { required: &[], optional, blocks: &[] });
            if let Some(attribute) = content.attributes.get("defaults") {
                self.check_object(attribute, inner.kind, false);
            }
            self.check_during(&content);
            let is_sound = problems_before == self.problems.errors.len() + self.problems.not_understood.len();
            let resource = (inner.kind.to_owned(), inner.labels[0].to_owned());
            if !mocks.resources.contains(&resource) {
                if is_sound || self.engine.name == EngineName::Terraform {
                    mocks.resources.push(resource);
                }
            } else if is_sound || self.engine.name == EngineName::Terraform {
                let summary = match self.engine.name {
                    EngineName::Tofu => format!("Duplicated `{}` block", inner.kind),
                    EngineName::Terraform => format!("Duplicate {} block", inner.kind),
                };
                let detail = format!("A {} block for {} has already been defined.", inner.kind, resource.1);
                self.problems.refuse(&summary, detail, inner.place.clone());
            }
        }
        mocks
    }
}
