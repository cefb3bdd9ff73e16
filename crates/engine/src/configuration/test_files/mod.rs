//! Test files of the root module: what is wrong in them, their `provider` blocks, the modules that their runs call.
//!
//! `init` reads them with the root module's files. What only a test looks at is not judged: whether references and
//! addresses lead anywhere.
//!
//! Source: OpenTofu and Terraform `internal/configs/test_file.go`, `config_build.go` `buildTestModules`; Terraform
//! `internal/configs/mock_provider.go`.

mod address;
mod mock_files;
mod object;
mod overrides;
mod provider_types;
mod run;
mod traversal;

use camino::{Utf8Path, Utf8PathBuf};

use super::body::{Block, Content, ParsedFile, Problems};
use super::declarations::{CallDeclaration, Declarations, Reader, Role};
use super::expression::Expression;
use super::schemas::Schemas;
use super::{ProviderBlock, TestFiles, files, provider_block};
use airtight_hcl::constant::{Constant, NotConstant};
use airtight_hcl::schema::{BodySchema, Unknown};
use airtight_hcl::{Place, Sources};
use airtight_provider::{Engine, EngineName};
pub(super) use provider_types::check as check_provider_types;

/// What the test files hold.
#[derive(Debug, Default)]
pub(super) struct Tests {
    pub found: TestFiles,
    pub files: Vec<TestFile>,
}

/// What of one test file the tree of modules is needed for.
#[derive(Clone, Debug, Default)]
pub(super) struct TestFile {
    /// `provider` blocks, in Terraform `mock_provider` blocks as well; each key stands here once.
    pub providers: Vec<TestProvider>,
    pub runs: Vec<Run>,
}

#[derive(Clone, Debug)]
pub(super) struct TestProvider {
    pub local_name: String,
    /// `aws` or `aws.west`.
    pub key: String,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub name: String,
    pub call: Option<RunCall>,
    /// Its `providers` argument.
    pub providers: Vec<PassedProvider>,
}

/// A module call of a run, with the key that the engine keeps it under: `test.tests.main.setup` for run `setup` of
/// `tests/main.tftest.hcl`.
#[derive(Clone, Debug)]
pub(super) struct RunCall {
    pub key: String,
    pub call: CallDeclaration,
}

/// A pair of local names.
#[derive(Clone, Debug)]
pub(super) struct PassedProvider {
    pub child: String,
    pub parent: String,
    pub place: Place,
}

pub(super) fn read(root_module: &Utf8Path, paths: &[Utf8PathBuf], engine: &Engine, sources: &mut Sources) -> Tests {
    let mut tests = Tests::default();
    let (mut problems, mut mock_problems) = (Problems::default(), Problems::default());
    for path in paths {
        let Some(file) = files::parse(path, sources, &mut problems) else { continue };
        let mut reader = FileReader::new(engine);
        let (read, mut blocks) = reader.file(&file, &key(root_module, path));
        tests.found.provider_blocks.append(&mut blocks);
        tests.files.push(read);
        let directories = std::mem::take(&mut reader.mock_directories);
        reader.finish(&mut problems);
        let mut reader = FileReader::new(engine);
        for (directory, place) in directories {
            reader.mock_directory(&root_module.join(directory), &place, sources);
        }
        reader.finish(&mut mock_problems);
    }
    tests.found.files = paths.to_vec();
    tests.found.errors = problems.errors;
    tests.found.tree_errors = mock_problems.errors;
    tests.found.not_understood = problems.not_understood;
    tests.found.not_understood.append(&mut mock_problems.not_understood);
    tests
}

/// The key of a test file's runs, without the run's name.
fn key(root_module: &Utf8Path, path: &Utf8Path) -> String {
    let relative = path.strip_prefix(root_module).unwrap_or(path);
    let mut parts = vec!["test"];
    parts.extend(relative.parent().into_iter().flat_map(Utf8Path::components).map(|part| part.as_str()));
    let name = relative.file_name().unwrap_or_default();
    parts.push(name.strip_suffix(".tftest.hcl").unwrap_or(name));
    parts.join(".")
}

/// Reads one test file; the blocks' own rules stand in the files beside this one.
struct FileReader<'a> {
    engine: &'a Engine,
    schemas: Schemas<'a>,
    problems: Problems,
    /// The directories of mocks that `mock_provider` blocks name, each with its block.
    mock_directories: Vec<(String, Place)>,
}

impl<'a> FileReader<'a> {
    fn new(engine: &'a Engine) -> Self {
        let schemas = Schemas::new(engine);
        Self { engine, schemas, problems: Problems::default(), mock_directories: Vec::new() }
    }

