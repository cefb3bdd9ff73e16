//! What the environment does to a run: left as it is, but judged.

use camino::{Utf8Path, Utf8PathBuf};

use airtight_engine::init_arguments::ArgumentOrigin;
use airtight_engine::predict::Facts;
use airtight_finding::{Code, Finding, Owner, Severity};
use airtight_hcl::Place;

/// Judges `-plugin-dir` and the plugin cache.
///
/// `trusted` are the mirrors of the settings, with their links resolved as far as they are there; `resolve` does the
/// same for another path.
pub fn check(facts: &Facts, trusted: &[Utf8PathBuf], resolve: &dyn Fn(&Utf8Path) -> Utf8PathBuf) -> Vec<Finding> {
    let mut findings = Vec::new();
    for given in &facts.init.plugin_dirs {
        let directory = &given.value;
        let real = resolve(&facts.root_module.join(directory));
        if !trusted.contains(&real) {
            findings.push(plugin_dir(facts, directory, &real, given.origin));
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

/// A directory outside the root module may be the image's own mirror under a name that airtight was not given.
fn plugin_dir(facts: &Facts, directory: &Utf8Path, real: &Utf8Path, origin: ArgumentOrigin) -> Finding {
    let remove = match origin.variable() {
        Some(variable) => format!("Remove the flag from {variable}"),
        None => "Remove the flag from the arguments of `init`".to_owned(),
    };
    let is_of_image = directory.is_absolute() && !real.starts_with(&facts.root_module);
    let (owner, help) = if is_of_image {
        let settings = format!("`mirror: [{directory}]` in /etc/airtight/settings.yml");
        (Owner::Image, format!("If the image keeps its mirror there, name it: {settings}. {remove} in any case."))
    } else {
        (Owner::Administrator, format!("{remove}. Name mirrors in the image's settings."))
    };
    Finding::new(
        Code::EngineArgumentsRefused,
        Severity::Error,
        owner,
        format!("`-plugin-dir={directory}` in {} is not the mirror", origin.name()),
    )
    .detail("With -plugin-dir the engine looks nowhere else, so it would not use the mirror.")
    .help(help)
    .at(Place::file(directory), "")
}
