//! Test files of the root module: their `provider` blocks and the modules that their runs call, as far as `init` counts
//! them.
//!
//! Source: OpenTofu and Terraform `internal/configs/test_file.go`, `config_build.go` `buildTestModules`.

use camino::{Utf8Path, Utf8PathBuf};

use super::declarations::{self, CallDeclaration};
use super::{TestFiles, files};
use airtight_hcl::Sources;
use airtight_provider::Engine;

/// A module call of a run, with the key that the engine keeps it under: `test.tests.main.setup` for run `setup` of
/// `tests/main.tftest.hcl`.
#[derive(Clone, Debug)]
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
    let mut tests = TestFiles { files: paths.to_vec(), ..TestFiles::default() };
    let mut runs = Vec::new();
    for path in paths {
        let Some(file) = files::parse(path, sources, &mut tests.not_understood) else { continue };
        let mut declared = declarations::read_test(&file, engine);
        let key = key(root_module, path);
        runs.extend(declared.calls.into_iter().map(|call| RunCall { key: format!("{key}.{}", call.name), call }));
        if !engine.counts_providers_of_tests() {
            continue;
        }
        tests.not_understood.append(&mut declared.not_understood);
        // A later block of the same name and alias replaces the earlier one.
        for (index, provider) in declared.providers.iter().enumerate() {
            let is_last = !declared.providers[index + 1..]
                .iter()
                .any(|later| (&later.block.local_name, &later.alias) == (&provider.block.local_name, &provider.alias));
            if is_last {
                tests.provider_blocks.push(provider.block.clone());
            }
        }
    }
    (tests, runs)
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
