//! Which blocks and arguments the engines know, by version.
//!
//! Source: OpenTofu and Terraform `internal/configs/parser_config.go`, `module_call.go`, `named_values.go`,
//! `resource.go`, `import.go`, `removed.go`, `moved.go`, `checks.go`, `test_file.go`.

use airtight_hcl::schema::BodySchema;
use airtight_provider::{Engine, EngineName};

const NAME: &[&str] = &["name"];
const TYPE_AND_NAME: &[&str] = &["type", "name"];
const NONE: &[&str] = &[];

/// The newest minor releases of major version 1 whose schemas are known here.
const NEWEST_KNOWN_TERRAFORM: u64 = 16;
const NEWEST_KNOWN_TOFU: u64 = 12;
const NEWEST_KNOWN_TERRAFORM_TESTS: u64 = 16;

/// An engine's schemas.
#[derive(Clone, Copy, Debug)]
pub(super) struct Schemas<'a> {
    engine: &'a Engine,
}

type Blocks = Vec<(&'static str, &'static [&'static str])>;

impl<'a> Schemas<'a> {
    pub(super) const fn new(engine: &'a Engine) -> Self {
        Self { engine }
    }

    fn since(self, terraform_minor: Option<u64>, tofu_minor: Option<u64>) -> bool {
        let minor = match self.engine.name {
            EngineName::Terraform => terraform_minor,
            EngineName::Tofu => tofu_minor,
        };
        minor.is_some_and(|minor| self.engine.is_at_least(1, minor, 0))
    }

    /// Whether what is not in these schemas is certainly refused: a later engine may know more.
    pub(super) fn are_complete(self) -> bool {
        !self.since(Some(NEWEST_KNOWN_TERRAFORM + 1), Some(NEWEST_KNOWN_TOFU + 1))
    }

    /// What a file of a module may hold.
    pub(super) fn file_blocks(self) -> Blocks {
        let mut blocks: Blocks = vec![
            ("terraform", NONE),
            ("required_providers", NONE),
            ("provider", NAME),
            ("variable", NAME),
            ("locals", NONE),
            ("output", NAME),
            ("module", NAME),
            ("resource", TYPE_AND_NAME),
            ("data", TYPE_AND_NAME),
            ("moved", NONE),
            ("import", NONE),
            ("check", NAME),
        ];
        if self.since(Some(7), Some(7)) {
            blocks.push(("removed", NONE));
        }
        if self.since(Some(10), Some(11)) {
            blocks.push(("ephemeral", TYPE_AND_NAME));
        }
        if self.since(Some(14), None) {
            blocks.push(("action", TYPE_AND_NAME));
        }
        if self.since(None, Some(12)) {
            blocks.push(("language", NONE));
        }
        blocks
    }

    /// What a `terraform` block may hold besides [`TERRAFORM_ARGUMENTS`].
    pub(super) fn terraform_blocks(self) -> Blocks {
        let mut blocks: Blocks = vec![
            ("backend", &["type"]),
            ("cloud", NONE),
            ("required_providers", NONE),
            ("provider_meta", &["provider"]),
        ];
        if self.since(None, Some(7)) {
            blocks.push(("encryption", NONE));
        }
        blocks
    }

    pub(super) fn variable_arguments(self) -> Vec<&'static str> {
        let mut arguments = vec!["description", "default", "type", "sensitive", "nullable"];
        if self.since(Some(10), Some(11)) {
            arguments.push("ephemeral");
        }
        if self.since(Some(15), Some(10)) {
            arguments.push("deprecated");
        }
        if self.since(Some(15), Some(12)) {
            arguments.push("const");
        }
        arguments
    }

    pub(super) fn output_arguments(self) -> Vec<&'static str> {
        let mut arguments = vec!["description", "depends_on", "sensitive"];
        if self.since(Some(10), Some(11)) {
            arguments.push("ephemeral");
        }
        if self.since(Some(15), Some(10)) {
            arguments.push("deprecated");
        }
        if self.since(Some(15), None) {
            arguments.push("type");
        }
        arguments
    }

    /// The required and the optional arguments of `import`.
    pub(super) fn import_arguments(self) -> (Vec<&'static str>, Vec<&'static str>) {
        let (mut required, mut optional) = (vec!["to"], vec!["provider"]);
        if self.since(Some(7), Some(7)) {
            optional.push("for_each");
        }
        if self.since(Some(12), Some(12)) {
            optional.extend(["id", "identity"]);
        } else {
            required.push("id");
        }
        (required, optional)
    }

    /// The first `removed` had nothing but its address, and a lifecycle in Terraform.
    pub(super) fn removed(self) -> BodySchema<'static> {
        let blocks: &[(&str, &[&str])] = match self.engine.name {
            EngineName::Terraform if self.since(Some(9), None) => {
                &[("lifecycle", NONE), ("connection", NONE), ("provisioner", &["type"])]
            }
            EngineName::Terraform => &[("lifecycle", NONE)],
            EngineName::Tofu if self.since(None, Some(10)) => &[("lifecycle", NONE), ("provisioner", &["type"])],
            EngineName::Tofu => &[],
        };
        BodySchema { required: &["from"], optional: &[], blocks }
    }

    pub(super) fn takes_lifecycle_in_modules(self) -> bool {
        self.since(None, Some(11))
    }

    /// The arguments of a module call under which no provider may be configured, as the engine lists them.
    pub(super) fn repetition_arguments(self) -> &'static str {
        if self.takes_lifecycle_in_modules() {
            "count, for_each, enabled and depends_on"
        } else {
            "count, for_each, and depends_on"
        }
    }

    pub(super) fn takes_for_each_in_providers(self) -> bool {
        self.since(None, Some(9))
    }

    pub(super) fn takes_destroy_in_lifecycles(self) -> bool {
        self.since(Some(16), Some(12))
    }

    /// Whether `prevent_destroy` may be more than a constant.
    pub(super) fn evaluates_prevent_destroy(self) -> bool {
        self.since(None, Some(12))
    }

    /// Whether `version = null` in a module call is like none.
    pub(super) fn passes_over_null_versions(self) -> bool {
        self.since(Some(15), Some(10))
    }

    /// Whether functions of providers can be called.
    pub(super) fn takes_scoped_calls(self) -> bool {
        self.since(Some(8), Some(7))
    }

    /// Whether the address that an import aims at may have keys to evaluate.
    pub(super) fn evaluates_import_targets(self) -> bool {
        self.since(Some(7), Some(7))
    }

    /// Whether a variable's validation may look at other values too.
    pub(super) fn validates_with_other_values(self) -> bool {
        self.since(Some(9), Some(9))
    }

    /// Whether module sources and versions may refer to variables and local values.
    pub(super) fn evaluates_module_sources(self) -> bool {
        self.since(Some(15), Some(8))
    }

    /// Whether `language` and `experiments` of a `terraform` block have a meaning.
    pub(super) fn judges_language_editions(self) -> bool {
        !self.since(None, Some(12))
    }

    /// Whether `import` blocks count as requirements when they aim at a module or at a declared resource.
    pub(super) fn counts_every_import(self) -> bool {
        self.engine.name == EngineName::Tofu && self.engine.is_at_least(1, 9, 1)
    }

    /// Whether the provider that the type of an import's target implies is a requirement, whatever provider is named.
    pub(super) fn counts_types_of_imports(self) -> bool {
        match self.engine.name {
            EngineName::Tofu => !self.engine.is_at_least(1, 9, 1),
            EngineName::Terraform => !self.engine.is_at_least(1, 7, 0),
        }
    }

    /// Whether what is not in the schemas of test files is certainly refused.
    pub(super) fn are_test_files_complete(self) -> bool {
        !self.since(Some(NEWEST_KNOWN_TERRAFORM_TESTS + 1), Some(NEWEST_KNOWN_TOFU + 1))
    }
}

