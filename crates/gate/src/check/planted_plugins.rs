//! No executable runs that an engine finds by itself. [`airtight_provider::planted_plugins`] says where engines look.

use airtight_finding::{Code, Finding, Owner, Severity, shell_word};
use airtight_hcl::Place;
use airtight_provider::planted_plugins::{PLUGIN_PATH, PlantedPlugins, Plugin, PluginDirectory, PluginKind};

/// One `plugin-planted` for each executable, and one for a `plugin_path` that cannot be read.
pub fn check(found: &PlantedPlugins) -> Vec<Finding> {
    let mut findings: Vec<Finding> = found.plugins.iter().map(planted).collect();
    findings.extend(found.unread_plugin_path.as_ref().map(|(path, reason)| {
        finding(format!(
            "the engine would look for plugins in the directories of `{PLUGIN_PATH}`, which cannot be read"
        ))
        .detail(format!("{reason}. The engine may read it differently, and start any executable from there."))
        .help(format!("Remove the file: `rm {}`. Only `init -plugin-dir` writes it.", shell_word(path.as_str())))
        .at(Place::file(path), "")
    }));
    findings
}

fn planted(plugin: &Plugin) -> Finding {
    let (what, when) = match plugin.kind {
        PluginKind::Provisioner => (
            "a provisioner plugin",
            "It would start at `plan`, with everything that the phase's environment holds, as soon as the configuration \
             uses a provisioner of its name; it also replaces a built-in one such as `local-exec`.",
        ),
        PluginKind::CredentialsHelper => (
            "a credentials helper",
            "It would start whenever the engine needs credentials for a host, if the CLI configuration has a \
             `credentials_helper` block of its name.",
        ),
    };
    let place = match plugin.directory {
        PluginDirectory::RootModule => "the root module",
        PluginDirectory::BesideEngine => "the engine's own directory",
        PluginDirectory::Vendor => "`terraform.d/plugins`",
        PluginDirectory::DataDirectory => "the data directory's `plugins`",
        PluginDirectory::Home => "the home directory",
        PluginDirectory::PluginPath => "a directory of the data directory's `plugin_path`",
    };
    finding(format!("the engine would start this file as {what}: it looks for such names in {place}"))
        .detail(format!("{when} No lock file and no mirror proves it."))
        .help(format!(
            "Remove it, also from the repository: `rm {}`. `file`, `local-exec` and `remote-exec` are built into the engine. If \
             the image must have such a plugin, install it as root next to the engine, where the run's user cannot write.",
            shell_word(plugin.path.as_str())
        ))
        .at(Place::file(&plugin.path), "")
}

fn finding(summary: String) -> Finding {
    Finding::new(Code::PluginPlanted, Severity::Error, Owner::Repository, summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plugin_is_an_error_at_its_path() {
        let plugin = |kind, directory, path: &str| Plugin { kind, directory, path: path.into() };
        let found = PlantedPlugins {
            plugins: vec![
                plugin(PluginKind::Provisioner, PluginDirectory::RootModule, "/w/terraform-provisioner-part"),
                plugin(PluginKind::CredentialsHelper, PluginDirectory::Home, "/h/terraform-credentials-x"),
            ],
            unread_plugin_path: Some(("/w/.terraform/plugin_path".into(), "EOF while parsing".to_owned())),
        };
        let findings = check(&found);
        let paths: Vec<_> = findings.iter().map(|finding| finding.places[0].place.path.as_str()).collect();
        assert_eq!(paths, ["/w/terraform-provisioner-part", "/h/terraform-credentials-x", "/w/.terraform/plugin_path"]);
        assert!(
            findings.iter().all(|finding| finding.code == Code::PluginPlanted && finding.severity == Severity::Error)
        );
        assert!(
            findings[0].summary.contains("provisioner plugin") && findings[1].summary.contains("credentials helper")
        );
        assert_eq!(check(&PlantedPlugins::default()), []);
    }
}
