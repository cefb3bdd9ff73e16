//! The module calls of one directory, for those who fetch modules: nothing is followed.

use camino::Utf8Path;

use super::body::Text;
use super::declarations::CallDeclaration;
use super::static_values::{GivenVariables, Scope};
use super::{ModuleSource, module, source, test_files};
use airtight_hcl::{Place, Problem, Sources};
use airtight_provider::Engine;

/// What a directory's configuration calls.
#[derive(Clone, Debug, Default)]
pub struct DirectoryCalls {
    pub calls: Vec<Call>,
    /// What of the files could not be read.
    pub not_understood: Vec<Problem>,
}

/// A module call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub name: String,
    /// As written; null if only the engine can evaluate it.
    pub text: Option<String>,
    pub source: ModuleSource,
    pub version: Option<String>,
    pub place: Place,
}

/// Reads the calls of a directory. With a test directory, also what the tests' runs call: only a root module has tests that
/// count.
pub fn read(
    directory: &Utf8Path,
    test_directory: Option<&str>,
    engine: &Engine,
    sources: &mut Sources,
) -> DirectoryCalls {
    let test_directory = test_directory.filter(|_| engine.reads_test_files());
    let loaded = module::load(directory, test_directory, engine, sources);
    let (_, runs) = test_files::read(directory, &loaded.tests.tests, engine, sources);
    let repository = sources.repository().map(Utf8Path::to_owned);
    let scope = Scope::root(loaded.statics, directory, repository, GivenVariables::default(), engine);
    // Only a root module's variables have their values here.
    let scope = scope.filter(|_| test_directory.is_some());
    let calls = loaded.calls.iter().map(|declaration| (declaration, scope.as_deref()));
    let calls = calls.chain(runs.iter().map(|run| (&run.call, None)));
    DirectoryCalls {
        calls: calls.filter_map(|(declaration, scope)| call(declaration, scope, engine)).collect(),
        not_understood: loaded.module.not_understood,
    }
}

/// What a source address means to an engine.
pub fn module_source(text: &str, has_version: bool, engine: &Engine) -> ModuleSource {
    source::parse(text, has_version, engine)
}

fn call(declaration: &CallDeclaration, scope: Option<&Scope<'_>>, engine: &Engine) -> Option<Call> {
    let constant = |value: &Text| match value {
        Text::Constant(text) => Some(text.clone()),
        Text::Null | Text::Unevaluated => None,
    };
    let written = declaration.source.as_ref()?;
    let version = declaration.version.as_ref().map(|version| version.evaluated(scope));
    let is_unevaluated = version == Some(Text::Unevaluated);
    let text = constant(&written.evaluated(scope)).filter(|_| !is_unevaluated);
    let version = version.as_ref().and_then(constant);
    let source = text.as_deref().map_or(ModuleSource::Unknown, |text| source::parse(text, version.is_some(), engine));
    Some(Call { name: declaration.name.clone(), text, source, version, place: written.place.clone() })
}