pub(super) const TERRAFORM_ARGUMENTS: &[&str] = &["required_version", "experiments", "language"];

pub(super) const MODULE_ARGUMENTS: &[&str] = &["source", "version", "count", "for_each", "depends_on", "providers"];

pub(super) const MODULE_BLOCKS: &[(&str, &[&str])] =
    &[("_", NONE), ("lifecycle", NONE), ("locals", NONE), ("provider", &["type"])];

pub(super) const PROVIDER: BodySchema<'static> = BodySchema {
    required: &[],
    optional: &["alias", "version", "for_each", "count", "depends_on", "source"],
    blocks: &[("_", NONE), ("lifecycle", NONE), ("locals", NONE)],
};

pub(super) const RESOURCE: BodySchema<'static> = BodySchema {
    required: &[],
    optional: &["count", "for_each", "provider", "depends_on"],
    blocks: &[("locals", NONE), ("lifecycle", NONE), ("connection", NONE), ("provisioner", &["type"]), ("_", NONE)],
};

pub(super) const DATA: BodySchema<'static> = BodySchema {
    required: &[],
    optional: &["count", "for_each", "provider", "depends_on"],
    blocks: &[("lifecycle", NONE), ("locals", NONE), ("_", NONE)],
};

pub(super) const MOVED: BodySchema<'static> = BodySchema { required: &["from", "to"], optional: &[], blocks: &[] };

pub(super) const CHECK: BodySchema<'static> =
    BodySchema { required: &[], optional: &[], blocks: &[("data", TYPE_AND_NAME), ("assert", NONE)] };

pub(super) const CHECK_RULE: BodySchema<'static> =
    BodySchema { required: &["condition", "error_message"], optional: &[], blocks: &[] };

