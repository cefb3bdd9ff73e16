//! Which providers the names in a test file mean, and where two runs disagree.
//!
//! Source: OpenTofu `internal/configs/config.go` `resolveProviderTypesForTests`, `provider_validation.go`
//! `validateProviderConfigsForTests`.

use std::collections::BTreeMap;

use super::super::module::LoadedModule;
use super::TestFile;
use airtight_hcl::Place;
use airtight_hcl::Problem;
use airtight_provider::{Engine, ProviderAddress, SourceAddress};

/// Providers by their local names.
type Types = BTreeMap<String, ProviderAddress>;

/// What the engine refuses. `module` finds the module that a run calls, by its key; where it finds none, nothing is said
/// of the file. Where `is_whole` is false, as a module of the tree is not there, each name means the provider that it
/// means by default.
pub(crate) fn check<'a>(
    files: &[TestFile],
    root: &LoadedModule,
    module: impl Fn(&str) -> Option<&'a LoadedModule>,
    is_whole: bool,
    engine: &Engine,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_whole {
        if engine.checks_providers_of_whole_trees_only() {
            return problems;
        }
        for file in files {
            check_defaults(file, root, engine, &mut problems);
        }
        return problems;
    }
    let Some(root_types) = types(root, engine) else { return problems };
    for file in files {
        let by_run = file.runs.iter().map(|run| match &run.call {
            None => Some(root_types.clone()),
            Some(call) => types(module(&call.key)?, engine),
        });
        let by_run: Option<Vec<Types>> = by_run.collect();
        if let Some(by_run) = by_run {
            check_file(file, &by_run, root, &root_types, engine, &mut problems);
        }
    }
    problems
}

fn default_type(name: &str, engine: &Engine) -> Option<ProviderAddress> {
    format!("{}/hashicorp/{name}", engine.name.default_registry_host()).parse().ok()
}

/// What a module's names mean: those that it requires, and those of its `provider` blocks. Null where one is wrong.
fn types(module: &LoadedModule, engine: &Engine) -> Option<Types> {
    let mut types = required_types(module, engine)?;
    for key in module.providers.configured.iter().chain(&module.providers.empty) {
        let name = key.split('.').next().unwrap_or_default();
        if !types.contains_key(name) {
            types.insert(name.to_owned(), default_type(name, engine)?);
        }
    }
    Some(types)
}

fn check_file(
    file: &TestFile,
    by_run: &[Types],
    root: &LoadedModule,
    root_types: &Types,
    engine: &Engine,
    problems: &mut Vec<Problem>,
) {
    // What each name of the file means is what it means to the run that uses it first.
    let mut matched = Types::new();
    let mut passed_types = Vec::new();
    for (run, types) in file.runs.iter().zip(by_run) {
        let is_declared = |name: &String| file.providers.iter().any(|provider| provider.local_name == *name);
        if run.providers.is_empty() {
            for (name, address) in types.iter().filter(|(name, _)| is_declared(name)) {
                matched.entry(name.clone()).or_insert_with(|| address.clone());
            }
        }
        for passed in &run.providers {
            let child = types.get(&passed.child).cloned().or_else(|| default_type(&passed.child, engine));
            let Some(child) = child else { return };
            let parent = matched.get(&passed.parent).unwrap_or(&child).clone();
            if is_declared(&passed.parent) {
                matched.entry(passed.parent.clone()).or_insert_with(|| parent.clone());
            }
            if run.call.is_none() {
                passed_types.push((passed, parent, child));
            }
        }
    }
    for (passed, parent, child) in passed_types.iter().filter(|(_, parent, child)| parent != child) {
        problems.push(mismatch(&passed.parent, parent, &passed.child, child, &passed.place));
    }
    if !file.runs.iter().any(|run| run.call.is_none() && run.providers.is_empty()) {
        return;
    }
    let is_declared = |key| root.providers.configured.contains(key) || root.providers.empty.contains(key);
    for provider in &file.providers {
        let Some(found) = matched.get(&provider.local_name) else { continue };
        let is_required = provider.key == provider.local_name || root.providers.aliases.contains(&provider.key);
        let is_required = is_required && root.module.required_providers.contains_key(&provider.local_name);
        let wanted = root_types.get(&provider.local_name).filter(|_| is_required || is_declared(&provider.key));
        if let Some(wanted) = wanted.filter(|wanted| *wanted != found) {
            problems.push(mismatch(&provider.key, found, &provider.key, wanted, &provider.place));
        }
    }
}

fn required_types(module: &LoadedModule, engine: &Engine) -> Option<Types> {
    let required = module.module.required_providers.iter().map(|(name, required)| {
        let address = match &required.source {
            Some(source) => SourceAddress::parse(source, engine.name).ok()?.resolve(engine.name),
            None => ProviderAddress::implied(engine.name, name).ok()?,
        };
        Some((name.clone(), address))
    });
    required.collect()
}

/// The names of runs of the root module, before any is resolved.
///
/// Source: Terraform `internal/configs/config_build.go` `BuildConfig`.
fn check_defaults(file: &TestFile, root: &LoadedModule, engine: &Engine, problems: &mut Vec<Problem>) {
    let Some(required) = required_types(root, engine) else { return };
    let runs = || file.runs.iter().filter(|run| run.call.is_none());
    for passed in runs().flat_map(|run| &run.providers) {
        let types = [&passed.parent, &passed.child].map(|name| default_type(name, engine));
        if let [Some(parent), Some(child)] = types
            && parent != child
        {
            problems.push(mismatch(&passed.parent, &parent, &passed.child, &child, &passed.place));
        }
    }
    if runs().all(|run| !run.providers.is_empty()) {
        return;
    }
    for provider in &file.providers {
        let is_required = provider.key == provider.local_name || root.providers.aliases.contains(&provider.key);
        let wanted = required.get(&provider.local_name).filter(|_| is_required);
        if let (Some(found), Some(wanted)) = (default_type(&provider.local_name, engine), wanted)
            && found != *wanted
        {
            problems.push(mismatch(&provider.key, &found, &provider.key, wanted, &provider.place));
        }
    }
}

fn mismatch(
    name: &str,
    found: &ProviderAddress,
    wanted_name: &str,
    wanted: &ProviderAddress,
    place: &Place,
) -> Problem {
    Problem {
        summary: "Provider type mismatch".to_owned(),
        detail: format!(
            "\"{name}\" in the test file represents provider \"{found}\", but \"{wanted_name}\" in the root module \
             represents \"{wanted}\"."
        ),
        place: place.clone(),
    }
}
