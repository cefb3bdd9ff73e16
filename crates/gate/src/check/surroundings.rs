//! What the environment does to a run: left as it is, but judged.

use camino::{Utf8Path, Utf8PathBuf};

use airtight_engine::predict::Facts;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;

/// Judges `-plugin-dir` and the plugin cache.
///
/// `trusted` are the mirrors of the settings, with their links resolved as far as they are there; `resolve` does the
/// same for another path.
pub fn check(facts: &Facts, trusted: &[Utf8PathBuf], resolve: &dyn Fn(&Utf8Path) -> Utf8PathBuf) -> Vec<Finding> {
    let mut findings = Vec::new();
    for directory in &facts.init.plugin_dirs {
        let real = resolve(&facts.root_module.join(directory));
        if !trusted.contains(&real) {
            findings.push(
                Finding::new(
                    Code::EngineArgumentsRefused,
                    Severity::Error,
                    Owner::Administrator,
                    format!("`-plugin-dir={directory}` is not the mirror"),
                )
                .detail(
                    "With -plugin-dir the engine looks nowhere else, so the mirror and its proofs would not count. The flag \
                     may come from TF_CLI_ARGS or TF_CLI_ARGS_init.",
                )
                .help("Remove the flag; name mirrors in the image's settings.")
                .at(Place::file(directory), ""),
            );
        }
    }
    if let Some(cache) = &facts.plugin_cache {
        let finding = Finding::new(
            Code::PluginCacheBesideMirror,
            Severity::Warning,
            Owner::Administrator,
            format!("a plugin cache is set in addition to the mirror: `{}`", cache.path),
        )
        .detail(
            "The engine puts links into the mirror there, or copies from it. If others share the cache, they later find links \
             to nowhere; anyone who can write it can change what runs here.",
        );
        findings.push(match &cache.setting {
            Some(place) => finding
                .help("Remove `plugin_cache_dir` from this file: with a mirror on disk it saves nothing.")
                .at(place.clone(), ""),
            None => finding
                .help("Unset TF_PLUGIN_CACHE_DIR for this stack: with a mirror on disk it saves nothing.")
                .at(Place::file(&cache.path), ""),
        });
    }
    findings
}