pub(super) const LANGUAGE: BodySchema<'static> =
    BodySchema { required: &[], optional: &["edition", "experiments"], blocks: &[("compatible_with", NONE)] };

pub(super) const COMPATIBLE_WITH: BodySchema<'static> =
    BodySchema { required: &[], optional: &["opentofu"], blocks: &[] };

pub(super) const LOCAL_BACKEND: BodySchema<'static> =
    BodySchema { required: &[], optional: &["path", "workspace_dir"], blocks: &[] };

/// Test files. Each minor version that is named is the first with the difference.
impl Schemas<'_> {
    pub(super) fn test_file_blocks(self) -> Blocks {
        let mut blocks: Blocks = vec![("run", NAME), ("variables", NONE), ("provider", NAME)];
        if self.since(Some(7), Some(8)) {
            blocks.extend([("mock_provider", NAME)]);
            blocks.extend(OVERRIDES);
        }
        if self.since(Some(12), None) {
            blocks.push(("test", NONE));
        }
        if self.since(Some(13), None) {
            blocks.push(("variable", NAME));
        }
        blocks
    }

    pub(super) fn test_arguments(self) -> Vec<&'static str> {
        let mut arguments = vec!["parallel"];
        if self.since(Some(14), None) {
            arguments.push("skip_cleanup");
        }
        arguments
    }

    pub(super) fn run_arguments(self) -> Vec<&'static str> {
        let mut arguments = vec!["command", "providers", "expect_failures"];
        if self.since(Some(11), None) {
            arguments.push("state_key");
        }
        if self.since(Some(12), None) {
            arguments.push("parallel");
        }
        if self.since(Some(14), None) {
            arguments.push("skip_cleanup");
        }
        arguments
    }

    pub(super) fn run_blocks(self) -> Blocks {
        let mut blocks: Blocks = vec![("plan_options", NONE), ("assert", NONE), ("variables", NONE), ("module", NONE)];
        if self.since(Some(7), Some(8)) {
            blocks.extend(OVERRIDES);
        }
        if self.since(Some(14), None) {
            blocks.push(("backend", NAME));
        }
        blocks
    }

    pub(super) fn mock_provider_arguments(self) -> Vec<&'static str> {
        let mut arguments = vec!["alias"];
        if self.since(None, Some(11)) {
            arguments.push("for_each");
        }
        if self.since(Some(7), None) {
            arguments.push("source");
        }
        if self.takes_override_during() {
            arguments.push("override_during");
        }
        arguments
    }

    pub(super) fn mock_provider_blocks(self) -> Blocks {
        let mut blocks: Blocks = vec![("mock_resource", &["type"]), ("mock_data", &["type"])];
        if self.since(Some(7), Some(9)) {
            blocks.extend(&OVERRIDES[..2]);
        }
        blocks
    }

    /// Whether two runs of a test file may not have one name.
    pub(super) fn refuses_repeated_runs(self) -> bool {
        self.since(Some(6), None)
    }

    /// Whether an argument that is no constant is also one of the wrong type.
    pub(super) fn decodes_after_errors(self) -> bool {
        !self.since(None, Some(10))
    }

    pub(super) fn takes_override_during(self) -> bool {
        self.since(Some(11), None)
    }

    pub(super) fn checks_names_of_runs(self) -> bool {
        self.since(Some(7), Some(7))
    }

    /// Whether two `provider` blocks of a test file may not have one name and alias; else the later one counts.
    pub(super) fn refuses_repeated_test_providers(self) -> bool {
        self.since(Some(7), None)
    }

    pub(super) fn refuses_versions_in_tests(self) -> bool {
        self.since(Some(9), None)
    }

    /// Whether the module of a run may come from anywhere, not only from this machine or a registry.
    pub(super) fn fetches_modules_of_runs(self) -> bool {
        self.since(None, Some(10))
    }

    /// Whether the values of mocks and overrides are evaluated as they are read, and not only when they are used.
    pub(super) fn evaluates_values_of_tests(self) -> bool {
        !self.since(Some(15), None)
    }

    pub(super) fn refuses_references_to_actions(self) -> bool {
        self.since(Some(14), None)
    }

    /// Whether a provider reference in JSON is read as an expression in native syntax.
    pub(super) fn reads_references_in_json(self) -> bool {
        self.since(None, Some(11))
    }
}

const OVERRIDES: &[(&str, &[&str])] =
    &[("override_resource", NONE), ("override_data", NONE), ("override_module", NONE)];

pub(super) const PLAN_OPTIONS: BodySchema<'static> =
    BodySchema { required: &[], optional: &["mode", "refresh", "replace", "target"], blocks: &[] };

pub(super) const RUN_MODULE: BodySchema<'static> =
    BodySchema { required: &[], optional: &["source", "version"], blocks: &[] };
