//! Test files of the root module: their `provider` blocks and the modules that their runs call.
//!
//! Source: OpenTofu `internal/configs/test_file.go`, `config_build.go` `buildTestModules`.

use camino::{Utf8Path, Utf8PathBuf};

use super::TestFiles;
use super::body::{Block, Problems};
use super::declarations::{self, CallDeclaration, Text, TextValue};
use super::files;
use super::provider_block;
use super::schemas::{self, Schemas};
use crate::domain::Engine;
use crate::finding::Sources;
use crate::read::native_syntax::schema::Unknown;

/// A module call of a run, with the key that the engine keeps it under: `test.tests.main.setup` for run `setup` of
/// `tests/main.tftest.hcl`.
pub(super) struct RunCall {
    pub key: String,
    pub call: CallDeclaration,
}

pub(super) fn read(
    root_module: &Utf8Path,
    paths: &[Utf8PathBuf],
    engine: &Engine,
    sources: &mut Sources,
) -> (TestFiles, Vec<RunCall>) {
    let mut problems = Problems::default();
    let mut tests = TestFiles::default();
    let mut calls = Vec::new();
    for path in paths {
        let Some(file) = files::parse(path, sources, &mut problems) else { continue };
        let schemas = Schemas::new(engine);
        let mut file_problems = Problems::default();
        let content = file.root().content(&schemas::TEST_FILE, Unknown::Refused, &mut file_problems);
        let found = if schemas.are_test_files_complete() { &mut problems.errors } else { &mut problems.not_understood };
        found.append(&mut file_problems.errors);
        let mut run_names = Vec::new();
        for block in content.blocks {
            match block.kind {
                "provider" if engine.counts_providers_of_tests() => {
                    let found = provider_block::read(&block, engine, &mut problems);
                    tests.provider_blocks.extend(found.map(|provider| provider.block));
                }
                "run" => {
                    check_run(&block, &mut run_names, schemas, &mut problems);
                    let key = key(root_module, path, block.labels[0]);
                    calls.extend(run_call(&block, &mut problems).map(|call| RunCall { key, call }));
                }
                _ => {}
            }
        }
    }
    tests.errors = problems.errors;
    tests.not_understood = problems.not_understood;
    (tests, calls)
}

fn check_run(run: &Block<'_>, names: &mut Vec<String>, schemas: Schemas<'_>, problems: &mut Problems) {
    let name = run.labels[0].to_owned();
    if !declarations::is_identifier(&name) {
        let detail = "A name must start with a letter or underscore and may contain only letters, digits, underscores, \
                      and dashes.";
        problems.refuse("Invalid run block name", detail, run.place.clone());
    }
    if schemas.refuses_repeated_runs() && names.contains(&name) {
        let detail = format!("This test file already has a run block named {name}.");
        problems.refuse("Duplicate \"run\" block names", detail, run.place.clone());
    }
    names.push(name);
}

fn key(root_module: &Utf8Path, path: &Utf8Path, run: &str) -> String {
    let relative = path.strip_prefix(root_module).unwrap_or(path);
    let mut parts = vec!["test"];
    parts.extend(relative.parent().into_iter().flat_map(Utf8Path::components).map(|part| part.as_str()));
    let name = relative.file_name().unwrap_or_default();
    parts.push(name.strip_suffix(".tftest.hcl").unwrap_or(name));
    parts.push(run);
    parts.join(".")
}

fn run_call(run: &Block<'_>, problems: &mut Problems) -> Option<CallDeclaration> {
    let run_content = run.body.content(&schemas::RUN, Unknown::Ignored, problems);
    let block = run_content.blocks.first()?;
    let content = block.body.content(&schemas::RUN_MODULE, Unknown::Refused, problems);
    let mut text = |name: &str| {
        let expression = &content.attributes.get(name)?.value;
        let (summary, detail) = ("Unsuitable value type", "Unsuitable value: string required");
        let value = declarations::text(expression, summary, detail, problems);
        Some(Text { value, place: expression.place() })
    };
    let (source, version) = (text("source"), text("version"));
    let refused = |text: &Option<Text>| text.as_ref().is_some_and(|text| text.value == TextValue::Refused);
    (!refused(&source) && !refused(&version)).then(|| CallDeclaration {
        name: run.labels[0].to_owned(),
        place: block.place.clone(),
        source,
        version,
        repetition: None,
        depends_on: None,
        arguments: Vec::new(),
        other_blocks: Vec::new(),
        providers: None,
    })
}
