//! Files that phases need in places where a container has files of its own, such as a mirror below `/tmp`.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use airtight_engine::cli_config;
use airtight_gate::engine::FoundEngine;
use airtight_gate::settings::Effective;

/// The paths, with what links in them lead to.
pub(super) fn paths(
    settings: &Effective,
    engine: Option<&FoundEngine>,
    environment: &BTreeMap<String, String>,
) -> Vec<Utf8PathBuf> {
    let mut paths: Vec<Utf8PathBuf> = settings.mirror.clone();
    paths.extend(settings.module_stores());
    paths.extend(engine.map(|engine| engine.program.clone()));
    paths.extend(settings.templates.clone());
    paths.extend(settings.state.clone());
    let path = environment.get("PATH").map(String::as_str).unwrap_or_default();
    paths.extend(path.split(':').map(Utf8PathBuf::from));
    for name in ["AIRTIGHT_SETTINGS", "TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG", "TF_PLUGIN_CACHE_DIR"] {
        paths.extend(environment.get(name).map(Utf8PathBuf::from));
    }
    if let Some(engine) = engine {
        for name in ["TF_CLI_CONFIG_FILE", "TERRAFORM_CONFIG"] {
            let Some(path) = environment.get(name) else { continue };
            let (config, _) = cli_config::read_file(Utf8Path::new(path), &engine.engine);
            paths.extend(config.directories().map(Utf8PathBuf::from));
        }
    }
    let mut targets = Vec::new();
    for path in paths.iter().filter(|path| path.is_absolute()) {
        targets.push(real(path));
        let entries = path.read_dir_utf8().into_iter().flatten().flatten();
        targets.extend(entries.filter(|entry| entry.path().is_symlink()).map(|entry| real(entry.path())));
    }
    paths.extend(targets);
    paths
}

fn real(path: &Utf8Path) -> Utf8PathBuf {
    path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned())
}