    /// A later engine may have lifted any of the rules.
    fn finish(mut self, problems: &mut Problems) {
        let certain =
            if self.schemas.are_test_files_complete() { &mut problems.errors } else { &mut problems.not_understood };
        certain.append(&mut self.problems.errors);
        problems.not_understood.append(&mut self.problems.not_understood);
    }

    fn content(&mut self, block: &Block<'a>, schema: &BodySchema<'_>) -> Content<'a> {
        block.body.content(schema, Unknown::Refused, &mut self.problems)
    }

    fn file(&mut self, file: &'a ParsedFile, key: &str) -> (TestFile, Vec<ProviderBlock>) {
        let blocks = self.schemas.test_file_blocks();
        let schema = BodySchema { required: &[], optional: &[], blocks: &blocks };
        let content = file.root().content(&schema, Unknown::Refused, &mut self.problems);
        let mut found = TestFile::default();
        let mut provider_blocks: Vec<(String, ProviderBlock)> = Vec::new();
        let mut variables = Declarations::default();
        let mut aims = overrides::Aims::default();
        let mut mocks: Vec<String> = Vec::new();
        let mut has_variables = false;
        self.test_blocks(&content);
        for block in &content.blocks {
            match block.kind {
                "run" => {
                    let mut run = self.run(block);
                    if self.schemas.refuses_repeated_runs() && found.runs.iter().any(|before| before.name == run.name) {
                        let detail = format!("This test file already has a run block named {}.", run.name);
                        self.problems.refuse("Duplicate \"run\" block names", detail, block.place.clone());
                    }
                    if let Some(call) = &mut run.call {
                        call.key = format!("{key}.{}", run.name);
                    }
                    found.runs.push(run);
                }
                "variables" if has_variables => self.several("test file", block),
                "variables" => {
                    has_variables = true;
                    block.body.just_attributes(&mut self.problems);
                }
                "provider" => {
                    if let Some((provider, block)) = self.provider(block)
                        && self.add(provider.clone(), &mut found)
                    {
                        provider_blocks.retain(|(key, _)| *key != provider.key);
                        provider_blocks.push((provider.key, block));
                    }
                }
                "mock_provider" => self.add_mock(block, &mut mocks, &mut found, &mut provider_blocks),
                "variable" => {
                    let role = Role::Primary;
                    let mut reader =
                        Reader { engine: self.engine, schemas: self.schemas, role, file, found: variables };
                    reader.variable(block);
                    variables = reader.found;
                }
                "test" => {}
                _ => self.override_block(block, &mut aims),
            }
        }
        self.variables(variables, &content);
        let counts = self.engine.counts_providers_of_tests();
        let blocks = provider_blocks.into_iter().map(|(_, block)| block).filter(|_| counts);
        (found, blocks.collect())
    }

    /// A `test` block; a file may have one.
    fn test_blocks(&mut self, content: &Content<'a>) {
        let blocks: Vec<_> = content.blocks.iter().filter(|block| block.kind == "test").collect();
        for block in blocks.iter().skip(1) {
            self.several("test file", block);
        }
        let [block] = blocks[..] else { return };
        let arguments = self.schemas.test_arguments();
        let content = self.content(block, &BodySchema { required: &[], optional: &arguments, blocks: &[] });
        if let Some(attribute) = content.attributes.get("skip_cleanup") {
            let detail = "The skip_cleanup attribute is only available in experimental builds of Terraform.";
            self.experimental("Invalid attribute", detail, &attribute.place);
        }
        for attribute in content.attributes.values() {
            self.bool(&attribute.value);
        }
    }

    /// `variable` blocks: each name once, and not among the values of the `variables` block.
    fn variables(&mut self, mut declared: Declarations, content: &Content<'a>) {
        let has_errors = !declared.problems.errors.is_empty();
        self.problems.errors.append(&mut declared.problems.errors);
        self.problems.not_understood.append(&mut declared.problems.not_understood);
        if has_errors || declared.names.is_empty() {
            return;
        }
        let values = content.blocks.iter().find(|block| block.kind == "variables");
        let values = values.and_then(|block| block.body.just_attributes(&mut Problems::default()));
        let mut names: Vec<_> = values.unwrap_or_default().iter().map(|value| value.name.to_owned()).collect();
        for declared in declared.names {
            if names.contains(&declared.name) {
                let detail = format!("This test file already has a variable named {}.", declared.name);
                self.problems.refuse("Duplicate \"variable\" block names", detail, declared.place);
            } else {
                names.push(declared.name);
            }
        }
    }

    fn provider(&mut self, block: &Block<'a>) -> Option<(TestProvider, ProviderBlock)> {
        let mut found = provider_block::read(block, self.engine, &mut self.problems)?;
        if self.schemas.refuses_versions_in_tests() {
            let schema = BodySchema { required: &[], optional: &["version"], blocks: &[] };
            let content = block.body.content(&schema, Unknown::Ignored, &mut Problems::default());
            if let Some(version) = content.attributes.get("version") {
                let detail = "Version constraints inside provider configuration blocks are not allowed in test files.";
                let summary = "Version constraints are not allowed in test files";
                self.problems.refuse(summary, detail, version.value.place());
                found.block.version = None;
            }
        }
        let local_name = found.block.local_name.clone();
        Some((TestProvider { local_name, key: found.key(), place: block.place.clone() }, found.block))
    }

    /// Whether it counts. Without a rule against it, a later one of the same key stands in for the earlier.
    fn add(&mut self, provider: TestProvider, file: &mut TestFile) -> bool {
        if let Some(before) = file.providers.iter_mut().find(|before| before.key == provider.key) {
            if self.schemas.refuses_repeated_test_providers() {
                let detail = format!("A provider for {} is already defined.", provider.key);
                self.problems.refuse("Duplicate provider block", detail, provider.place);
                return false;
            }
            *before = provider;
        } else {
            file.providers.push(provider);
        }
        true
    }

    /// A `mock_provider` block: one of the file's providers to Terraform, something else to OpenTofu.
    fn add_mock(
        &mut self,
        block: &Block<'a>,
        mocks: &mut Vec<String>,
        file: &mut TestFile,
        provider_blocks: &mut Vec<(String, ProviderBlock)>,
    ) {
        let Some(provider) = self.mock_provider(block) else { return };
        if self.engine.name == EngineName::Terraform {
            let (key, place) = (provider.key.clone(), provider.place.clone());
            let local_name = provider.local_name.clone();
            if self.add(provider, file) {
                provider_blocks.push((key, ProviderBlock { local_name, version: None, place }));
            }
        } else if mocks.contains(&provider.key) {
            let detail = format!(
                "It is not allowed to have multiple `mock_provider` blocks with the same address: `{}`.",
                provider.key
            );
            self.problems.refuse("Duplicated `mock_provider` block", detail, provider.place);
        } else {
            mocks.push(provider.key);
        }
    }

    /// A second block of its type where there may be one.
    fn several(&mut self, container: &str, block: &Block<'a>) {
        let detail = format!("This {container} already has a {} block.", block.kind);
        self.problems.refuse(&format!("Multiple \"{}\" blocks", block.kind), detail, block.place.clone());
    }

    /// A constant string; null where it is none, which has been noted.
    fn text(&mut self, expression: &Expression<'a>) -> Option<String> {
        match expression.evaluate().map(Constant::into_string) {
            Ok(Ok(Some(text))) => Some(text),
            Ok(_) => {
                self.problems.refuse(UNSUITABLE, "Unsuitable value: string required", expression.place());
                None
            }
            Err(reason) => {
                self.not_constant(reason, expression);
                None
            }
        }
    }

    /// An engine that goes on after the error finds a value of no type.
    ///
    /// Source: hashicorp/hcl v2 `gohcl/decode.go` `DecodeExpression`.
    fn not_constant(&mut self, reason: NotConstant, expression: &Expression<'a>) {
        if reason.refusal().is_some() && self.schemas.decodes_after_errors() {
            self.problems.refuse(UNSUITABLE, "Unsuitable value: value must be known", expression.place());
        }
        self.problems.not_constant(reason, expression.place());
    }

    /// A constant bool, which counts as false where it is none; null where it was not understood.
    fn bool(&mut self, expression: &Expression<'a>) -> Option<bool> {
        let value = match expression.evaluate() {
            Ok(Constant::Bool(value)) => return Some(value),
            Ok(Constant::String(text)) => match text.as_str() {
                "true" | "1" => return Some(true),
                "false" | "0" => return Some(false),
                _ => Ok(()),
            },
            Ok(_) => Ok(()),
            Err(reason) => Err(reason),
        };
        match value {
            Ok(()) => self.problems.refuse(UNSUITABLE, "Unsuitable value: a bool is required", expression.place()),
            Err(reason) => self.not_constant(reason, expression),
        }
        (value != Err(NotConstant::NotUnderstood)).then_some(false)
    }
}

const UNSUITABLE: &str = "Unsuitable value type";
